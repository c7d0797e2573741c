"""The notebooks keep the rules of the house; and for each rule, what breaks it is found, with the cell and the cure.

The ways to break them stand in lint_code.py and lint_page.py, the notebook that they break in lint_good.py.
"""

import time

import lint_code  # noqa: F401, fills BROKEN
import lint_page  # noqa: F401
import nbformat
import pytest
from lint_good import BROKEN, code, good, markdown
from nbformat import v4

from lab import lint, notebooks


@pytest.fixture
def findings(tmp_path):
    """Return a function that breaks the good notebook by a function of the notebook and of a dict of its cells, and
    returns what lint finds."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "bird.png").touch()
    nbformat.write(v4.new_notebook(cells=[markdown("title", "# What *it* is called")]), tmp_path / "08_other.ipynb")

    def find(spoil=lambda notebook, cells: None):
        notebook, path = good(), tmp_path / "09_thing.ipynb"
        spoil(notebook, {cell.id: cell for cell in notebook.cells})
        path.write_text(v4.writes(notebook))
        return lint.check(path)

    return find


def test_the_good_notebook_has_no_finding(findings):
    assert findings() == []


@pytest.mark.parametrize("name", BROKEN)
def test_broken(findings, name):
    spoil, expected = BROKEN[name]
    assert findings(spoil) == expected


def test_each_rule_has_a_notebook_that_breaks_it(tmp_path):
    seen = set()
    for spoil, _ in BROKEN.values():
        spoiled, path = good(), tmp_path / "09_thing.ipynb"
        spoil(spoiled, {cell.id: cell for cell in spoiled.cells})
        path.write_text(v4.writes(spoiled))
        seen |= {rule.__name__ for rule in lint.RULES if list(rule(lint.read(path)))}
    assert seen == {rule.__name__ for rule in lint.RULES}


def test_twenty_notebooks_take_no_time():
    began = time.monotonic()
    for path in (notebooks.find(None) * 20)[:20]:
        lint.check(path)
    assert time.monotonic() - began < 3, "the lint is part of what an author runs at every change"


def collections_made(path, *names, ignored=0):
    cells = [code(f"make-{name}", f'client.collections.create("{name}")') for name in names]
    cells += [code(f"ignored-{each}", "1", tags=["nbval-ignore-output"]) for each in range(ignored)]
    nbformat.write(v4.new_notebook(cells=cells), path)
    return path


def test_two_notebooks_make_one_collection(tmp_path):
    first = collections_made(tmp_path / "01_a.ipynb", "A", "B")
    second = collections_made(tmp_path / "02_b.ipynb", "C", "b")
    expected = ["02_b.ipynb: cell make-b: 01_a.ipynb makes a collection B too: give it another name"]
    assert lint.course([first, second]) == expected


def test_too_much_of_the_course_is_not_compared(tmp_path):
    names = "ABCDEFGHIJKLMNOPQRS"
    paths = [collections_made(tmp_path / "01_a.ipynb", *names, ignored=1)]
    assert lint.course(paths) == [], "1 of 20"
    paths.append(collections_made(tmp_path / "02_b.ipynb", ignored=1))
    told = "2 of 21 cells of the course are not compared: print what does not vary (at most 5%)"
    assert lint.course(paths) == [told]


def test_the_notebooks_keep_the_rules():
    paths = notebooks.find(None)
    findings = [finding for path in paths for finding in lint.check(path)] + lint.course(paths)
    assert not findings, "\n".join(findings)
