"""Shared by all tests. They run inside the gate's environment only, so that none can reach a learner's server."""

import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import threading

import pytest

from helpers.settings import REPOSITORY, settings

if not os.environ.get("COURSE_GATE"):
    pytest.exit("Run the tests by: python3 -m lab test (pytest alone has no servers).", returncode=2)

# A shell starts what it puts in the background with Ctrl-C ignored, and children inherit that; tests send it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="session")
def chromium():
    """Path of a headless browser. Learners without it see these tests skipped; CI must not skip them."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not path and os.environ.get("CI"):
        pytest.fail("CI has no chromium: .ci/run installs it")
    return path or pytest.skip("no chromium on this machine")


@pytest.fixture
def other_settings(monkeypatch):
    """Return a function that sets variables in this process's settings for one test."""

    def change(**values):
        for name, value in values.items():
            monkeypatch.setitem(settings._values, name, str(value))
        settings.__dict__.pop("api_key", None)
        return settings

    yield change
    settings.__dict__.pop("api_key", None)


@pytest.fixture
def small_disk(tmp_path):
    """Return a function that mounts a file system of some size (str, as "2m") and returns its folder and a function
    that makes it read-only. chmod would not do: it does not stop root."""
    mounted = []

    def mount(size):
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("mount is not permitted here")
        mounted.append(folder)
        return folder, lambda: subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def web():
    """Return a function that starts a web server on a free port of 127.0.0.1 until the test ends.

    It takes a function that is called with each GET, an http.server.BaseHTTPRequestHandler; what it returns has
    `server_port` and `asked`, the paths so far.
    """
    running = []

    def serve(answer):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.server.asked.append(self.path)
                answer(self)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.asked = []
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        running.append(server)
        return server

    yield serve
    for server in running:
        server.shutdown()
        server.server_close()


class OwnLab:
    """The command line as a learner uses it, without a terminal, and with servers that meet nobody else's.

    Arguments: folder (Path, for its state and its `.env`).
    """

    # Below 32768, where no outgoing connection takes them; by our pid, so that two people's tests do not meet.
    shift = os.getpid() % 100
    ports = {
        "WEAVIATE_PORT": str(23080 + 10 * shift),
        "WEAVIATE_GRPC_PORT": str(25051 + shift),
        "COURSE_MODELS_PORT": str(21436 + shift),
    }
    command = (sys.executable, "-m", "lab")

    def __init__(self, folder):
        self.state, self.env_file = folder / "state", folder / ".env"
        places = {"COURSE_STATE_DIR": str(self.state), "COURSE_ENV_FILE": str(self.env_file)}
        self.env = os.environ | self.ports | places | {"TERM": "xterm-256color"}
        self.env.pop("NO_COLOR", None)  # that there are no colours is to be seen without it

    def begin(self, *arguments, **env):
        """Start a command in a process group of its own. Result: Popen."""
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        command, env = [*self.command, *arguments], self.env | env
        return subprocess.Popen(command, cwd=REPOSITORY, env=env, text=True, start_new_session=True, **pipes)

    def end(self, process, answer=""):
        """Give a command its answer and wait for it. Result: its exit code, stdout and stderr."""
        out, err = process.communicate(answer, timeout=100)
        assert "Traceback" not in out + err and "\x1b" not in out + err, out + err
        return process.returncode, out, err.strip()

    def run(self, *arguments, answer="", **env):
        """Run a command to its end. Result: as `end`."""
        return self.end(self.begin(*arguments, **env), answer)

    def records(self):
        """Return what is recorded as running: dict of name to (pid, start time) of its first process."""
        records = {path.stem: json.loads(path.read_text()) for path in (self.state / "servers").glob("*.json")}
        return {name: tuple(record["processes"][0].values()) for name, record in records.items()}


@pytest.fixture(scope="session")
def own_lab(tmp_path_factory):
    """OwnLab: one for all tests, because a start takes seconds. It may be up or down when a test gets it."""
    own = OwnLab(tmp_path_factory.mktemp("lab"))
    yield own
    own.env_file.unlink(missing_ok=True)
    code, out, err = own.run("down")
    assert code == 0, out + err
