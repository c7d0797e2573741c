"""lab doctor: every fault is made, and its finding seen; and on the gate's own servers there is nothing to find."""

import asyncio
import json
import os
import shutil
import socket
from dataclasses import replace
from types import SimpleNamespace

import pytest
import weaviate

from helpers import server
from helpers.processes import Record
from helpers.settings import settings
from lab import doctor
from lab.models import weights


def findings(title):
    """Return what one check finds: list of "what | cure"."""
    found = doctor.CHECKS[title]()
    for each in found:
        assert each.what and each.cure and "\n" not in each.what + each.cure
    return [f"{each.what} | {each.cure}" for each in found]


@pytest.fixture
def nothing_recorded(tmp_path, other_settings):
    """A state folder without records, and ports where nothing listens."""
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0)), two.bind(("127.0.0.1", 0))
        free = [probe.getsockname()[1] for probe in (one, two)]
    ports = {"WEAVIATE_PORT": 28180, "WEAVIATE_GRPC_PORT": free[0], "COURSE_MODELS_PORT": free[1]}
    other_settings(COURSE_STATE_DIR=tmp_path, **ports)
    assert findings("ports") == []
    return tmp_path


@pytest.fixture
def held_port():
    """int: a port on which this very process listens."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        yield held.getsockname()[1]


def test_all_is_well(capsys):
    assert doctor.report() == 0, capsys.readouterr().out
    out = capsys.readouterr().out
    assert "Everything this course needs works" in out and out.count("well    ") == len(doctor.CHECKS)


def test_what_it_finds_is_counted_and_printed_with_its_cure(monkeypatch, capsys):
    finding = doctor.Finding("the roof leaks [/bold]", "mend it")
    monkeypatch.setattr(doctor, "CHECKS", {"roof": lambda: [finding], "door": list})
    assert doctor.report() == 1
    out = capsys.readouterr().out
    assert "not well  roof\n          - the roof leaks [/bold]\n            mend it\nwell      door\n1 to mend." in out


def test_disk(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: SimpleNamespace(free=1_500_000_000))
    (told,) = findings("disk")
    assert told == "only 1.5 GB of disk are free | free some: the course needs 2 GB"


@pytest.mark.parametrize("name", ["http_proxy", "https_proxy", "grpc_proxy"])
@pytest.mark.parametrize(
    ("exempt", "wrong"), [(None, True), ("localhost", True), ("localhost, 127.0.0.1", False), ("*", False)]
)
def test_proxy(monkeypatch, name, exempt, wrong):
    for other in ("http_proxy", "https_proxy", "grpc_proxy", "no_proxy", "no_grpc_proxy"):
        monkeypatch.delenv(other, raising=False)
    assert findings("proxy settings") == []
    monkeypatch.setenv(name, "http://127.0.0.1:3128")
    if exempt:
        monkeypatch.setenv("no_proxy", exempt)
    told = findings("proxy settings")
    assert bool(told) is wrong
    assert not told or f"{name} is set" in told[0] and "export no_proxy=localhost,127.0.0.1" in told[0]
    monkeypatch.setenv("no_grpc_proxy", "127.0.0.1")
    assert findings("proxy settings") == []


def test_version_of_the_client(monkeypatch):
    monkeypatch.setattr(doctor.importlib.metadata, "version", lambda name: "4.0.0")
    (told,) = findings("version of the client")
    assert "weaviate-client 4.0.0 is installed" in told and "delete .venv" in told


def test_broken_program(tmp_path, other_settings):
    path = other_settings(XDG_CACHE_HOME=tmp_path).binary_path
    assert findings("Weaviate program") == [], "one that is not there yet will be fetched"
    path.write_bytes(b"\x7fELF damaged")
    path.chmod(0o755)
    (told,) = findings("Weaviate program")
    assert str(path) in told and "delete it" in told


def test_damaged_weights(tmp_path, other_settings):
    whole = weights.fetch()
    other_settings(COURSE_CACHE_DIR=tmp_path)
    assert findings("model weights") == []
    shutil.copytree(whole, tmp_path / whole.name)
    assert findings("model weights") == []
    with open(tmp_path / whole.name / "tokenizer.json", "r+b") as file:
        file.write(b"?")
    (told,) = findings("model weights")
    assert "tokenizer.json is missing or damaged" in told


def test_stale_record(nothing_recorded):
    assert findings("records of servers") == []
    Record(nothing_recorded / "servers", "learner").write(processes=[{"pid": os.getpid(), "created": 1.0}])
    (told,) = findings("records of servers")
    assert "learner is recorded as running and is not" in told and "lab down forgets it" in told


@pytest.mark.parametrize(
    ("variable", "cure"),
    [
        ("WEAVIATE_PORT", "set WEAVIATE_PORT and WEAVIATE_GRPC_PORT"),
        ("WEAVIATE_GRPC_PORT", "set WEAVIATE_PORT and WEAVIATE_GRPC_PORT"),
        ("COURSE_MODELS_PORT", "set COURSE_MODELS_PORT"),
    ],
)
def test_held_port(nothing_recorded, held_port, other_settings, variable, cure):
    other_settings(**{variable: held_port})
    (told,) = findings("ports")
    assert f"port {held_port} is held by " in told and f"(pid {os.getpid()})" in told and cure in told


def test_provider_key(other_settings):
    other_settings(COURSE_PROVIDER="cohere")
    (told,) = findings("provider key")
    assert told.startswith("COURSE_PROVIDER=cohere needs a key | set COHERE_API_KEY")
    other_settings(COHERE_API_KEY="secret")
    assert findings("provider key") == []
    other_settings(WEAVIATE_HOST="weaviate.example.com")
    (told,) = findings("provider key")
    assert "unencrypted" in told and "secret" not in told
    other_settings(COURSE_PROVIDER="nobody")
    (told,) = findings("provider key")
    assert told.startswith("COURSE_PROVIDER is 'nobody' | choose one of offline")


def test_external_server_too_old(web, other_settings):
    def old(request):
        request.send_response(200)
        request.end_headers()
        request.wfile.write(json.dumps({"version": "1.30.5"}).encode())

    other_settings(WEAVIATE_HOST="127.0.0.1", WEAVIATE_PORT=web(old).server_port)
    (told,) = findings("Weaviate named by WEAVIATE_HOST")
    assert "version 1.30.5; the course needs 1.36.0" in told


ROUND_TRIP = "connect, write, vectorize, search, generate, delete"


def test_round_trip_without_server(nothing_recorded):
    (told,) = findings(ROUND_TRIP)
    assert told.startswith("could not connect: ") and told.endswith("| python3 -m lab up")


def test_round_trip_without_models(other_settings):
    """As when the models are down: where Weaviate looks for them, nobody answers."""
    other_settings(COURSE_MODELS_URL_FOR_SERVER="http://127.0.0.1:9")
    (told,) = findings(ROUND_TRIP)
    assert told.startswith("could not write and vectorize: ") and "| its log: " in told
    with weaviate.connect_to_local(**settings.local) as client:
        assert not client.collections.exists(doctor.COLLECTION), "what the doctor made is gone all the same"


def test_round_trip_without_text_model(monkeypatch):
    offline = doctor.providers.PROVIDERS["offline"]
    monkeypatch.setitem(doctor.providers.PROVIDERS, "offline", replace(offline, generative_model="no-such-model"))
    (told,) = findings(ROUND_TRIP)
    assert told.startswith("could not generate: ")


def test_door_that_is_open(other_settings):
    assert findings("gRPC seen from outside") == []
    open_server = asyncio.run(server.start("spare", anonymous=True))
    try:
        other_settings(WEAVIATE_PORT=open_server.local["port"], WEAVIATE_GRPC_PORT=open_server.local["grpc_port"])
        (told,) = findings("gRPC seen from outside")
        assert f"port {open_server.local['grpc_port']}" in told and "API key" in told
    finally:
        asyncio.run(open_server.stop())
