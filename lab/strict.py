"""What the gate asks of a notebook beyond nbval's strict comparison: a pytest plugin (`-p lab.strict`).

Every failure says notebook and cell. Any line on stderr fails, a cell that was never run fails, and after its last
cell a notebook answers for what it has left behind, in its kernel (lab/look.py) and on the server.
"""

import ast
import json
import re
import time
from queue import Empty

import httpx
import pytest
from nbval.kernel import CURRENT_ENV_KERNEL_NAME, RunningKernel
from nbval.plugin import IPyNbCell, IPyNbFile, NbCellError, nocolors

from helpers.settings import settings

STDERR_ALLOWED = ()  # pairs of a compiled pattern, matched against a whole line, and the reason why it may appear
SHARED = {"Film", "Director"}
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
LAST = "left behind"
LOOK = "__import__('lab.look').look."


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    """Put our notebooks in the place of nbval's."""
    found = yield
    return [Notebook.from_parent(parent, path=file_path) if type(each) is IPyNbFile else each for each in found]


class KernelDied(RuntimeError):
    """The kernel ended while it was expected to answer."""


class Kernel(RunningKernel):
    """nbval's kernel, whose death is noticed at once instead of at the end of the time-out.

    Arguments: folder (Path where it runs), patience (seconds to start in).
    """

    def __init__(self, folder, patience):
        self.stderr = {}  # id of the request that caused it (of a task: of the cell that made it): text
        super().__init__(CURRENT_ENV_KERNEL_NAME, cwd=str(folder), startup_timeout=patience)

    def get_message(self, stream, timeout=None):
        """Return the next message of a channel. Raises queue.Empty after the time-out, KernelDied."""
        deadline = time.monotonic() + (timeout or 0)
        while True:
            try:
                message = super().get_message(stream, timeout=min(timeout or 1, 1))
            except Empty:
                if not self.is_alive():
                    raise KernelDied("the kernel died") from None
                if timeout and time.monotonic() > deadline:
                    raise
                continue
            if message["msg_type"] == "stream" and message["content"]["name"] == "stderr":
                origin = message["parent_header"].get("msg_id")
                self.stderr[origin] = self.stderr.get(origin, "") + message["content"]["text"]
            return message

    def hidden(self, code, expression="None"):
        """Run code that is no cell.

        Arguments: code (str), expression (str). Result: the expression's value afterwards, a literal.
        Raises KernelDied, queue.Empty after a minute without answer, RuntimeError if the code raised.
        """
        if not self.is_alive():
            raise KernelDied("the kernel died")
        request = self.kc.execute(
            code, silent=True, store_history=False, user_expressions={"it": expression}, allow_stdin=False
        )
        reply = {"parent_header": {}}
        while reply["parent_header"].get("msg_id") != request:
            reply = self.get_message("shell", timeout=60)
        self.await_idle(request, 5)
        answer = reply["content"].get("user_expressions", {}).get("it", {})
        if answer.get("status") != "ok":
            raise RuntimeError(f"a hidden cell failed: {answer or reply['content']}")
        return ast.literal_eval(answer["data"]["text/plain"])


class Notebook(IPyNbFile):
    """A notebook under nbval, with our cells and one item more."""

    def collect(self):
        """Yield a Cell for each code cell, then LeftBehind."""
        for item in super().collect():
            item.options["skip"] = False  # no exemptions
            named = {"cell_num": item.cell_num, "cell": item.cell, "options": item.options}
            cell = Cell.from_parent(self, name=item.cell.id, **named)
            cell.colors = nocolors
            yield cell
        yield LeftBehind.from_parent(self, name=LAST)

    def setup(self):
        """Start the kernel, and note what is there before the first cell."""
        self.skip_compare += ("stderr",)  # judged by itself, in every cell
        self.setup_sanitize_files()
        self.requests = {}  # id of a request: the cell it runs
        self.before = collections()
        self.kernel = Kernel(self.path.parent, self.config.option.nbval_kernel_startup_timeout)
        self.kernel.hidden(f"{LOOK}start()")

    def cells_run(self):
        """Return the cells that were run, in the order they were."""
        return list(self.requests.values())


