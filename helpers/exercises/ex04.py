"""Exercises of notebook 04: clients that are closed on every path, in one loop, in a thread, in a script."""

import asyncio
import contextlib
import gc
import inspect
import logging
import sys
import tempfile
from pathlib import Path

import weaviate

from helpers.check import Done, NotYet, YourError, call, exercise
from helpers.settings import settings

REFUSED = {"port": 1, "grpc_port": 2}
NEVER_CLOSED = "A client was left open: which path does not pass a close()?"


def open_clients():
    """Return the clients of this process that hold an open connection pool: set of their ids (int)."""
    everything = (it for it in gc.get_objects() if isinstance(it, weaviate.WeaviateAsyncClient))
    return {id(client) for client in everything if client._connection._client is not None}


def nowhere():
    """Return a place where no server is, as settings.local is one where a server is."""
    return settings.local | REFUSED


@exercise(
    "04.1",
    "try again, and leave nothing open",
    hints=[
        "which lines can run after a connect() that failed?",
        "close() is safe in every state, and a closed client may connect again.",
        "try: around the loop and the yield, finally: await client.close().",
    ],
)
async def patient(answer, client):
    """answer: async context manager (place: dict, tries: int), yields a connected client."""
    before = open_clients()
    seen = []
    try:
        manager = answer(settings.local, 2)
    except Exception as error:
        raise YourError(error) from error
    if inspect.iscoroutine(manager):
        manager.close()
    if not hasattr(manager, "__aenter__"):
        return NotYet("what it returns cannot stand behind async with", "@asynccontextmanager is missing.")
    try:
        async with manager as lent:
            seen.append(lent)
            if not isinstance(lent, weaviate.WeaviateAsyncClient) or not lent.is_connected():
                return NotYet("where a server is, it yields no connected client.")
            raise LookupError("the work in the block went wrong")
    except LookupError:
        pass
    except Exception as error:
        raise YourError(error) from error
    else:
        return NotYet("an exception of the block did not come out of it", "yield inside try … finally, not … except.")
    if open_clients() - before:
        return NotYet("after an exception in the block the client is open", NEVER_CLOSED)
    return await _refused(answer, before)


async def _refused(answer, before):
    connects = []
    real = weaviate.WeaviateAsyncClient.connect

    def counted(self):
        connects.append(self)
        return real(self)

    weaviate.WeaviateAsyncClient.connect = counted
    try:
        async with answer(nowhere(), 3):
            return NotYet("where no server is, the block was entered all the same.")
    except weaviate.exceptions.WeaviateBaseError:
        pass
    except Exception as error:
        raise YourError(error) from error
    finally:
        weaviate.WeaviateAsyncClient.connect = real
    left = open_clients() - before
    await asyncio.gather(*(client.close() for client in connects))
    if left:
        return NotYet("after connect() was refused a client is half open", NEVER_CLOSED)
    if len(connects) != 3:
        return NotYet(f"connect() was called {len(connects)} times, and 3 tries were asked for.")
    return Done("closed after an exception in the block, and after three refused tries.")


@exercise(
    "04.2",
    "three at once, or none",
    hints=[
        "the second cannot be reached: what happens to the first?",
        "a stack keeps a promise for each client, also for one that never connected.",
        "stack.push_async_callback(client.close) for all of them, before any connect().",
    ],
)
async def versions(answer, client):
    """answer: async (places: list of dict) -> list of the servers' versions; on failure nothing stays open."""
    version = (await client.get_meta())["version"]
    before = open_clients()
    got = await call(answer, [settings.local] * 3)
    if got != [version] * 3:
        return NotYet(f"for three places it returned {got!r}"[:150], "A list of three versions was asked for.")
    if open_clients() - before:
        return NotYet("after three versions were returned, a client is open", NEVER_CLOSED)
    for down in range(3):
        places = [settings.local] * 3
        places[down] = nowhere()
        try:
            got = await call(answer, places)
        except YourError as error:
            if not isinstance(error.args[0], (weaviate.exceptions.WeaviateBaseError, ExceptionGroup)):
                raise
        else:
            return NotYet(f"with number {down + 1} down it returned {got!r}"[:150], "The error was to come out.")
        await asyncio.sleep(0.3)  # a connect() that nobody waits for would come to its end now
        if left := open_clients() - before:
            return NotYet(f"with number {down + 1} down, {len(left)} of 3 clients stay open", NEVER_CLOSED)
    return Done("three versions; and whichever is down, nothing stays open.")


@contextlib.contextmanager
def _quiet_grpc():
    # With two loops at work in one process, gRPC sometimes reports a BlockingIOError of its own queue to whichever
    # loop is there. It is harmless (grpc issue 25364), and a learner could not know.
    def is_noise(error):
        return isinstance(error, BlockingIOError)

    loop = asyncio.get_running_loop()
    usual = loop.get_exception_handler()

    def handler(loop, context):
        if not is_noise(context.get("exception")):
            usual(loop, context) if usual else loop.default_exception_handler(context)

    def keep(record):
        return not (record.exc_info and is_noise(record.exc_info[1]))

    loop.set_exception_handler(handler)
    logging.getLogger("asyncio").addFilter(keep)
    try:
        yield
    finally:
        loop.set_exception_handler(usual)
        logging.getLogger("asyncio").removeFilter(keep)


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
    before = open_clients()
    for _ in range(2):
        try:
            with _quiet_grpc():
                got = await call(asyncio.to_thread, answer, settings.local)
        except YourError as error:
            if "event loop" in str(error.args[0]):
                return NotYet(f"it raised {error.args[0]}"[:150], "In a thread no loop runs, and none is set.")
            raise
        if inspect.iscoroutine(got):
            got.close()
            return NotYet("it returned a coroutine", "An ordinary function was asked for: run the coroutine in it.")
        if got != version:
            return NotYet(f"it returned {got!r}"[:150], "The version was asked for, as text.")
        if open_clients() - before:
            return NotYet("the thread has ended, and a client is open", NEVER_CLOSED)
    return Done("twice, each time with a loop and a client of its own.")


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
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "main.py"
        file.write_text(answer)
        command = [sys.executable, "-W", "always::ResourceWarning", str(file)]
        process = await asyncio.create_subprocess_exec(*command, stdout=-1, stderr=-1)
        try:
            out, err = (each.decode().strip() for each in await asyncio.wait_for(process.communicate(), 20))
        except TimeoutError:
            process.kill()
            return NotYet("the program did not end within 20 seconds.")
    if process.returncode:
        last = (err.splitlines() or [""])[-1]
        why = "A script may await inside async def only." if "outside function" in err else ""
        why = "Each asyncio.run is a loop of its own: one around everything." if "loop" in last else why
        return NotYet(f"exit code {process.returncode}: {last}"[:200], why)
    if out != version:
        return NotYet(f"it printed {out!r}"[:150], "The version was asked for, and nothing else.")
    if "ResourceWarning" in err:
        return NotYet("it printed the version, and a ResourceWarning", "Something was open at the end: who closes?")
    return Done("exit code 0, and nothing left open.")
