"""The rules of the house for notebooks: each finding says file, cell, and cure."""

import re
import statistics

import nbformat

from lab import notebooks
from lab.console import say

PARTS = ("**You will**", "**You need**", "**Minutes**", "**Checked against**", "## What you can now do")
AGING = re.compile(r"\b(simply|just|obviously|recently|currently|nowadays|as of 20\d\d|cutting-edge)\b", re.IGNORECASE)
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
HEADING = re.compile(r"^(#+) +(.+)$", re.MULTILINE)
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)[^)]*\)")
KEY = re.compile(r"sk-[A-Za-z0-9]{20,}|AKIA[0-9A-Z]{16}|/home/\w+|/root/")
FIXED = {"Set-up", "The map", "When you are stuck", "What you can now do", "Clean-up"}
IDEAS, WORDS, LONGEST, WIDEST, MEDIAN, NINE_IN_TEN = 10, 1500, 15, 105, 3, 9


def report():
    """Print what is wrong with the notebooks. Result: int, 1 if anything is."""
    findings = [finding for path in notebooks.find(None) for finding in check(path)]
    for finding in findings:
        say(finding)
    if not findings:
        say(f"{len(notebooks.find(None))} notebooks keep the rules.")
    return int(bool(findings))


def check(path):
    """Return what is wrong with one notebook: list of str, "file: cell: what, and the cure"."""
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    prose = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    rules = (_run, _errors, _length, _headings, _pictures_and_links, _words, _secrets)
    found = [finding for rule in rules for finding in rule(code, prose, path)]
    return [f"{path.name}: {finding}" for finding in found]


def _lines(cell):
    return sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in cell.source.splitlines())


def _run(code, prose, path):
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        yield f"not a clean run from 1 to {len(code)}: python3 -m lab refresh {path.name.split('_')[0]}"


def _errors(code, prose, path):
    for cell in code:
        tagged = "raises-exception" in cell.metadata.get("tags", [])
        raised = any(output.output_type == "error" for output in cell.outputs)
        if tagged != raised:
            cure = "drop the tag, or let it raise" if tagged else "mend the cell, or tag it raises-exception"
            yield f"cell {cell.id}: {'is tagged raises-exception and raised nothing' if tagged else 'raised'}: {cure}"


def _length(code, prose, path):
    sizes = sorted(_lines(cell) for cell in code)
    for cell in code:
        if _lines(cell) > LONGEST:
            yield f"cell {cell.id}: {_lines(cell)} lines of code: split it (at most {LONGEST})"
        if (width := max(map(len, cell.source.splitlines()), default=0)) > WIDEST:
            yield f"cell {cell.id}: a line of {width} characters is cut off on the page: break it (at most {WIDEST})"
    if sizes and statistics.median(sizes) > MEDIAN:
        yield f"the median cell has {statistics.median(sizes):.0f} lines: split the long ones (at most {MEDIAN})"
    if sizes and sizes[int(len(sizes) * 0.9)] > NINE_IN_TEN:
        yield f"one cell in ten has over {NINE_IN_TEN} lines: split the long ones"
    words = sum(len(CODE.sub(" ", cell.source).split()) for cell in prose)
    if words > WORDS:
        yield f"{words} words of prose: cut, or move an idea to another notebook (at most {WORDS})"


def _headings(code, prose, path):
    text = "\n\n".join(re.sub(r"```.*?```", "", cell.source, flags=re.DOTALL) for cell in prose)
    levels = [len(marks) for marks, _ in HEADING.findall(text)]
    if levels.count(1) != 1 or levels[:1] != [1]:
        yield f"{levels.count(1)} headings of level 1: have one, the first"
    for before, (marks, title) in zip(levels, HEADING.findall(text)[1:]):
        if len(marks) > before + 1:
            yield f"heading {title!r} skips a level: use {'#' * (before + 1)}"
    ideas = sum(marks == "##" and title.strip() not in FIXED for marks, title in HEADING.findall(text))
    if ideas > IDEAS:
        yield f"{ideas} sections: an eleventh idea goes to another notebook, or to the reference (at most {IDEAS})"
    for part in PARTS:
        if part not in text:
            yield f"{part} is missing: see CONTRIBUTING.md"


def _pictures_and_links(code, prose, path):
    for cell in prose:
        text = CODE.sub(" ", cell.source)
        for mark, label, target in LINK.findall(text):
            if mark and not label.strip():
                yield f"cell {cell.id}: the picture {target} has no text alternative: describe what it shows"
            if not re.match(r"[a-z]+:|#", target) and not (path.parent / target.split("#")[0]).exists():
                yield f"cell {cell.id}: the link to {target} leads nowhere: mend or drop it"
        if re.search(r"<img(?![^>]*\balt=)", text):
            yield f"cell {cell.id}: an <img> has no alt text: describe what it shows"


def _words(code, prose, path):
    for cell in prose:
        if found := AGING.search(CODE.sub(" ", cell.source)):
            yield f"cell {cell.id}: says {found[0]!r}: leave the word out"


def _secrets(code, prose, path):
    for cell in [*code, *prose]:
        if found := KEY.search(str(cell)):
            yield f"cell {cell.id}: holds {found[0][:8]}…: a key or a path of one machine does not belong here"
