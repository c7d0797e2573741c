"""python -m lab.models: starts, ends on SIGTERM, and says in one sentence why it cannot start."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest

from helpers.settings import REPOSITORY
from lab.models import weights
from lab.models.__main__ import bound


@pytest.fixture
def start(tmp_path):
    """Return a function that starts the program with options. What still runs afterwards is killed."""
    started = []

    def program(*options, **environ):
        environ = os.environ | environ | {"PYTHONPATH": str(REPOSITORY)}
        command = [sys.executable, "-m", "lab.models", *options]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(command, cwd=tmp_path, env=environ, **pipes))
        return started[-1]

    yield program
    for process in started:
        process.kill()
        process.communicate()


def answers(port, host, process):
    """Wait until something answers. Result: the status of GET /."""
    while process.poll() is None:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/", headers={"Host": host}, trust_env=False).status_code
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(process.communicate())


def test_serves_until_sigterm(start, embedder):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = start("--port", str(port), "--allow-host", "models")
    assert answers(port, "models:1", process) == 200
    assert answers(port, "other", process) == 403
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=30) == ("", "")
    assert process.returncode in (0, -signal.SIGTERM)


def test_port_from_the_settings_and_taken(start, embedder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start(COURSE_MODELS_PORT=str(port))
        _, error = process.communicate(timeout=30)
    assert process.returncode == 1
    assert error.count("\n") == 1 and f"127.0.0.1:{port}" in error and "--port" in error


def test_weights_that_cannot_be_had(start, tmp_path):
    (tmp_path / "file").write_text("")
    process = start("--port", "1024", COURSE_CACHE_DIR=str(tmp_path / "file"))
    _, error = process.communicate(timeout=30)
    assert process.returncode == 1
    assert error.count("\n") == 1 and "COURSE_CACHE_DIR" in error


def test_looks_for_weights_where_the_settings_say(other_settings, tmp_path):
    other_settings(COURSE_CACHE_DIR=tmp_path)

    def refuse(folder):
        assert folder.parent == tmp_path
        raise weights.WeightsError("seen")

    with pytest.raises(weights.WeightsError, match="seen"):
        weights.fetch(print, refuse)


async def test_answers_are_sent_at_once():
    """Without TCP_NODELAY each would wait for the client's delayed acknowledgement."""
    listener, nodelay = bound("127.0.0.1", 0), asyncio.get_running_loop().create_future()

    def accepted(_reader, writer):
        nodelay.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async with await asyncio.start_server(accepted, sock=listener):
        _, writer = await asyncio.open_connection(*listener.getsockname())
        assert await nodelay
        writer.close()
