"""Rules for what a reader sees: the parts of a notebook, its headings, links, pictures and words."""

import re
from functools import cache
from html import unescape
from importlib import resources
from urllib.parse import unquote

from lab.lint.notebook import read, words_of

IDEAS, WORDS, PREDICTIONS = 10, 1500, 2
ROWS = ("You will", "You need", "Minutes", "Checked against")
FIXED = {"Set-up", "Exercises", "The map", "When you are stuck", "What you can now do", "Clean-up"}
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)[^)]*\)|<(?:a|img)\b[^>]*?\b(?:href|src)=\"([^\"]+)\"")
PICTURE = re.compile(r"<img\b[^>]*>")
AGING = re.compile(
    r"\b(simply|just|obviously|of course|trivial(ly)?|merely|easily|recently|currently|nowadays|these days"
    r"|as of 20\d\d|latest|cutting-edge|state-of-the-art)\b",
    re.IGNORECASE,
)
SECRET = re.compile(
    r"sk-[A-Za-z0-9_-]{20,}|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|-----BEGIN|/home/\w+|/root/|/Users/\w+"
)
WORD = re.compile(r"[^\W\d_][\w'’-]*")


def headings(notebook):
    """One heading of level 1, the first; no level is left out."""
    found = notebook.headings()
    levels = [level for level, _, _ in found]
    if levels.count(1) != 1 or levels[:1] != [1]:
        yield f"{levels.count(1)} headings of level 1: have one, the first"
    for before, (level, title, cell) in zip(levels, found[1:]):
        if level > before + 1:
            yield f"cell {cell.id}: heading {title!r} skips a level: use {'#' * (before + 1)}"


def parts(notebook):
    """The notebook has the parts of every notebook, in their places (CONTRIBUTING.md)."""
    first = notebook.prose[0] if notebook.prose else None
    table = re.findall(r"^\| \*\*(.+?)\*\* \|", first.source, re.MULTILINE) if first else []
    if tuple(table) != ROWS:
        where = f"cell {first.id}" if first else "no cell"
        what = f"the table under the title has {', '.join(table) or 'no rows'}"
        yield f"{where}: {what}: have {', '.join(ROWS)}, in this order"
    titles = [title for level, title, _ in notebook.headings() if level == 2]
    if titles[:1] != ["Set-up"]:
        yield "the first section is not Set-up: begin with ## Set-up"
    if titles[-1:] != ["Clean-up"]:
        yield "the last section is not Clean-up: end with ## Clean-up"
    summary = next((cell for level, title, cell in notebook.headings() if title == "What you can now do"), None)
    if not summary:
        yield "nobody is told what they can now do: add ## What you can now do before ## Clean-up"
    elif "To remember:" not in summary.source:
        yield f"cell {summary.id}: has nothing to remember: end it with one sentence after 'To remember:'"
    ideas = [title for title in titles if title not in FIXED]
    if len(ideas) > IDEAS:
        yield f"{len(ideas)} sections: an eleventh idea goes to another notebook, or to the reference (at most {IDEAS})"


def predictions(notebook):
    """In some sections the reader has choices to predict from."""
    section, having = None, set()
    for cell in notebook.prose:
        for level, title, where in notebook.headings():
            section = title if level <= 2 and where is cell else section
        if re.search(r"\*\*A\*\*.*\*\*B\*\*", cell.source, re.DOTALL):
            having.add(section)
    if len(having) < PREDICTIONS:
        yield f"predictions in {len(having)} sections: offer choices **A** … · **B** … in {PREDICTIONS} or more"


def pictures(notebook):
    """Each picture says in words what it shows."""
    for cell in notebook.prose:
        text = words_of(cell)
        for mark, label, target, _ in LINK.findall(text):
            if mark and not label.strip():
                yield f"cell {cell.id}: the picture {target} has no text alternative: describe what it shows"
        for tag in PICTURE.findall(text):
            if not re.search(r"\balt=\"[^\"]*\w", tag):
                yield f"cell {cell.id}: an <img> has no text alternative: describe what it shows"


def links(notebook):
    """Each link within the course leads somewhere, to a heading too."""
    for cell in notebook.prose:
        for _, _, markdown, html in LINK.findall(words_of(cell)):
            target = unquote(markdown or html)
            if re.match(r"[a-z]+:", target):
                continue
            file, _, anchor = target.partition("#")
            other = notebook.path.parent / file if file else notebook.path
            if not other.exists():
                yield f"cell {cell.id}: the link to {target} leads nowhere: mend or drop it"
            elif anchor and other.suffix == ".ipynb" and anchor not in anchors(read(other)):
                yield f"cell {cell.id}: the link to {target} names no heading there: mend or drop it"


def anchors(notebook):
    """Return what JupyterLab makes of a notebook's headings: their text, with dashes for spaces."""
    texts = (re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", title) for _, title, _ in notebook.headings())
    return {unescape(text).replace(" ", "-") for text in texts}


def words(notebook):
    """Not too many, none that ages or belittles, none misspelled."""
    total = sum(len(words_of(cell).split()) for cell in notebook.read_through())
    if total > WORDS:
        yield f"{total} words before the exercises: cut, or move an idea to another notebook (at most {WORDS})"
    for cell in notebook.prose:
        text = re.sub(r"\]\([^)]*\)|https?://\S+|<[^>]*>", " ", words_of(cell))
        for found in AGING.finditer(text):
            yield f"cell {cell.id}: says {found[0]!r}: leave the word out"
        for word in WORD.findall(text):
            if cure := misspellings().get(word.lower()):
                yield f"cell {cell.id}: {word!r} is misspelled: {cure}"


@cache
def misspellings():
    """Return codespell's dictionary: dict of a wrong word to the right ones."""
    data = resources.files("codespell_lib") / "data"
    texts = [(data / name).read_text("utf-8") for name in ("dictionary.txt", "dictionary_rare.txt")]
    pairs = [line.partition("->") for text in texts for line in text.splitlines()]
    return {wrong: right.rstrip(",") for wrong, _, right in pairs}


def secrets(notebook):
    """No key, and no path of one machine."""
    for cell in notebook.cells:
        if found := SECRET.search(str(cell)):
            yield f"cell {cell.id}: holds {found[0][:8]}…: a key or a path of one machine does not belong here"


RULES = (headings, parts, predictions, pictures, links, words, secrets)
