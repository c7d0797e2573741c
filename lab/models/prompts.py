"""What Weaviate sends to a text model, taken apart: the task, the passages, their sentences.

Source: Weaviate 1.39 `usecases/modulecomponents/generative/generative.go`. A grouped task arrives as
`<task>: [{"property":"value"},...]`, compact JSON with Go's escapes; a single prompt as the text that a user wrote,
`{property}` replaced.
"""

import json
import re
from itertools import islice
from typing import NamedTuple

# As a text model has a context window: what is beyond is not read.
MOST_CHARACTERS, MOST_SENTENCES, MOST_OF_TITLE = 20_000, 200, 100
LIST_STARTS_TRIED = 100  # a task full of look-alikes would cost a parse each
WORDS_OF_PROSE, WORDS_OF_SENTENCE = 6, 3

# After . ! ? with what closes it and white space, unless a small letter follows or an abbreviation ends there; after
# the full stops of Japanese and Chinese; and around what looks like one of our own citations.
BREAK = re.compile(
    r"(?<=[.!?])(?<!\b[A-Z]\.)(?<!\b(?:Mr|Ms|Dr|St|Jr|Sr|vs)\.)(?<!\bMrs\.)\s+(?![a-z\s])"
    r"|(?<=[.!?][\"')\]\u201d\u2019])\s+(?![a-z\s])|(?<=[。！？])|\n\s*\n|\[\d+\]"
)


class Sentence(NamedTuple):
    """A sentence as it stands in a passage. passage: int, from 1; title: str, of the passage, may be empty."""

    passage: int
    text: str
    title: str


def split(prompt):
    """Take a prompt apart.

    Arguments: prompt (str). Result: the task (str) and the passages (list of dict of str to str). Without a list of
    objects at its end, the task is the first line, or what stands before the first colon or question mark, and the
    rest is one passage.
    """
    prompt = prompt.strip()
    for start in islice(re.finditer(r": (?=\[)", prompt), LIST_STARTS_TRIED):
        passages = _passages(prompt, start.end())
        if passages is not None:
            return prompt[: start.start()].strip(), passages
    task, *rest = re.split(r"\n" if "\n" in prompt else r"(?<=[:?])", prompt, maxsplit=1)
    return task.strip(), [{"text": text.strip()} for text in rest]


def _passages(prompt, start):
    try:
        value, end = json.JSONDecoder().raw_decode(prompt, start)
    except (ValueError, RecursionError):
        return None
    if end < len(prompt) or not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        return None
    return [{key: text for key, text in item.items() if isinstance(text, str)} for item in value]


def sentences(passages):
    """Return the sentences of passages (list of dict of str to str) as a list of Sentence.

    Where a passage has prose, its short values (a title, a country) are not quoted.
    """
    found, characters = [], 0
    for number, passage in enumerate(passages, 1):
        title = (passage.get("title") or passage.get("name") or "")[:MOST_OF_TITLE]
        values = [passage[name] for name in sorted(passage)]
        prose = [value for value in values if len(value.split()) >= WORDS_OF_PROSE]
        for value in prose or values:
            value = value[: MOST_CHARACTERS - characters]
            characters += len(value)
            for text in map(str.strip, BREAK.split(value)):
                if text and (not prose or len(text.split()) >= WORDS_OF_SENTENCE):
                    found.append(Sentence(number, text, title))
    return list(dict.fromkeys(found))[:MOST_SENTENCES]
