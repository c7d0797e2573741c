"""Plausible wrong answers to the exercises of notebook 04, and what each must be told."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import weaviate
from weaviate.exceptions import WeaviateBaseError, WeaviateConnectionError

from helpers.settings import settings

build = weaviate.use_async_with_local


@asynccontextmanager
async def closes_only_what_connected(place, tries):
    client = build(**place)
    for left in reversed(range(tries)):
        try:
            await client.connect()
            break
        except WeaviateBaseError:
            if not left:
                raise
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def closes_only_at_the_end(place, tries):
    client = build(**place)
    await client.connect()
    yield client
    await client.close()


@asynccontextmanager
async def forgets_between_tries(place, tries):
    client = build(**place)
    try:
        for left in reversed(range(tries)):
            try:
                await client.connect()
                break
            except WeaviateBaseError:
                if not left:
                    raise
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def forgets_cancellation(place, tries):
    client = build(**place)
    try:
        await client.connect()
        yield client
    except Exception:
        await client.close()
        raise
    else:
        await client.close()


@asynccontextmanager
async def yields_in_the_loop(place, tries):
    for left in reversed(range(tries)):
        client = build(**place)
        try:
            await client.connect()
            yield client
            return
        except Exception:
            if not left:
                raise
        finally:
            await client.close()


@asynccontextmanager
async def catches_one_class(place, tries):
    client = build(**place)
    try:
        for left in reversed(range(tries)):
            try:
                await client.connect()
                break
            except WeaviateConnectionError:
                await client.close()
                if not left:
                    raise
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def swallows(place, tries):
    client = build(**place)
    try:
        await client.connect()
        yield client
    except LookupError:
        pass
    finally:
        await client.close()


async def plain_function(place, tries):
    client = build(**place)
    await client.connect()
    return client


async def loop_without_stack(places):
    clients = [build(**place) for place in places]
    for client in clients:
        await client.connect()
    versions = [(await client.get_meta())["version"] for client in clients]
    for client in clients:
        await client.close()
    return versions


async def bare_gather(places):
    async with AsyncExitStack() as stack:
        clients = [build(**place) for place in places]
        for client in clients:
            stack.push_async_callback(client.close)
        await asyncio.gather(*(client.connect() for client in clients))
        return [(await client.get_meta())["version"] for client in clients]


async def never_closes(places):
    clients = [build(**place) for place in places]
    for client in clients:
        await client.connect()
    never_closes.kept = clients
    return [(await client.get_meta())["version"] for client in clients]


async def swallows_the_error(places):
    found = []
    for place in places:
        client = build(**place)
        try:
            await client.connect()
            found.append((await client.get_meta())["version"])
        except WeaviateBaseError:
            found.append(None)
        finally:
            await client.close()
    return found


async def only_the_first(places):
    async with build(**places[0]) as client:
        return (await client.get_meta())["version"]


async def a_coroutine(place):
    async with build(**place) as client:
        return (await client.get_meta())["version"]


def the_loop_of_the_thread(place):
    async def ask():
        async with build(**place) as client:
            return (await client.get_meta())["version"]

    return asyncio.get_running_loop().run_until_complete(ask())


def whole_answer(place):
    async def ask():
        async with build(**place) as client:
            return await client.get_meta()

    return asyncio.run(ask())


def another_place(place):
    async def ask():
        async with build(**settings.local) as client:
            return (await client.get_meta())["version"]

    return asyncio.run(ask())


def synchronous(place):
    with weaviate.connect_to_local(**place) as client:
        return client.get_meta()["version"]


def three_loops(place):
    client = build(**place)
    asyncio.run(client.connect())
    version = asyncio.run(client.get_meta())["version"]
    asyncio.run(client.close())
    return version


def thrown_away_open(place):
    async def ask():
        client = build(**place)
        await client.connect()
        return (await client.get_meta())["version"]

    return asyncio.run(ask())


HEAD = "import asyncio, weaviate\nfrom helpers.settings import settings\n"
TOP_LEVEL = HEAD + "client = weaviate.use_async_with_local(**settings.local)\nawait client.connect()\n"
NOT_CLOSED = HEAD + """
async def main():
    client = weaviate.use_async_with_local(**settings.local)
    await client.connect()
    print((await client.get_meta())["version"])

asyncio.run(main())
"""
TWO_LOOPS = HEAD + """
client = weaviate.use_async_with_local(**settings.local)
asyncio.run(client.connect())
asyncio.run(client.collections.use("Film").query.fetch_objects(limit=1))
"""
KNOWN = "from helpers.settings import settings\nprint(settings.weaviate_version)\n"
NEVER_RUN = HEAD + """
async def main():
    async with weaviate.use_async_with_local(**settings.local) as client:
        print((await client.get_meta())["version"])

main()
"""
TALKS = HEAD + """
async def main():
    async with weaviate.use_async_with_local(**settings.local) as client:
        print("version", (await client.get_meta())["version"])

asyncio.run(main())
"""

WRONG = {
    "04.1": {
        closes_only_what_connected: "stay open after 3 tries",
        closes_only_at_the_end: "after an exception in the block",
        forgets_between_tries: "forgets the one before",
        forgets_cancellation: "CancelledError is no Exception",
        yields_in_the_loop: "Yield once",
        catches_one_class: "does your except catch it",
        swallows: "did not come out",
        plain_function: "@asynccontextmanager is missing",
    },
    "04.2": {
        loop_without_stack: "Which path",
        bare_gather: "went on after its client was closed",
        never_closes: "after three versions were returned",
        swallows_the_error: "The error was to come out",
        only_the_first: "A list of three versions",
    },
    "04.3": {
        a_coroutine: "it returned a coroutine",
        synchronous: "no async client connected",
        another_place: "Use the place it is given",
        three_loops: "It belongs to another loop",
        the_loop_of_the_thread: "In a thread no loop runs",
        whole_answer: "as text",
        thrown_away_open: "never closed",
    },
    "04.4": {
        TOP_LEVEL: "inside async def only",
        NOT_CLOSED: "a ResourceWarning",
        TWO_LOOPS: "one around everything",
        NEVER_RUN: "never run",
        KNOWN: "where no server is",
        TALKS: "nothing else",
    },
}
KEY_LINE = {
    "04.1": "yield client",
    "04.2": "stack.push_async_callback(client.close)",
    "04.3": "return asyncio.run(ask())",
    "04.4": "asyncio.run(main())",
}
