"""The film set in Weaviate: `films = await load_films(client)`. Its files and fields: data/README.md."""

import asyncio
import hashlib
import json

import numpy as np
from weaviate.classes.config import Configure, DataType, Property, ReferenceProperty, Tokenization
from weaviate.classes.data import DataObject, GeoCoordinate
from weaviate.exceptions import UnexpectedStatusCodeError
from weaviate.util import generate_uuid5

from helpers import providers
from helpers.settings import REPOSITORY, settings

DATA = REPOSITORY / "data"
VECTORS = DATA / "vectors.npz"
MARK = "The film set of the async client course, digest "
TEXTS, LISTS = ("title_original", "overview", "based_on"), ("genres", "countries", "languages", "directors", "themes")


class FilmsError(Exception):
    """The film set cannot be loaded. The message says why, and what to do."""


def read_films():
    """Return the films as in data/films.jsonl: list of dict, in the order of the file."""
    return _read("films")


def read_directors():
    """Return the directors as in data/directors.jsonl: list of dict."""
    return _read("directors")


def _read(name):
    lines = (DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def read_vectors():
    """Return the shipped vectors: dict of slug to {"overview": array (384,), "title_themes": array (384,)}."""
    with np.load(VECTORS) as shipped:
        names = ("overview", "title_themes")
        rows = zip(shipped["slugs"], *(shipped[name].astype(np.float32) for name in names), strict=True)
        return {str(slug): dict(zip(names, vectors)) for slug, *vectors in rows}


def film_id(slug):
    """Return the id of a film's object: the same slug has the same id, so loading twice doubles nothing."""
    return generate_uuid5(f"film/{slug}")


def director_id(slug):
    """Return the id of a director's object."""
    return generate_uuid5(f"director/{slug}")


def digest():
    """Return what identifies this state of the film set and of who makes its vectors: str of 12 characters."""
    made_from = [(DATA / name).read_bytes() for name in ("films.jsonl", "directors.jsonl", "vectors.npz")]
    made_from.append(f"{providers.chosen()}{settings.models_url_for_server}".encode())
    return hashlib.sha256(b"".join(made_from)).hexdigest()[:12]


async def load_films(client):
    """Make sure that the collections `Film` and `Director` hold the film set. Loading again changes nothing.

    Arguments: client (WeaviateAsyncClient, connected). Result: CollectionAsync `Film`.
    Raises FilmsError: a collection of that name is not the course's, or an object was refused.
    """
    films, directors = read_films(), read_directors()
    existing = {name: await _ours(client, name) for name in ("Director", "Film")}
    for name, state in existing.items():
        if state == "stale":
            await client.collections.delete(name)
    await _create(client, "Director", existing["Director"], _director_schema())
    await _create(client, "Film", existing["Film"], _film_schema())
    await _fill(client.collections.use("Director"), [_director_object(each) for each in directors])
    await _fill(client.collections.use("Film"), list(_film_objects(films)))
    return client.collections.use("Film")


async def _ours(client, name):
    """Return "fits", "stale" or "missing". Raises FilmsError if the collection is somebody else's."""
    if not await client.collections.exists(name):
        return "missing"
    description = (await client.collections.use(name).config.get()).description or ""
    if not description.startswith(MARK):
        raise FilmsError(
            f"This Weaviate has a collection {name} that is not the course's, and it stays as it is. Use a Weaviate"
            f" without one: unset WEAVIATE_HOST to use the lab's own, or rename your {name}."
        )
    return "fits" if description == MARK + digest() else "stale"


async def _create(client, name, state, schema):
    if state == "fits":
        return
    try:
        await client.collections.create(name, description=MARK + digest(), **schema)
    except UnexpectedStatusCodeError as error:
        if "already exists" not in str(error):  # another notebook loads the films at this moment
            raise


async def _fill(collection, objects):
    if await collection.length() == len(objects):
        return
    for first in range(0, len(objects), 100):
        result = await collection.data.insert_many(objects[first : first + 100])
        for error in result.errors.values():
            raise FilmsError(f"Weaviate refused an object of {collection.name}: {error.message}")
        await asyncio.sleep(0)


def _director_schema():
    return {
        "properties": [
            Property(name="name", data_type=DataType.TEXT, tokenization=Tokenization.FIELD),
            Property(name="born", data_type=DataType.INT),
            Property(name="country", data_type=DataType.TEXT, tokenization=Tokenization.FIELD),
        ],
        "vector_config": Configure.Vectors.self_provided(),
    }


def _film_schema():
    text, field, kagome = Tokenization.WORD, Tokenization.FIELD, Tokenization.KAGOME_JA
    properties = [
        Property(name="title", data_type=DataType.TEXT, tokenization=text),
        Property(name="title_exact", data_type=DataType.TEXT, tokenization=field),
        Property(name="slug", data_type=DataType.TEXT, tokenization=field),
        Property(name="remake_of", data_type=DataType.TEXT, tokenization=field),
        Property(name="title_ja", data_type=DataType.TEXT, tokenization=kagome),
        Property(name="title_ja_trigram", data_type=DataType.TEXT, tokenization=Tokenization.TRIGRAM),
        Property(name="overview_ja", data_type=DataType.TEXT, tokenization=kagome),
        Property(name="year", data_type=DataType.INT, index_range_filters=True),
        Property(name="runtime_min", data_type=DataType.INT, index_range_filters=True),
        Property(name="premiere_date", data_type=DataType.DATE, index_range_filters=True),
        Property(name="setting_geo", data_type=DataType.GEO_COORDINATES),
    ]
    properties += [Property(name=name, data_type=DataType.TEXT, tokenization=text) for name in TEXTS]
    properties += [
        Property(name=name, data_type=DataType.TEXT_ARRAY, tokenization=field)
        for name in (*LISTS, "cast_top3", "awards")
    ]
    properties += [Property(name=name, data_type=DataType.BOOL) for name in ("black_and_white", "animated", "silent")]
    return {
        "properties": properties,
        "references": [ReferenceProperty(name="director_refs", target_collection="Director")],
        "vector_config": [
            providers.vectors("overview", ["overview"]),
            providers.vectors("title_themes", ["themes", "title"]),
        ],
        "generative_config": providers.generative(),
        "inverted_index_config": Configure.inverted_index(index_null_state=True, index_property_length=True),
    }


def _director_object(director):
    properties = {name: director[name] for name in ("name", "born", "country")}
    return DataObject(properties=properties, uuid=director_id(director["slug"]))


def _film_objects(films):
    # The shipped vectors are the offline model's. Another provider makes its own, on the way in.
    shipped = read_vectors() if providers.chosen().embedding_model == settings.embedding_model else {}
    for film in films:
        properties = {name: value for name, value in film.items() if name != "director_refs"}
        properties["title_exact"] = film["title"]
        if "title_ja" in film:
            properties["title_ja_trigram"] = film["title_ja"]
        if "setting_geo" in film:
            properties["setting_geo"] = GeoCoordinate(**film["setting_geo"])
        yield DataObject(
            properties=properties,
            uuid=film_id(film["slug"]),
            references={"director_refs": [director_id(slug) for slug in film["director_refs"]]},
            vector={name: vector.tolist() for name, vector in shipped[film["slug"]].items()} if shipped else None,
        )
