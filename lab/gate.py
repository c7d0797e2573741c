"""The gate: servers of its own, an environment of its own, then pytest. It cannot see the learner's server.

`run` is called by the command line and starts this module again, in the gate's environment.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import filelock

from helpers.settings import REPOSITORY, settings
from lab import notebooks, services
from lab.console import say

STATE = REPOSITORY / ".lab" / "gate"
KEYS = re.compile(r"_API_?KEY$", re.IGNORECASE)
OURS = re.compile(r"^(WEAVIATE|COURSE|OLLAMA|JUPYTER|IPYTHON)")
OWN = {
    "COURSE_ENV_FILE": "",  # a learner's .env is not read
    "COURSE_STATE_DIR": str(STATE),
    "COURSE_MODELS_PORT": "11436",
    "COURSE_SPARE_PORT": "29080",
    "COURSE_SPARE_GRPC_PORT": "29051",
    "COURSE_GATE": "1",
    "WEAVIATE_PORT": "18080",
    "WEAVIATE_GRPC_PORT": "15051",
    "IPYTHONDIR": str(STATE / "ipython"),
    "JUPYTER_CONFIG_DIR": str(STATE / "jupyter"),
    "JUPYTER_PREFER_ENV_PATH": "1",
    "JUPYTER_PLATFORM_DIRS": "1",
    "no_proxy": "localhost,127.0.0.1",
    "TZ": "UTC",
    "LC_ALL": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "OPENBLAS_NUM_THREADS": "1",  # two processors, several processes
    "NO_COLOR": "1",
    "COLUMNS": "80",
    "TQDM_DISABLE": "1",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
}
PYTEST = [
    *("-c", "tests/pytest.ini", "--rootdir=.", "-p", "no:cacheprovider", "-p", "lab.strict"),
    *("--ignore=tests/fixtures", "--durations=15", "--durations-min=1"),
    *("--nbval", "--nbval-current-env", "--nbval-sanitize-with", "tests/nbval_sanitize.cfg"),
    *("--nbval-cell-timeout", "60", "--nbval-kernel-startup-timeout", "60"),
]


def environment():
    """Return what the gate and its kernels see: no provider keys, no settings of the learner. Result: dict of str."""
    kept = {name: value for name, value in os.environ.items() if not (KEYS.search(name) or OURS.match(name))}
    return kept | OWN


def run(*arguments):
    """Run an action of the gate ("test", "refresh") in its own environment.

    Arguments: the action, then what it takes; None is left out. Result: int, its exit code.
    Raises click.ClickException if another gate is at work.
    """
    STATE.mkdir(parents=True, exist_ok=True, mode=0o700)
    holder = STATE.with_name("gate.holder")
    command = [sys.executable, "-m", "lab.gate", *(each for each in arguments if each is not None)]
    try:
        with filelock.FileLock(STATE.with_name("gate.lock"), timeout=0):
            holder.write_text(f"pid {os.getpid()}: lab {' '.join(command[3:])}")
            child = subprocess.Popen(command, cwd=REPOSITORY, env=environment())
            while True:
                with contextlib.suppress(KeyboardInterrupt):  # the child got it too, and puts things away
                    return child.wait()
    except filelock.Timeout as error:
        told = holder.read_text() if holder.exists() else "unknown"
        raise click.ClickException(f"another gate is at work ({told}). Wait for it, or stop it.") from error


@contextlib.contextmanager
def servers():
    """Weaviate and the models on the gate's ports, with empty data; gone at the end."""
    _clear()
    try:
        services.up()
        yield
    finally:
        _clear()


def _clear():
    services.down()
    services.drop_data()
    shutil.rmtree(settings.state_dir / "temporary", ignore_errors=True)


@click.group()
def main():
    """Actions inside the gate's environment."""
    if not os.environ.get("COURSE_GATE"):  # or they would reach the learner's servers, and drop their data
        raise click.ClickException("Not the gate's environment. Run the gate by: python3 -m lab test")


@main.command()
@click.argument("number", required=False)
@click.option("--thorough", is_flag=True)
def test(number, thorough):
    """Run the tests and the notebooks."""
    paths = [str(path) for path in notebooks.find(number)]
    tests = ["tests/test_lint.py"] if number else ["tests"]
    quick = ("-m", "not thorough")
    if thorough:
        stages = {
            "the suite": lambda: pytest(*tests, *paths),
            "the suite again, on the same server, notebooks in reverse": lambda: pytest(*quick, *paths[::-1], *tests),
            "every cell twice in a row": lambda: run_twice(paths),
        }
    else:
        stages = {"the suite": lambda: pytest(*quick, *tests, *paths)}
    with servers():
        code = 0
        for name, act in stages.items():
            say(f"Stage: {name}")
            failed = act()
            code = code or failed
    sys.exit(code)


@main.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
def twice(paths):
    """Run every cell of notebooks twice in a row, on servers that are up."""
    sys.exit(run_twice(paths))


def run_twice(paths):
    """Run every cell of each notebook twice and print what fails. Result: int, 1 if anything does."""
    from lab.twice import twice

    findings = [finding for path in paths for finding in twice(Path(path))]
    for finding in findings:
        say(finding)
    if not findings:
        say(f"{len(paths)} notebooks: every cell can be run twice.")
    return int(bool(findings))


def pytest(*arguments):
    """Run pytest with the gate's options. Result: int, its exit code."""
    return subprocess.call([sys.executable, "-m", "pytest", *PYTEST, *arguments], cwd=REPOSITORY)


@main.command()
@click.argument("number", required=False)
def refresh(number):
    """Run the notebooks and store the outputs that changed."""
    from lab import refresh

    with servers():
        for path in notebooks.find(number):
            for line in refresh.refresh(path):
                say(line)


if __name__ == "__main__":
    from lab.cli import told

    with told():
        main(standalone_mode=False)
