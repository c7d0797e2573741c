"""helpers/settings.py: environment over `.env` over default, and what goes wrong said in one sentence."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.settings import REPOSITORY, Settings, SettingsError, read_env_file


@pytest.fixture
def env_file(tmp_path):
    """Return a function that writes a `.env` from str or bytes and returns its Path."""

    def write(content):
        path = tmp_path / ".env"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_environment_over_file_over_default(env_file):
    path = env_file("WEAVIATE_PORT=1111\nWEAVIATE_GRPC_PORT='2222' # quoted\n")
    settings = Settings({"WEAVIATE_PORT": "3333"}, path)
    assert (settings.weaviate_port, settings.weaviate_grpc_port, settings.models_port) == (3333, 2222, 11435)


def test_defaults_are_those_of_the_design():
    settings = Settings({})
    assert (settings.weaviate_port, settings.weaviate_grpc_port) == (8080, 50051)
    assert (settings.models_port, settings.models_url) == (11435, "http://127.0.0.1:11435")
    assert settings.provider == "offline" and not settings.is_external
    assert settings.state_dir == REPOSITORY / ".lab"


def test_empty_counts_as_not_set(env_file):
    settings = Settings({"WEAVIATE_HOST": "", "WEAVIATE_PORT": ""}, env_file("WEAVIATE_HOST=\nWEAVIATE_PORT=1111\n"))
    assert not settings.is_external and settings.weaviate_port == 1111


def test_no_file_is_no_error(tmp_path):
    assert read_env_file(tmp_path / "none") == {}


def test_line_ends_and_byte_order_mark_of_windows(env_file):
    assert read_env_file(env_file(b"\xef\xbb\xbfWEAVIATE_PORT=1111\r\nCOURSE_PROVIDER=ollama\r\n")) == {
        "WEAVIATE_PORT": "1111",
        "COURSE_PROVIDER": "ollama",
    }


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("# fine\nWEAVIATE_PORT=1\nthis is no setting\n", r"\.env, line 3: not NAME=value"),
        ('A="never closed\n', r"\.env, line 1: not NAME=value"),
        (b"A=caf\xe9\n", "it is not UTF-8 text"),
    ],
)
def test_corrupt_file_is_named_with_its_line(env_file, content, told):
    with pytest.raises(SettingsError, match=told) as caught:
        Settings({}, env_file(content)).local
    assert "\n" not in str(caught.value)


def test_folder_in_place_of_the_file(tmp_path):
    with pytest.raises(SettingsError, match="Is a directory"):
        read_env_file(tmp_path)


@pytest.mark.parametrize("port", ["0", "65536", "-1", "80a", "²", "8080.0", " "])
def test_port_out_of_range(port):
    with pytest.raises(SettingsError, match="WEAVIATE_PORT must be a port from 1 to 65535, not "):
        Settings({"WEAVIATE_PORT": port}).weaviate_port


def test_models_as_weaviate_sees_them():
    settings = Settings({"COURSE_MODELS_URL": "http://here:1/", "COURSE_MODELS_URL_FOR_SERVER": "http://there:2/"})
    assert (settings.models_url, settings.models_url_for_server) == ("http://here:1", "http://there:2")
    assert Settings({"COURSE_MODELS_PORT": "77"}).models_url_for_server == "http://127.0.0.1:77"


def test_key_is_made_once_and_kept_private(tmp_path):
    state = {"COURSE_STATE_DIR": str(tmp_path / "state")}
    key = Settings(state).api_key
    assert len(key) == 43 and Settings(state).api_key == key
    assert Settings(state).local["auth_credentials"] == key
    assert stat.S_IMODE((tmp_path / "state" / "key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert Settings(state | {"WEAVIATE_API_KEY": "mine"}).api_key == "mine"


def test_another_server_gets_no_key_of_ours(tmp_path):
    settings = Settings({"COURSE_STATE_DIR": str(tmp_path), "WEAVIATE_HOST": "127.0.0.1"})
    assert settings.local == {"host": "127.0.0.1", "port": 8080, "grpc_port": 50051, "auth_credentials": None}
    assert not (tmp_path / "key").exists()


def test_processes_at_once_get_the_same_key(tmp_path):
    """Four wait for a file to appear, so that they are at it together."""
    code = (
        "import sys, pathlib; from helpers.settings import kept_secret; print('ready', flush=True)\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "while not (folder / 'go').exists(): pass\n"
        "print(kept_secret(folder / 'state' / 'key'))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    callers = [subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert [caller.stdout.readline() for caller in callers] == ["ready\n"] * 4
    (tmp_path / "go").touch()
    keys = {caller.communicate(timeout=30)[0].strip() for caller in callers}
    assert keys == {(tmp_path / "state" / "key").read_text()} and len(keys.pop()) == 43
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["key"]


@pytest.mark.parametrize("cache", [None, "elsewhere"])
def test_binary_is_where_embedded_mode_looks(tmp_path, cache):
    """Both sides in one process, because the client reads its variables when it is imported."""
    code = """
import pathlib, sys
from helpers.settings import settings
from weaviate.embedded import EmbeddedOptions, EmbeddedV4
embedded = EmbeddedV4(EmbeddedOptions(version=settings.weaviate_version))
pathlib.Path.exists = lambda path: True
embedded.ensure_weaviate_binary_exists()
print(embedded._weaviate_binary_path)
print(settings.binary_path)
"""
    env = {"HOME": str(tmp_path), "COURSE_ENV_FILE": "", "PATH": os.environ["PATH"]}
    if cache:
        env["XDG_CACHE_HOME"] = str(tmp_path / cache)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, env=env, capture_output=True, text=True, check=True
    )
    theirs, ours = map(Path, done.stdout.split())
    assert theirs == ours and ours.is_relative_to(tmp_path)
    assert ours.parent.name == (cache or "weaviate-embedded")
