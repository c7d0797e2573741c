"""What the comparison does not see (nbval_sanitize.cfg): little, for a reason, and never what an output means."""

import re
from itertools import pairwise

import nbformat
import pytest
from nbval.plugin import get_sanitize_patterns

from helpers.films import read_films
from helpers.settings import REPOSITORY
from lab import notebooks

MASKS = (REPOSITORY / "tests" / "nbval_sanitize.cfg").read_text()
MOST = 6
GOOD = "# A reason.\nregex: 0x[0-9a-f]{6,16}\nreplace: 0x…\n"


def meanings():
    """What a mask must leave as it is: titles, years, counts, and how an output shows them."""
    titles = [film[name] for film in read_films() for name in ("title", "title_original", "title_ja") if name in film]
    numbers = [str(number) for number in (*range(1001), *range(1895, 2031), 12_345, 1_000_000)]
    shown = [form.format(*pair) for pair in pairwise(titles) for form in ("['{}', '{}']", "(10, '{}')", "1. {} ({})")]
    return [*titles, *numbers, *shown, "[3, True]", "0.75", "1952-10-09"]


def outputs():
    """The text of every stored output of the course, one after the other."""
    cells = [cell for path in notebooks.find(None) for cell in nbformat.read(path, as_version=4).cells]
    return "\n".join(str(output) for cell in cells for output in cell.get("outputs", []))


def faults(masks, stored):
    """Return what is wrong with the text of a list of masks: list of str."""
    lines = masks.splitlines()
    patterns = get_sanitize_patterns(masks)
    found = [f"{len(patterns)} masks"] if len(patterns) > MOST else []
    for before, line in pairwise(["", *lines]):
        if line.startswith("regex:") and not re.match(r"# \w", before):
            found.append(f"no reason: {line}")
        if line.strip() and not re.match(r"# |regex: .|replace: .", line):
            found.append(f"nbval passes over it: {line}")
    if len(patterns) != sum(line.startswith(("regex:", "replace:")) for line in lines) / 2:
        found.append("a regex: and its replace: do not stand together")
    for pattern, _ in patterns:
        if not re.search(pattern, stored):
            found.append(f"not used: {pattern}")
        found += [f"hides {text}: {pattern}" for text in meanings() if re.search(pattern, text)][:1]
    return found


def test_masks():
    assert faults(MASKS, outputs()) == []


@pytest.mark.parametrize(
    "masks, stored, expected",
    [
        (GOOD, "<Thing at 0x7f12ab34cd>", []),
        (GOOD * 7, "0x7f12ab34cd", ["7 masks"]),
        (GOOD, "no address", ["not used: 0x[0-9a-f]{6,16}"]),
        (GOOD.partition("\n")[2], "0x7f12ab34cd", ["no reason: regex: 0x[0-9a-f]{6,16}"]),
        ("# A reason.\nregex: \\d{4}\nreplace: …\n", "1954", [r"hides 1000: \d{4}"]),
        ("# A reason.\nregex: \\b\\d+\\b\nreplace: …\n", "40", [r"hides 0: \b\d+\b"]),
        (
            "# A reason.\nregex: '[A-Z].*'\nreplace: …\n",
            "['Ikiru']",
            ["hides ['Seven Samurai', 'Shichinin no samurai']: '[A-Z].*'"],
        ),
        ("# A reason.\nregex: x\n\nreplace: y\n", "x", ["a regex: and its replace: do not stand together"]),
        ("# A reason.\nregexp: x\n", "x", ["nbval passes over it: regexp: x"]),
    ],
)
def test_a_bad_mask_is_seen(masks, stored, expected):
    assert faults(masks, stored) == expected
