"""Run a notebook and store what changed: an output is replaced only where nbval's own comparison differs."""

import difflib
import importlib.metadata
import re
from types import SimpleNamespace

import nbformat
from nbclient import NotebookClient
from nbval.plugin import IPyNbCell, bcolors, coalesce_streams, get_sanitize_patterns

from helpers.settings import REPOSITORY, settings
from lab.notebooks import NotebookError

# What nbval leaves out of its comparison (IPyNbFile.skip_compare).
NOT_COMPARED = ("metadata", "traceback", "prompt_number", "output_type", "name", "execution_count")
RANDOM = ("application/vnd.jupyter.widget-view+json", "image/png", "image/jpeg")
STAMP = re.compile(r"(\*\*Checked against\*\* \|) [^|]*\|")


def refresh(path):
    """Execute a notebook and store it, if anything in it changed.

    Arguments: path (Path). Result: list of str, a readable diff, or one line that says nothing changed.
    Raises NotebookError if a cell fails that is not tagged raises-exception; nothing is stored then.
    """
    stored = nbformat.read(path, as_version=4)
    fresh = nbformat.reads(nbformat.writes(stored), as_version=4)
    _execute(fresh, path)
    lines = []
    code = [cell for cell in fresh.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code, 1):
        cell.execution_count = number
        for output in cell.outputs:
            output.pop("execution_count", None)
            if output.output_type == "execute_result":
                output.execution_count = number
        cell.metadata.pop("execution", None)
    before = {cell.id: cell for cell in stored.cells}
    for cell in fresh.cells:
        old = before[cell.id]
        if cell.cell_type == "markdown":
            cell.source = STAMP.sub(lambda found: f"{found[1]} {versions()} |", cell.source)
        elif old.execution_count is not None and same(old.outputs, cell.outputs):
            cell.outputs = old.outputs
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = cell.execution_count
        else:
            lines += diff(cell, old.outputs)
    fresh.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    content = nbformat.writes(fresh) + "\n"
    if path.read_text() == content:
        return [f"{path.name}: nothing changed."]
    draft = path.with_suffix(".new")
    draft.write_text(content)
    draft.replace(path)
    return [f"{path.name}: stored.", *lines]


def _execute(notebook, path):
    failures = []
    client = NotebookClient(notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": path.parent}})
    client.extra_arguments = ["--IPKernelApp.log_level=ERROR"]
    client.allow_errors = True
    client.execute()
    for cell in notebook.cells:
        errors = [output for output in cell.get("outputs", []) if output.output_type == "error"]
        expected = "raises-exception" in cell.metadata.get("tags", [])
        if errors and not expected:
            failures.append(f"cell {cell.id} raised {errors[0].ename}: {errors[0].evalue}\n{cell.source}")
        if expected and not errors:
            failures.append(f"cell {cell.id} is tagged raises-exception and raised nothing\n{cell.source}")
    if failures:
        raise NotebookError(f"{path.name} is not stored: " + "\n".join(failures))


def versions():
    """Return what the notebooks are checked against, as it stands on their first page."""
    client = importlib.metadata.version("weaviate-client")
    return f"weaviate-client {client}, Weaviate {settings.weaviate_version}"


def same(old, new):
    """Return True if nbval's strict comparison finds two lists of outputs equal, with the gate's masks."""
    masks = get_sanitize_patterns((REPOSITORY / "tests" / "nbval_sanitize.cfg").read_text())
    cell = SimpleNamespace(
        parent=SimpleNamespace(skip_compare=(*NOT_COMPARED, *RANDOM), sanitize_patterns=dict(masks)),
        colors=bcolors,
        format_output_compare=lambda *_: None,
    )
    cell.sanitize = lambda text: IPyNbCell.sanitize(cell, text)
    return IPyNbCell.compare_outputs(cell, coalesce_streams(new), coalesce_streams(old))


def diff(cell, old):
    """Return a readable diff of a cell's outputs as a list of str."""
    heading = (cell.source.splitlines() or [""])[0]
    lines = difflib.unified_diff(_text(old), _text(cell.outputs), "stored", "now", lineterm="", n=1)
    return [f"  cell {cell.id}: {heading}", *(f"    {line}" for line in lines)]


def _text(outputs):
    lines = []
    for output in outputs:
        if output.output_type == "error":
            lines += f"{output.ename}: {output.evalue}".splitlines()
        elif output.output_type == "stream":
            lines += [f"[{output.name}] {line}" for line in output.text.splitlines()]
        else:
            kinds = [kind for kind in output.data if kind != "text/plain"]
            lines += [f"[{kind}]" for kind in sorted(kinds)] + output.data.get("text/plain", "").splitlines()
    return lines
