"""Exercises of notebook 02: clients built with and without a key, for a cloud cluster, and with one thing wrong."""

import contextlib
import inspect

import weaviate

from helpers.check import Done, NotYet, YourError, call, exercise
from helpers.settings import settings

HEADER = "x-cohere-api-key"
FAULTS = ("no server", "wrong key", "wrong gRPC port")


def broken_clients():
    """Return three clients, each with one thing wrong: list of WeaviateAsyncClient, not connected."""
    wrong = ({"auth_credentials": "not the key"}, {"grpc_port": 2}, {"port": 1, "grpc_port": 2})
    return [weaviate.use_async_with_local(**settings.local | fault) for fault in wrong]


@exercise(
    "02.1",
    "build a client with or without a provider's key",
    hints=[
        "which of the three cases is like a variable that nobody set?",
        "a header belongs in the dict only if it has a value, and an empty text is none.",
        "headers={...} if variables.get('COHERE_API_KEY') else {}, and **settings.local for the rest.",
    ],
)
async def make_client(answer, client):
    """answer: (variables: dict) -> WeaviateAsyncClient for the course's server, not connected."""
    for variables in ({"COHERE_API_KEY": "secret"}, {}, {"COHERE_API_KEY": ""}):
        saw = f"for {variables}"
        try:
            made = await call(answer, variables)
        except YourError as error:
            raised = error.args[0]
            if isinstance(raised, weaviate.exceptions.WeaviateInvalidInputError):
                return NotYet(f"{saw} the client refused its headers", "A header whose value is None was passed on.")
            if isinstance(raised, KeyError):
                return NotYet(f"{saw} it raised KeyError", "That key is optional here: ask with .get().")
            raise
        wrong = not_a_client(made)
        if wrong:
            return NotYet(f"{saw} {wrong}")
        headers = {name.lower(): value for name, value in made._connection._headers.items()}
        if where(made)[0] != (settings.local["host"], settings.weaviate_port, False):
            await made.close()
            return NotYet(f"{saw} it points to {where(made)[0]}", "Take the address and the key of settings.local.")
        if variables.get("COHERE_API_KEY") and headers.get(HEADER) != "secret":
            why = "The key stands in variables, not in the environment of this process."
            return NotYet(f"{saw} the client has no header X-Cohere-Api-Key with that value", why)
        if not variables.get("COHERE_API_KEY") and HEADER in headers:
            return NotYet(f"{saw} there is a header all the same", "An empty key is none: a provider would refuse it.")
        connected = made.is_connected()
        try:
            await made.connect()
        except weaviate.exceptions.WeaviateBaseError as error:
            return NotYet(f"{saw} connecting failed: {str(error)[:120]}", "Does it show the key of settings.local?")
        finally:
            await made.close()
        if connected:
            return NotYet(f"{saw} the client was connected already", "Build it; whoever uses it connects it.")
    return Done("with a key, without one, and with an empty one.")


@exercise(
    "02.2",
    "a cloud client by the class itself",
    hints=[
        "which two host names did the cloud helper print, and which ports?",
        "ConnectionParams.from_params takes all six; gRPC's host begins with grpc-.",
        "the class takes auth_client_secret=Auth.api_key(key), not auth_credentials.",
    ],
)
async def cloud_client(answer, client):
    """answer: (host: str, key: str) -> WeaviateAsyncClient of the class, as the cloud helper would build it."""
    for host in ("first.weaviate.cloud", "second.weaviate.cloud"):
        with _noted_helpers() as used:
            made = await call(answer, host, "a key")
        wrong = not_a_client(made)
        if wrong:
            return NotYet(f"for {host!r} {wrong}")
        if used:
            return NotYet(f"it called {used[0]}", "That is the helper. Build WeaviateAsyncClient itself.")
        rest, grpc = where(made)
        if rest != (host, 443, True):
            return NotYet(f"for {host!r} REST goes to {rest}", _address(rest, host))
        if grpc != (f"grpc-{host}", 443, True):
            return NotYet(f"for {host!r} gRPC goes to {grpc}", _address(grpc, f"grpc-{host}"))
        if getattr(made._connection._auth, "api_key", None) != "a key":
            why = "The class calls it auth_client_secret, and Auth.api_key makes one of a text."
            return NotYet(f"for {host!r} the client carries no API key", why)
    return Done("REST and gRPC, both encrypted, on two hosts.")


@contextlib.contextmanager
def _noted_helpers():
    """Note which of the client's helpers are called meanwhile. Yields a list of their names (str)."""
    names = ("use_async_with_weaviate_cloud", "use_async_with_custom")
    real, used = {name: getattr(weaviate, name) for name in names}, []

    def noted(name):
        def helper(*arguments, **more):
            used.append(name)
            return real[name](*arguments, **more)

        return helper

    for name in names:
        setattr(weaviate, name, noted(name))
    try:
        yield used
    finally:
        for name in names:
            setattr(weaviate, name, real[name])


def _address(place, host):
    if not place[2]:
        return "secure=False sends everything readable, keys included; the cloud speaks TLS."
    if place[0] != host:
        return f"The cloud answers there at {host}."
    return "In the cloud both ports are 443."


@exercise(
    "02.3",
    "name the fault of three clients",
    hints=[
        "connect each of them in a cell of its own and read the error's class.",
        "the table under the four errors says what each class means.",
        "UnexpectedStatusCodeError is the key, WeaviateGRPCUnavailableError the gRPC port, WeaviateStartUpError no server.",
    ],
)
async def faults(answer, client):
    """answer: list of three of FAULTS, in the order of `broken_clients`."""
    right = ["wrong key", "wrong gRPC port", "no server"]
    if not isinstance(answer, (list, tuple)) or len(answer) != 3:
        return NotYet("three faults were asked for, in a list.")
    if strange := [each for each in answer if each not in FAULTS]:
        return NotYet(f"{strange[0]!r} is none of {', '.join(map(repr, FAULTS))}.")
    for position, (said, fault) in enumerate(zip(answer, right)):
        if said != fault:
            error = await _error_of(broken_clients()[position])
            return NotYet(f"broken[{position}] is not {said!r}", f"connect() raises {error} there.")
    return Done("all three, by the class of their errors.")


async def _error_of(client):
    try:
        await client.connect()
    except weaviate.exceptions.WeaviateBaseError as error:
        return type(error).__name__
    finally:
        await client.close()


def not_a_client(made):
    """Return what is wrong if this is not a WeaviateAsyncClient, else None."""
    if inspect.iscoroutine(made):
        made.close()
        return "it returned a coroutine: connect() is not to be called here."
    if isinstance(made, weaviate.WeaviateClient):
        made.close()
        return "it returned the synchronous client: use_async_with_..., not connect_to_...."
    if not isinstance(made, weaviate.WeaviateAsyncClient):
        return f"it returned {'nothing' if made is None or made is ... else type(made).__name__}, not a client."
    return None


def where(made):
    """Return what a client points to: ((REST host, port, secure), (gRPC host, port, secure))."""
    there = made._connection._connection_params
    return tuple((place.host, place.port, place.secure) for place in (there.http, there.grpc))
