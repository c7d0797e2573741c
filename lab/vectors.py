"""Make data/vectors.npz from data/films.jsonl with the offline model: python -m lab.vectors"""

import numpy as np

from helpers.films import VECTORS, read_films
from lab.console import say
from lab.models import weights
from lab.models.embedder import Embedder


def texts(film):
    """Return what is embedded of a film, as Weaviate joins it (property names in order, values by spaces).

    Result: dict of the named vector's name to str.
    """
    return {"overview": film["overview"], "title_themes": " ".join([*film["themes"], film["title"]])}


def compute(films, embed):
    """Return the vectors of films: dict of name to array (number of films, 384), float16."""
    return {
        name: embed([texts(film)[name] for film in films]).astype(np.float16) for name in ("overview", "title_themes")
    }


if __name__ == "__main__":
    films = read_films()
    vectors = compute(films, Embedder(weights.fetch(say)).embed)
    np.savez_compressed(VECTORS, slugs=np.array([film["slug"] for film in films]), **vectors)
    say(f"{VECTORS.name}: {len(films)} films.")
