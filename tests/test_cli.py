"""The command line, as a learner meets it. What `up` and `down` do is in test_services.py."""

import re
import shutil
import signal
import sys

import httpx
import pexpect
import pytest
from click.testing import CliRunner

from helpers.settings import REPOSITORY
from lab import lint, notebooks
from lab.cli import lab as command_line


def test_help_without_a_terminal(own_lab):
    code, out, err = own_lab.run("--help")
    assert (code, err) == (0, "") and "Example: python3 -m lab --no-browser" in out
    assert all(f"\n  {name} " in out for name in ("up", "down", "reset", "doctor", "test", "refresh", "lint"))


@pytest.mark.parametrize("name", command_line.commands)
def test_every_command_explains_itself(name):
    shown = CliRunner().invoke(command_line, [name, "--help"], prog_name="python3 -m lab")
    assert shown.exit_code == 0 and f"Example: python3 -m lab {name}" in shown.output
    assert command_line.commands[name].help.split()[0] in shown.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["nonsense"], "No such command 'nonsense'"), (["reset", "77"], "lab: There is no notebook 77; there are 00, ")],
)
def test_mistyped(own_lab, arguments, told):
    code, _, err = own_lab.run(*arguments)
    assert code != 0 and told in err.splitlines()[-1]


@pytest.mark.parametrize("command", ["up", "reset"])
def test_corrupt_env_file_is_one_line(own_lab, command):
    own_lab.env_file.write_text("WEAVIATE_PORT=23080\nthis is no setting\n")
    try:
        code, _, err = own_lab.run(command, answer="n\n")
    finally:
        own_lab.env_file.unlink()
    assert code == 1
    assert err == f"lab: {own_lab.env_file}, line 2: not NAME=value. Mend or delete that line."


def test_unusable_port_is_one_line(own_lab):
    code, _, err = own_lab.run("up", WEAVIATE_PORT="80800")
    assert code == 1 and err == "lab: WEAVIATE_PORT must be a port from 1 to 65535, not '80800'."


def test_lint(own_lab):
    findings = [finding for path in notebooks.find(None) for finding in lint.check(path)]
    code, out, err = own_lab.run("lint")
    assert (code, err) == (int(bool(findings)), "")
    assert out.splitlines() == (findings or [f"{len(notebooks.find(None))} notebooks keep the rules."])


def test_doctor_names_what_is_wrong(own_lab):
    code, out, _ = own_lab.run("doctor", COURSE_PROVIDER="cohere", COHERE_API_KEY="")
    assert code == 1 and "not well  provider key\n          - COURSE_PROVIDER=cohere needs a key\n" in out


@pytest.fixture
def copy(tmp_path):
    """Path of a copy of the course, so that no test touches a learner's work/."""
    ignored = shutil.ignore_patterns(".venv*", ".lab", ".git", "work", "__pycache__", ".pytest_cache")
    return shutil.copytree(REPOSITORY, tmp_path / "course", ignore=ignored)


def test_open_the_course_and_leave_it(own_lab, copy, tmp_path):
    """JupyterLab on a terminal: the address it prints leads to notebook 00; Ctrl-C asks, and leaves the servers up."""
    places = {f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    env = own_lab.env | places | {"PYTHONPATH": str(copy), "NO_COLOR": "1"}
    arguments = ["-c", "from lab.cli import main; main()", "--no-browser", "--port", "24888"]
    terminal = pexpect.spawn(sys.executable, arguments, cwd=copy, env=env, encoding="utf-8", timeout=60)
    try:
        terminal.expect(r"(http://127\.0\.0\.1:\d+)/lab/tree/work/00_start_here\.ipynb\?token=(\w+)")
        base, token = terminal.match.groups()
        place = f"{base}/api/contents/work/00_start_here.ipynb"
        assert httpx.get(place, trust_env=False).status_code == 403, "not without the token"
        notebook = httpx.get(place, params={"token": token}, trust_env=False).json()
        code = [cell for cell in notebook["content"]["cells"] if cell["cell_type"] == "code"]
        assert code and not any(cell["outputs"] for cell in code)
        terminal.sendintr()
        terminal.expect(r"Shut ?down this Jupyter server")
        terminal.sendline("y")
        terminal.expect("still up; to stop them: python3 -m lab down")
        terminal.expect(pexpect.EOF)
    finally:
        terminal.kill(signal.SIGTERM)
        terminal.close()
    assert set(own_lab.records()) == {"learner", "models"}
    assert httpx.get(f"http://127.0.0.1:{own_lab.ports['WEAVIATE_PORT']}/v1/.well-known/ready").status_code == 200
    _reset_one_notebook(copy, env)


def _reset_one_notebook(copy, env):
    mine = copy / "work" / "00_start_here.ipynb"
    mine.write_text("my own thoughts")
    told = pexpect.run(f"{sys.executable} -c 'from lab.cli import main; main()' reset 00", cwd=copy, env=env)
    kept = re.search(r"kept as work/(\S+)\.", told.decode())[1]
    assert (mine.parent / kept).read_text() == "my own thoughts" and mine.read_text() != "my own thoughts"


def test_reset_asks(own_lab):
    data = own_lab.state / "data"
    data.mkdir(parents=True, exist_ok=True)
    before = own_lab.records()
    for answer in ("n\n", ""):
        code, out, err = own_lab.run("reset", answer=answer)
        assert code == 1 and err.endswith("lab: nothing was done.") and str(data) in out
    assert data.exists() and own_lab.records() == before


def test_reset_leaves_another_server_alone(own_lab):
    code, _, err = own_lab.run("reset", "--yes", WEAVIATE_HOST="127.0.0.1")
    assert code == 1 and "WEAVIATE_HOST" in err and "Traceback" not in err
