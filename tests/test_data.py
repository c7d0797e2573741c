"""Checks on the film set in data/: schema, types, cross-references and prose limits."""

import json
import re
import unicodedata
from datetime import datetime
from pathlib import Path

import pytest

DATA = Path(__file__).parent.parent / "data"

GENRES = {
    "action",
    "adventure",
    "animation",
    "biography",
    "comedy",
    "crime",
    "documentary",
    "drama",
    "family",
    "fantasy",
    "history",
    "horror",
    "music",
    "mystery",
    "romance",
    "science fiction",
    "thriller",
    "war",
    "western",
}

# (key, type, required), in the order the keys must appear
FILM_KEYS = [
    ("slug", str, True),
    ("title", str, True),
    ("title_original", str, True),
    ("title_ja", str, False),
    ("overview", str, True),
    ("overview_ja", str, False),
    ("year", int, True),
    ("premiere_date", str, False),
    ("runtime_min", int, True),
    ("genres", list, True),
    ("countries", list, True),
    ("languages", list, True),
    ("directors", list, True),
    ("cast_top3", list, True),
    ("themes", list, True),
    ("black_and_white", bool, True),
    ("animated", bool, True),
    ("silent", bool, True),
    ("based_on", str, False),
    ("awards", list, False),
    ("setting_geo", dict, False),
    ("director_refs", list, True),
    ("remake_of", str, False),
]

DIRECTOR_KEYS = [("slug", str), ("name", str), ("born", int), ("country", str)]

KANA = re.compile(r"[\u3041-\u3096\u30a1-\u30fa]")


def lines_of(name):
    return (DATA / name).read_text(encoding="utf-8").splitlines()


def records_of(name):
    records = []
    for number, line in enumerate(lines_of(name), start=1):
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"{name} line {number} is not JSON: {error}") from error
        if not isinstance(record, dict):
            raise ValueError(f"{name} line {number} is not a JSON object")
        records.append(record)
    return records


def slugify(text):
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    plain = plain.lower().replace("'", "")
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def words(text):
    return re.findall(r"[\w']+", text.lower().replace("\u2019", "'"))


@pytest.fixture(scope="module")
def films():
    return records_of("films.jsonl")


@pytest.fixture(scope="module")
def directors():
    return records_of("directors.jsonl")


@pytest.fixture(scope="module")
def themes():
    return lines_of("themes.txt")


@pytest.mark.parametrize("name", ["films.jsonl", "directors.jsonl"])
def test_every_line_parses(name):
    assert records_of(name), f"{name} is empty"


@pytest.mark.parametrize("name", ["films.jsonl", "directors.jsonl", "themes.txt"])
def test_files_are_plain_utf8(name):
    raw = (DATA / name).read_bytes()
    text = raw.decode("utf-8")
    assert not text.startswith("\ufeff"), f"{name} starts with a byte-order mark"
    assert "\r" not in text, f"{name} has Windows line ends"
    assert text.endswith("\n") and not text.endswith("\n\n"), f"{name} must end with one newline"
    assert text == unicodedata.normalize("NFC", text), f"{name} is not in Unicode form NFC"
    assert "\\u" not in text, f"{name} has escaped characters; write them as UTF-8"


def test_film_keys_and_order(films):
    for film in films:
        expected = [key for key, _, required in FILM_KEYS if required or key in film]
        assert list(film) == expected, f"{film.get('slug')}: keys are {list(film)}"


def test_film_types(films):
    for film in films:
        for key, kind, _ in FILM_KEYS:
            if key in film:
                assert type(film[key]) is kind, f"{film['slug']}: {key} is not {kind.__name__}"


def test_no_empty_or_untrimmed_values(films):
    for film in films:
        for key, value in film.items():
            for item in value if isinstance(value, list) else [value]:
                if isinstance(value, list):
                    assert type(item) is str, f"{film['slug']}: {key} holds a non-text item"
                if isinstance(item, str):
                    assert item and item == item.strip(), f"{film['slug']}: {key} has {item!r}"
            if isinstance(value, list):
                assert value, f"{film['slug']}: {key} is an empty list"
                assert len(set(value)) == len(value), f"{film['slug']}: {key} has a duplicate"


def test_film_slugs(films):
    seen = set()
    for film in films:
        slug = film["slug"]
        assert slug not in seen, f"{slug}: used twice"
        seen.add(slug)
        expected = f"{slugify(film['title'])}-{film['year']}"
        assert slug == expected, f"{slug}: title and year give {expected}"


def test_number_ranges(films):
    for film in films:
        assert 1910 <= film["year"] <= 2026, f"{film['slug']}: year {film['year']}"
        assert 10 <= film["runtime_min"] <= 900, f"{film['slug']}: runtime {film['runtime_min']}"
        assert len(film["cast_top3"]) <= 3, f"{film['slug']}: more than three in cast_top3"
        assert 2 <= len(film["themes"]) <= 5, f"{film['slug']}: {len(film['themes'])} themes"


