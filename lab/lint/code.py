"""Rules for the code cells: run, compared, short, and leaving nothing on the server."""

import re
import statistics
from collections import Counter

LONGEST, WIDEST, MEDIAN, NINE_IN_TEN, MOST_IGNORED = 15, 105, 3, 9, 4
IGNORED = "nbval-ignore-output"
TAGS = {"setup", "exercise", "check", "core", "more", "once", "raises-exception", IGNORED}
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
SHARED = {"Film", "Director"}
ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
RANDOM_ID = re.compile(r"(?=.*\d)[0-9a-f]{8}(-?[0-9a-f]{4}){0,3}(-?[0-9a-f]{12})?")
MADE = re.compile(
    r"collections\.create\(\s*(?:name\s*=\s*)?[\"'](\w+)[\"']"
    r"|collections\.create_from_dict\(\s*\{.*?[\"']class[\"']\s*:\s*[\"'](\w+)[\"']",
    re.DOTALL,
)
DROPPED = re.compile(r"collections\.delete\(([^)]*)\)")
QUOTED = re.compile(r"[\"'](\w+)[\"']")


def run(notebook):
    """Every cell was run, once, from the first to the last."""
    if [cell.execution_count for cell in notebook.code] != list(range(1, len(notebook.code) + 1)):
        yield f"not a clean run from 1 to {len(notebook.code)}: python3 -m lab refresh {notebook.number}"
    if not any(cell.outputs for cell in notebook.code):
        yield f"no cell has an output: python3 -m lab refresh {notebook.number}"


def metadata(notebook):
    """The notebook says nothing about the machine of its author."""
    if notebook.metadata != METADATA:
        yield f"its metadata is not the course's: python3 -m lab refresh {notebook.number}"


def ids(notebook):
    """Each cell has a name of its own that one can read."""
    for id, times in Counter(cell.id for cell in notebook.cells).items():
        if times > 1:
            yield f"cell {id}: {times} cells have this id: give each its own"
        if not ID.fullmatch(id) or RANDOM_ID.fullmatch(id):
            yield f"cell {id}: nobody can read this id: name what the cell does, as in wrong-port-1"


def errors(notebook):
    """A cell is tagged raises-exception if and only if an error is stored."""
    for cell in notebook.code:
        tagged = "raises-exception" in notebook.tags(cell)
        raised = any(output.output_type == "error" for output in cell.outputs)
        if tagged and not raised:
            yield f"cell {cell.id}: is tagged raises-exception and raised nothing: drop the tag, or let it raise"
        if raised and not tagged:
            yield f"cell {cell.id}: raised: mend the cell, or tag it raises-exception"
        if any(output.get("name") == "stderr" for output in cell.outputs):
            yield f"cell {cell.id}: wrote on stderr: mend what it warns of"


def tags(notebook):
    """Tags are known ones; who is not compared or not repeated says why."""
    for cell in notebook.code:
        for tag in notebook.tags(cell):
            if tag not in TAGS:
                yield f"cell {cell.id}: the tag {tag} is not one of the course's: drop it ({', '.join(sorted(TAGS))})"
            if tag in (IGNORED, "once") and not cell.metadata.get("reason", "").strip():
                yield f'cell {cell.id}: is tagged {tag} without a reason: say why in its metadata, "reason": "…"'
        if "NBVAL_" in cell.source:
            yield f"cell {cell.id}: a learner sees its NBVAL comment: use a tag"
    ignored = [cell.id for cell in notebook.code if IGNORED in notebook.tags(cell)]
    if len(ignored) > MOST_IGNORED:
        what = f"{len(ignored)} cells are not compared"
        yield f"cell {ignored[-1]}: {what}: print what does not vary (at most {MOST_IGNORED})"


def length(notebook):
    """Cells are short, and no line is cut off on the page."""
    sizes = sorted(_lines(cell) for cell in notebook.code)
    for cell in notebook.code:
        if _lines(cell) > LONGEST:
            yield f"cell {cell.id}: {_lines(cell)} lines of code: split it (at most {LONGEST})"
        if (width := max(map(len, cell.source.splitlines()), default=0)) > WIDEST:
            yield f"cell {cell.id}: a line of {width} characters is cut off on the page: break it (at most {WIDEST})"
    if sizes and statistics.median(sizes) > MEDIAN:
        yield f"the median cell has {statistics.median(sizes):.0f} lines: split the long ones (at most {MEDIAN})"
    if sizes and sizes[int(len(sizes) * 0.9)] > NINE_IN_TEN:
        yield f"one cell in ten has over {NINE_IN_TEN} lines: split the long ones"


def _lines(cell):
    return sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in cell.source.splitlines())


def collections(notebook):
    """What a notebook makes on the server it drops again, and it keeps off the shared collections."""
    calls = [call for cell in notebook.code for call in DROPPED.findall(cell.source)]
    dropped = {_name(name) for call in calls for name in QUOTED.findall(call)}
    for name, cell in created(notebook).items():
        if name in SHARED:
            yield f"cell {cell.id}: makes the collection {name}, which all notebooks share: give it another name"
        elif name not in dropped:
            yield f'cell {cell.id}: makes the collection {name}, and no cell drops it: collections.delete("{name}")'


def created(notebook):
    """Return the collections whose names stand in a notebook's code: dict of name to the cell that makes it first."""
    makers = {}
    for cell in notebook.code:
        for found in MADE.findall(cell.source):
            makers.setdefault(_name("".join(found)), cell)
    return makers


def _name(name):
    return name[:1].upper() + name[1:]  # as the server does


RULES = (run, metadata, ids, errors, tags, length, collections)
