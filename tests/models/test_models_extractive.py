"""The reader quotes word for word, says where, abstains, and cannot be brought to fall over."""

import hashlib
import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.models import prompts
from lab.models.extractive import ABSTAINS, CANNOT_WRITE, MOST_QUOTES, answer

steadily = settings(derandomize=True, deadline=None, max_examples=200)


def go_json(value):
    """JSON as Weaviate (Go's encoding/json) writes it."""
    text = json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def grouped(task, passages):
    return f"{task}: {go_json(passages)}"


def quotes(text):
    """Take an answer apart: list of (sentence, number). Fails if anything but quotes and our two sentences is in it."""
    text = text.removesuffix(CANNOT_WRITE).removesuffix(ABSTAINS).rstrip(" ")
    found = re.findall(r"(.+?) \[(\d+)\](?: |$)", text, re.DOTALL)
    assert " ".join(f"{sentence} [{number}]" for sentence, number in found) == text
    return [(sentence, int(number)) for sentence, number in found]


def any_vectors(texts):
    """Vectors that look alike enough to be quoted, of any text, and quick."""
    digests = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
    vectors = np.array([list(digest[:6]) for digest in digests], float) ** 3 + 1
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


# --- what Weaviate sends ---


def test_grouped_prompt():
    passages = [{"title": "Tom & <Jerry>", "overview": 'He said: "no".'}, {"title": "b"}]
    assert prompts.split(grouped("Who: is it?", passages)) == ("Who: is it?", passages)


@pytest.mark.parametrize(
    ("prompt", "task", "passage"),
    [
        ("Who is it?\nA man.\nA plan.", "Who is it?", "A man.\nA plan."),
        ("Translate to French: A man: a plan.", "Translate to French:", "A man: a plan."),
        ("Who is it? A man.", "Who is it?", "A man."),
        ('Sum: [1, {"a": 2}]', "Sum:", '[1, {"a": 2}]'),
        ('Sum: [{"a": "b"}', "Sum:", '[{"a": "b"}'),
    ],
)
def test_single_prompt(prompt, task, passage):
    assert prompts.split(prompt) == (task, [{"text": passage}])


def test_prompt_without_passages():
    assert prompts.split("") == ("", [])
    assert prompts.split("Why") == ("Why", [])
    assert prompts.split("Why: []") == ("Why", [])


def test_list_in_the_task_is_not_the_list_of_passages():
    passages = [{"text": "real"}]
    task = 'Ignore this: [{"text": "false"}] and: [] and: ["a'
    assert prompts.split(grouped(task, passages)) == (task, passages)


def test_only_texts_are_passages():
    assert prompts.split('Q: [{"a":1,"b":"x","c":["y"],"d":{"e":"z"},"f":null},{}]')[1] == [{"b": "x"}, {}]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One is here. Two is there!  Is three? Where is it?", ["One is here.", "Two is there!", "Where is it?"]),
        ("Dr. Who met Mrs. J. Smith at 5 p.m. on a Monday.", ["Dr. Who met Mrs. J. Smith at 5 p.m. on a Monday."]),
        ('He said "go on now." Then he left it.', ['He said "go on now."', "Then he left it."]),
        ("A first  part\nof it all. Éva was not there.", ["A first  part\nof it all.", "Éva was not there."]),
        ("It won prizes twice.[1] It lost [23] once or more.", ["It won prizes twice.", "once or more."]),
    ],
)
def test_sentences_as_they_stand(text, expected):
    """And without those of less than three words."""
    assert [sentence.text for sentence in prompts.sentences([{"text": text}])] == expected


def test_japanese_sentences():
    texts = [sentence.text for sentence in prompts.sentences([{"text": "村がある。雨だ！"}])]
    assert texts == ["村がある。", "雨だ！"]


def test_prose_is_quoted_and_short_values_only_where_there_is_none():
    film = {"title": "The Third Man", "text": "He meets a friend in the sewers."}
    passages = [film, {"title": "Alien", "year": "1979"}]
    assert prompts.sentences(passages) == [
        (1, film["text"], film["title"]),
        (2, "Alien", "Alien"),
        (2, "1979", "Alien"),
    ]


def test_reads_no_more_than_its_window():
    long = prompts.sentences([{"text": f"This is sentence number {n}. " * 50} for n in range(1000)])
    assert 0 < sum(len(sentence.text) for sentence in long) <= prompts.MOST_CHARACTERS
    assert len(prompts.sentences([{"text": "".join(f"A {n} b. " for n in range(9999))}])) == prompts.MOST_SENTENCES
    assert len(prompts.sentences([{"title": "t" * 9999}])[0].title) == prompts.MOST_OF_TITLE


# --- which sentences: with cosines of our choice ---


@pytest.mark.parametrize(
    ("cosines", "quoted"),
    [
        ([0.2, 0.29], []),
        ([0.2, 0.31], [2]),
        ([0.8, 0.59, 0.61], [1, 3]),
        ([0.8, 0.9, 0.85, 0.95], [2, 3, 4]),
    ],
)
def test_quotes_the_nearest(cosines, quoted):
    def embed(texts):
        own = np.diag(np.sqrt(1 - np.array([1, *cosines]) ** 2))  # alike only as far as they are like the question
        return np.column_stack([[1, *cosines], own])

    passages = [{"text": f"This is said in passage {number}."} for number in range(len(cosines))]
    assert [number for _, number in quotes(answer(grouped("Who is it?", passages), embed))] == quoted


@pytest.mark.parametrize(
    ("task", "compared"),
    [
        ("Who is in ALIEN?", "Alien. A crew wakes up far from home."),
        ("Who is it?", "A crew wakes up far from home."),
        ("Who is in Aliens?", "A crew wakes up far from home."),
    ],
)
def test_a_title_counts_where_it_is_named(task, compared):
    seen = []

    def embed(texts):
        seen.extend(texts)
        return any_vectors(texts)

    answer(grouped(task, [{"title": "Alien", "text": "A crew wakes up far from home."}]), embed)
    assert seen == [task, compared]


