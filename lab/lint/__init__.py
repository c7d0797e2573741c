"""The rules of the house for notebooks: each finding says file, cell, and cure.

What one notebook must keep is in `code` (its code cells), `page` (what a reader sees) and `exercises`; what the
course as a whole must keep is here.
"""

from lab import notebooks
from lab.console import say
from lab.lint import code, exercises, page
from lab.lint.notebook import read

RULES = (*code.RULES, *page.RULES, *exercises.RULES)
NOT_COMPARED = 0.05


def report():
    """Print what is wrong with the notebooks. Result: int, 1 if anything is."""
    paths = notebooks.find(None)
    findings = [finding for path in paths for finding in check(path)] + course(paths)
    for finding in findings:
        say(finding)
    if not findings:
        say(f"{len(paths)} notebooks keep the rules.")
    return int(bool(findings))


def check(path):
    """Return what is wrong with one notebook: list of str, "file: cell id: what: cure"."""
    notebook = read(path)
    return [f"{path.name}: {finding}" for rule in RULES for finding in rule(notebook)]


def course(paths):
    """Return what is wrong with notebooks taken together. Arguments: paths (list of Path). Result: list of str."""
    findings, makers, cells, ignored = [], {}, 0, 0
    for path in paths:
        notebook = read(path)
        cells += len(notebook.code)
        ignored += sum(code.IGNORED in notebook.tags(cell) for cell in notebook.code)
        for name, cell in code.created(notebook).items():
            if other := makers.get(name):
                what = f"{other} makes a collection {name} too"
                findings.append(f"{path.name}: cell {cell.id}: {what}: give it another name")
            makers.setdefault(name, path.name)
    if ignored > NOT_COMPARED * cells:
        share = f"{ignored} of {cells} cells of the course are not compared"
        findings.append(f"{share}: print what does not vary (at most {NOT_COMPARED:.0%})")
    return findings
