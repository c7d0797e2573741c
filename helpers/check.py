"""Exercises that check themselves: `await check("06.1", answer)` in a notebook.

A check calls the learner's answer with cases and watches what happens on the server. It never reads source code.
"""

import asyncio
import importlib
import inspect
import linecache
import pkgutil
import warnings
from dataclasses import dataclass

import weaviate
from weaviate.exceptions import WeaviateBaseError

from helpers import exercises
from helpers.progress import done_so_far, remember
from helpers.settings import settings

TIME_LIMIT = 30  # seconds, for all cases of a check together
_registry, _tries = {}, {}


@dataclass(frozen=True)
class Done:
    """The answer is right. says: one sentence about what was seen, or nothing."""

    says: str = ""


@dataclass(frozen=True)
class NotYet:
    """The answer is not right yet. saw: what happened; why: what that means, for a mistake that is known, else ""."""

    saw: str
    why: str = ""


class YourError(Exception):
    """The learner's code raised. `args[0]` is the exception."""


@dataclass(frozen=True)
class Exercise:
    """number (as "06.1"), title, hints (list of str, from a nudge to nearly the answer), check (coroutine function)."""

    number: str
    title: str
    hints: list
    check: object


def exercise(number, title, hints):
    """Register a check: `@exercise("06.1", "insert all or say which", hints=[...])`.

    The function is `async def check(answer, client) -> Done | NotYet`; the client is connected, and closed afterwards.
    """

    def register(check):
        _registry[number] = Exercise(number, title, hints, check)
        return check

    return register


async def call(function, *arguments):
    """Call the learner's function and await what it returns, if that can be awaited.

    Result: what it returned. Raises YourError with whatever it raised.
    """
    try:
        result = function(*arguments)
        return await result if inspect.isawaitable(result) else result
    except Exception as error:
        raise YourError(error) from error


async def check(number, answer):
    """Check an answer and print the verdict: ● done, or ○ with what was seen and a hint that grows with the tries.

    Arguments: number (str, as "06.1"), answer (what the exercise asks for). Result: None.
    """
    found = find(number)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a forgotten await: the verdict says it better
        verdict = await _verdict(found, answer)
    if isinstance(verdict, Done):
        print(f"● {number}  done" + (f": {verdict.says}" if verdict.says else "."))
        remember(number)
        return
    _tries[number] = _tries.get(number, 0) + 1
    print(f"○ {number}  not yet: {verdict.saw}")
    if verdict.why:
        print(f"   {verdict.why}")
    tries = min(_tries[number], len(found.hints))
    print(f"   hint {tries} of {len(found.hints)}: {found.hints[tries - 1]}")


async def _verdict(found, answer):
    if answer is None or answer is ...:
        return NotYet("there is no answer here yet.")
    client = weaviate.use_async_with_local(**settings.local)
    try:
        await client.connect()
    except WeaviateBaseError:
        await client.close()
        return NotYet("Weaviate does not answer.", "In a terminal: python3 -m lab up")
    try:
        async with asyncio.timeout(TIME_LIMIT):
            return await found.check(answer, client)
    except YourError as wrapped:
        return NotYet(_where(wrapped.args[0]), _known_mistake(wrapped.args[0]))
    except TimeoutError:
        return NotYet(f"it did not finish within {TIME_LIMIT} seconds.", "Does it wait for something that never comes?")
    finally:
        await client.close()


def _where(error):
    """Say what the learner's code raised, and in which of their lines."""
    lines = (str(error).strip() or "no message").splitlines()
    first = " ".join(lines[:2] if lines[0].startswith("1 validation error") else lines[:1])[:200]
    told = f"it raised {type(error).__name__}: {first}"
    theirs, trace = None, error.__traceback__
    while trace:
        file = trace.tb_frame.f_code.co_filename
        if "ipykernel" in file or file.startswith("<"):
            theirs = (trace.tb_lineno, linecache.getline(file, trace.tb_lineno).strip())
        trace = trace.tb_next
    return f"{told}\n   in your line {theirs[0]}: {theirs[1]}" if theirs else told


def _known_mistake(error):
    if isinstance(error, AttributeError) and "'coroutine' object" in str(error):
        return "A coroutine has no results: an await is missing before the call."
    if isinstance(error, TypeError) and "in 'await' expression" in str(error):
        return "What you await there is no coroutine: that call is not to be awaited."
    if isinstance(error, TypeError) and "object is not callable" in str(error):
        return "Give the check your function itself; it makes the call."
    if isinstance(error, TypeError) and "positional argument" in str(error):
        return "The check calls your function with the arguments that the stub has: keep them."
    return ""


def find(number):
    """Return an Exercise by its number. Raises ValueError if there is none."""
    module = f"helpers.exercises.ex{number.split('.')[0]}"
    try:
        importlib.import_module(module)
        return _registry[number]
    except (ModuleNotFoundError, KeyError):
        raise ValueError(f"there is no exercise {number}") from None


def everything():
    """Return all exercises in order: list of Exercise."""
    for module in pkgutil.iter_modules(exercises.__path__):
        importlib.import_module(f"helpers.exercises.{module.name}")
    return [_registry[number] for number in sorted(_registry)]


def progress():
    """Print all exercises, which are done, and which is next."""
    done, following = done_so_far(), None
    for each in everything():
        mark = "●" if each.number in done else "○"
        following = following or (None if each.number in done else each)
        print(f"{mark} {each.number}  {each.title}" + ("   ← next" if following is each else ""))
    print(f"{len(done)} of {len(everything())} done" + ("" if following else ": all of them."))
