"""Shared by all tests. They run inside the gate's environment only, so that none can reach a learner's server."""

import http.server
import os
import shutil
import subprocess
import threading

import pytest

from helpers.settings import settings

if not os.environ.get("COURSE_GATE"):
    pytest.exit("Run the tests by: python3 -m lab test (pytest alone has no servers).", returncode=2)


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
