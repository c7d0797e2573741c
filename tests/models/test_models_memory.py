"""Remembered texts are not embedded again, and memory is bounded."""

import numpy as np
import pytest

from lab.models.memory import Memory


@pytest.fixture
def asked():
    return []


@pytest.fixture
def embed(asked):
    async def lengths(texts):
        asked.append(texts)
        return np.array([[len(text)] for text in texts], np.float32)

    return lengths


async def test_asks_for_what_is_new_only(embed, asked):
    memory = Memory()
    for texts in (["a", "bb", "a"], ["ccc", "bb", "\ud800"], ["a"]):
        assert (await memory.vectors(texts, embed)).tolist() == [[len(text)] for text in texts]
    assert asked == [["a", "bb"], ["ccc", "\ud800"]]


async def test_forgets_what_was_used_longest_ago(embed, asked):
    memory = Memory(most=2)
    for text in ("a", "bb", "a", "ccc", "a", "bb"):
        await memory.vectors([text], embed)
    assert asked == [["a"], ["bb"], ["ccc"], ["bb"]]


async def test_more_texts_than_it_holds(embed):
    assert (await Memory(most=1).vectors(["a", "bb", "ccc"], embed)).tolist() == [[1], [2], [3]]


async def test_no_texts(embed, asked):
    assert (await Memory().vectors([], embed)).tolist() == [] == asked
