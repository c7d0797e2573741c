"""Ollama's HTTP API, as far as Weaviate and the official Python client need it for vectors and texts.

Source: Ollama docs/api.md; Weaviate 1.39 modules text2vec-ollama and generative-ollama, which send no Content-Type for
vectors, `//api/embed` where the endpoint ends in a slash, follow no redirect, and read JSON on every error.
"""

import asyncio
import json
import os
import re
import time
from datetime import UTC, datetime

import anyio
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from helpers.settings import settings
from lab.models import incoming
from lab.models.extractive import answer
from lab.models.memory import Memory

EMBEDDER, READER = settings.embedding_model, settings.offline_generator
WAITING = re.compile(re.escape(EMBEDDER) + r":wait-([0-9]+)ms")
LONGEST_WAIT = 60_000  # ms
DIMENSIONS = 384


class JSON(Response):
    """JSON in ASCII, so that half a surrogate pair, which UTF-8 cannot carry, comes back as it came."""

    media_type = "application/json"

    def render(self, content):
        return json.dumps(content).encode()


class Door:
    """Middleware: refuses host names that are not ours (a web page could otherwise reach this port by a name of its
    own that resolves to 127.0.0.1), and makes `//api/embed` the path that it means.
    """

    def __init__(self, app, allowed_hosts):
        self.app = app
        self.allowed_hosts = {name.lower() for name in allowed_hosts}

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            host = re.sub(r":\d+$", "", Headers(scope=scope).get("host", "")).lower()
            if host not in self.allowed_hosts:
                sentence = f"the host name {host!r} is not allowed; start the models with --allow-host to allow it"
                return await JSON({"error": sentence}, 403)(scope, receive, send)
            scope = scope | {"path": "/" + "/".join(part for part in scope["path"].split("/") if part)}
        await self.app(scope, receive, send)


def create_app(embedder, allowed_hosts=()):
    """Return the ASGI application.

    Arguments: embedder (with the methods of embedder.Embedder), allowed_hosts (names in the Host header that are
    answered besides 127.0.0.1 and localhost).
    """
    models = Models(embedder)
    return Starlette(
        routes=[
            Route("/", running, methods=["GET"]),
            Route("/api/version", version, methods=["GET"]),
            Route("/api/tags", tags, methods=["GET"]),
            Route("/api/embed", models.embed, methods=["POST"]),
            Route("/api/generate", models.generate, methods=["POST"]),
        ],
        middleware=[Middleware(Door, allowed_hosts={"127.0.0.1", "[::1]", "localhost", *allowed_hosts})],
        exception_handlers={HTTPException: refused, Exception: failed},
    )


async def running(request):
    """GET /"""
    return PlainTextResponse("Ollama is running")


async def version(request):
    """GET /api/version: what says that this is not Ollama."""
    return JSON({"version": "0.0.0-offline-models"})


async def tags(request):
    """GET /api/tags: the models."""
    sizes = {EMBEDDER: ("bert", 90_868_376), READER: ("none", 0)}
    return JSON({"models": [_tag(name, family, size) for name, (family, size) in sizes.items()]})


def _tag(name, family, size):
    details = {"family": family, "families": [family], "format": "safetensors", "parent_model": ""}
    model = {"name": f"{name}:latest", "model": f"{name}:latest", "modified_at": "2021-08-30T00:00:00Z"}
    return model | {"size": size, "digest": "", "details": details}


async def refused(request, error):
    """Turn an HTTPException into Ollama's form of an error."""
    return JSON({"error": error.detail}, error.status_code, error.headers)


async def failed(request, error):
    """Answer for an exception that nobody expected; the server writes its traceback to the log."""
    return JSON({"error": "internal error; the log of the offline models has the traceback"}, 500)


class Models:
    """The two POST routes. The arithmetic runs in threads, one a processor, so that the loop is free to answer."""

    def __init__(self, embedder):
        self._embedder = embedder
        self._memory = Memory()
        self._processors = anyio.CapacityLimiter(os.cpu_count() or 1)

    async def _run(self, function, *arguments):
        return await anyio.to_thread.run_sync(function, *arguments, limiter=self._processors)

    async def embed(self, request):
        """POST /api/embed: vectors of texts, in their order."""
        started = time.monotonic()
        body = await incoming.read(request)
        model, wait = find(body, EMBEDDER, "embeddings")
        texts = incoming.texts(body)
        if body.get("dimensions") not in (None, DIMENSIONS):
            raise HTTPException(400, f'"{model}" makes vectors of {DIMENSIONS} dimensions only')
        if not incoming.field(body, "truncate", bool, True) and await self._run(self._embedder.is_too_long, texts):
            raise HTTPException(400, "the input length exceeds the context length of 256 tokens")
        if wait is None:
            vectors = await self._vectors(texts)
        else:
            vectors = await self._memory.vectors(texts, self._vectors)
            await asyncio.sleep(wait - (time.monotonic() - started))
        rounded = vectors.astype(float).round(8).tolist()  # float32 holds no more digits, and this is half the bytes
        return JSON({"model": model, "embeddings": rounded, "total_duration": _nanoseconds(started)})

    async def _vectors(self, texts):
        return await self._run(self._embedder.embed, texts)

    async def generate(self, request):
        """POST /api/generate: an answer made of quotes, whole or (as Ollama does unless told not to) in pieces."""
        started = time.monotonic()
        body = await incoming.read(request)
        model, _ = find(body, READER, "generate")
        prompt, stream = incoming.field(body, "prompt", str, ""), incoming.field(body, "stream", bool, True)
        text = await self._run(answer, prompt, self._embedder.embed)
        common = {"model": model, "created_at": datetime.now(UTC).isoformat()}
        end = common | {"done": True, "done_reason": "stop", "total_duration": _nanoseconds(started)}
        if not stream:
            return JSON(end | {"response": text})
        pieces = [common | {"response": piece, "done": False} for piece in re.findall(r"\s*\S+", text)]
        lines = (json.dumps(piece) + "\n" for piece in [*pieces, end | {"response": ""}])
        return StreamingResponse(lines, media_type="application/x-ndjson")


def find(body, wanted, ability):
    """Return the name of the model in a body (dict), as it was written, and its wait in seconds or None.

    Arguments: wanted (str: the model that can do it), ability (str, for the message).
    Raises HTTPException 404: there is no such model; 400: it is the other one, or waits too long.
    """
    model = incoming.field(body, "model", str)
    name = model.removesuffix(":latest")
    waiting = WAITING.fullmatch(name)
    known = EMBEDDER if waiting else name
    if known not in (EMBEDDER, READER):
        raise HTTPException(404, f"model '{model}' not found")
    if known != wanted:
        raise HTTPException(400, f'"{model}" does not support {ability}')
    if waiting and (len(waiting[1]) > 9 or int(waiting[1]) > LONGEST_WAIT):
        raise HTTPException(400, f"model '{model}' waits too long: at most {LONGEST_WAIT} ms")
    return model, int(waiting[1]) / 1000 if waiting else None


def _nanoseconds(started):
    return int((time.monotonic() - started) * 1e9)
