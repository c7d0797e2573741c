"""The offline models as a program: python -m lab.models"""

import os
import socket

import click
import uvicorn

from helpers.settings import SettingsError, settings
from lab.models import weights

# Requests share the processors; the product of two matrices does not divide itself into threads as well.
ONE_THREAD = {name: "1" for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")}
ONE_THREAD["TOKENIZERS_PARALLELISM"] = "false"


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port.  [default: COURSE_MODELS_PORT or 11435]")
@click.option("--allow-host", multiple=True, metavar="NAME", help="A further name to be reached by; repeatable.")
def main(host, port, allow_host):
    """Serve the offline models until SIGTERM or Ctrl-C. They are fetched first where they are missing."""
    os.environ.update(ONE_THREAD)
    from lab.models.app import create_app  # now, because NumPy reads these variables when it is imported
    from lab.models.embedder import Embedder

    try:
        listener = bound(host, port or settings.models_port)
        embedder = Embedder(weights.fetch())
    except (weights.WeightsError, SettingsError, OSError) as error:
        raise SystemExit(f"lab.models: {error}") from error
    config = uvicorn.Config(
        create_app(embedder, allow_host),
        log_level="warning",
        ws="none",
        timeout_keep_alive=120,  # longer than the 90 s that Weaviate keeps an idle connection for its next request
        timeout_graceful_shutdown=5,
    )
    uvicorn.Server(config).run(sockets=[listener])


def bound(host, port):
    """Return a socket bound to an address (str, int), not listening yet. Raises OSError with a sentence."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY only then; without it every answer takes 40 ms longer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OSError(
            f"cannot listen on {host}:{port} ({error.strerror}): stop the program that does, or choose another --port."
        ) from error
    return listener


if __name__ == "__main__":
    main()
