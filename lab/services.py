"""The learner's Weaviate and the offline models: bring them up, take them down.

Only what is recorded in the state folder, and still is that process, is ever stopped.
"""

import asyncio
import contextlib
import os
import shutil
import sys
import time

import filelock
import httpx

from helpers import processes, providers, server
from helpers.environment import ports_of
from helpers.nodes import Node
from helpers.processes import Record, ServerError
from helpers.settings import REPOSITORY, settings
from lab import binary, external
from lab.console import say
from lab.models import weights

WEAVIATE, MODELS = "learner", "models"


@contextlib.contextmanager
def locked(what, wait=600):
    """Hold the lock of this state folder, so that two labs at once do one thing after the other.

    Arguments: what (str: the file's name), wait (seconds; 0 raises at once). Raises filelock.Timeout.
    """
    settings.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with filelock.FileLock(settings.state_dir / f"{what}.lock", timeout=wait):
        yield


def up():
    """Start what does not run yet. Twice, or twice at once, it is one server.

    Raises ServerError, binary.NoBinary, weights.WeightsError or settings.SettingsError: one sentence each.
    """
    providers.headers()  # a key that is missing is better known now than in a cell
    with locked("up"):
        if settings.is_external:
            external.check()
        else:
            binary.get()
        if own_models():
            weights.fetch(say)
        elif not asyncio.run(models_answer()):
            raise ServerError(
                f"No offline models answer at {settings.models_url}: start them, or mend COURSE_MODELS_URL in .env."
            )
        asyncio.run(_start_both())


async def _start_both():
    started = []
    try:
        async with asyncio.TaskGroup() as group:
            if not settings.is_external:
                group.create_task(_weaviate(started))
            if own_models():
                group.create_task(_models(started))
    except BaseException as error:  # Ctrl-C too: what this call has started goes again
        for name in started:
            await asyncio.shield(server.forget(name))
        raise error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error


def own_models():
    """Return True if the lab is to run the offline models itself: whoever the provider is, some lessons use the one
    that waits."""
    return not settings.get("COURSE_MODELS_URL")


def weaviate_node():
    """Return the learner's Weaviate as a helpers.nodes.Node that can be asked whether it answers."""
    ports = ports_of(settings.weaviate_port, settings.weaviate_grpc_port)
    log = settings.state_dir / "logs" / f"{WEAVIATE}-node1.log"
    return Node(ports, {}, log, settings.api_key, peers=1, program=settings.binary_path)


async def _weaviate(started):
    ports = (settings.weaviate_port, settings.weaviate_grpc_port)
    recorded = Record(settings.state_dir / "servers", WEAVIATE)
    if recorded.running() and recorded.read().get("ports") == [ports_of(*ports).all()]:
        if await weaviate_node().answers():
            say(f"Weaviate {settings.weaviate_version} is up already, on port {ports[0]}.")
            return
    began = time.monotonic()
    await server.start(WEAVIATE, data=settings.state_dir / "data", ports=ports, key=settings.api_key)
    started.append(WEAVIATE)
    say(f"Weaviate {settings.weaviate_version} is up on ports {ports[0]} and {ports[1]} ({_since(began)}).")


async def _models(started):
    record, url = Record(settings.state_dir / "servers", MODELS), settings.models_url
    if record.running() and (record.read() or {}).get("port") == settings.models_port and await models_answer():
        say(f"The offline models are up already, on port {settings.models_port}.")
        return
    await server.forget(MODELS)
    taken = processes.wait_until_free([settings.models_port])
    if taken:
        raise ServerError(
            f"Port {taken} is held by {processes.holder(taken)}. Stop that program, or set COURSE_MODELS_PORT in .env."
        )
    began, log = time.monotonic(), settings.state_dir / "logs" / "models.log"
    command = [sys.executable, "-m", "lab.models", "--port", str(settings.models_port)]
    process = processes.spawn(command, log, os.environ | {"PYTHONPATH": str(REPOSITORY)})
    record.write(port=settings.models_port, processes=[processes.identity(process)])
    try:
        while not await models_answer():
            if not processes.alive(process):
                raise ServerError(f"The offline models stopped while starting.\n{processes.last_lines(log)}")
            if time.monotonic() - began > 60:
                raise ServerError(f"The offline models are not ready after 60 s. Their log: {log}")
            await asyncio.sleep(0.05)
    except BaseException:
        await asyncio.shield(server.forget(MODELS))
        raise
    started.append(MODELS)
    say(f"The offline models are up on {url} ({_since(began)}).")


async def models_answer():
    """Return True if the offline models answer at the address of the settings."""
    async with httpx.AsyncClient(timeout=2, trust_env=False) as http:
        try:
            tags = (await http.get(f"{settings.models_url}/api/tags")).json()
        except (httpx.HTTPError, ValueError):
            return False
    return any(model["name"].startswith(settings.offline_generator) for model in tags.get("models", []))


def down():
    """Stop every server that is recorded in the state folder. Result: list of str, the names of what was running."""
    with locked("up"):
        records = (settings.state_dir / "servers").glob("*.json")
        names = sorted(path.stem for path in records)
        return [name for name in names if asyncio.run(server.forget(name))]


def drop_data():
    """Delete the learner's Weaviate data. Its server must be down."""
    shutil.rmtree(settings.state_dir / "data", ignore_errors=True)


def _since(began):
    return f"{time.monotonic() - began:.1f} s"
