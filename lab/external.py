"""A Weaviate that the lab did not start, named by WEAVIATE_HOST: can the course be run against it?"""

import asyncio

import httpx

from helpers.nodes import grpc_answers
from helpers.processes import ServerError
from helpers.providers import chosen
from helpers.server import version_numbers
from helpers.settings import settings


def check():
    """Ask the server for its version and modules.

    Raises ServerError with one sentence: not reachable, a wrong key, too old, or a module that is missing.
    """
    place = settings.local
    base = f"http://{place['host']}:{place['port']}/v1"
    headers = {"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {}
    try:
        answer = httpx.get(f"{base}/meta", headers=headers, timeout=10, trust_env=False)
    except httpx.HTTPError as error:
        raise ServerError(
            f"No Weaviate answers at {place['host']}:{place['port']} ({error}). Start it, or mend WEAVIATE_HOST and"
            " WEAVIATE_PORT in .env."
        ) from error
    if answer.status_code in (401, 403):
        raise ServerError(f"Weaviate at {place['host']} refuses the key: set WEAVIATE_API_KEY in .env.")
    try:
        meta = answer.json()
        version, modules = meta["version"], meta.get("modules") or {}
        numbers = version_numbers(version)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ServerError(f"What answers at {place['host']}:{place['port']} is not Weaviate.") from error
    if numbers < version_numbers(settings.oldest_weaviate):
        raise ServerError(
            f"Weaviate at {place['host']} is version {version}; the course needs {settings.oldest_weaviate} or newer."
        )
    if not asyncio.run(grpc_answers(place["grpc_port"], host=place["host"])):
        raise ServerError(
            f"Weaviate at {place['host']} answers REST, but no gRPC on port {place['grpc_port']}: open that port, or"
            " mend WEAVIATE_GRPC_PORT in .env."
        )
    api = chosen().api
    missing = sorted({f"text2vec-{api}", f"generative-{api}"} - set(modules))
    if missing:
        raise ServerError(
            f"Weaviate at {place['host']} lacks the modules {' and '.join(missing)}: name them in its ENABLE_MODULES,"
            " or choose another COURSE_PROVIDER in .env."
        )
