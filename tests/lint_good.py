"""A small notebook that keeps every rule of lab/lint, and what makes a broken one of it (tests/test_lint.py)."""

from nbformat import v4

from lab.lint import code as rules

TITLE = """# Do a thing

| | |
|---|---|
| **You will** | do it · see it done |
| **You need** | [the other notebook](08_other.ipynb#What-it-is-called) |
| **Minutes** | 5 |
| **Checked against** | a client, a server |"""
PREDICT = "What happens?\n\n**A** one thing · **B** another"
SOLUTION = "<details><summary>A solution</summary>\n\n```python\ndef answer(): return 2\n```\n\n</details>"
QUIZ = """### Quiz: which is it?

<details><summary>A. This one</summary>

Right. It says so in the sentence above.

</details>

<details><summary>B. That one</summary>

No. That is what the other sentence says.

</details>"""
BROKEN = {}  # name: (function that breaks a notebook, what is found)


def markdown(id, source):
    return v4.new_markdown_cell(source, id=id)


def code(id, source, shows=None, **metadata):
    outputs = [v4.new_output("execute_result", {"text/plain": shows}, execution_count=0)] if shows else []
    return v4.new_code_cell(source, id=id, outputs=outputs, metadata=metadata)


def good():
    """A small notebook that keeps every rule."""
    cells = [
        markdown("title", TITLE),
        markdown("setup", "## Set-up\nSee [below](#What-is-one%3F) and ![a bird on a branch](images/bird.png)."),
        code("setup-1", "import weaviate", tags=["setup"]),
        markdown("one", f"## What is `one`?\n{PREDICT}"),
        code("one-1", 'await client.collections.create("Nine")', "made"),
        code("one-2", "1 / 0", tags=["raises-exception"]),
        markdown("two", f"## What is two?\n{PREDICT}"),
        code("two-1", "time.time()", "12.5", tags=["nbval-ignore-output", "once"], reason="it tells the time"),
        markdown("exercise", "## Exercises\n### Exercise 09.1\nReturn two."),
        code("exercise-1", "def answer():\n    ...", tags=["exercise"]),
        code("check-1", 'await check("09.1", answer)', "not yet", tags=["check"]),
        markdown("solution-1", SOLUTION),
        markdown("quiz-1", QUIZ),
        markdown("summary", "## What you can now do\nDo it.\n\nTo remember: **do it.**"),
        markdown("cleanup", "## Clean-up"),
        code("cleanup-1", 'await client.collections.delete("Nine")\nawait client.close()'),
    ]
    cells[5].outputs = [v4.new_output("error", ename="ZeroDivisionError", evalue="division by zero", traceback=[])]
    for count, cell in enumerate((cell for cell in cells if cell.cell_type == "code"), 1):
        cell.execution_count = count
    return v4.new_notebook(cells=cells, metadata=rules.METADATA)


def broken(*expected):
    """Return a decorator that keeps a way to break the good notebook, and the findings it must bring."""

    def keep(function):
        BROKEN[function.__name__] = function, [f"09_thing.ipynb: {each}" for each in expected]
        return function

    return keep


def replaced(name, cell, old, new, *expected):
    """Keep a way to break the good notebook: another text in a cell."""

    def spoil(notebook, cells):
        assert old in cells[cell].source
        cells[cell].source = cells[cell].source.replace(old, new)

    spoil.__name__ = name
    broken(*expected)(spoil)


def put_at_top(name, text, *expected):
    """Keep a way to break the good notebook: another line of prose under the heading of section "two"."""
    replaced(name, "two", PREDICT, f"{text}\n{PREDICT}", *expected)
