"""Ways to break the rules for code cells and exercises, and what lint says of each (tests/test_lint.py)."""

from lint_good import BROKEN, broken, replaced
from nbformat import v4

@broken("not a clean run from 1 to 7: python3 -m lab refresh 09")
def out_of_order(notebook, cells):
    cells["one-1"].execution_count = 9


@broken("not a clean run from 1 to 7: python3 -m lab refresh 09")
def one_not_run(notebook, cells):
    cells["cleanup-1"].execution_count = None


@broken(
    "no cell has an output: python3 -m lab refresh 09",
    "cell one-2: is tagged raises-exception and raised nothing: drop the tag, or let it raise",
)
def stripped(notebook, cells):
    for cell in notebook.cells:
        cell.update({"outputs": []} if cell.cell_type == "code" else {})


@broken("its metadata is not the course's: python3 -m lab refresh 09")
def another_kernel(notebook, cells):
    notebook.metadata.kernelspec.display_name = "my environment"


@broken("cell one-1: 2 cells have this id: give each its own")
def one_id_twice(notebook, cells):
    cells["one-2"].id = "one-1"


for number, name in enumerate(["1f3a9b02", "a3c1e0de-5b1f-4c1e-9b1a-0123456789ab", "One 1", "(without an id)"]):
    readable = f"cell {name}: nobody can read this id: name what the cell does, as in wrong-port-1"

    @broken(readable)
    def an_id(notebook, cells, name=name):
        cells["two-1"].id = name
        if name.startswith("("):
            del cells["two-1"]["id"]

    BROKEN[f"id_{number}"] = BROKEN.pop("an_id")


@broken("cell one-2: raised: mend the cell, or tag it raises-exception")
def an_error(notebook, cells):
    cells["one-2"].metadata.tags = []


@broken("cell one-1: wrote on stderr: mend what it warns of")
def stderr(notebook, cells):
    cells["one-1"].outputs = [v4.new_output("stream", name="stderr", text="a warning")]


@broken(
    "cell one-1: the tag nbval-skip is not one of the course's: drop it"
    " (check, core, exercise, more, nbval-ignore-output, once, raises-exception, setup)"
)
def skipped(notebook, cells):
    cells["one-1"].metadata.tags = ["nbval-skip"]


@broken(
    'cell two-1: is tagged nbval-ignore-output without a reason: say why in its metadata, "reason": "…"',
    'cell two-1: is tagged once without a reason: say why in its metadata, "reason": "…"',
)
def no_reason(notebook, cells):
    cells["two-1"].metadata.reason = " "


@broken("cell cleanup-1: 5 cells are not compared: print what does not vary (at most 4)")
def too_many_not_compared(notebook, cells):
    for id in ("setup-1", "one-1", "check-1", "cleanup-1"):
        cells[id].metadata = {"tags": [*cells[id].metadata.get("tags", []), "nbval-ignore-output"], "reason": "why"}


replaced(
    "nbval_comment",
    *("one-1", "await", "# NBVAL_IGNORE_OUTPUT\nawait"),
    "cell one-1: a learner sees its NBVAL comment: use a tag",
)


@broken("cell one-1: 16 lines of code: split it (at most 15)", "one cell in ten has over 9 lines: split the long ones")
def a_long_cell(notebook, cells):
    cells["one-1"].source += "\nprint(1)" * 15


@broken("one cell in ten has over 9 lines: split the long ones")
def some_long_cells(notebook, cells):
    cells["one-1"].source += "\nprint(1)" * 9


@broken("the median cell has 4 lines: split the long ones (at most 3)")
def all_cells_a_little_long(notebook, cells):
    for id in ("setup-1", "one-1", "one-2", "two-1"):
        cells[id].source += "\nprint(1)" * 3 + "\n# a comment is not counted"


@broken("cell one-1: a line of 106 characters is cut off on the page: break it (at most 105)")
def a_wide_line(notebook, cells):
    cells["one-1"].source += "\n# " + "x" * 104


replaced(
    "not_dropped",
    *("cleanup-1", '"Nine"', '"Ten"'),
    'cell one-1: makes the collection Nine, and no cell drops it: collections.delete("Nine")',
)
replaced(
    "not_dropped_from_dict",
    *("one-2", "1 / 0", 'await client.collections.create_from_dict({"vectorizer": "none", "class": "ten"})'),
    'cell one-2: makes the collection Ten, and no cell drops it: collections.delete("Ten")',
)
replaced(
    "shared",
    *("one-2", "1 / 0", "client.collections.create(\n    name='Film',\n)"),
    "cell one-2: makes the collection Film, which all notebooks share: give it another name",
)


@broken("cell exercise-1: no check follows: add a cell tagged check")
def no_check(notebook, cells):
    cells["check-1"].metadata.tags = []


@broken("cell check-1: checks nothing: put it right after its exercise cell")
def no_exercise(notebook, cells):
    cells["exercise-1"].metadata.tags = []


for number in ("08.1", "09.2"):
    replaced(
        f"check_{number}",
        *("check-1", "09.1", number),
        'cell check-1: is not the check of this exercise: await check("09.1", name)',
    )
replaced(
    "no_solution",
    *("solution-1", "A solution", "Solved"),
    "cell exercise-1: no solution follows its check:"
    " add a markdown cell with <details><summary>A solution</summary>",
)
replaced(
    "two_right",
    *("quiz-1", "No.", "Right."),
    "cell quiz-1: 2 choices are right: begin one body with 'Right.', the others with 'No.'",
)
replaced(
    "none_right",
    *("quiz-1", "Right. It", "No. It"),
    "cell quiz-1: 0 choices are right: begin one body with 'Right.', the others with 'No.'",
)
replaced(
    "neither",
    *("quiz-1", "No.", "Wrong."),
    "cell quiz-1: choice B begins with 'Wrong.': begin it with 'Right.' or 'No.'",
)
replaced(
    "no_why",
    *("quiz-1", "That is what the other sentence says.", "It is not so."),
    "cell quiz-1: choice B has no reason: say why, in 5 words or more",
)
replaced(
    "no_question",
    *("quiz-1", ": which is it?", ""),
    "cell quiz-1: the quiz asks nothing: put the question before the choices",
)
replaced(
    "a_choice_without_its_letter",
    *("quiz-1", "B. That", "That"),
    "cell quiz-1: its choices are A: have one <details><summary>A. …</summary> … </details> each, A, B, …",
)
replaced(
    "no_quiz_heading",
    *("quiz-1", "### Quiz", "### This"),
    "cell quiz-1: has choices and no heading: begin it with ### Quiz",
)
replaced(
    "a_quiz_inside_another_cell",
    *("quiz-1", "### Quiz", "Before it.\n\n### Quiz"),
    "cell quiz-1: '### Quiz: which is it?' is not how a quiz begins: ### Quiz, at the top of its own cell",
)
