"""Every exercise: the solution passes, nothing else does, and what goes wrong is told why."""

import importlib
import re

import pytest

import solutions
from helpers import check as checks
from helpers.check import Done, NotYet, everything, find

pytestmark = pytest.mark.anyio
FOUND = {found.number: found for found in solutions.exercises()}


def answers(number):
    """Return the module with the wrong answers of an exercise's notebook."""
    return importlib.import_module(f"answers.ex{number.split('.')[0]}")


async def verdict(number, answer):
    return await checks._verdict(find(number), answer)


def told(result):
    return f"{result.saw}\n{result.why}"


def test_every_exercise_stands_in_a_notebook():
    assert [each.number for each in everything()] == sorted(FOUND)
    assert all(number.startswith(found.path.name[:2]) for number, found in FOUND.items())


@pytest.mark.parametrize("number", FOUND)
async def test_solution_passes(number):
    found = FOUND[number]
    result = await verdict(number, await solutions.answer_by(found, found.solution))
    assert isinstance(result, Done), told(result)


@pytest.mark.parametrize("number", FOUND)
async def test_solution_without_its_key_line_fails(number):
    found, line = FOUND[number], answers(number).KEY_LINE[number]
    assert found.solution.count(line) == 1, f"the key line of {number} is not in its solution"
    inside_brackets = found.solution.split(line)[0].count("(") > found.solution.split(line)[0].count(")")
    without = found.solution.replace(line, "" if inside_brackets else "pass")
    try:
        result = await verdict(number, await solutions.answer_by(found, without))
    except (NameError, TypeError):
        return  # it does not even run
    assert isinstance(result, NotYet)


@pytest.mark.parametrize("number", FOUND)
async def test_nothing_is_no_answer(number):
    empty = [..., None, lambda *_: None, lambda *_: ..., 0, "", [], True, 40, object()]
    for answer in empty:
        try:
            result = await verdict(number, answer)
        except Exception as error:
            pytest.fail(f"{answer!r} gives the learner a traceback of ours: {error!r}")
        assert isinstance(result, NotYet), f"{number} accepts {answer!r}"


@pytest.mark.parametrize("number", FOUND)
async def test_wrong_answers_are_told_why(number):
    wrong = answers(number).WRONG[number]
    assert len(wrong) >= 2
    seen = []
    for answer, words in wrong.items():
        result = await verdict(number, answer)
        name = getattr(answer, "__name__", answer)
        assert isinstance(result, NotYet), f"{number} accepts {name}"
        assert words in told(result), f"{number}, {name}: {told(result)}"
        seen.append(told(result))
    assert len(set(seen)) == len(seen), "two wrong answers are told the same"


@pytest.mark.parametrize("number", FOUND)
def test_committed_stub_shows_the_first_hint(number):
    found = FOUND[number]
    assert re.search(r"\.\.\.|= None", found.stub.source), "the stub is to be empty"
    (output,) = found.check.outputs
    assert output.text.startswith(f"○ {number}  not yet: ")
    assert f"hint 1 of {len(find(number).hints)}: {find(number).hints[0]}" in output.text
    assert len(find(number).hints) >= 2


async def test_hints_grow_and_done_is_remembered(capsys, monkeypatch, tmp_path, other_settings):
    from helpers import progress

    monkeypatch.delenv("COURSE_GATE")
    monkeypatch.setattr(progress, "_path", lambda: tmp_path / "progress.json")
    monkeypatch.setattr(checks, "_tries", {})
    for hint in (1, 2, 3, 3):
        await checks.check("00.2", None)
        assert f"hint {hint} of 3" in capsys.readouterr().out
    assert progress.done_so_far() == set()
    await checks.check("00.2", await solutions.answer_by(FOUND["00.2"], FOUND["00.2"].solution))
    assert capsys.readouterr().out.startswith("● 00.2  done")
    assert progress.done_so_far() == {"00.2"}
    checks.progress()
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("● 00.2") for line in lines) and sum("← next" in line for line in lines) == 1
    assert progress.forget() == 1 and progress.done_so_far() == set()


async def test_progress_can_be_forgotten_and_nothing_else(monkeypatch, tmp_path):
    from click.testing import CliRunner

    from helpers import progress
    from lab.cli import lab

    monkeypatch.delenv("COURSE_GATE")
    monkeypatch.setattr(progress, "_path", lambda: tmp_path / "progress.json")
    progress.remember("00.1")
    told = CliRunner().invoke(lab, ["reset", "--progress"])
    assert told.exit_code == 0 and "were done: 1." in told.output and "drops" not in told.output
    assert progress.done_so_far() == set()


async def test_the_gate_leaves_progress_alone(monkeypatch, tmp_path):
    from helpers import progress

    monkeypatch.setattr(progress, "_path", lambda: tmp_path / "progress.json")
    (tmp_path / "progress.json").write_text('["00.1"]')
    assert progress.done_so_far() == set()
    progress.remember("00.2")
    assert (tmp_path / "progress.json").read_text() == '["00.1"]'


async def test_own_exception_is_short_and_names_the_line(capsys):
    code = "async def count(collection):\n    return collection.size\n"
    names = await solutions.run(code)
    await checks.check("00.2", names["count"])
    out = capsys.readouterr().out
    assert "it raised AttributeError" in out and "in your line 2" in out and "Traceback" not in out


async def test_server_that_is_down(capsys, other_settings):
    other_settings(WEAVIATE_PORT=1)
    await checks.check("00.2", len)
    assert "python3 -m lab up" in capsys.readouterr().out


def test_unknown_exercise():
    with pytest.raises(ValueError, match="no exercise 99.1"):
        find("99.1")
