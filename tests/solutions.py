"""The exercises as they stand in the notebooks: stub, check, folded solution."""

import ast
import inspect
import re
from dataclasses import dataclass

import nbformat

from lab import notebooks

CHECK = re.compile(r'await check\("(\d\d\.\d)", (\w+)\)')
SOLUTION = re.compile(r"<details><summary>A solution</summary>\s*```python\n(.*?)```\s*</details>", re.DOTALL)


@dataclass
class Found:
    """number, path; stub and check (cells); name of the answer; solution (code, str); before (code that it needs)."""

    number: str
    path: object
    stub: object
    check: object
    name: str
    solution: str
    before: str


def exercises():
    """Return the exercises of all notebooks: list of Found."""
    return [found for path in notebooks.find(None) for found in _of(path)]


def _of(path):
    cells = nbformat.read(path, as_version=4).cells
    imports = "\n".join(_imports(cell.source) for cell in cells if "setup" in cell.metadata.get("tags", []))
    for position, cell in enumerate(cells):
        if match := CHECK.search(cell.source if cell.cell_type == "code" else ""):
            stub = next(c for c in reversed(cells[:position]) if "exercise" in c.metadata.get("tags", []))
            prepared = cells[cells.index(stub) - 1]
            before = prepared.source if prepared.cell_type == "code" else ""
            (solution,) = SOLUTION.findall(cells[position + 1].source)
            yield Found(match[1], path, stub, cell, match[2], solution, f"{imports}\n{before}")


def _imports(source):
    nodes = [node for node in ast.parse(source, mode="exec").body if isinstance(node, (ast.Import, ast.ImportFrom))]
    return "\n".join(map(ast.unparse, nodes))


async def run(code, names=None):
    """Run code that may await at its top level, as a notebook's cell may. Result: dict of the names it leaves."""
    names = names if names is not None else {}
    done = eval(compile(code, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
    if inspect.isawaitable(done):
        await done
    return names


async def answer_by(found, solution):
    """Return what an exercise's code gives for its answer."""
    return (await run(f"{found.before}\n{solution}"))[found.name]


def solved(path):
    """Return a notebook in which every stub is replaced by its solution."""
    notebook = nbformat.read(path, as_version=4)
    by_stub = {found.stub.id: found.solution for found in _of(path)}
    for cell in notebook.cells:
        if cell.id in by_stub:
            cell.source = by_stub[cell.id].rstrip()
    return notebook
