"""lab/gate.py: what the gate cannot see, and that there is one at a time. No test starts the gate itself."""

import contextlib
import os
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner

from helpers.settings import Settings
from lab import gate, notebooks

LEARNERS = {
    "COHERE_API_KEY": "secret",
    "COHERE_APIKEY": "secret",
    "openai_api_key": "secret",
    "WEAVIATE_API_KEY": "secret",
    "WEAVIATE_HOST": "weaviate.example.com",
    "WEAVIATE_PORT": "8080",
    "COURSE_PROVIDER": "cohere",
    "COURSE_MODELS_URL": "http://127.0.0.1:11435",
    "COURSE_ENV_FILE": "/somewhere/.env",
    "OLLAMA_URL_FOR_SERVER": "http://127.0.0.1:11434",
    "JUPYTER_CONFIG_DIR": "/somewhere",
    "IPYTHONDIR": "/somewhere",
}


@pytest.fixture
def learners_environment(monkeypatch):
    for name, value in LEARNERS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HARMLESS", "kept")


def test_nothing_of_the_learner_is_seen(learners_environment):
    seen = gate.environment()
    assert seen["HARMLESS"] == "kept" and seen["PATH"] == os.environ["PATH"]
    assert not {name: seen[name] for name in LEARNERS if seen.get(name) == LEARNERS[name]}
    assert "secret" not in seen.values()
    assert seen["COURSE_ENV_FILE"] == "", "the .env of the repository is not read either"


def test_its_settings_lead_to_its_own_servers(learners_environment):
    ours, theirs = Settings(gate.environment()), Settings({})
    assert ours.provider == "offline" and not ours.is_external and ours.get("WEAVIATE_API_KEY") is None
    assert ours.state_dir != theirs.state_dir and ours.state_dir.name == "gate"
    own = {ours.weaviate_port, ours.weaviate_grpc_port, ours.models_port, *ours.spare_ports}
    others = {theirs.weaviate_port, theirs.weaviate_grpc_port, theirs.models_port, *theirs.spare_ports}
    assert len(own) == 5 and not own & others
    assert ours.models_url_for_server == "http://127.0.0.1:11436"


def test_the_second_gate_says_who_is_at_work(tmp_path, monkeypatch):
    """In place of the gate's process, a second gate is tried while the first is at work."""
    monkeypatch.setattr(gate, "STATE", tmp_path / "gate")
    told, commands = [], []

    class Child:
        def __init__(self, command, **more):
            commands.append(command[1:])

        def wait(self):
            if len(commands) == 1:
                with pytest.raises(click.ClickException) as caught:
                    gate.run("refresh", None)
                told.append(caught.value.message)
            return 7

    monkeypatch.setattr(gate.subprocess, "Popen", Child)
    assert gate.run("test", "02", "--thorough") == 7
    assert commands == [["-m", "lab.gate", "test", "02", "--thorough"]]
    assert told == [
        f"another gate is at work (pid {os.getpid()}: lab test 02 --thorough). Wait for it, or stop it."
    ]
    assert gate.run("refresh", None) == 7 and commands[1:] == [["-m", "lab.gate", "refresh"]]


def test_ctrl_c_is_left_to_the_child(tmp_path, monkeypatch):
    """The first Ctrl-C ends the tests; the servers are put away, and the exit code still comes from the child."""
    monkeypatch.setattr(gate, "STATE", tmp_path / "gate")
    answers = [KeyboardInterrupt, KeyboardInterrupt, 2]

    class Child:
        def __init__(self, *_, **more):
            pass

        def wait(self):
            answer = answers.pop(0)
            if isinstance(answer, type):
                raise answer
            return answer

    monkeypatch.setattr(gate.subprocess, "Popen", Child)
    assert gate.run("test", None) == 2


@pytest.fixture
def stages(monkeypatch):
    """Stand-ins for the servers, pytest and the second runs. Result: what was called; the codes to be returned."""
    told = SimpleNamespace(calls=[], codes=[])

    def act(*arguments):
        told.calls.append(arguments)
        return told.codes.pop(0)

    monkeypatch.setattr(gate, "servers", contextlib.nullcontext)
    monkeypatch.setattr(gate, "pytest", act)
    monkeypatch.setattr(gate, "run_twice", lambda paths: act("twice", *paths))
    return told


def test_the_suite(stages):
    stages.codes = [3]
    result = CliRunner().invoke(gate.main, ["test"])
    paths = [str(path) for path in notebooks.find(None)]
    assert (result.exit_code, result.output) == (3, "Stage: the suite\n")
    assert stages.calls == [("-m", "not thorough", "tests", *paths)]


def test_thorough_goes_on_after_a_failure_and_keeps_the_first(stages):
    stages.codes = [0, 3, 1]
    result = CliRunner().invoke(gate.main, ["test", "--thorough"])
    paths = [str(path) for path in notebooks.find(None)]
    assert result.exit_code == 3
    assert result.output.splitlines() == [
        "Stage: the suite",
        "Stage: the suite again, on the same server, notebooks in reverse",
        "Stage: every cell twice in a row",
    ]
    assert stages.calls == [
        ("tests", *paths),
        ("-m", "not thorough", *paths[::-1], "tests"),
        ("twice", *paths),
    ]


def test_one_notebook_comes_with_the_rules_for_all(stages):
    stages.codes = [0]
    result = CliRunner().invoke(gate.main, ["test", "2"])
    assert result.exit_code == 0
    assert stages.calls == [("-m", "not thorough", "tests/test_lint.py", str(notebooks.find("02")[0]))]


def test_no_action_outside_its_environment(stages, monkeypatch):
    monkeypatch.delenv("COURSE_GATE")
    for action in (["test"], ["refresh"], ["twice", __file__]):
        result = CliRunner().invoke(gate.main, action)
        assert result.exit_code == 1
        assert "Error: Not the gate's environment. Run the gate by: python3 -m lab test\n" in result.output
    assert stages.calls == []


def test_twice_fails_if_a_notebook_does(monkeypatch, capsys):
    found = {"a.ipynb": [], "b.ipynb": ["b.ipynb: cell 1: fails"]}
    monkeypatch.setattr("lab.twice.twice", lambda path: found[path.name])
    assert gate.run_twice(["a.ipynb", "b.ipynb"]) == 1 and gate.run_twice(["a.ipynb"]) == 0
    assert capsys.readouterr().out == "b.ipynb: cell 1: fails\n1 notebooks: every cell can be run twice.\n"
