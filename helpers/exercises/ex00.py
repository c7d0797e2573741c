"""Exercises of notebook 00: a search of your own, and a count."""

import inspect

from weaviate.classes.config import Configure

from helpers.check import Done, NotYet, call, exercise
from helpers.films import load_films

LARGE = 1137
PHRASES = ("villagers pay fighters to guard their harvest", "a giant monster destroys a city", "a ghost train")


@exercise(
    "00.1",
    "search by meaning",
    hints=[
        "which of the two searches above looked at vectors?",
        "its answer has .objects, and each object has .properties.",
        "await films.query.near_text(query=phrase, target_vector=..., limit=3), then the title of each object.",
    ],
)
async def search(answer, client):
    """answer: async (films, phrase) -> list of the three closest titles."""
    films = await load_films(client)
    for phrase in PHRASES:
        right = await films.query.near_text(query=phrase, target_vector="overview", limit=3)
        expected = [film.properties["title"] for film in right.objects]
        got = await call(answer, films, phrase)
        if got == expected:
            continue
        return NotYet(f"for {phrase!r} it returned {_short(got)}", await _why(films, phrase, got, expected))
    return Done(f"{len(PHRASES)} phrases, and each time the three films whose overviews mean most like it.")


async def _why(films, phrase, got, expected):
    words = await films.query.bm25(query=phrase, query_properties=["overview"], limit=3)
    if got is None or got is ...:
        return "Nothing comes back: what does your function return?"
    if not isinstance(got, list):
        return "A list was asked for, of three titles."
    if any(not isinstance(each, str) for each in got):
        return "The list holds objects; their titles are in .properties."
    if got == [film.properties["title"] for film in words.objects]:
        return "Those are the films that contain the words. The question was for the meaning."
    themes = await films.query.near_text(query=phrase, target_vector="title_themes", limit=3)
    if got == [film.properties["title"] for film in themes.objects]:
        return "Is that the vector of the overviews?"
    if sorted(got) == sorted(expected):
        return "The right films in another order: keep the server's, the closest first."
    if got[:3] == expected:
        return f"{len(got)} titles; three were asked for."
    if phrase != PHRASES[0]:
        return "The first phrase was answered well. Does your search use the phrase it is given?"
    return ""


def _short(value):
    text = repr(value)
    return text if len(text) < 120 else text[:117] + "..."


@exercise(
    "00.2",
    "count the films",
    hints=[
        "how many objects does a search or a fetch return when you do not say?",
        "you do not need the objects to know how many there are.",
        "one of the first cells counted: films.length().",
    ],
)
async def count(answer, client):
    """answer: async (collection) -> int, how many objects the collection holds."""
    films = await load_films(client)
    try:
        for collection, size in ((films, await films.length()), (await _larger(client), LARGE)):
            got = await call(answer, collection)
            if got != size or isinstance(got, bool):
                return NotYet(f"in a collection of {size} it counted {_short(got)}", _miscount(got, size))
    finally:
        await client.collections.delete("StartHereCount")
    return Done(f"right for the films, and for a collection of {LARGE}.")


async def _larger(client):
    await client.collections.delete("StartHereCount")
    larger = await client.collections.create("StartHereCount", vector_config=Configure.Vectors.self_provided())
    await larger.data.insert_many([{"number": number} for number in range(LARGE)])
    return larger


def _miscount(got, size):
    if got is None or got is ...:
        return "Nothing comes back: what does your function return?"
    if inspect.iscoroutine(got):
        got.close()
        return "A coroutine has counted nothing yet: an await is missing."
    if got == 10:
        return "Ten is a page, not the collection: that many come back when you do not say."
    if size == LARGE and got in (100, 1000):
        return "A limit that was large enough for the films is too small here."
    if size == LARGE:
        return "Right for the films, wrong for another collection: count the one you are given."
    return ""
