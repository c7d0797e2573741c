"""Whole solved copies on a fresh server: with every stub replaced by its solution, each check says done."""

import os

import pytest
from nbclient import NotebookClient

import solutions
from helpers import server
from lab import notebooks

PORTS = (39080, 39051)
pytestmark = [pytest.mark.anyio, pytest.mark.thorough]


@pytest.mark.parametrize("path", notebooks.find(None), ids=lambda path: path.stem)
async def test_solved_copy(path, monkeypatch):
    notebook = solutions.solved(path)
    fresh = await server.start("solved", ports=PORTS)
    place = {"WEAVIATE_PORT": PORTS[0], "WEAVIATE_GRPC_PORT": PORTS[1], "WEAVIATE_API_KEY": fresh.local["auth_credentials"]}
    try:
        runner = NotebookClient(notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": path.parent}})
        runner.extra_arguments = ["--IPKernelApp.log_level=ERROR"]
        await runner.async_execute(env=os.environ | {name: str(value) for name, value in place.items()})
    finally:
        await fresh.stop()
    checks = [cell for cell in notebook.cells if "check" in cell.metadata.get("tags", [])]
    assert checks, "a notebook has at least one exercise"
    for cell in checks:
        text = "".join(output.get("text", "") for output in cell.outputs)
        assert text.startswith("● "), f"{path.name}, cell {cell.id}: {text}"