def test_premiere_date(films):
    for film in films:
        if "premiere_date" not in film:
            continue
        date = film["premiere_date"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00Z", date), f"{film['slug']}: {date}"
        parsed = datetime.strptime(date, "%Y-%m-%dT%H:%M:%SZ")
        assert parsed.year == film["year"], f"{film['slug']}: year {film['year']}, premiere {date}"


def test_genres_are_from_the_closed_list(films):
    for film in films:
        unknown = set(film["genres"]) - GENRES
        assert not unknown, f"{film['slug']}: unknown genres {unknown}"


def test_genres_agree_with_the_flags(films):
    for film in films:
        assert film["animated"] == ("animation" in film["genres"]), f"{film['slug']}: animated"


def test_theme_list(themes):
    assert len(themes) == 40, f"{len(themes)} themes, expected 40"
    assert len(set(themes)) == 40, "a theme is listed twice"
    for theme in themes:
        assert re.fullmatch(r"[a-z]+( [a-z]+){0,2}", theme), f"bad theme {theme!r}"


def test_themes_are_from_the_closed_list(films, themes):
    for film in films:
        unknown = set(film["themes"]) - set(themes)
        assert not unknown, f"{film['slug']}: unknown themes {unknown}"


def test_overview_length(films):
    for film in films:
        count = len(film["overview"].split())
        assert 55 <= count <= 90, f"{film['slug']}: overview has {count} words"


def test_overview_does_not_repeat_the_title(films):
    for film in films:
        title = words(film["title"])
        if title[0] in {"a", "an", "the"}:
            title = title[1:]
        text = " ".join(words(film["overview"]))
        found = re.search(rf"\b{re.escape(' '.join(title))}\b", text)
        assert not found, f"{film['slug']}: overview repeats the title"


def test_overview_openings_differ(films):
    openings = {}
    for film in films:
        opening = tuple(words(film["overview"])[:3])
        assert opening not in openings, f"{film['slug']} opens like {openings[opening]}: {opening}"
        openings[opening] = film["slug"]


def test_japanese_fields(films):
    for film in films:
        both = ("title_ja" in film, "overview_ja" in film)
        assert both in {(True, True), (False, False)}, f"{film['slug']}: only one Japanese field"
        if film["languages"][0] == "Japanese":
            assert both[0], f"{film['slug']}: a Japanese-language film needs title_ja"
        if both[1]:
            text = film["overview_ja"]
            assert 80 <= len(text) <= 140, f"{film['slug']}: overview_ja has {len(text)} characters"
            assert KANA.search(text), f"{film['slug']}: overview_ja has no kana"


def test_setting_geo(films):
    for film in films:
        if "setting_geo" not in film:
            continue
        geo = film["setting_geo"]
        assert list(geo) == ["latitude", "longitude"], f"{film['slug']}: keys are {list(geo)}"
        for key, limit in (("latitude", 90), ("longitude", 180)):
            value = geo[key]
            assert type(value) is float, f"{film['slug']}: {key} is not a decimal number"
            assert abs(value) <= limit, f"{film['slug']}: {key} is {value}"
            decimals = len(str(value).split(".")[1])
            assert 2 <= decimals <= 4, f"{film['slug']}: {key} has {decimals} decimals"


def test_remakes(films):
    years = {film["slug"]: film["year"] for film in films}
    for film in films:
        if "remake_of" not in film:
            continue
        original = film["remake_of"]
        assert original in years, f"{film['slug']}: remake_of names unknown film {original}"
        assert years[original] < film["year"], f"{film['slug']}: {original} is not older"


def test_director_records(directors):
    seen = set()
    for director in directors:
        slug = director.get("slug")
        assert list(director) == [key for key, _ in DIRECTOR_KEYS], f"{slug}: {list(director)}"
        for key, kind in DIRECTOR_KEYS:
            assert type(director[key]) is kind, f"{slug}: {key} is not {kind.__name__}"
        assert slug not in seen, f"{slug}: used twice"
        seen.add(slug)
        assert slug == slugify(director["name"]), f"{slug}: does not match {director['name']}"
        assert 1850 <= director["born"] <= 2005, f"{slug}: born {director['born']}"


def test_director_refs(films, directors):
    names = {director["slug"]: director["name"] for director in directors}
    used = set()
    for film in films:
        unknown = [ref for ref in film["director_refs"] if ref not in names]
        assert not unknown, f"{film['slug']}: unknown director_refs {unknown}"
        used.update(film["director_refs"])
        referred = [names[ref] for ref in film["director_refs"]]
        assert referred == film["directors"], f"{film['slug']}: {referred} != {film['directors']}"
    unused = set(names) - used
    assert not unused, f"directors without a film: {sorted(unused)}"


def test_directors_were_grown_up(films, directors):
    born = {director["slug"]: director["born"] for director in directors}
    for film in films:
        for ref in film["director_refs"]:
            age = film["year"] - born[ref]
            assert 15 <= age <= 105, f"{film['slug']}: {ref} would be {age}"
