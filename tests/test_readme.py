"""What the README and its neighbours promise is there: commands, links, the map, versions."""

import re

import nbformat
import pytest

from helpers.settings import REPOSITORY, settings
from lab import notebooks
from lab.cli import lab

PAGES = [REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "data/README.md")]
COMMAND = re.compile(r"python3 -m lab((?: --?[a-z-]+| [a-z]+\b)*)")
LINK = re.compile(r"\]\(([^)\s#]+)(#[^)\s]*)?\)")


def texts():
    """Yield (name, text) of every page and every notebook's prose."""
    for page in PAGES:
        yield page.name, page.read_text()
    for path in notebooks.find(None):
        cells = nbformat.read(path, as_version=4).cells
        yield path.name, "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def in_code(text):
    """Return the code in a text, one str a piece, so that prose after a command is not taken for its arguments."""
    return re.findall(r"```.*?```|`[^`\n]+`", text, flags=re.DOTALL)


@pytest.mark.parametrize("name, text", list(texts()), ids=[name for name, _ in texts()])
def test_commands_are_those_of_the_command_line(name, text):
    for piece in in_code(text):
        for found in COMMAND.findall(piece):
            words = found.split()
            command = lab
            if words and not words[0].startswith("-"):
                assert words[0] in lab.commands, f"{name} names the command {words[0]!r}, which is not there"
                command = lab.commands[words.pop(0)]
            options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
            for word in words:
                assert not word.startswith("-") or word in options, f"{name} names the option {word!r} of {found!r}"


def test_every_command_has_help_with_an_example():
    for name, command in lab.commands.items():
        assert command.help, name
        assert f"python3 -m lab {name}" in command.epilog


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target, _ in LINK.findall(page.read_text()):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"


def test_maps_name_the_notebooks_that_exist():
    there = {path.name for path in notebooks.find(None)}
    assert set(re.findall(r"\(notebooks/([^)]+\.ipynb)\)", (REPOSITORY / "README.md").read_text())) == there
    first = notebooks.find("00")[0]
    prose = "\n".join(cell.source for cell in nbformat.read(first, as_version=4).cells)
    assert set(re.findall(r"\]\((\d\d_[^)]+\.ipynb)\)", prose)) == there - {first.name}


def test_versions_are_those_of_the_settings():
    readme = (REPOSITORY / "README.md").read_text()
    pinned = re.search(r"^weaviate-client==(\S+)", (REPOSITORY / "requirements.txt").read_text(), re.MULTILINE)[1]
    assert f"Weaviate {settings.weaviate_version}" in readme and f"weaviate-client {pinned}" in readme
    for name, text in texts():
        assert set(re.findall(r"\bWeaviate (1\.\d+\.\d+)", text)) <= {settings.weaviate_version}, name


def test_pictures_have_a_text_alternative():
    for page in PAGES:
        assert not re.search(r"!\[\s*\]\(", page.read_text()), page.name