# --- with the real embedder, on the course's films ---


@pytest.mark.parametrize(
    ("question", "titles", "expected", "number"),
    [
        ("Who are the samurai hired by?", ["Yojimbo", "Seven Samurai"], "With nothing to offer but rice", 2),
        ("What do the gunmen earn?", ["The Magnificent Seven", "Alien"], "The pay is twenty dollars each.", 1),
        ("What happens in Seven Samurai?", ["Living", "Seven Samurai"], "they hire a weary veteran", 2),
    ],
)
def test_answers_with_the_sentence(embedder, films, question, titles, expected, number):
    passages = [films[title] for title in titles]
    found = quotes(answer(grouped(question, passages), embedder.embed))
    assert any(expected in sentence and place == number for sentence, place in found)
    assert 1 <= len(found) <= MOST_QUOTES
    assert all(sentence in passages[place - 1]["overview"] for sentence, place in found)
    single = f"{question}\n{passages[number - 1]['overview']}"
    assert any(expected in sentence and place == 1 for sentence, place in quotes(answer(single, embedder.embed)))


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of Australia?",
        "How do I bake sourdough bread?",
        "Who won the 2018 world cup?",
    ],
)
def test_abstains_off_the_subject(embedder, films, question):
    assert answer(grouped(question, list(films.values())[:3]), embedder.embed) == ABSTAINS


@pytest.mark.parametrize(
    "task",
    [
        "Write a tweet about these films",
        "Translate this to French",
        "Please compose a haiku.",
        "Read them, then turn them into a poem",
        "Tell me a joke",
        "Summarise with emojis",
    ],
)
def test_says_that_it_cannot_write(embedder, films, task):
    text = answer(grouped(task, [films["Seven Samurai"], films["Alien"]]), embedder.embed)
    assert text.endswith(f" {CANNOT_WRITE}")
    assert quotes(text)
    assert answer(task, embedder.embed) == CANNOT_WRITE


@pytest.mark.parametrize("question", ["Who wrote the story?", "Which film is a poem of rain?", "Which one has a song?"])
def test_a_question_about_writing_is_a_question(embedder, films, question):
    assert CANNOT_WRITE not in answer(grouped(question, [films["Alien"]]), embedder.embed)


@pytest.mark.parametrize("task", ["Summarise these films.", "What do these have in common?", "Give me an overview"])
def test_overview_has_one_sentence_a_passage(embedder, films, task):
    text = answer(grouped(task, [films["Seven Samurai"], films["Alien"]]), embedder.embed)
    assert [number for _, number in quotes(text)] == [1, 2]


def test_same_sentence_twice_is_quoted_once(embedder):
    passages = [{"text": "The monsoon breaks over the village."}] * 3
    assert answer(grouped("When does the monsoon break?", passages), embedder.embed) == f"{passages[0]['text']} [1]"


def test_same_answer_every_time(embedder, films):
    prompt = grouped("Which film has trains?", list(films.values())[:3])
    assert answer(prompt, embedder.embed) == answer(prompt, embedder.embed)


@pytest.mark.parametrize(
    "prompt",
    [
        "\ud800?: " + json.dumps([{"text": "a \ud800 lone half of a pair is here."}]),
        "?" * 1000,
        "Q: [" * 300_000,
        'Q: [{"a": ' * 100_000,
        "Q: [" + "[" * 900_000,
        "Q: [" + "1" * 900_000 + "]",
        "Q:\n" + " " * 900_000 + "x",
        "Q:\n" + "[1" * 400_000,
        "Q:\nA." + " \n" * 400_000 + "a",
        grouped("Q", [{"title": "t" * 400_000, "text": "One two three four five six. " * 9000}]),
        "Summarise " + "t" * 99 + grouped("", [{"title": "t" * 99, "text": "One two three four five six."}] * 9000),
    ],
    ids=lambda prompt: prompt[:12].encode("ascii", "replace").decode(),
)
def test_hostile_prompts(prompt):
    assert answer(prompt, any_vectors)


# --- any prompt ---

FRAGMENTS = [
    *(": [", "]", "{", "}", '"', ":", ",", "\\", "\n", " ", "[1]", "[]", ". ", "? ", "\ud800", "\u2028", "。", "Mr. "),
    *("title", "null", "1e999", "NaN", "Write a poem", "Summarise", '{"title":"It"}', "He went out. She came in. "),
]
prompts_of_any_sort = st.one_of(st.text(st.characters()), st.lists(st.sampled_from(FRAGMENTS)).map("".join))
sentence = st.lists(st.sampled_from(FRAGMENTS + ["A man", "walks", "far"]), max_size=12).map("".join)
values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(st.characters()) | sentence,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@steadily
@given(prompts_of_any_sort)
def test_never_raises(prompt):
    quotes(answer(prompt, any_vectors))


@steadily
@given(prompts_of_any_sort, st.lists(values, max_size=4))
def test_never_raises_for_any_json(task, items):
    answer(f"{task}: {json.dumps(items)}", any_vectors)


@steadily
@given(
    st.sampled_from(["Who is it?", "Summarise", "Write a poem"]),
    st.lists(st.dictionaries(st.sampled_from(["title", "name", "text", "a"]), values), min_size=1, max_size=4),
)
def test_every_sentence_stands_in_its_passage(task, passages):
    for text, number in quotes(answer(grouped(task, passages), any_vectors)):
        stored = [value for value in passages[number - 1].values() if isinstance(value, str)]
        assert any(text in value for value in stored)
