"""Ollama's API: what is answered, what is refused and how, and who waits for whom."""

import asyncio
import json
import os
import threading
import time

import httpx
import numpy as np
import pytest

from lab.models.app import DIMENSIONS, create_app
from lab.models.embedder import CONTEXT

PROCESSORS = os.cpu_count() or 1
QUESTION = 'What is red?: [{"text":"The barn is red and the house is blue."}]'


def client(embedder, *allowed_hosts, host="127.0.0.1:11435"):
    transport = httpx.ASGITransport(create_app(embedder, allowed_hosts), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=f"http://{host}", timeout=None)


def embedding(text="", model="all-minilm", **fields):
    return {"model": model, "input": text, **fields}


class Fake:
    """An embedder that counts, and can be made to hold its threads."""

    def __init__(self):
        self.texts, self.go = [], threading.Event()
        self.go.set()

    def embed(self, texts):
        self.texts += texts
        self.go.wait(30)  # if the loop runs this, it must end for the test to fail
        return np.full((len(texts), DIMENSIONS), len(self.texts) / 4, np.float32)

    def is_too_long(self, texts):
        return False


@pytest.fixture
async def http(embedder):
    async with client(embedder) as http:
        yield http


# --- what is answered ---


async def test_says_what_it_is(http):
    response = await http.get("/")
    assert response.text == "Ollama is running"
    head = await http.head("/")
    assert head.status_code == 200 and head.text == ""
    assert "offline" in (await http.get("/api/version")).json()["version"]
    names = [model["name"] for model in (await http.get("/api/tags")).json()["models"]]
    assert names == ["all-minilm:latest", "extractive:latest"]


async def test_vectors_in_the_order_of_the_texts(http, embedder):
    texts = ["red", "", "a much longer text about something blue", "red"]
    for model in ("all-minilm", "all-minilm:latest", "all-minilm:wait-0ms"):
        answer = (await http.post("/api/embed", json=embedding(texts, model))).json()
        assert answer["model"] == model
        np.testing.assert_allclose(answer["embeddings"], embedder.embed(texts), rtol=0, atol=1e-5)


async def test_one_text_or_none(http):
    assert len((await http.post("/api/embed", json=embedding("red"))).json()["embeddings"]) == 1
    for model in ("all-minilm", "all-minilm:wait-0ms"):
        assert (await http.post("/api/embed", json=embedding([], model))).json()["embeddings"] == []


async def test_body_without_content_type_and_double_slash(http):
    response = await http.post("http://localhost//api//embed/", content=json.dumps(embedding("red")))
    assert "content-type" not in response.request.headers
    assert response.status_code == 200


