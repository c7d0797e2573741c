"""lab/__main__.py alone: a copy of it in a folder of its own makes a `.venv` there, from packages on this disk."""

import ast
import hashlib
import json
import os
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pip
import pytest

from helpers.settings import REPOSITORY

PROGRAM = REPOSITORY / "lab" / "__main__.py"
CLI = "import sys\ndef main():\n    import tiny\n    print('inside', sys.prefix, sys.argv[1:], tiny.__name__)\n"
RUN = "import runpy; runpy.run_module('lab', run_name='__main__', alter_sys=True)"
# ensurepip takes 3 seconds; a copy of the pip that we have does as well where ensurepip is not the question.
QUICK = f"""
import shutil, sys, sysconfig, venv
make = venv.create
def create(folder, with_pip):
    make(folder)
    site = sysconfig.get_path("purelib", "venv", {{"base": folder, "platbase": folder}})
    shutil.copytree({str(Path(pip.__file__).parent)!r}, site + "/pip")
venv.create = create
{RUN}
"""


@pytest.fixture
def course(tmp_path):
    """Path of a course whose only package, `tiny`, lies beside it as a wheel."""
    folder = tmp_path / "course"
    make_course(folder)
    return folder


def make_course(folder):
    (folder / "lab").mkdir(parents=True)
    shutil.copy(PROGRAM, folder / "lab")
    (folder / "lab" / "__init__.py").touch()
    (folder / "lab" / "cli.py").write_text(CLI)
    wheel = folder / "tiny-1.0-py3-none-any.whl"
    info = "tiny-1.0.dist-info/"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny.py", "")
        archive.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr(info + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(info + "RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    require(folder, f"--no-index\n--find-links {folder}\ntiny==1.0 --hash=sha256:{digest}\n")


def require(folder, text):
    """Write requirements.txt. Result: str, what it said before."""
    path = folder / "requirements.txt"
    before = path.read_text() if path.exists() else ""
    path.write_text(text)
    return before


def begin(course, code=QUICK, *arguments):
    """Start the lab in an environment without uv, proxies and pip's own settings. Result: Popen."""
    home = {"PATH": str(course.parent / "path"), "HOME": str(course.parent), "LANG": "C.UTF-8"}
    env = home | {"PIP_CONFIG_FILE": os.devnull}
    command = [sys.executable, "-c", code, *arguments] if code else [sys.executable, "-m", "lab", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=course, env=env, start_new_session=True, **pipes)


def end(process):
    """Wait for a lab. Result: its exit code, what it printed, and its one line on stderr, if any."""
    out, err = process.communicate(timeout=60)
    assert len(err.splitlines()) <= 1 and "Traceback" not in out + err, out + err
    assert "\x1b" not in out
    return process.returncode, out, err.strip()


def run(course, code=QUICK, *arguments):
    return end(begin(course, code, *arguments))


def stamp_of(course):
    return json.loads((course / ".venv" / "course.json").read_text())


def test_python_3_6_can_read_it():
    ast.parse(PROGRAM.read_text(), feature_version=(3, 6))


def test_from_nothing_to_inside(course):
    code, out, err = run(course, None, "up", "--loud")
    assert (code, err) == (0, "")
    assert f"inside {course / '.venv'} ['up', '--loud'] tiny" in out
    site = next((course / ".venv").glob("lib/python*/site-packages"))
    assert (site / "course.pth").read_text() == f"{course}\n"
    assert "Minimal" in (course / ".venv/etc/ipython/ipython_config.py").read_text()
    news = json.loads((course / ".venv/share/jupyter/lab/settings/overrides.json").read_text())
    assert news["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"
    assert stamp_of(course)["folder"] == str(course)
    (course / ".venv/etc/ipython/ipython_config.py").write_text("of an older course")
    code, out, err = run(course, None)
    assert code == 0 and "Making" not in out and "inside" in out
    assert "Minimal" in (course / ".venv/etc/ipython/ipython_config.py").read_text()


def test_what_makes_a_venv_unfinished(course, monkeypatch):
    lab = runpy.run_path(str(course / "lab" / "__main__.py"), run_name="bootstrap")
    (course / ".venv" / "bin").mkdir(parents=True)
    (course / ".venv" / "bin" / "python").touch()
    assert not lab["is_finished"](), "no stamp"
    lab["write_stamp"](lab["wanted"]())
    assert lab["is_finished"]()
    lab["write_stamp"](lab["wanted"]() | {"folder": "/elsewhere"})
    assert not lab["is_finished"](), "the course was moved: its .venv points to where it was"
    lab["write_stamp"](lab["wanted"]())
    (course / ".venv" / "bin" / "python").unlink()
    assert not lab["is_finished"](), "the Python that made it is gone"


def test_changed_requirements_make_it_again(course):
    assert run(course)[0] == 0
    require(course, (course / "requirements.txt").read_text() + "# newer\n")
    (course / ".venv" / "left-over").touch()
    code, out, _ = run(course)
    assert code == 0 and "Making" in out and "inside" in out
    assert not (course / ".venv" / "left-over").exists()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_install_is_made_again(course, how):
    with socket.create_server(("127.0.0.1", 0)) as index:
        index.settimeout(30)
        url = "http://127.0.0.1:%d/" % index.getsockname()[1]
        good = require(course, f"--index-url {url}\ntiny==1.0 --hash=sha256:{'0' * 64}\n")
        lab = begin(course)
        asked, _ = index.accept()  # pip is at work, and will get no answer
        os.killpg(lab.pid, how)
        code, _, err = end(lab)
        asked.close()
    assert code != 0 and stamp_of(course) == {"unfinished": True}
    if how == signal.SIGINT:
        assert err.startswith("lab: stopped.")
    require(course, good)
    code, out, _ = run(course)
    assert code == 0 and "Making" in out and "inside" in out


def test_interrupted_removal_of_the_old_one_is_made_again(course):
    """Whatever a kill leaves of a .venv of ours, it is still known as ours."""
    (course / ".venv" / "lib").mkdir(parents=True)
    (course / ".venv" / "course.json.new").write_text('{"unfin')
    (course / ".venv" / "course.json").write_text('{"unfinished": true}')
    assert run(course)[0] == 0


def test_a_venv_that_is_not_ours_is_left_alone(course):
    (course / ".venv").mkdir()
    (course / ".venv" / "mine").write_text("precious")
    code, _, err = run(course)
    assert code == 1 and "was not made by the lab" in err
    assert [path.name for path in (course / ".venv").iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("sys.version_info = (3, 9, 1)", "needs Python 3.11 or newer, and this is 3.9."),
        ("sys.platform = 'win32'", "WSL 2"),
        ("sys.modules['ensurepip'] = None", "sudo apt install python%d.%d-venv" % sys.version_info[:2]),
    ],
)
def test_machine_that_cannot(course, fault, told):
    code, _, err = run(course, f"import sys; {fault}; {RUN}")
    assert code == 1 and told in err
    assert not (course / ".venv").exists()


def test_pip_failure_says_why_and_is_tried_again(course):
    good = require(course, f"--no-index\nnowhere==1.0 --hash=sha256:{'0' * 64}\n")
    code, _, err = run(course)
    assert code == 1 and "pip could not install" in err and "nowhere==1.0" in err
    require(course, good)
    assert run(course)[0] == 0


def test_wrong_hash_is_refused(course):
    right = require(course, "")
    require(course, right[:-65] + "0" * 64 + "\n")
    code, _, err = run(course)
    assert code == 1 and "HASH" in err.upper()


def test_uv_is_used_and_pip_where_it_fails(course):
    uv = course.parent / "path" / "uv"
    uv.parent.mkdir()
    uv.write_text('#!/bin/sh\necho "$@" > "$HOME/uv-was-asked"\nexit 1\n')
    uv.chmod(0o755)
    code, out, _ = run(course)
    asked = (course.parent / "uv-was-asked").read_text()
    assert "--require-hashes" in asked and str(course / ".venv/bin/python") in asked
    assert code == 0 and "inside" in out


def test_two_at_once_make_it_once(course):
    results = [end(lab) for lab in [begin(course), begin(course)]]
    assert [code for code, _, _ in results] == [0, 0]
    assert sum(out.count("Making .venv") for _, out, _ in results) == 1
    assert all("inside" in out for _, out, _ in results)


def test_read_only_folder(small_disk):
    folder, make_read_only = small_disk("1m")
    make_course(folder / "course")
    make_read_only()
    code, _, err = run(folder / "course", RUN)
    assert code == 1 and str(folder) in err and "Read-only file system" in err


def test_full_disk(small_disk):
    folder, _ = small_disk("3m")
    make_course(folder / "course")
    code, _, err = run(folder / "course", RUN)
    assert code == 1 and "No space left" in err
    assert stamp_of(folder / "course") == {"unfinished": True}
