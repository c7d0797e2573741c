"""A notebook as the rules see it."""

import re

from nbformat import v4

SHOWN = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
FENCED = re.compile(r"```.*?```", re.DOTALL)
HEADING = re.compile(r"^(#+) +(.+?) *$", re.MULTILINE)


class Notebook:
    """A notebook and its parts.

    Arguments: path (Path), node (the whole as nbformat has it). It has `path`, `number` ("02"), `cells`, `code` and
    `prose` (lists of cells), `metadata`.
    """

    def __init__(self, path, node):
        self.path, self.metadata, self.cells = path, node.metadata, node.cells
        self.number = path.name.partition("_")[0]
        for cell in self.cells:
            cell.setdefault("id", "(without an id)")
        self.code = [cell for cell in self.cells if cell.cell_type == "code"]
        self.prose = [cell for cell in self.cells if cell.cell_type == "markdown"]

    def headings(self):
        """Return (level, title, cell) of each heading, in order."""
        found = ((cell, HEADING.findall(FENCED.sub("", cell.source))) for cell in self.prose)
        return [(len(marks), title, cell) for cell, several in found for marks, title in several]

    def read_through(self):
        """Return the markdown cells that everybody reads: all but those of the section Exercises. List of cells."""
        section, found = None, []
        for cell in self.prose:
            titles = [title for marks, title in HEADING.findall(FENCED.sub("", cell.source)) if len(marks) == 2]
            section = titles[-1] if titles else section
            if section != "Exercises":
                found.append(cell)
        return found

    @staticmethod
    def tags(cell):
        """Return a cell's tags: list of str."""
        return cell.metadata.get("tags", [])


def read(path):
    """Read a notebook. Result: Notebook.

    nbformat.read would mend what the rules are to see: it gives new ids to cells that share one.
    """
    return Notebook(path, v4.reads(path.read_text(encoding="utf-8")))


def words_of(cell):
    """Return a markdown cell's text without what is code."""
    return SHOWN.sub(" ", cell.source)
