"""The learner's copies are never lost, and refresh stores what changed and nothing else."""

import itertools
import json
from types import SimpleNamespace

import nbformat
import pytest
from nbformat import v4

from lab import notebooks, refresh
from lab.notebooks import NotebookError


@pytest.fixture
def place(tmp_path, monkeypatch, other_settings):
    """A reading edition of two notebooks and an empty work folder. Result: its `reading` and `work`, Paths."""
    folders = SimpleNamespace(reading=tmp_path / "notebooks", work=tmp_path / "work")
    folders.reading.mkdir()
    monkeypatch.setattr(notebooks, "READING", folders.reading)
    monkeypatch.setattr(notebooks, "WORK", folders.work)
    other_settings(COURSE_STATE_DIR=tmp_path / "state")
    publish(folders, "00_first.ipynb", "1 + 1")
    publish(folders, "A_reference.ipynb", "2 + 2")
    return folders


def notebook(*sources):
    """Return a notebook that was run: a cell each, which shows its number."""
    cells = [v4.new_markdown_cell("# Title\n\n**Checked against** | long ago |", id="title")]
    for number, source in enumerate(sources, 1):
        output = text(str(number), "execute_result", **{"image/png": "drawn once"})
        output.execution_count = number
        cells.append(v4.new_code_cell(source, id=f"cell{number}", outputs=[output], execution_count=number))
    return v4.new_notebook(cells=cells)


def publish(place, name, *sources):
    nbformat.write(notebook(*sources), place.reading / name)


def sources_of(path):
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def test_copies_have_the_cells_and_no_outputs(place):
    (place.reading / "images").mkdir()
    (place.reading / "images" / "map.png").write_bytes(b"a picture")
    assert notebooks.derive() == []
    assert sorted(path.name for path in place.work.glob("*.ipynb")) == ["00_first.ipynb", "A_reference.ipynb"]
    assert sources_of(place.work / "00_first.ipynb") == ["1 + 1"]
    code = nbformat.read(place.work / "00_first.ipynb", as_version=4).cells[1]
    assert code.outputs == [] and code.execution_count is None
    (place.reading / "images" / "map.png").write_bytes(b"a better picture")
    assert notebooks.derive() == []
    assert (place.work / "images" / "map.png").read_bytes() == b"a better picture"


def test_a_touched_copy_is_left_alone(place):
    notebooks.derive()
    mine = place.work / "00_first.ipynb"
    mine.write_text("my own thoughts")
    assert notebooks.derive() == []
    publish(place, "00_first.ipynb", "1 + 1", "# new")
    for _ in range(2):  # told each time, until the learner decides
        (line,) = notebooks.derive()
        assert "work/00_first.ipynb is yours and stays" in line and "python3 -m lab reset 00" in line
    assert mine.read_text() == "my own thoughts"


def test_an_untouched_copy_is_renewed_and_told(place):
    """Opening it is not touching: JupyterLab writes metadata of its own."""
    notebooks.derive()
    opened = nbformat.read(place.work / "00_first.ipynb", as_version=4)
    opened.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(opened, place.work / "00_first.ipynb")
    publish(place, "00_first.ipynb", "1 + 1", "# new")
    assert notebooks.derive() == ["work/00_first.ipynb is renewed: the course has a new version of it."]
    assert sources_of(place.work / "00_first.ipynb") == ["1 + 1", "# new"]
    assert notebooks.derive() == []


def test_a_deleted_copy_comes_back(place):
    notebooks.derive()
    (place.work / "00_first.ipynb").unlink()
    assert notebooks.derive() == []
    assert sources_of(place.work / "00_first.ipynb") == ["1 + 1"]


@pytest.mark.parametrize("record", ["", "{", "{}"])
def test_without_its_record_a_copy_counts_as_touched(place, tmp_path, record):
    notebooks.derive()
    mine = place.work / "00_first.ipynb"
    mine.write_text("my own thoughts")
    (tmp_path / "state" / "work.json").write_text(record)
    notebooks.derive()
    assert mine.read_text() == "my own thoughts"


def test_fresh_copy_keeps_the_old(place):
    notebooks.derive()
    mine = place.work / "00_first.ipynb"
    mine.write_text("my own thoughts")
    told = [notebooks.fresh_copy("0"), notebooks.fresh_copy("00")]  # twice within a second
    assert sources_of(mine) == ["1 + 1"] and notebooks.derive() == []
    kept = sorted(place.work.glob("00_first.*.ipynb"))
    assert len(kept) == 2 and [path.name in line for path, line in zip(kept, told)] == [True, True]
    assert kept[0].read_text() == "my own thoughts"


def test_fresh_copy_of_what_is_not_there_yet(place):
    assert notebooks.fresh_copy("a") == "work/A_reference.ipynb is fresh."
    publish(place, "A_reference.ipynb", "# new")
    assert notebooks.derive() == ["work/A_reference.ipynb is renewed: the course has a new version of it."]


