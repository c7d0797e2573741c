"""helpers/films.py on a throw-away Weaviate, and the shipped vectors."""

import numpy as np
import pytest
import weaviate
from weaviate.classes.query import QueryReference

from helpers import films, server
from helpers.films import FilmsError, film_id, load_films, read_films
from lab import vectors
from lab.models import weights
from lab.models.embedder import Embedder

pytestmark = pytest.mark.anyio


def test_shipped_vectors_are_the_models(tmp_path):
    """float16 keeps three digits; a changed overview moves the vector by far more."""
    made = vectors.compute(read_films(), Embedder(weights.fetch()).embed)
    shipped = films.read_vectors()
    assert list(shipped) == [film["slug"] for film in read_films()]
    for name, rows in made.items():
        stored = np.stack([shipped[slug][name] for slug in shipped])
        assert np.abs(rows.astype(np.float32) - stored).max() < 1e-3, f"{name}: run python -m lab.vectors"
        assert np.allclose(np.linalg.norm(stored, axis=1), 1, atol=1e-3)


@pytest.fixture
async def client():
    spare = await server.start("spare")
    client = weaviate.use_async_with_local(**spare.local)
    try:
        await client.connect()
        yield client
    finally:
        await client.close()
        await spare.stop()


async def test_loading_the_films(client):
    collection = await load_films(client)
    everything = {film["slug"] for film in read_films()}
    assert await slugs(collection) == everything

    by_server = await as_weaviate_embeds(client, read_films()[0])
    shipped = films.read_vectors()[read_films()[0]["slug"]]
    for name, vector in by_server.items():
        assert np.dot(vector, shipped[name]) > 0.999, f"{name} is not the vector that Weaviate makes of the same object"

    # again: nothing changes; half of them gone, as after a kill: they come back, and none twice
    await load_films(client)
    for slug in sorted(everything)[::2]:
        await collection.data.delete_by_id(film_id(slug))
    await load_films(client)
    assert await slugs(collection) == everything and await collection.length() == len(everything)

    samurai = await collection.query.fetch_object_by_id(
        film_id("seven-samurai-1954"), return_references=QueryReference(link_on="director_refs")
    )
    assert samurai.references["director_refs"].objects[0].properties["name"] == "Akira Kurosawa"

    # another state of the data: it is ours, so it is made anew
    await collection.config.update(description=films.MARK + "of yesterday")
    await load_films(client)
    assert (await collection.config.get()).description == films.MARK + films.digest()
    assert await slugs(client.collections.use("Film")) == everything


async def slugs(collection):
    return {film.properties["slug"] async for film in collection.iterator(return_properties=["slug"])}


async def as_weaviate_embeds(client, film):
    """Have the server embed a film itself. Result: dict of the named vector to a list of 384 float."""
    schema = films._film_schema() | {"references": None}
    collection = await client.collections.create("Probe", **schema)
    properties = {name: film[name] for name in ("title", "overview", "themes")}
    added = await collection.data.insert(properties)
    stored = await collection.query.fetch_object_by_id(added, include_vector=True)
    return stored.vector


async def test_a_film_collection_that_is_not_ours_stays(client):
    await client.collections.create("Film")
    await client.collections.use("Film").data.insert({"title": "somebody's"})
    with pytest.raises(FilmsError, match="not the course's"):
        await load_films(client)
    assert await client.collections.use("Film").length() == 1


async def test_a_refused_object_is_told(client, monkeypatch):
    broken = [film | ({"year": "long ago"} if film["slug"] == "ikiru-1952" else {}) for film in read_films()]
    monkeypatch.setattr(films, "read_films", lambda: broken)
    with pytest.raises(FilmsError, match="refused an object of Film: .*year"):
        await load_films(client)


def test_ids_depend_on_the_slug_alone():
    assert film_id("ikiru-1952") == film_id("ikiru-1952") != film_id("living-2022")
    assert str(film_id("seven-samurai-1954")) == "6608130c-5862-5be4-9293-ad185eaa2fe8", "judgements and notes refer to it"
