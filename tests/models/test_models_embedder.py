"""The vectors are those of all-MiniLM-L6-v2, however the texts are batched."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from lab.models.embedder import _gelu

# The first ten numbers for the model all-minilm in Ollama's docs/api.md, "Generate Embeddings".
PUBLISHED = {
    "Why is the sky blue?": [
        *(0.010071029, -0.0017594862, 0.05007221, 0.04692972, 0.054916814),
        *(0.008599704, 0.105441414, -0.025878139, 0.12958129, 0.031952348),
    ],
    "Why is the grass green?": [
        *(-0.0098027075, 0.06042469, 0.025257962, -0.006364387, 0.07272725),
        *(0.017194884, 0.09032035, -0.051705178, 0.09951512, 0.09072481),
    ],
}
ODD = ["", " ", "\0", "\ud800", "a\udfffb", "e\u0301", "x" * 5000, "[SEP] [MASK]"]
ODD += ["日本語の映画", "Ελλάδα ς", "مرحبا", "🎬👩‍🚀"]


def test_published_numbers(embedder):
    vectors = embedder.embed(list(PUBLISHED))
    np.testing.assert_allclose(vectors[:, :10], list(PUBLISHED.values()), rtol=0, atol=1e-3)


def test_shape_and_length(embedder):
    vectors = embedder.embed(["one", "two", "one"])
    assert vectors.shape == (3, 384) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert embedder.embed([]).shape == (0, 384)


def test_alone_as_in_a_batch_and_in_order(embedder, films):
    texts = [film["overview"] for film in films.values()][:5] + list(films)[:10] + ODD
    alone = np.concatenate([embedder.embed([text]) for text in texts])
    np.testing.assert_allclose(embedder.embed(texts), alone, rtol=0, atol=1e-5)
    np.testing.assert_allclose(embedder.embed(texts[::-1]), alone[::-1], rtol=0, atol=1e-5)


@pytest.mark.parametrize("text", ODD)
def test_any_text_has_a_vector(embedder, text):
    assert np.isfinite(embedder.embed([text])).all()


def test_lone_surrogate_counts_as_nothing(embedder):
    plain, odd = embedder.embed(["ab", "a\ud800b"])
    np.testing.assert_allclose(plain, odd, atol=1e-6)


def test_context_of_256_tokens(embedder):
    full = "cat " * 254  # and one token at each end
    assert not embedder.is_too_long(["", full])
    assert embedder.is_too_long(["", full + "dog"])
    vectors = embedder.embed([full, full + "dog", "cat " * 253 + "dog"])
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)
    assert abs(vectors[0] - vectors[2]).max() > 1e-3


def test_meaning_not_words(embedder):
    texts = ["a physician in space", "The doctor on the orbital station", "How to bake bread"]
    query, near, far = embedder.embed(texts)
    assert query @ near > query @ far + 0.2


def test_several_threads(embedder, films):
    texts = list(films)[:8]
    expected = embedder.embed(texts)
    with ThreadPoolExecutor(4) as pool:
        for vectors in pool.map(embedder.embed, [texts] * 8):
            np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_gelu_is_that_of_the_error_function():
    x = np.linspace(-8, 8, 4001, dtype=np.float32)
    exact = [value * (1 + math.erf(value / math.sqrt(2))) / 2 for value in x.tolist()]
    np.testing.assert_allclose(_gelu(x), exact, rtol=0, atol=2e-6)
