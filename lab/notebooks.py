"""Notebooks: the reading edition in notebooks/, the learner's copies in work/."""

import hashlib
import json
import shutil
import time

from helpers.settings import REPOSITORY as ROOT
from helpers.settings import settings

READING, WORK = ROOT / "notebooks", ROOT / "work"


class NotebookError(Exception):
    """A notebook that is not there, or cannot be run. The message is one sentence."""


def find(number):
    """Return the paths of the reading edition: one notebook, or all of them in order.

    Arguments: number (str as "02", or None for all). Result: list of Path. Raises NotebookError.
    """
    everything = sorted(READING.glob("[0-9A-Z]*_*.ipynb"))
    if number is None:
        return everything
    found = [path for path in everything if path.name.split("_")[0] == number.upper().zfill(len("00"))]
    found = found or [path for path in everything if path.name.split("_")[0] == number.upper()]
    if not found:
        known = ", ".join(path.name.split("_")[0] for path in everything)
        raise NotebookError(f"There is no notebook {number}; there are {known}.")
    return found


def learner_copy(path):
    """Return what a learner gets of a notebook: the same cells, no outputs. Result: bytes."""
    import nbformat  # takes a second, which `up` and `down` can do without

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return (nbformat.writes(notebook) + "\n").encode()


def derive():
    """Make or renew the copies in work/; one that the learner has changed is left alone.

    Result: list of str, a line for what was renewed or left behind.
    """
    WORK.mkdir(exist_ok=True)
    if (READING / "images").is_dir():
        shutil.copytree(READING / "images", WORK / "images", dirs_exist_ok=True)
    known, lines = _known(), []
    for path in find(None):
        copy, content = WORK / path.name, learner_copy(path)
        newest, made_from = _digest(content), known.get(path.name)
        if not copy.exists():
            _write(copy, content)
        elif made_from == newest or _digest(copy.read_bytes()) == newest:
            pass
        elif _digest(copy.read_bytes()) == made_from:
            _write(copy, content)
            lines.append(f"work/{path.name} is renewed: the course has a new version of it.")
        else:
            lines.append(
                f"work/{path.name} is yours and stays; the course has a new version of it"
                f" (python3 -m lab reset {path.name.split('_')[0]})."
            )
        known[path.name] = newest if _digest(copy.read_bytes()) == newest else made_from
    _remember(known)
    return lines


def fresh_copy(number):
    """Replace a learner's copy by a fresh one and keep the old beside it. Result: str, what was done."""
    (path,) = find(number)
    copy, kept = WORK / path.name, None
    WORK.mkdir(exist_ok=True)
    if copy.exists():
        kept = copy.with_name(f"{path.stem}.{time.strftime('%Y-%m-%d_%H%M%S')}.ipynb")
        while kept.exists():  # two resets within one second
            kept = kept.with_stem(kept.stem + "_")
        copy.replace(kept)
    content = learner_copy(path)
    _write(copy, content)
    _remember(_known() | {path.name: _digest(content)})
    return f"work/{path.name} is fresh." + (f" Yours is kept as work/{kept.name}." if kept else "")


def _write(path, content):
    draft = path.with_suffix(".new")
    draft.write_bytes(content)
    draft.replace(path)


def _digest(content):
    import nbformat

    # What a learner can have changed. JupyterLab alters the metadata of whatever it opens.
    try:
        cells = nbformat.reads(content.decode(), as_version=4).cells
    except (ValueError, AttributeError, nbformat.reader.NotJSONError):
        return "not a notebook"
    state = [(cell.cell_type, cell.source, cell.get("outputs")) for cell in cells]
    return hashlib.sha256(json.dumps(state).encode()).hexdigest()


def _known():
    try:
        return json.loads((settings.state_dir / "work.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}


def _remember(known):
    settings.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write(settings.state_dir / "work.json", json.dumps(known, indent=1).encode())
