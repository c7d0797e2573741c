"""Rules for exercises and quiz questions."""

import re

REASON = 5
CHECK = re.compile(r"await check\(\"([0-9A-Z]+)\.(\d+)\", \w+\)")
SOLUTION = "<details><summary>A solution</summary>"
CHOICE = re.compile(r"<details>\s*<summary>([A-Z])\. (.+?)</summary>(.*?)</details>", re.DOTALL)
QUIZ = re.compile(r"^#+ *Quiz.*$", re.MULTILINE)


def exercises(notebook):
    """An exercise is a stub, its check, and a folded solution, one after the other; they are numbered from 1."""
    number = 0
    for position, cell in enumerate(notebook.cells):
        tags = notebook.tags(cell)
        before = notebook.cells[position - 1] if position else None
        if "check" in tags and not (before and "exercise" in notebook.tags(before)):
            yield f"cell {cell.id}: checks nothing: put it right after its exercise cell"
        if "exercise" not in tags:
            continue
        number += 1
        following = [*notebook.cells[position + 1 : position + 3], None, None]
        wanted = (notebook.number, str(number))
        if not following[0] or "check" not in notebook.tags(following[0]):
            yield f"cell {cell.id}: no check follows: add a cell tagged check"
        elif not (found := CHECK.fullmatch(following[0].source.strip())) or found.groups() != wanted:
            yield f'cell {following[0].id}: is not the check of this exercise: await check("{".".join(wanted)}", name)'
        elif not following[1] or SOLUTION not in following[1].source:
            yield f"cell {cell.id}: no solution follows its check: add a markdown cell with {SOLUTION}"


def quiz(notebook):
    """Every choice of a quiz question unfolds to its reason, and one is right."""
    for cell in notebook.prose:
        if not (heading := QUIZ.search(cell.source)):
            if CHOICE.search(cell.source):
                yield f"cell {cell.id}: has choices and no heading: begin it with ### Quiz"
            continue
        if not cell.source.startswith("### Quiz"):
            yield f"cell {cell.id}: {heading[0]!r} is not how a quiz begins: ### Quiz, at the top of its own cell"
        yield from (f"cell {cell.id}: {fault}" for fault in _choices(cell.source))


def _choices(source):
    question, choices = source.partition("<details>")[0], CHOICE.findall(source)
    if not re.sub(r"^### Quiz\W*", "", question).strip():
        yield "the quiz asks nothing: put the question before the choices"
    letters = "".join(letter for letter, _, _ in choices)
    if len(choices) < 2 or len(choices) != source.count("<details>") or not "ABCDEFGH".startswith(letters):
        what = f"its choices are {letters or 'not there'}"
        yield f"{what}: have one <details><summary>A. …</summary> … </details> each, A, B, …"
    right = [letter for letter, _, body in choices if body.strip().startswith("Right.")]
    if len(right) != 1:
        yield f"{len(right)} choices are right: begin one body with 'Right.', the others with 'No.'"
    for letter, _, body in choices:
        verdict, _, reason = body.strip().partition(" ")
        if verdict not in ("Right.", "No."):
            yield f"choice {letter} begins with {verdict!r}: begin it with 'Right.' or 'No.'"
        elif len(reason.split()) < REASON:
            yield f"choice {letter} has no reason: say why, in {REASON} words or more"


RULES = (exercises, quiz)
