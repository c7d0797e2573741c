"""The real embedder, loaded once, and a server that listens on a free port of this machine."""

import json
import os
import threading
import time

import pytest
import uvicorn

from helpers.settings import REPOSITORY
from lab.models import weights
from lab.models.__main__ import ONE_THREAD, bound

os.environ.update(ONE_THREAD)  # before NumPy: on a busy machine two threads a product are ten times slower than one
from lab.models.app import create_app  # noqa: E402
from lab.models.embedder import Embedder  # noqa: E402


@pytest.fixture(scope="session")
def embedder():
    return Embedder(weights.fetch())


@pytest.fixture(scope="session")
def films():
    """Title and overview of the course's films, by title."""
    with open(REPOSITORY / "data" / "films.jsonl", encoding="utf-8") as file:
        rows = map(json.loads, file)
        return {row["title"]: {"title": row["title"], "overview": row["overview"]} for row in rows}


@pytest.fixture(scope="session")
def url(embedder):
    """Address of a real server with the real embedder."""
    listener = bound("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(create_app(embedder), log_config=None, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    yield "http://127.0.0.1:%d" % listener.getsockname()[1]
    server.should_exit = True
    thread.join()