async def test_answer_whole_and_in_pieces(http):
    body = {"model": "extractive", "prompt": QUESTION}
    whole = (await http.post("/api/generate", json=body | {"stream": False})).json()
    assert whole["response"] == "The barn is red and the house is blue. [1]"
    assert whole["done"] and whole["done_reason"] == "stop"
    response = await http.post("/api/generate", json=body)
    assert response.headers["content-type"] == "application/x-ndjson"
    pieces = [json.loads(line) for line in response.text.splitlines()]
    assert "".join(piece["response"] for piece in pieces) == whole["response"]
    assert [piece["done"] for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert len(pieces) > 5


async def test_half_of_a_surrogate_pair(http):
    prompt = 'What is red?: [{"text":"The barn is red and \\ud800 the house is blue."}]'
    response = await http.post("/api/generate", json={"model": "extractive", "prompt": prompt, "stream": False})
    assert "\ud800" in response.json()["response"]


# --- who waits for whom ---


async def test_root_answers_while_embeddings_wait():
    fake, ended, prompt = Fake(), [], {"model": "extractive", "prompt": QUESTION}
    fake.go.clear()

    async def asked(name, request):
        assert (await request).status_code == 200
        ended.append(name)

    async with client(fake) as http, asyncio.TaskGroup() as group:
        for _ in range(PROCESSORS + 2):
            group.create_task(asked("embed", http.post("/api/embed", json=embedding("red"))))
            group.create_task(asked("generate", http.post("/api/generate", json=prompt)))
        while not fake.texts:
            await asyncio.sleep(0)
        await asked("root", http.get("/"))
        fake.go.set()
    assert ended[0] == "root" and len(ended) == 2 * PROCESSORS + 5


async def test_no_more_threads_than_processors():
    fake = Fake()
    fake.go.clear()
    async with client(fake) as http, asyncio.TaskGroup() as group:
        for number in range(PROCESSORS + 6):
            group.create_task(http.post("/api/embed", json=embedding(str(number))))
        while len(fake.texts) < PROCESSORS:
            await asyncio.sleep(0)
        await asyncio.sleep(0.1)  # time for one too many to start
        started = len(fake.texts)
        fake.go.set()
    assert started == PROCESSORS


async def test_waits_at_least_as_long_as_its_name_says(http):
    for _ in range(2):
        started = time.monotonic()
        await http.post("/api/embed", json=embedding("red", "all-minilm:wait-120ms"))
        assert time.monotonic() - started >= 0.12


async def test_a_waiting_model_remembers_and_the_other_does_not():
    fake = Fake()
    async with client(fake) as http:
        first = await http.post("/api/embed", json=embedding(["red", "blue"], "all-minilm:wait-1ms"))
        again = await http.post("/api/embed", json=embedding(["blue", "red"], "all-minilm:wait-2ms"))
        assert fake.texts == ["red", "blue"]
        assert again.json()["embeddings"] == first.json()["embeddings"][::-1]
        for _ in range(2):
            await http.post("/api/embed", json=embedding("red"))
        assert fake.texts == ["red", "blue", "red", "red"]


async def test_waiting_holds_no_thread():
    fake = Fake()
    async with client(fake) as http:
        bodies = [embedding(str(number), "all-minilm:wait-60000ms") for number in range(PROCESSORS + 1)]
        waiting = [asyncio.create_task(http.post("/api/embed", json=body)) for body in bodies]
        while len(fake.texts) < len(bodies):
            await asyncio.sleep(0)
        await asyncio.sleep(0.1)  # time to take a thread
        assert (await http.post("/api/embed", json=embedding("red"))).status_code == 200
        assert not any(task.done() for task in waiting)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


# --- what is refused ---


def is_sentence(response, status, *words):
    assert response.status_code == status, response.text
    assert list(response.json()) == ["error"]
    error = response.json()["error"]
    assert "\n" not in error and all(word in error for word in words), error
    return True


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("embed", embedding(model="llama3"), 404, ["model 'llama3' not found"]),
        ("embed", embedding(model="all-minilm:v2"), 404, ["not found"]),
        ("embed", embedding(model="all-minilm:wait-ms"), 404, ["not found"]),
        ("embed", embedding(model="all-minilm:wait--1ms"), 404, ["not found"]),
        ("embed", embedding(model="all-minilm:wait-1.5ms"), 404, ["not found"]),
        ("embed", embedding(model="all-minilm:wait-٣ms"), 404, ["not found"]),
        ("embed", embedding(model="all-minilm:wait-60001ms"), 400, ["60000"]),
        ("embed", embedding(model=f"all-minilm:wait-{'9' * 5000}ms"), 400, ["60000"]),
        ("embed", embedding(model="\ud800"), 404, ["'\ud800' not found"]),
        ("generate", {"model": "llama3"}, 404, ["model 'llama3' not found"]),
        ("embed", embedding(model="extractive"), 400, ['"extractive" does not support embeddings']),
        ("generate", {"model": "all-minilm"}, 400, ['"all-minilm" does not support generate']),
        ("generate", {"model": "all-minilm:wait-5ms"}, 400, ["does not support generate"]),
        ("embed", embedding(model=None), 400, ["model", "string"]),
        ("embed", embedding(model=["all-minilm"]), 400, ["model", "string"]),
        ("embed", {"model": "all-minilm"}, 400, ["input"]),
        ("embed", embedding(7), 400, ["input"]),
        ("embed", embedding(["red", 7]), 400, ["input"]),
        ("embed", embedding(["red"] * 65), 400, ["65", "64"]),
        ("embed", embedding("red", truncate="no"), 400, ["truncate", "boolean"]),
        ("embed", embedding("red", dimensions=64), 400, ["384"]),
        ("embed", embedding("cat " * CONTEXT, truncate=False), 400, ["256"]),
        ("generate", {"model": "extractive", "prompt": 7}, 400, ["prompt", "string"]),
        ("generate", {"model": "extractive", "stream": "no"}, 400, ["stream", "boolean"]),
        ("embed", [], 400, ["object"]),
        ("embed", embedding("x" * 1_000_000), 413, ["1,000,000"]),
        ("generate", {"model": "extractive", "prompt": "x" * 1_000_000}, 413, ["1,000,000"]),
        ("nothing", {}, 404, []),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else None,
)
async def test_refuses(http, path, body, status, words):
    assert is_sentence(await http.post(f"/api/{path}", content=json.dumps(body)), status, *words)


NOT_JSON = [b"", b"{", b"\xff", b'{"model": NaNa}', b"[" * 100_000, b'{"a":' + b"1" * 5000 + b"}"]


@pytest.mark.parametrize("content", NOT_JSON, ids=len)
async def test_refuses_what_is_not_json(http, content):
    assert is_sentence(await http.post("/api/embed", content=content), 400, "JSON")


async def test_longest_list_and_longest_wait_are_allowed():
    async with client(Fake()) as http:
        assert len((await http.post("/api/embed", json=embedding(["red"] * 64))).json()["embeddings"]) == 64
        task = asyncio.create_task(http.post("/api/embed", json=embedding("red", "all-minilm:wait-60000ms")))
        assert await asyncio.wait([task], timeout=0.05) == (set(), {task})
        task.cancel()


async def test_long_texts_are_cut_unless_told_not_to(http):
    long = "cat " * CONTEXT
    for body in (embedding("red", truncate=False), embedding(long), embedding(long, truncate=True)):
        assert (await http.post("/api/embed", json=body)).status_code == 200


@pytest.mark.parametrize(("megabytes", "read"), [(5, 5), (100, 17)])
async def test_reads_a_large_body_to_its_end_but_not_without_end(http, megabytes, read):
    sent = []

    async def body():
        while len(sent) < megabytes:
            sent.append(1_000_000)
            yield b" " * 1_000_000

    assert is_sentence(await http.post("/api/embed", content=body()), 413)
    assert len(sent) == read


async def test_refuses_a_method(http):
    response = await http.get("/api/embed")
    assert is_sentence(response, 405) and response.headers["allow"] == "POST"


async def test_a_mistake_of_ours_is_json_too():
    async with client(None) as http:
        assert is_sentence(await http.post("/api/embed", json=embedding("red")), 500, "log")


@pytest.mark.parametrize("host", ["127.0.0.1:1", "localhost", "LOCALHOST:11435", "[::1]:11435", "models:11435"])
async def test_allowed_hosts(embedder, host):
    async with client(embedder, "Models") as http:
        assert (await http.get("/", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("host", ["", "evil.example", "localhost.evil.example:1", "evil.example:localhost", "models"])
async def test_other_hosts(http, host):
    assert is_sentence(await http.get("/", headers={"Host": host}), 403, "--allow-host")
