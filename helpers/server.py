"""Weaviate as processes of our own: start one node or several, break them, mend them, stop them.

    spare = await server.start("spare")
    client = weaviate.use_async_with_local(**spare.local)
    ...
    await spare.stop()
"""

import asyncio
import contextlib
import secrets
import shutil
import time
from pathlib import Path

from helpers import processes
from helpers.environment import environment, ports_of
from helpers.nodes import Node
from helpers.processes import Record, ServerError
from helpers.settings import settings

__all__ = ["Server", "ServerError", "forget", "start"]


class Server:
    """A Weaviate of one node or several: `nodes`, each of which can be broken alone. Made by `start`.

    Arguments: name (str), ports (list of environment.Ports), folder (Path of the data), key (str, the API key),
    anonymous (bool: let everybody in), temporary (bool: the data goes when the server is stopped), program (Path).
    """

    def __init__(self, name, ports, folder, key, anonymous, temporary, program):
        self.name, self.folder, self.temporary = name, folder, temporary
        self._record = Record(settings.state_dir / "servers", name)
        logs, cluster_key = settings.state_dir / "logs", secrets.token_urlsafe(32)
        self.nodes = [
            Node(
                ports=own,
                env=environment(number, ports, folder / f"node{number + 1}", key, anonymous, cluster_key),
                log=logs / f"{name}-node{number + 1}.log",
                key=None if anonymous else key,
                program=program,
                peers=len(ports),
            )
            for number, own in enumerate(ports)
        ]

    @property
    def local(self):
        """dict: how to reach the first node, as `weaviate.use_async_with_local(**spare.local)` takes it."""
        return self.nodes[0].local

    async def ready(self, timeout=60):
        """Wait until every node answers REST and gRPC and sees the others.

        Arguments: timeout (seconds). Raises ServerError if a node dies or the time is over.
        """
        deadline = time.monotonic() + timeout
        await asyncio.gather(*(node.ready(deadline) for node in self.nodes))

    async def kill(self):
        """Kill all nodes at once (SIGKILL), as a power cut would. `restart` brings them back with their data."""
        await asyncio.gather(*(node.kill() for node in self.nodes))

    async def freeze(self):
        """Keep all nodes from running (SIGSTOP): connections stay open, nothing answers."""
        await asyncio.gather(*(node.freeze() for node in self.nodes))

    async def resume(self):
        """Let frozen nodes run again (SIGCONT)."""
        await asyncio.gather(*(node.resume() for node in self.nodes))

    async def restart(self, *broken):
        """Start nodes again and wait until the whole server is ready. Their data stays.

        Arguments: broken (Node, any number; without one, all nodes). What still runs is ended first.
        """
        await asyncio.gather(*(node.end() for node in broken or self.nodes))
        self._spawn(broken or self.nodes)
        await self.ready()

    async def stop(self):
        """Stop all nodes and forget the server. Temporary data is deleted."""
        await asyncio.gather(*(node.end() for node in self.nodes))
        if self.temporary:
            shutil.rmtree(self.folder, ignore_errors=True)
        self._record.remove()

    def _spawn(self, nodes):
        for node in nodes:
            node.spawn()
            self._record.write(
                version=settings.weaviate_version,
                ports=[each.ports.all() for each in self.nodes],
                folder=str(self.folder),
                temporary=self.temporary,
                processes=[processes.identity(each.process) for each in self.nodes if each.alive()],
            )


async def start(name="spare", *, nodes=1, anonymous=False, data=None, ports=None, key=None, program=None):
    """Start a Weaviate and wait until it is ready.

    A server of this name that still runs is stopped first, so a cell may be run twice.

    Arguments: name (str), nodes (int, how many), anonymous (bool: let everybody in), data (Path of a folder to
    keep; without it a temporary one, deleted by `stop`), ports (tuple of int, REST and gRPC of the first node),
    key (str, the API key; random without it), program (Path of the Weaviate to start; the lab's own without it).
    Result: Server.
    Raises ServerError: no program, a port taken, data of a newer Weaviate, or it died while starting.
    """
    await forget(name)
    folder = data or settings.state_dir / "temporary" / f"{name}-{secrets.token_hex(4)}"
    _refuse_newer(folder)
    layout = [ports_of(*(ports or settings.spare_ports), number) for number in range(nodes)]
    key, program = key or secrets.token_urlsafe(32), program or settings.binary_path
    server = Server(name, layout, folder, key, anonymous, data is None, program)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        server._spawn(server.nodes)
        await server.ready()
        (folder / "weaviate-version").write_text(settings.weaviate_version)
    except OSError as error:
        await server.stop()
        raise ServerError(f"{folder} cannot be written: {error.strerror}.") from error
    except BaseException:  # Ctrl-C too: nothing half-made stays
        await asyncio.shield(server.stop())
        raise
    return server


async def forget(name):
    """Stop what is recorded under a name and still is that process, and delete its temporary data.

    Arguments: name (str). Result: int, how many processes were stopped.
    """
    record = Record(settings.state_dir / "servers", name)
    running = record.running()
    await asyncio.gather(*(asyncio.to_thread(processes.end, process) for process in running))
    told = record.read() or {}
    folder = Path(told.get("folder") or "")
    if told.get("temporary") and folder.parent == settings.state_dir / "temporary":
        shutil.rmtree(folder, ignore_errors=True)
    record.remove()
    return len(running)


def _refuse_newer(folder):
    with contextlib.suppress(FileNotFoundError):
        written = (folder / "weaviate-version").read_text().strip()
        if version_numbers(written) > version_numbers(settings.weaviate_version):
            raise ServerError(
                f"{folder} was written by Weaviate {written}, which {settings.weaviate_version} cannot be trusted to"
                " read. Drop that data (python3 -m lab reset), or get the newer version of this course."
            )


def version_numbers(version):
    """Return a version as numbers that can be compared: "1.39.3-rc.1" is [1, 39, 3]. Raises ValueError."""
    return [int(part) for part in version.split("-")[0].split(".")]
