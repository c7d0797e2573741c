"""Run every cell of a notebook twice in a row: the commonest accident in a room, and it must be harmless."""

import copy

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import v4

# What a cell has dropped complains when it is collected: at once, not in some later cell.
COLLECT = v4.new_code_cell("__import__('gc').collect()\nNone")
CURE = "make it repeatable, or tag it once with a reason"


def twice(path):
    """Execute each code cell of a notebook, and again before the next one. Nothing is stored.

    A cell tagged `once` is executed once; one tagged `raises-exception` must raise both times.
    Arguments: path (Path). Result: list of str, a finding for each cell that fails.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": path.parent}})
    client.extra_arguments = ["--IPKernelApp.log_level=ERROR"]
    client.allow_errors = True
    findings = []
    with client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type != "code":
                continue
            tags = cell.metadata.get("tags", [])
            for time, cure in {"first": "mend it", "second": CURE}.items():
                if time == "second" and "once" in tags:
                    continue
                start = f"{path.name}: cell {cell.id}: fails when run a {time} time: "
                try:
                    outputs = [each for code in (cell, COLLECT) for each in _execute(client, code, index)]
                except (CellTimeoutError, DeadKernelError) as error:
                    return [*findings, f"{start}{type(error).__name__}: {cure}; the cells after it were not run"]
                findings += [f"{start}{fault}: {cure}" for fault in _faults(outputs, tags)]
    return findings


def _execute(client, cell, index):
    return client.execute_cell(copy.deepcopy(cell), index).outputs


def _faults(outputs, tags):
    errors = [output for output in outputs if output.output_type == "error"]
    expected = "raises-exception" in tags
    if errors and not expected:
        yield f"{errors[0].ename}: {errors[0].evalue}"
    if expected and not errors:
        yield "it is tagged raises-exception and raised nothing"
    written = " ".join(" ".join(output.text.split()) for output in outputs if output.get("name") == "stderr")
    if written:
        yield f"it wrote on stderr: {written}"
