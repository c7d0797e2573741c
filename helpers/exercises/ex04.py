"""Exercises of notebook 04: clients that are closed on every path, in one loop, in a thread, in a script."""

import asyncio
import inspect
import os
import re
import sys
import tempfile
from pathlib import Path

import weaviate
from weaviate.exceptions import WeaviateBaseError, WeaviateClosedClientError

from helpers.check import Done, NotYet, YourError, call, exercise
from helpers.settings import settings
from helpers.watch import Watch, quiet_grpc

# A connect() that fails at once, before and after the server was reached.
NOWHERE, HALFWAY = {"port": 1, "grpc_port": 2}, {"grpc_port": 2}
NEVER_CLOSED = "Which path does not pass a close()?"


@exercise(
    "04.1",
    "try again, and leave nothing open",
    hints=[
        "which lines can run after a connect() that failed, and after one that was cancelled?",
        "close() is safe in every state, and a second connect() forgets what the first one opened.",
        "close() after each failed try; and one try … finally: close() around the tries and the yield.",
    ],
)
async def patient(answer, client):
    """answer: async context manager (place: dict, tries: int), yields a connected client."""
    with Watch() as watch:
        try:
            return (
                await _enters_and_leaves(answer, watch)
                or await _is_cancelled(answer, watch)
                or await _tries(answer, NOWHERE, "where nobody listens")
                or await _tries(answer, HALFWAY, "where REST answers and gRPC does not")
                or Done("closed after an exception, after a cancellation, and after each of three failed tries.")
            )
        finally:
            await watch.put_away()


def _manager(answer, *arguments):
    try:
        manager = answer(*arguments)
    except Exception as error:
        raise YourError(error) from error
    if inspect.iscoroutine(manager):
        manager.close()
    return manager


async def _enters_and_leaves(answer, watch):
    manager = _manager(answer, settings.local, 2)
    if not hasattr(manager, "__aenter__"):
        return NotYet("what it returns cannot stand behind async with", "@asynccontextmanager is missing.")
    try:
        async with manager as lent:
            if not isinstance(lent, weaviate.WeaviateAsyncClient) or not lent.is_connected():
                return NotYet("where a server is, it yields no connected client.")
            raise LookupError("the work in the block went wrong")
    except LookupError:
        pass
    except RuntimeError as error:
        if "didn't stop" in str(error):
            return NotYet("after an exception of the block it yielded again", "Yield once, after the loop of tries.")
        raise YourError(error) from error
    except Exception as error:
        raise YourError(error) from error
    else:
        return NotYet("an exception of the block did not come out of it", "yield inside try … finally, not … except.")
    return NotYet("after an exception in the block the client is open", NEVER_CLOSED) if watch.left_open() else None


async def _is_cancelled(answer, watch):
    inside = asyncio.Event()

    async def work():
        async with answer(settings.local, 2):
            inside.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await inside.wait()
    task.cancel()
    await asyncio.wait([task])
    if watch.left_open():
        return NotYet("when the block was cancelled, the client stayed open", "CancelledError is no Exception.")
    return None


async def _tries(answer, fault, where):
    with Watch() as watch:
        try:
            async with answer(settings.local | fault, 3):
                return NotYet(f"{where}, the block was entered all the same.")
        except WeaviateBaseError as error:
            raised = type(error).__name__
        except Exception as error:
            if len(watch.connects) == 3:
                return NotYet(f"{where}, it raised {type(error).__name__}", "Raise what connect() raised.")
            raise YourError(error) from error
        left = watch.left_open()
        await watch.put_away()
    if len(watch.connects) != 3:
        why = f"connect() raises {raised} there: does your except catch it?"
        return NotYet(f"{where}, connect() was called {len(watch.connects)} times; 3 tries were asked for", why)
    if left:
        why = NEVER_CLOSED if left == 1 else "Each connect() opens a pool, and forgets the one before."
        return NotYet(f"{where}, {left} connection pools stay open after 3 tries", why)
    return None


@exercise(
    "04.2",
    "three, or none",
    hints=[
        "the second cannot be reached: what happens to the first?",
        "a stack keeps a promise for each client, also for one that never connected.",
        "stack.push_async_callback(client.close) for all of them, before any connect().",
    ],
)
async def versions(answer, client):
    """answer: async (places: list of dict) -> list of the servers' versions; on failure nothing stays open."""
    version = (await client.get_meta())["version"]
    with Watch() as watch:
        try:
            got = await call(answer, [settings.local] * 3)
            if got != [version] * 3:
                return NotYet(f"for three places it returned {got!r}"[:150], "A list of three versions was asked for.")
            if left := watch.left_open():
                return NotYet(f"after three versions were returned, {left} clients are open", NEVER_CLOSED)
            for down in range(3):
                places = [settings.local | (NOWHERE if number == down else {}) for number in range(3)]
                if verdict := await _one_is_down(answer, places, f"with number {down + 1} of 3 down", watch):
                    return verdict
        finally:
            await watch.put_away()
    return Done("three versions; and whichever is down, nothing stays open.")


