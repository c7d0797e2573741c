"""What is wrong with this machine, and how to mend it: python3 -m lab doctor"""

import asyncio
import importlib.metadata
import os
import re
import shutil
from dataclasses import dataclass

import weaviate
from weaviate.classes.config import DataType, Property
from weaviate.exceptions import WeaviateBaseError

from helpers import processes, providers
from helpers.environment import ports_of
from helpers.nodes import grpc_answers
from helpers.processes import Record, ServerError
from helpers.providers import ProviderError
from helpers.settings import REPOSITORY, settings
from lab import binary, external, services
from lab.console import say
from lab.models import weights

ENOUGH_DISK = 2e9  # bytes
COLLECTION = "LabDoctor"
OTHER_ADDRESS = "127.0.0.2"  # stands for any address of this machine but 127.0.0.1


@dataclass(frozen=True)
class Finding:
    """What is wrong, and what to do about it: one sentence each."""

    what: str
    cure: str


def report():
    """Print every check and what it found. Result: int, 1 if anything is wrong."""
    wrong = 0
    for title, check in CHECKS.items():
        findings = check()
        wrong += len(findings)
        say(f"{'not well' if findings else 'well    '}  {title}")
        for finding in findings:
            say(f"          - {finding.what}")
            say(f"            {finding.cure}")
    say(f"{wrong} to mend." if wrong else "Everything this course needs works on this machine.")
    return int(bool(wrong))


def disk():
    """Is there room for data?"""
    free = shutil.disk_usage(REPOSITORY).free
    if free < ENOUGH_DISK:
        cure = f"free some: the course needs {ENOUGH_DISK / 1e9:.0f} GB"
        yield Finding(f"only {free / 1e9:.1f} GB of disk are free", cure)


def proxy():
    """Would gRPC go through a proxy to reach this machine? It obeys the environment; REST through the client not."""
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        exempt = re.split(r"[ ,]+", os.environ.get("no_proxy", "") + "," + os.environ.get("no_grpc_proxy", ""))
        if os.environ.get(name) and not {settings.local["host"], "*"} & set(exempt):
            yield Finding(
                f"{name} is set, and gRPC obeys it even for this machine",
                "in the shell that starts the lab: export no_proxy=localhost,127.0.0.1",
            )
            return


def client_version():
    """Is the installed client the one the notebooks are checked against?"""
    pinned = re.search(r"^weaviate-client==(\S+)", (REPOSITORY / "requirements.txt").read_text(), re.MULTILINE)[1]
    installed = importlib.metadata.version("weaviate-client")
    if installed != pinned:
        yield Finding(
            f"weaviate-client {installed} is installed, and the notebooks are checked against {pinned}",
            "delete .venv and run python3 -m lab",
        )


def program():
    """Does the Weaviate program run?"""
    path = settings.binary_path
    if not settings.is_external and path.exists() and not binary.runs(path):
        yield Finding(f"the Weaviate program does not run: {path}", "delete it and run python3 -m lab")


def model_weights():
    """Are the weights of the embedding model whole?"""
    if services.own_models() and (wrong := weights.damage()):
        yield Finding(wrong, "run python3 -m lab: it fetches them again")


def records():
    """Does every recorded server still run?"""
    for path in sorted((settings.state_dir / "servers").glob("*.json")):
        record = Record(path.parent, path.stem)
        if not record.running():
            yield Finding(
                f"{path.stem} is recorded as running and is not (it crashed, or the machine was restarted)",
                "python3 -m lab up starts it again; python3 -m lab down forgets it",
            )


def ports():
    """Are the ports ours, or free?"""
    wanted = {}
    if not settings.is_external:
        wanted[services.WEAVIATE] = ports_of(settings.weaviate_port, settings.weaviate_grpc_port).all()
    if services.own_models():
        wanted[services.MODELS] = [settings.models_port]
    for name, numbers in wanted.items():
        if Record(settings.state_dir / "servers", name).running():
            continue
        for port in filter(processes.is_taken, numbers):
            variable = "COURSE_MODELS_PORT" if name == services.MODELS else "WEAVIATE_PORT and WEAVIATE_GRPC_PORT"
            yield Finding(
                f"port {port} is held by {processes.holder(port)}", f"stop that program, or set {variable} in .env"
            )


def keys():
    """Is the chosen provider's key there?"""
    try:
        providers.headers()
    except ProviderError as error:
        yield Finding(*re.split("[:;] ", str(error), maxsplit=1))


def server_version():
    """Is a Weaviate that the lab did not start good enough?"""
    if settings.is_external:
        try:
            external.check()
        except (ServerError, ProviderError) as error:
            yield Finding(str(error), "see .env.example")


def doors():
    """Can others reach gRPC without a key? Weaviate listens for it on every address of the machine."""

    async def stranger_sees():
        if not await grpc_answers(settings.weaviate_grpc_port, OTHER_ADDRESS):
            return False
        client = weaviate.use_async_with_local(**settings.local | {"auth_credentials": None}, skip_init_checks=True)
        try:
            await client.connect()
            return True
        except WeaviateBaseError:
            return False
        finally:
            await client.close()

    if asyncio.run(stranger_sees()):
        yield Finding(
            f"whoever reaches this machine can read and write through gRPC on port {settings.weaviate_grpc_port}",
            "give Weaviate an API key (the lab's own has one), or close that port in your firewall",
        )


def round_trip():
    """Connect, write, vectorize, search, generate, delete, in a collection of its own."""
    steps = []
    try:
        asyncio.run(asyncio.wait_for(_round_trip(steps), 60))
    except (WeaviateBaseError, ProviderError, TimeoutError, AssertionError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        cure = "python3 -m lab up" if steps[-1] == "connect" else f"its log: {settings.state_dir / 'logs'}"
        yield Finding(f"could not {steps[-1]}: {reason[:200]}", cure)


async def _round_trip(steps):
    steps.append("connect")
    client = weaviate.use_async_with_local(**settings.local, headers=providers.headers())
    try:
        await client.connect()
        steps.append("create a collection")
        await client.collections.delete(COLLECTION)
        notes = await client.collections.create(
            COLLECTION,
            properties=[Property(name="text", data_type=DataType.TEXT)],
            vector_config=providers.vectors(source_properties=["text"]),
            generative_config=providers.generative(),
        )
        steps.append("write and vectorize")
        texts = ["The doctor listens to a heart.", "Snow falls on the mountain."]
        result = await notes.data.insert_many([{"text": text} for text in texts])
        assert not result.has_errors, next(iter(result.errors.values())).message
        steps.append("search")
        found = await notes.query.near_text(query="a physician examines a patient", limit=1)
        assert found.objects[0].properties["text"] == texts[0], "the nearest text is not the one that means the same"
        steps.append("generate")
        answer = await notes.generate.near_text(
            query="medicine", limit=1, grouped_task="What does the doctor listen to?"
        )
        assert answer.generative and answer.generative.text, "the answer is empty"
        steps.append("delete the collection")
    finally:
        if client.is_connected():
            await client.collections.delete(COLLECTION)
        await client.close()


def _listed(check):
    return lambda: list(check())


CHECKS = {
    "disk": _listed(disk),
    "proxy settings": _listed(proxy),
    "version of the client": _listed(client_version),
    "Weaviate program": _listed(program),
    "model weights": _listed(model_weights),
    "records of servers": _listed(records),
    "ports": _listed(ports),
    "provider key": _listed(keys),
    "Weaviate named by WEAVIATE_HOST": _listed(server_version),
    "connect, write, vectorize, search, generate, delete": _listed(round_trip),
    "gRPC seen from outside": _listed(doors),
}
