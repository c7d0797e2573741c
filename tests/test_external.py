"""lab/external.py: another Weaviate, named by WEAVIATE_HOST, is accepted or refused in one sentence."""

import json
import socket

import pytest

from helpers.processes import ServerError
from helpers.settings import settings
from lab import external

MODULES = {"text2vec-ollama": {}, "generative-ollama": {}}


@pytest.fixture
def free_port():
    """int: a port of 127.0.0.1 where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield probe.getsockname()[1]


@pytest.fixture
def pretend(web, other_settings):
    """Return a function that makes WEAVIATE_HOST name a server that gives one answer, whatever it is asked; its gRPC
    is that of the gate's own Weaviate."""

    def start(body, status=200, **more):
        def answer(request):
            request.send_response(status)
            request.end_headers()
            request.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

        grpc = {"WEAVIATE_GRPC_PORT": settings.weaviate_grpc_port} | more
        other_settings(WEAVIATE_HOST="127.0.0.1", WEAVIATE_PORT=web(answer).server_port, **grpc)

    return start


def refusal():
    with pytest.raises(ServerError) as caught:
        external.check()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("provider", ["offline", "cohere", "openai"])
def test_a_real_server_is_accepted(other_settings, provider):
    """The gate's own, as if somebody else had started it."""
    other_settings(WEAVIATE_API_KEY=settings.api_key, WEAVIATE_HOST="localhost", COURSE_PROVIDER=provider)
    external.check()


def test_a_real_server_with_a_wrong_key(other_settings):
    other_settings(WEAVIATE_API_KEY="wrong", WEAVIATE_HOST="localhost")
    assert "set WEAVIATE_API_KEY" in refusal()


def test_pretended_server_is_accepted(pretend):
    pretend({"version": "1.36.0", "modules": MODULES})
    external.check()


@pytest.mark.parametrize("version", ["1.35.19", "1.9.0", "0.36.0", "1.35.0-rc.1"])
def test_too_old(pretend, version):
    pretend({"version": version, "modules": MODULES})
    assert f"is version {version}; the course needs 1.36.0 or newer" in refusal()


def test_newer_is_fine(pretend):
    pretend({"version": "1.100.0-rc.1", "modules": MODULES})
    external.check()


@pytest.mark.parametrize("body", [b"<html>", b"", [], {}, {"version": "new"}, {"version": 2}, {"error": "no"}, None])
def test_not_weaviate(pretend, body):
    pretend(body)
    assert "is not Weaviate" in refusal()


@pytest.mark.parametrize("status", [401, 403])
def test_key_refused(pretend, status):
    pretend({"error": [{"message": "anonymous access not enabled"}]}, status)
    assert "set WEAVIATE_API_KEY" in refusal()


@pytest.mark.parametrize("modules", [None, {}, {"generative-ollama": {}}])
def test_missing_modules(pretend, modules):
    pretend({"version": "1.39.3", "modules": modules})
    told = refusal()
    assert "text2vec-ollama" in told and "ENABLE_MODULES" in told
    assert ("generative-ollama" in told) is not bool(modules)


def test_no_grpc(pretend, free_port):
    pretend({"version": "1.39.3", "modules": MODULES}, WEAVIATE_GRPC_PORT=free_port)
    assert f"no gRPC on port {free_port}" in refusal()


def test_nobody_there(other_settings, free_port):
    other_settings(WEAVIATE_HOST="127.0.0.1", WEAVIATE_PORT=free_port)
    assert f"No Weaviate answers at 127.0.0.1:{free_port}" in refusal()


def test_proxy_settings_do_not_matter(pretend, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    pretend({"version": "1.39.3", "modules": MODULES})
    external.check()
