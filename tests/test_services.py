"""`lab up` and `lab down`: one server, never two; what is not ours is never touched; what is interrupted is gone.

Read from top to bottom: a start takes seconds, so a test leaves its servers to the next.
"""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time

import psutil
import pytest
import weaviate

from helpers import processes
from helpers.environment import ports_of
from helpers.processes import Record, ServerError
from helpers.settings import settings
from lab import services


def client_of(own_lab):
    """Return a client, connected to the Weaviate of `own_lab`."""
    port, grpc_port = int(own_lab.ports["WEAVIATE_PORT"]), int(own_lab.ports["WEAVIATE_GRPC_PORT"])
    key = (own_lab.state / "key").read_text()
    return weaviate.connect_to_local("127.0.0.1", port=port, grpc_port=grpc_port, auth_credentials=key)


def all_ports(own_lab):
    rest, grpc, models = map(int, own_lab.ports.values())
    return [*ports_of(rest, grpc).all(), models]


def is_running(entry):
    return processes.find(dict(zip(("pid", "created"), entry))) is not None


def test_two_ups_at_once_are_one_server(own_lab):
    own_lab.run("down")
    results = [own_lab.end(each) for each in [own_lab.begin("up"), own_lab.begin("up")]]
    assert [(code, err) for code, _, err in results] == [(0, ""), (0, "")]
    told = "".join(out for _, out, _ in results)
    for line in ("Weaviate 1.39.3 is up on ports", "Weaviate 1.39.3 is up already"):
        assert told.count(line) == 1
    assert told.count("The offline models are up on") == told.count("The offline models are up already") == 1
    running = own_lab.records()
    assert set(running) == {"learner", "models"} and all(map(is_running, running.values()))
    assert own_lab.run("up")[0] == 0
    assert own_lab.records() == running


def test_killed_server_comes_back_with_its_data(own_lab):
    assert own_lab.run("up")[0] == 0
    before = own_lab.records()
    with client_of(own_lab) as client:
        client.collections.delete("Kept")
        client.collections.create("Kept").data.insert({"number": 1})
    server = psutil.Process(before["learner"][0])
    server.kill()
    server.wait(15)
    assert own_lab.run("up")[0] == 0
    after = own_lab.records()
    assert after["learner"] != before["learner"] and after["models"] == before["models"]
    with client_of(own_lab) as client:
        assert client.collections.use("Kept").aggregate.over_all(total_count=True).total_count == 1


def test_another_server_is_used_and_none_started(own_lab):
    """The gate's own Weaviate and models, as if somebody else had started them."""
    state = own_lab.state.with_name("another")
    place = {name: str(settings.local[key]) for name, key in [("PORT", "port"), ("GRPC_PORT", "grpc_port")]}
    place = {f"WEAVIATE_{name}": value for name, value in place.items()} | {"WEAVIATE_HOST": "127.0.0.1"}
    place |= {"WEAVIATE_API_KEY": settings.api_key, "COURSE_MODELS_URL": settings.models_url}
    code, out, err = own_lab.run("up", COURSE_STATE_DIR=str(state), **place)
    assert (code, out, err) == (0, "", "")
    place["WEAVIATE_API_KEY"] = "wrong"
    code, _, err = own_lab.run("up", COURSE_STATE_DIR=str(state), **place)
    assert code == 1 and err == "lab: Weaviate at 127.0.0.1 refuses the key: set WEAVIATE_API_KEY in .env."
    assert not list((state / "servers").glob("*.json")) and not (state / "data").exists()


def test_down_stops_what_is_recorded_and_nothing_else(own_lab):
    """The record of Weaviate is given the pid of a stranger, as after a restart of the machine."""
    assert own_lab.run("up")[0] == 0
    before = own_lab.records()
    stranger = subprocess.Popen(["sleep", "100"])
    try:
        record = Record(own_lab.state / "servers", "learner")
        entry = {"pid": stranger.pid, "created": before["learner"][1]}
        true = record.read()
        record.write(**true | {"processes": [entry]})
        code, out, _ = own_lab.run("down")
        assert code == 0 and out == "Stopped: models.\n"
        assert stranger.poll() is None and is_running(before["learner"]) and not is_running(before["models"])
        assert own_lab.records() == {}
        record.write(**true)
        code, out, _ = own_lab.run("down")
        assert code == 0 and out == "Stopped: learner.\n" and not is_running(before["learner"])
    finally:
        stranger.kill()
        stranger.wait()
    assert own_lab.run("down")[1] == "Nothing of this lab was running.\n"
    assert (own_lab.state / "data").exists(), "the data stays"
    assert processes.is_taken(settings.weaviate_port) and processes.is_taken(settings.models_port), "the gate's stay"


def test_reset_drops_the_data(own_lab):
    (own_lab.state / "data" / "node1").mkdir(parents=True, exist_ok=True)
    assert own_lab.run("reset", "--yes")[0] == 0
    assert not (own_lab.state / "data").exists() and own_lab.records() == {}


def test_held_port_names_its_holder_and_leaves_nothing(own_lab):
    own_lab.run("down")
    with socket.create_server(("127.0.0.1", int(own_lab.ports["WEAVIATE_PORT"]))):
        code, _, err = own_lab.run("up")
    assert code == 1 and len(err.splitlines()) == 1
    assert f"Port {own_lab.ports['WEAVIATE_PORT']} is held by " in err and f"(pid {os.getpid()})" in err
    assert own_lab.records() == {} and not any(map(processes.is_taken, all_ports(own_lab)))


def test_held_port_of_the_models(tmp_path, other_settings, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        other_settings(COURSE_STATE_DIR=tmp_path, COURSE_MODELS_PORT=port)
        monkeypatch.setattr(processes.wait_until_free, "__defaults__", (0,))
        with pytest.raises(ServerError, match=rf"Port {port} is held by .*{os.getpid()}.*COURSE_MODELS_PORT"):
            asyncio.run(services._models([]))
    assert not list(tmp_path.glob("servers/*"))


def test_ctrl_c_while_starting_leaves_nothing(own_lab):
    own_lab.run("down")
    lab = own_lab.begin("up")
    while "learner" not in own_lab.records() and lab.poll() is None:
        time.sleep(0.02)
    os.killpg(lab.pid, signal.SIGINT)
    code, _, err = own_lab.end(lab)
    assert code == 1 and err == "lab: stopped; nothing half-made was left."
    assert own_lab.records() == {} and not any(map(processes.is_taken, all_ports(own_lab)))


def test_models_that_cannot_start_show_why(tmp_path, other_settings, monkeypatch):
    other_settings(COURSE_STATE_DIR=tmp_path, COURSE_MODELS_PORT=21435)
    monkeypatch.setattr(services.sys, "executable", shutil.which("false"))
    with pytest.raises(ServerError, match="The offline models stopped while starting"):
        asyncio.run(services._models([]))
    assert not list(tmp_path.glob("servers/*"))
