"""A reader, not a writer: it answers with sentences of the passages, word for word, and says where each stands.

It stands in for a large language model where there is none. Its answers are the same every time, which a test can
hold it to.
"""

import re

import numpy as np

from lab.models import prompts

ABSTAINS = "The retrieved passages do not answer this."
CANNOT_WRITE = "(Offline model: it quotes the retrieved passages and cannot write new text.)"

MOST_QUOTES = 3
# Cosines of task and sentence; measured on the course's films, tests/models/test_models_extractive.py.
CLOSE = 0.30
SHARE_OF_BEST = 0.75
NEAR_DUPLICATE = 0.90

# Orders, as they begin a sentence: "Write a poem", "Please translate ...", not "Who wrote the story?".
ORDER = r"(?:^|[.!?:;,]\s+|\b(?:and|then|please|you|to)\s+)(?:{})\b"
WRITING = re.compile(
    ORDER.format(
        r"translate|write|rewrite|rephrase|paraphrase|compose|draft|invent|imagine|generate|create|convert|turn"
        r"|(?:tell|sing) (?:me |us )?an?|make (?:up|it)"
    )
    + r"|\b(?:as|into) an? (?:poem|haiku|limerick|song|tweet|joke|story|letter|email)\b|\bemojis?\b",
    re.IGNORECASE,
)
OVERVIEW = re.compile(
    ORDER.format(r"summari[sz]e|describe|list|outline|compare")
    + r"|\b(?:summary|overview|in common|main (?:idea|theme|point)s?)\b",
    re.IGNORECASE,
)


def answer(prompt, embed):
    """Return the answer to a prompt.

    Arguments: prompt (str: any text; Weaviate's grouped and single prompts are understood), embed (callable: a list
    of n str to an array (n, d) of vectors of length 1).
    Result: str. Up to three sentences of the passages, each followed by ` [n]`, the passage's number from 1; or
    ABSTAINS. CANNOT_WRITE follows where new text was asked for.
    """
    task, passages = prompts.split(prompt)
    sentences = prompts.sentences(passages)
    writing = bool(WRITING.search(task))
    chosen = _chosen(task, sentences, embed, writing or OVERVIEW.search(task)) if task and sentences else []
    quotes = [f"{sentence.text} [{sentence.passage}]" for sentence in chosen]
    if writing:
        return " ".join([*quotes, CANNOT_WRITE])
    return " ".join(quotes) or ABSTAINS


def _chosen(task, sentences, embed, overview):
    """Return the sentences to quote, in the order of the passages.

    For a question: those nearest to it. For an overview: the most central ones (Erkan and Radev 2004, LexRank, by
    degree), one a passage.
    """
    vectors = embed([task, *(_in_context(sentence, task) for sentence in sentences)])
    question, vectors = vectors[0], vectors[1:]
    likeness = vectors @ vectors.T
    # Rounded, so that the last bits of a sum do not choose.
    relevance = (likeness.mean(1) if overview else vectors @ question).round(5)
    enough = -1 if overview else max(CLOSE, SHARE_OF_BEST * relevance.max())
    chosen = []
    for index in map(int, np.argsort(-relevance, kind="stable")):
        if len(chosen) == MOST_QUOTES or relevance[index] < enough:
            break
        seen = overview and sentences[index].passage in {sentences[other].passage for other in chosen}
        if not seen and all(likeness[index, other] < NEAR_DUPLICATE for other in chosen):
            chosen.append(index)
    return [sentences[index] for index in sorted(chosen)]


def _in_context(sentence, task):
    # A sentence seldom names its film; where the question does, its title belongs to what is compared.
    named = sentence.title and re.search(rf"(?<!\w){re.escape(sentence.title)}(?!\w)", task, re.IGNORECASE)
    return f"{sentence.title}. {sentence.text}" if named else sentence.text
