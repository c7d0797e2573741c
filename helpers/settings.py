"""Where things are: read from the environment, then `.env`, then the defaults below.

Every name that can be set is explained in `.env.example`.
"""

import hashlib
import os
import secrets
from functools import cached_property
from pathlib import Path

import platformdirs
from dotenv.parser import parse_stream

REPOSITORY = Path(__file__).resolve().parent.parent


class SettingsError(Exception):
    """A setting is unusable. The message is one sentence: which one, and what to do."""


def read_env_file(path):
    """Read a `.env` file.

    Arguments: path (Path). Result: dict of str to str, empty if there is no such file.
    Raises SettingsError for a line that is not NAME=value, and for a file that is not UTF-8 text.
    """
    try:
        with open(path, encoding="utf-8") as stream:
            lines = list(parse_stream(stream))
    except FileNotFoundError:
        return {}
    except (UnicodeDecodeError, OSError) as error:
        reason = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise SettingsError(f"{path} cannot be read: {reason}. Mend it, or delete it: every setting has a default.")
    for line in lines:
        if line.error:
            raise SettingsError(f"{path}, line {line.original.line}: not NAME=value. Mend or delete that line.")
    return {line.key: line.value for line in lines if line.key and line.value}


class Settings:
    """The course's settings.

    Arguments: environ (mapping of str to str, the environment), env_file (Path or None).
    An empty value counts as not set. Raises SettingsError when a setting is first read, so that importing this module
    never fails.
    """

    weaviate_version = "1.39.3"
    oldest_weaviate = "1.36.0"  # `data.ingest` and `batch.stream` need it
    embedding_model = "all-minilm"
    offline_generator = "extractive"

    def __init__(self, environ, env_file=None):
        self._environ, self._env_file = dict(environ), env_file

    @cached_property
    def _values(self):
        from_file = read_env_file(self._env_file) if self._env_file else {}
        return from_file | {name: value for name, value in self._environ.items() if value}

    def get(self, name, default=None):
        """Return a setting as text, or the default."""
        return self._values.get(name, default)

    def _port(self, name, default):
        value = self.get(name, default)
        if not str(value).isdecimal() or not 0 < int(value) < 65536:
            raise SettingsError(f"{name} must be a port from 1 to 65535, not {value!r}.")
        return int(value)

    @property
    def state_dir(self):
        """Path: records, keys, logs and data of the servers that the lab starts."""
        return REPOSITORY / self.get("COURSE_STATE_DIR", ".lab")

    @property
    def cache_dir(self):
        """Path: what was fetched once for this user (model weights)."""
        return REPOSITORY / self.get("COURSE_CACHE_DIR", platformdirs.user_cache_path("weaviate-async-course"))

    @property
    def binary_path(self):
        """Path: the Weaviate program, where the client's embedded mode keeps it (weaviate/embedded.py)."""
        folder = self.get("XDG_CACHE_HOME", Path.home() / ".cache" / "weaviate-embedded")
        tag = f"v{self.weaviate_version}"
        return Path(folder) / f"weaviate-{tag}-{hashlib.sha256(tag.encode()).hexdigest()}"

    @property
    def is_external(self):
        """bool: another server is named by WEAVIATE_HOST, so the lab starts none."""
        return self.get("WEAVIATE_HOST") is not None

    @property
    def weaviate_port(self):
        """int: REST port of the learner's Weaviate."""
        return self._port("WEAVIATE_PORT", 8080)

    @property
    def weaviate_grpc_port(self):
        """int: gRPC port of the learner's Weaviate."""
        return self._port("WEAVIATE_GRPC_PORT", 50051)

    @property
    def spare_ports(self):
        """tuple of int: REST and gRPC port of the first node of a throw-away server."""
        return self._port("COURSE_SPARE_PORT", 28080), self._port("COURSE_SPARE_GRPC_PORT", 28051)

    @cached_property
    def api_key(self):
        """str or None: WEAVIATE_API_KEY, or for the lab's own server a random key kept in the state folder."""
        if self.is_external or self.get("WEAVIATE_API_KEY"):
            return self.get("WEAVIATE_API_KEY")
        return kept_secret(self.state_dir / "key")

    @property
    def local(self):
        """dict: where this learner's Weaviate is, as `weaviate.use_async_with_local(**settings.local)` takes it."""
        return {
            "host": self.get("WEAVIATE_HOST", "127.0.0.1"),
            "port": self.weaviate_port,
            "grpc_port": self.weaviate_grpc_port,
            "auth_credentials": self.api_key,
        }

    @property
    def models_port(self):
        """int: port of the offline models on 127.0.0.1."""
        return self._port("COURSE_MODELS_PORT", 11435)

    @property
    def models_url(self):
        """str: the offline models as this machine sees them."""
        return self.get("COURSE_MODELS_URL", f"http://127.0.0.1:{self.models_port}").rstrip("/")

    @property
    def models_url_for_server(self):
        """str: the offline models as Weaviate sees them (another address when Weaviate is in Docker)."""
        return self.get("COURSE_MODELS_URL_FOR_SERVER", self.models_url).rstrip("/")

    @property
    def provider(self):
        """str: who makes vectors and texts: offline, ollama, cohere or openai."""
        return self.get("COURSE_PROVIDER", "offline").lower()


def kept_secret(path):
    """Return the random key kept in a file of mode 0600, made on first use.

    Arguments: path (Path). Result: str of 43 characters. Two processes at once get the same key.
    """
    try:
        return path.read_text()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(32))
    try:
        os.link(draft, path)  # never replaces a key that another process made meanwhile
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text()


def _from_process():
    # COURSE_ENV_FILE is how the gate ignores a learner's `.env`: set, and naming no file.
    env_file = os.environ.get("COURSE_ENV_FILE", REPOSITORY / ".env")
    return Settings(os.environ, env_file or None)


settings = _from_process()