async def _one_is_down(answer, places, where, watch):
    try:
        got = await call(answer, places)
    except YourError as error:
        if not isinstance(error.args[0], (WeaviateBaseError, ExceptionGroup)):
            raise
    else:
        return NotYet(f"{where} it returned {got!r}"[:150], "The error was to come out.")
    at_once = watch.left_open()
    await asyncio.sleep(0.5)  # a connect() that nobody waits for comes to its end now
    if left := watch.left_open():
        why = NEVER_CLOSED if at_once else "A connect() went on after its client was closed: wait for all, or end them."
        return NotYet(f"{where}, {left} of the clients stay open", why)
    return None


@exercise(
    "04.3",
    "a client for a worker thread",
    hints=[
        "a thread has no event loop until somebody makes one.",
        "asyncio.run makes a loop, and the client must live inside it, from connect() to close().",
        "an async function inside yours, with async with, and return asyncio.run(...) of it.",
    ],
)
async def in_thread(answer, client):
    """answer: ordinary function (place: dict) -> version of the server, called in a thread."""
    version = (await client.get_meta())["version"]
    for host in (settings.local["host"], "localhost" if settings.local["host"] == "127.0.0.1" else None):
        place = settings.local | ({"host": host} if host else {})
        with Watch() as watch, quiet_grpc():
            try:
                got = await call(asyncio.to_thread, answer, place)
            except YourError as error:
                if verdict := _why_not_in_thread(error.args[0]):
                    return verdict
                raise
            left, places = watch.left_open(), watch.places()
            await watch.put_away()
        if inspect.iscoroutine(got):
            got.close()
            return NotYet("it returned a coroutine", "An ordinary function was asked for: run the coroutine in it.")
        if got != version:
            return NotYet(f"it returned {got!r}"[:150], "The version was asked for, as text.")
        if not places:
            return NotYet("it returned the version, and no async client connected.")
        if (place["host"], place["port"]) not in places:
            return NotYet(f"it asked the server at {places[0][0]}, not at {place['host']}", "Use the place it is given.")
        if left:
            return NotYet("the thread has ended, and its client was never closed", NEVER_CLOSED)
    return Done("twice, each time with a loop and a client of its own.")


def _why_not_in_thread(error):
    if isinstance(error, WeaviateClosedClientError) and "loop" in str(error.__cause__):
        return NotYet("the client says that it is closed", "It is not. It belongs to another loop: use one asyncio.run.")
    if isinstance(error, RuntimeError) and "event loop" in str(error):
        return NotYet(f"it raised {error}"[:150], "In a thread no loop runs, and none is set.")
    return None


@exercise(
    "04.4",
    "the same as a script",
    hints=[
        "a script has no loop until asyncio.run, and await stands only inside async def.",
        "one asyncio.run around everything: two of them are two loops.",
        "async def main(): async with ... as client: print(...), then asyncio.run(main()).",
    ],
)
async def main_py(answer, client):
    """answer: str, the text of a program that prints the version of the server and closes what it opened."""
    if not isinstance(answer, str) or answer.strip() in ("", "..."):
        return NotYet("there is no program here yet.")
    version = (await client.get_meta())["version"]
    code, out, err = await _run(answer)
    if code:
        last = ([line for line in err.splitlines() if re.match(r"[\w.]+Error\b", line)] or [err])[-1]
        why = "A script may await inside async def only." if "outside function" in err else ""
        why = "Each asyncio.run is a loop of its own: one around everything." if "loop" in last else why
        return NotYet(f"exit code {code}: {last}"[:200], why)
    if out != version:
        why = "The coroutine was made and never run." if "never awaited" in err else ""
        return NotYet(f"it printed {out!r}"[:150], why or "The version was asked for, and nothing else.")
    if "ResourceWarning" in err:
        return NotYet("it printed the version, and a ResourceWarning", "Something was open at the end: who closes?")
    if (await _run(answer, WEAVIATE_HOST="127.0.0.1", WEAVIATE_PORT="1"))[0] == 0:
        return NotYet("it prints the version where no server is, too", "Ask the server: await client.get_meta().")
    return Done("exit code 0, nothing left open, and the server was asked.")


async def _run(program, **variables):
    """Run a program as a file. Result: its exit code (int), stdout and stderr (str)."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "main.py"
        file.write_text(program)
        command = [sys.executable, "-W", "always::ResourceWarning", str(file)]
        pipes = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE}
        process = await asyncio.create_subprocess_exec(*command, env=os.environ | variables, **pipes)
        try:
            out, err = await asyncio.wait_for(process.communicate(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()
            return 1, "", "the program did not end within 10 seconds"
        return process.returncode, out.decode().strip(), err.decode().strip()
