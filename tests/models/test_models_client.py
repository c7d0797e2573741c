"""Over a real connection: Ollama's official client, and bodies whose length is not told."""

import http.client
import json
import socket
import time
from urllib.parse import urlsplit

import httpx
import numpy as np
import ollama
import pytest

QUESTION = 'What is red?: [{"text":"The barn is red and the house is blue."}]'
QUOTE = "The barn is red and the house is blue. [1]"


@pytest.fixture
def official(url):
    return ollama.Client(url, trust_env=False)


def test_embed(official, embedder):
    texts = ["red", "blue"]
    np.testing.assert_allclose(official.embed("all-minilm", texts).embeddings, embedder.embed(texts), atol=1e-5)


def test_generate(official):
    assert official.generate("extractive", QUESTION).response == QUOTE
    pieces = list(official.generate("extractive", QUESTION, stream=True))
    assert "".join(piece.response for piece in pieces) == QUOTE
    assert pieces[-1].done and not pieces[0].done


def test_list(official):
    assert [model.model for model in official.list().models] == ["all-minilm:latest", "extractive:latest"]


async def test_asynchronously(url, embedder):
    async with ollama.AsyncClient(url, trust_env=False) as official:
        vectors = (await official.embed("all-minilm", "red")).embeddings
    np.testing.assert_allclose(vectors, embedder.embed(["red"]), atol=1e-5)


def test_errors_are_ollamas(official):
    with pytest.raises(ollama.ResponseError, match="model 'llama3' not found") as caught:
        official.embed("llama3", "red")
    assert caught.value.status_code == 404
    with pytest.raises(ollama.ResponseError, match="does not support generate"):
        list(official.generate("all-minilm", "red", stream=True))


def test_one_connection_for_many_requests(url):
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    sockets = set()
    for path in ("/", "/api/tags", "/nothing", "//api/version"):
        connection.request("GET", path)
        connection.getresponse().read()
        sockets.add(connection.sock)
    assert len(sockets) == 1 and None not in sockets
    connection.close()


def test_large_body_is_refused_after_it_was_sent(url):
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    connection.request("POST", "/api/embed", b" " * 5_000_000)
    assert connection.getresponse().status == 413
    connection.close()


def test_client_that_leaves_is_no_error_of_ours(url, caplog):
    for sent in (b"{", json.dumps({"model": "all-minilm:wait-100ms", "input": "red"}).encode().ljust(100)):
        with socket.create_connection(urlsplit(url).netloc.split(":")) as left:
            left.sendall(b"POST /api/embed HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n" + sent)
    time.sleep(0.3)
    assert httpx.get(url, trust_env=False).status_code == 200
    assert not caplog.records


def test_body_of_untold_length(url):
    def post(size):
        connection = http.client.HTTPConnection(urlsplit(url).netloc)
        body = json.dumps({"model": "all-minilm", "input": "red", "padding": "x" * size}).encode()
        chunks = (body[start : start + 4096] for start in range(0, len(body), 4096))
        connection.request("POST", "/api/embed", chunks, encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
        response = connection.getresponse()
        content = json.loads(response.read())
        connection.close()
        return response.status, content

    assert post(900_000)[0] == 200
    status, content = post(1_000_000)
    assert status == 413 and "1,000,000" in content["error"]
