"""all-MiniLM-L6-v2 in NumPy: tokens, six layers of a BERT encoder, the mean over the tokens, length 1.

Source: Devlin et al. 2018 (the encoder); the model card of sentence-transformers/all-MiniLM-L6-v2 (256 tokens, mean
pooling, normalised). Same vectors as sentence-transformers, and as Ollama's `all-minilm` to its half precision.
"""

import re

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

CONTEXT = 256  # tokens, [CLS] and [SEP] included
HEADS, LAYERS = 12, 6
TOKENS_PER_BATCH = 2048
PIECE = 128  # tokens at a time where a layer is widest: it stays in the processor's cache, twice as fast
LONE_SURROGATES = re.compile("[\ud800-\udfff]")


class Embedder:
    """Texts to vectors. Safe to use from several threads at once.

    Arguments: folder (Path with model.safetensors and tokenizer.json, as `weights.fetch` returns it).
    """

    def __init__(self, folder):
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(CONTEXT)
        weights = load_file(folder / "model.safetensors")
        self._words = weights["embeddings.word_embeddings.weight"]
        kind = weights["embeddings.token_type_embeddings.weight"][0]  # every token is of the first sentence
        self._places = weights["embeddings.position_embeddings.weight"] + kind
        self._norm = _pair(weights, "embeddings.LayerNorm")
        self._layers = [_Layer(weights, f"encoder.layer.{number}") for number in range(LAYERS)]

    def embed(self, texts):
        """Return the vectors of texts, in their order.

        Arguments: texts (list of str; any text, an empty one too; what is beyond 256 tokens is not read).
        Result: array (len(texts), 384) of float32, each row of length 1.
        """
        tokens = [encoding.ids for encoding in self._encode(texts)]
        vectors = np.empty((len(tokens), self._words.shape[1]), np.float32)
        for batch in _batches([len(ids) for ids in tokens]):
            vectors[batch] = self._forward([tokens[index] for index in batch])
        return vectors

    def is_too_long(self, texts):
        """Return True if one of the texts (list of str) has more than 256 tokens."""
        return any(encoding.overflowing for encoding in self._encode(texts))

    def _encode(self, texts):
        # The tokenizer takes no lone surrogates, and leaves U+FFFD out.
        return self._tokenizer.encode_batch([LONE_SURROGATES.sub("\ufffd", text) for text in texts])

    def _forward(self, tokens):
        ids, mask = _padded(tokens)
        x = _normalised(self._words[ids] + self._places[: ids.shape[1]], *self._norm)
        ignored = ((mask - 1) * np.float32(1e9))[:, None, None, :]
        for layer in self._layers:
            x = layer(x, ignored)
        mean = (x * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
        return mean / np.linalg.norm(mean, axis=1, keepdims=True)


class _Layer:
    def __init__(self, weights, name):
        parts = [_pair(weights, f"{name}.attention.self.{part}") for part in ("query", "key", "value")]
        self.query_key_value = tuple(np.concatenate(part) for part in zip(*parts))
        self.attention_out = _pair(weights, f"{name}.attention.output.dense")
        self.attention_norm = _pair(weights, f"{name}.attention.output.LayerNorm")
        self.up = _pair(weights, f"{name}.intermediate.dense")
        self.down = _pair(weights, f"{name}.output.dense")
        self.norm = _pair(weights, f"{name}.output.LayerNorm")

    def __call__(self, x, ignored):
        x = _normalised(x + self._attention(x, ignored), *self.attention_norm)
        return _normalised(x + self._feed_forward(x), *self.norm)

    def _feed_forward(self, x):
        rows = x.reshape(-1, x.shape[-1])
        pieces = [rows[start : start + PIECE] for start in range(0, len(rows), PIECE)]
        return np.concatenate([_linear(_gelu(_linear(rows, *self.up)), *self.down) for rows in pieces]).reshape(x.shape)

    def _attention(self, x, ignored):
        texts, length, width = x.shape
        parts = _linear(x, *self.query_key_value).reshape(texts, length, 3, HEADS, width // HEADS)
        query, key, value = parts.transpose(2, 0, 3, 1, 4)
        scores = query @ key.swapaxes(-1, -2)
        scores /= np.float32((width // HEADS) ** 0.5)
        scores += ignored
        scores -= scores.max(-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(-1, keepdims=True)
        seen = (scores @ value).transpose(0, 2, 1, 3).reshape(texts, length, width)
        return _linear(seen, *self.attention_out)


def _pair(weights, name):
    return weights[f"{name}.weight"], weights[f"{name}.bias"]


def _linear(x, weight, bias):
    flat = x.reshape(-1, x.shape[-1]) @ weight.T  # one large product is faster than one a text
    flat += bias
    return flat.reshape(*x.shape[:-1], -1)


def _normalised(x, gain, bias):
    x = x - x.mean(-1, keepdims=True)
    x /= np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(1e-12))
    return x * gain + bias


def _gelu(x):
    """x * (1 + erf(x / sqrt 2)) / 2, with erf to 1.5e-7: Abramowitz and Stegun 1964, 7.1.26."""
    z = np.abs(x) * np.float32(0.5**0.5)
    t = 1 / (1 + np.float32(0.3275911) * z)
    tail = np.float32(1.061405429) * t
    for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail += np.float32(coefficient)
        tail *= t
    tail *= np.exp(-z * z)
    return x * (1 + np.copysign(1 - tail, x)) * np.float32(0.5)


def _batches(lengths):
    """Yield lists of positions, texts of like length together, so that little is padding."""
    batch = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[index] > TOKENS_PER_BATCH:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _padded(tokens):
    """Return token ids (texts, longest) of int64, and 1 for a token, 0 for padding as float32."""
    ids = np.zeros((len(tokens), max(map(len, tokens))), np.int64)
    mask = np.zeros(ids.shape, np.float32)
    for row, text in enumerate(tokens):
        ids[row, : len(text)] = text
        mask[row, : len(text)] = 1
    return ids, mask
