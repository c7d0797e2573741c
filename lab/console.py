"""What the lab says: one line a fact; on a terminal, a spinner for what takes long."""

import contextlib
import os
import signal
import subprocess
import threading
import time

from rich.console import Console

console = Console(highlight=False, soft_wrap=True)
PLAIN_STEP = 15  # seconds between two lines where there is no terminal


def say(text):
    """Print one line, as it is (no markup)."""
    console.print(text, markup=False)


@contextlib.contextmanager
def busy(what, usual):
    """Show that something takes long, and how long it usually does.

    Arguments: what (str), usual (str, as "3 minutes"). Yields a function that takes a str: how far it is.
    """
    started, told, detail = time.monotonic(), time.monotonic(), ""
    lock = threading.Lock()

    def text():
        return f"{what}: {time.monotonic() - started:.0f} s (usually {usual}) {detail}"[:150]

    if console.is_terminal:
        with console.status(text()) as status:

            def show(progress=""):
                nonlocal detail
                detail = progress
                status.update(text())

            yield show
        return

    def show(progress=""):
        nonlocal detail, told
        with lock:
            detail = progress
            if time.monotonic() - told > PLAIN_STEP:
                told = time.monotonic()
                say(text())

    say(f"{what} (usually {usual}) ...")
    yield show


class CommandFailed(Exception):
    """A command ended with an error, or was given up. The message is its reason, in one line."""


def run(command, what, usual, env=None, progress=str, quiet_limit=None):
    """Run a command in a session of its own and show that it goes on.

    Arguments: command (list of str), what and usual (str, see `busy`), env (dict of str or None), progress
    (function from the newest line of its output to what is shown; called about once a second), quiet_limit
    (seconds without a change of what is shown, after which it is given up; None for never).
    Result: str, its output. Raises CommandFailed. Ctrl-C ends the command and all it has started.
    """
    lines = [""]
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        start_new_session=True,
    ) as process:  # fmt: skip

        def read():
            lines.extend(line.rstrip() for line in process.stdout)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            with busy(what, usual) as show:
                shown, since = None, time.monotonic()
                while process.poll() is None:
                    if (now := progress(lines[-1])) != shown:
                        shown, since = now, time.monotonic()
                    elif quiet_limit and time.monotonic() - since > quiet_limit:
                        raise CommandFailed(f"nothing came for {quiet_limit} s")
                    show(now)
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(1)
        finally:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        reader.join(5)
    if process.returncode:
        raise CommandFailed(next((line for line in reversed(lines) if line.strip()), f"exit code {process.returncode}"))
    return "\n".join(lines)
