"""The gate bites: each tooth alters one thing in a copy of a green notebook, and the real gate command names the cell.

All altered copies go through one run of the gate, to save starts; each test looks at its own copy only.
"""

import re
import subprocess
import sys

import nbformat
import pytest
from nbformat import v4

from helpers.settings import REPOSITORY
from lab import strict
from lab.gate import PYTEST

NOTEBOOK = REPOSITORY / "tests" / "fixtures" / "teeth.ipynb"
CELLS = {"connect", "create", "search", "error", "gather", "cleanup"}
LAST = "left behind"
FAILS = """async def fails():
    raise ValueError("nobody hears")
unheard = asyncio.create_task(fails())"""
STRANGER = """stranger = weaviate.use_async_with_local(**settings.local | {"auth_credentials": "wrong"})
await stranger.connect()"""
LATE = """import sys
async def late():
    await asyncio.sleep(0.05)
    print("too late", file=sys.stderr)
task = asyncio.create_task(late())"""
TEETH = {}  # name: (function that alters the cells, names of the items that fail, what the gate says)


def tooth(failing, *said):
    """Return a decorator that makes a tooth of a function which alters the code cells, a dict by id."""

    def keep(function):
        TEETH[function.__name__] = function, failing, said
        return function

    return keep


def before(cell, code):
    cell.source = f"{code}\n{cell.source}"


@tooth({"create"}, "cell create: Cell outputs differ")
def a_word(cells):
    cells["create"].outputs[0].text = "three tooth are in\n"


@tooth({"search"}, "cell search: Cell outputs differ")
def two_hits_swapped(cells):
    data = cells["search"].outputs[0].data
    data["text/plain"] = data["text/plain"].replace("incisor', 'canine", "canine', 'incisor")


@tooth(
    CELLS | {LAST},
    *(f"cell {name}: it was never run (execution_count is null), so nothing was compared" for name in CELLS),
    "no cell has a stored output, so nothing was compared",
)
def never_run(cells):
    for cell in cells.values():
        cell.outputs, cell.execution_count = [], None


@tooth({"create", "search", "error", "gather", LAST}, "no cell has a stored output, so nothing was compared")
def stripped(cells):
    for cell in cells.values():
        cell.outputs = []


@tooth({"error"}, "cell error: Cell outputs differ")
def a_raise_gone(cells):
    cells["error"].source = "1 + 1"


@tooth({LAST}, "cell create: left behind: collection Tooth")
def a_collection(cells):
    cells["cleanup"].source = "await client.close()"


@tooth({LAST}, "cell connect: left behind: WeaviateAsyncClient, a client that is still connected")
def a_client(cells):
    cells["cleanup"].source = 'await client.collections.delete("Tooth")'


@tooth({LAST}, "cell gather: left behind: sleep, a task that still runs")
def a_task(cells):
    before(cells["gather"], "waiting = asyncio.create_task(asyncio.sleep(600))")


@tooth({"gather"}, "cell gather: this run has a line on stderr: ", "this run has a line on stderr:   warnings.warn(")
def a_warning(cells):
    before(cells["gather"], "import warnings\nwarnings.warn('something new')")


@tooth(
    {"gather", "cleanup", LAST},
    "cell gather: the kernel died",
    "the kernel cannot be asked what is left: the kernel died",
)
def a_dead_kernel(cells):
    before(cells["gather"], "import os\nos._exit(1)")


@tooth(
    {"connect", "error", "gather", LAST},
    "cell connect: the stored output has a line on stderr: old news",
    "cell create: left behind: fails, a task whose exception nobody retrieved",
    "cell search: left behind: WeaviateClient, a client that is still connected",
    "cell error: it is tagged raises-exception and raised nothing",
    "cell gather: Cell execution caused an exception",
    "cell gather: left behind: WeaviateAsyncClient, a client whose connect() failed and that was not closed",
    "cell cleanup: a line on stderr after it had ended: too late",
)
def smaller_things(cells):
    cells["connect"].outputs = [v4.new_output("stream", name="stderr", text="old news\n")]
    before(cells["create"], FAILS)
    before(cells["search"], "synchronous = weaviate.connect_to_local(**settings.local)")
    cells["error"].source, cells["error"].outputs = "pass", []
    before(cells["gather"], STRANGER)
    cells["gather"].metadata.tags = ["nbval-skip"]  # which is not obeyed
    before(cells["cleanup"], LATE)


def gate(*paths):
    command = [sys.executable, "-m", "pytest", *PYTEST, *map(str, paths)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)


def altered(folder, name, alter):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    alter({cell.id: cell for cell in notebook.cells if cell.cell_type == "code"})
    path = folder / f"{name}.ipynb"
    nbformat.write(notebook, path)
    return path


@pytest.fixture(scope="module")
def bitten(tmp_path_factory):
    folder = tmp_path_factory.mktemp("teeth")
    paths = [altered(folder, name, alter) for name, (alter, *_) in TEETH.items()]
    run = gate(*paths, altered(folder, "unaltered", lambda cells: None))  # which drops what a tooth has left
    assert run.returncode == 1, run.stdout + run.stderr
    return run.stdout


def test_unaltered_it_passes():
    run = gate(NOTEBOOK)
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"^teeth +6 +6 +0 +\d+\.\d$", run.stdout, re.MULTILINE), "the figures of the run"


def test_unaltered_among_the_altered_it_passes(bitten):
    assert "unaltered.ipynb:" not in bitten


@pytest.mark.parametrize("name", TEETH)
def test_tooth(bitten, name):
    _, failing, said = TEETH[name]
    assert set(re.findall(rf"^_+ {name}\.ipynb: (?:cell )?(.+?) _+$", bitten, re.MULTILINE)) == failing
    for each in said:
        assert each in "".join(re.findall(rf"^{name}\.ipynb: .*\n|^this run has .*\n", bitten, re.MULTILINE))


def test_an_allowed_line(monkeypatch):
    assert strict.STDERR_ALLOWED == ()
    assert strict.forbidden("one\n\n  two \n") == ["one", "  two "]
    monkeypatch.setattr(strict, "STDERR_ALLOWED", ((re.compile(r"one( more)?"), "a reason"),))
    assert strict.forbidden("one\none more\none less\n") == ["one less"]


def test_cells_that_cannot_be_run_twice(tmp_path):
    def alter(cells):
        cells["create"].source = cells["create"].source.partition("\n")[2]
        before(cells["search"], "if 'answer' in globals():\n    import warnings\n    warnings.warn('again')")
        cells["error"].source = "assert 'first' in globals(), globals().update(first=1)"
        before(cells["gather"], "if 'gone' in globals():\n    import os\n    os._exit(1)\ngone = 1")

    path = altered(tmp_path, "first", alter)
    command = [sys.executable, "-m", "lab.gate", "twice", str(NOTEBOOK), str(path)]
    run = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    cure = "make it repeatable, or tag it once with a reason"
    expected = {
        "create": rf"UnexpectedStatusCodeError: .*already exists.*: {cure}",
        "search": rf"it wrote on stderr: .* UserWarning: again .*: {cure}",
        "error": rf"it is tagged raises-exception and raised nothing: {cure}",
        "gather": rf"DeadKernelError: {cure}; the cells after it were not run",
    }
    lines = [f"first\\.ipynb: cell {id}: fails when run a second time: {text}\n" for id, text in expected.items()]
    assert run.returncode == 1
    assert re.fullmatch("".join(lines), run.stdout), run.stdout
