"""Plausible wrong answers to the exercises of notebook 00, and what each must be told."""


async def by_words(films, phrase):
    answer = await films.query.bm25(query=phrase, query_properties=["overview"], limit=3)
    return [film.properties["title"] for film in answer.objects]


async def forgot_await(films, phrase):
    answer = films.query.near_text(query=phrase, target_vector="overview", limit=3)
    return [film.properties["title"] for film in answer.objects]


async def objects(films, phrase):
    return (await films.query.near_text(query=phrase, target_vector="overview", limit=3)).objects


async def no_limit(films, phrase):
    answer = await films.query.near_text(query=phrase, target_vector="overview")
    return [film.properties["title"] for film in answer.objects]


async def sorted_by_name(films, phrase):
    answer = await films.query.near_text(query=phrase, target_vector="overview", limit=3)
    return sorted(film.properties["title"] for film in answer.objects)


async def other_vector(films, phrase):
    answer = await films.query.near_text(query=phrase, target_vector="title_themes", limit=3)
    return [film.properties["title"] for film in answer.objects]


async def always_the_same(films, phrase):
    return ["Seven Samurai", "The Magnificent Seven", "A Fistful of Dollars"]


async def a_page(collection):
    return len((await collection.query.fetch_objects()).objects)


async def a_large_limit(collection):
    return len((await collection.query.fetch_objects(limit=100)).objects)


async def no_await(collection):
    return collection.length()


async def known_number(collection):
    return 40


async def length_of_a_collection(collection):
    return len(collection)


WRONG = {
    "00.1": {
        by_words: "for the meaning",
        forgot_await: "await is missing",
        objects: "titles are in .properties",
        no_limit: "three were asked for",
        sorted_by_name: "closest first",
        other_vector: "the vector of the overviews",
        always_the_same: "Does your search use the phrase",
    },
    "00.2": {
        a_page: "Ten is a page",
        a_large_limit: "A limit that was large enough",
        no_await: "an await is missing",
        known_number: "wrong for another collection",
        length_of_a_collection: "has no len()",
    },
}
KEY_LINE = {
    "00.1": "answer = await films.query.near_text(query=phrase, target_vector=\"overview\", limit=3)",
    "00.2": "return await collection.length()",
}