def test_unknown_number_names_the_known(place):
    with pytest.raises(NotebookError, match="^There is no notebook 77; there are 00, A.$"):
        notebooks.fresh_copy("77")


def text(value, kind="display_data", **more):
    return v4.new_output(kind, {"text/plain": value} | more)


def stream(value, name="stdout"):
    return v4.new_output("stream", name=name, text=value)


def error(name, message):
    return v4.new_output("error", ename=name, evalue=message)


A, B = text("a"), text("b")
SAME = {
    "nothing": ([], []),
    "equal": ([A, stream("x\n")], [A, stream("x\n")]),
    "another count": (
        [v4.new_output("execute_result", {"text/plain": "1"}, execution_count=1)],
        [v4.new_output("execute_result", {"text/plain": "1"}, execution_count=9)],
    ),
    "one stream in two pieces": ([stream("x\ny\n")], [stream("x\n"), stream("y\n")]),
    "drawn anew": ([text("Figure", **{"image/png": "aa"})], [text("Figure", **{"image/png": "bb"})]),
}
DIFFERENT = {
    "a word": ([text("two films")], [text("three films")]),
    "one more": ([A], [A, A]),
    "gone": ([A], []),
    "new": ([], [A]),
    "order": ([A, B], [B, A]),
    "lines swapped": ([stream("x\ny\n")], [stream("y\nx\n")]),
    "on stderr": ([], [stream("careful\n", "stderr")]),
    "other words on stderr": ([stream("careful\n", "stderr")], [stream("beware\n", "stderr")]),
    "another error": ([error("A", "x")], [error("B", "x")]),
    "another message": ([error("A", "x")], [error("A", "y")]),
}


@pytest.mark.parametrize("kind", SAME)
def test_same(kind):
    assert refresh.same(*SAME[kind])


@pytest.mark.parametrize("kind", DIFFERENT)
def test_not_same(kind):
    assert not refresh.same(*DIFFERENT[kind])


def test_what_is_masked_is_the_same(tmp_path, monkeypatch):
    """With the gate's masks, whatever they are: here one for addresses."""
    old, new = [text("<Film at 0x7f00aa11bb22>")], [text("<Film at 0x7fffffffffff>")]
    monkeypatch.setattr(refresh, "REPOSITORY", tmp_path)
    (tmp_path / "tests").mkdir()
    masks = tmp_path / "tests" / "nbval_sanitize.cfg"
    masks.write_text("# none\n")
    assert not refresh.same(old, new)
    masks.write_text("regex: 0x[0-9a-f]+\nreplace: <address>\n")
    assert refresh.same(old, new) and not refresh.same(old, [text("<Actor at 0x7fffffffffff>")])


@pytest.fixture
def run_as(monkeypatch):
    """Return a function that has every cell show the next of some texts, and a picture that differs each time, in
    place of a kernel."""

    drawings = itertools.count()

    def outputs(*values):
        def execute(fresh, path):
            cells = (cell for cell in fresh.cells if cell.cell_type == "code")
            for cell, value in zip(cells, values):
                outputs = text(value, "execute_result", **{"image/png": f"drawn {next(drawings)}"})
                cell.outputs, cell.execution_count = [outputs], 7

        monkeypatch.setattr(refresh, "_execute", execute)

    return outputs


def test_refresh_stores_only_what_changed(place, run_as):
    path = place.reading / "00_first.ipynb"
    publish(place, path.name, "1", "2")
    run_as("1", "two")
    told = refresh.refresh(path)
    assert told[0] == "00_first.ipynb: stored."
    assert [line.strip() for line in told if "cell2" in line or line.strip()[:1] in "+-"][-2:] == ["-2", "+two"]
    assert not any("cell1" in line for line in told)
    stored = nbformat.read(path, as_version=4)
    assert refresh.versions() in stored.cells[0].source and "long ago" not in stored.cells[0].source
    assert [cell.execution_count for cell in stored.cells[1:]] == [1, 2]
    before = path.read_bytes()
    assert refresh.refresh(path) == ["00_first.ipynb: nothing changed."]
    assert path.read_bytes() == before


def test_refresh_stores_nothing_when_a_cell_fails(tmp_path):
    path = tmp_path / "00_broken.ipynb"
    content = notebook("1", "1 / 0", "'quiet'")
    content.cells[3].metadata.tags = ["raises-exception"]
    path.write_text(json.dumps(content))
    before = path.read_bytes()
    with pytest.raises(NotebookError, match="is not stored") as caught:
        refresh.refresh(path)
    assert "cell2 raised ZeroDivisionError: division by zero\n1 / 0" in str(caught.value)
    assert "cell3 is tagged raises-exception and raised nothing" in str(caught.value)
    assert path.read_bytes() == before