class Cell(IPyNbCell):
    """A code cell that is compared."""

    def reportinfo(self):
        """Return what pytest says about this item: file, line, name."""
        return self.path, 0, f"{self.path.name}: cell {self.cell.id}"

    def runtest(self):
        """Run and compare the cell. Raises NbCellError."""
        compared = self.options["check"] and self.cell.execution_count is not None
        self.user_properties.append(("compared", compared))
        found, kernel = [], self.parent.kernel
        send = kernel.execute_cell_input
        kernel.execute_cell_input = lambda *source, **more: self._noted(send(*source, **more))
        try:
            super().runtest()
        except NbCellError as error:
            found = [f"{error}\n{COLOURS.sub('', error.inner_traceback or '')}"]
        finally:
            kernel.execute_cell_input = send
        if found := found + list(self._also()):
            self.raise_cell_error("\n".join(found))

    def _noted(self, request):
        self.request = request
        self.parent.requests[request] = self.cell
        return request

    def _also(self):
        raised = any(output.output_type == "error" for output in self.test_outputs)
        if self.cell.execution_count is None:
            yield "it was never run (execution_count is null), so nothing was compared"
        if self.options["check_exception"] and not raised:
            yield "it is tagged raises-exception and raised nothing"
        stored = "".join(each.text for each in self.cell.outputs if each.get("name") == "stderr")
        written = self.parent.kernel.stderr.pop(self.request, "")
        for where, text in (("the stored output", stored), ("this run", written)):
            for line in forbidden(text):
                yield f"{where} has a line on stderr: {line}"

    def repr_failure(self, excinfo):
        """Return what is wrong, after the names of notebook and cell."""
        return f"{self.path.name}: cell {self.cell.id}: {excinfo.value}\n\n{self.cell.source}"


class LeftBehind(pytest.Item):
    """What is still there after the last cell."""

    def reportinfo(self):
        """Return what pytest says about this item: file, line, name."""
        return self.path, 0, f"{self.path.name}: {LAST}"

    def runtest(self):
        """Look around. Fails with a line for each thing that is left, and the cell that made it."""
        found = list(self._on_the_server()) + list(self._in_the_kernel())
        code = [cell for cell in self.parent.nb.cells if cell.cell_type == "code"]
        if not any(cell.outputs for cell in code):
            found.append("no cell has a stored output, so nothing was compared")
        if found:
            pytest.fail("\n".join(f"{self.path.name}: {each}" for each in found), pytrace=False)

    def _in_the_kernel(self):
        kernel, cells = self.parent.kernel, self.parent.cells_run()
        try:
            answer = kernel.hidden(f"await {LOOK}settle()", f"{LOOK}told()")
        except (RuntimeError, Empty) as error:
            yield f"the kernel cannot be asked what is left: {error or 'it does not answer'}"
            return
        for name, what, number in json.loads(answer):
            maker = cells[number].id if number is not None else self._first(name)
            yield f"cell {maker}: left behind: {name}, a {what}"
        for origin, text in kernel.stderr.items():  # what the cells' own judgement came too early for
            maker = self.parent.requests.get(origin)
            for line in forbidden(text):
                yield f"cell {maker.id if maker else LAST}: a line on stderr after it had ended: {line}"

    def _on_the_server(self):
        for name in sorted(collections() - self.parent.before - SHARED):
            yield f"cell {self._first(name)}: left behind: collection {name}; drop it in the same notebook"

    def _first(self, name):
        named = [cell.id for cell in self.parent.cells_run() if name in cell.source]
        return named[0] if named else "(no cell has the name)"


def forbidden(text):
    """Return the lines of a stderr text that are not on the allow-list: list of str."""
    lines = [line for line in text.splitlines() if line.strip()]
    return [line for line in lines if not any(pattern.fullmatch(line) for pattern, _ in STDERR_ALLOWED)]


def collections():
    """Return the names of the collections on the gate's server: set of str. Raises httpx.HTTPError."""
    there = settings.local
    url = f"http://{there['host']}:{there['port']}/v1/schema"
    with httpx.Client(trust_env=False, headers={"Authorization": f"Bearer {there['auth_credentials']}"}) as http:
        return {each["class"] for each in http.get(url).raise_for_status().json()["classes"]}


def pytest_terminal_summary(terminalreporter):
    """Print the figures of the run."""
    seen = {}
    for report in (each for reports in terminalreporter.stats.values() for each in reports):
        path, found, name = getattr(report, "location", ("", 0, ""))[2].partition(".ipynb: ")
        if found:
            figures = seen.setdefault(path, {"cells": 0, "compared": 0, "seconds": 0.0})
            figures["seconds"] += report.duration
            figures["cells"] += report.when == "call" and name != LAST
            figures["compared"] += report.when == "call" and dict(report.user_properties).get("compared", False)
    if not seen:
        return
    row = "{:<40}{:>6}{:>10}{:>14}{:>9.1f}".format
    terminalreporter.section("notebooks")
    terminalreporter.line(f"{'notebook':<40}{'cells':>6}{'compared':>10}{'not compared':>14}{'seconds':>9}")
    for name, each in sorted(seen.items()):
        each["not"] = each["cells"] - each["compared"]
        terminalreporter.line(row(name, each["cells"], each["compared"], each["not"], each["seconds"]))
    totals = [sum(each[what] for each in seen.values()) for what in ("cells", "compared", "not", "seconds")]
    terminalreporter.line(row(f"{len(seen)} notebooks", *totals))
