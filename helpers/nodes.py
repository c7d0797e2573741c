"""One Weaviate process: start it, ask whether it answers, kill it, freeze it, start it again."""

import asyncio
import signal
import time

import grpc
import httpx

from helpers import processes
from helpers.processes import ServerError
from helpers.settings import settings

CAUSES = {
    "address already in use": "one of its ports is taken.",
    "no space left on device": "the disk is full.",
    "read-only file system": "its data folder cannot be written.",
    "permission denied": "its data folder cannot be written.",
}


class Node:
    """One node of a server.

    Arguments: ports (environment.Ports), env (dict of str), log (Path), key (str or None: what to show at the
    door), peers (int: how many nodes must see each other), program (Path of Weaviate).
    """

    def __init__(self, ports, env, log, key, peers, program):
        self.ports, self.env, self.log, self.key = ports, env, log, key
        self.peers, self.program = peers, program
        self.process = None

    @property
    def local(self):
        """dict: how to reach this node, as `weaviate.use_async_with_local(**node.local)` takes it."""
        return {
            "host": "127.0.0.1",
            "port": self.ports.rest,
            "grpc_port": self.ports.grpc,
            "auth_credentials": self.key,
        }

    def alive(self):
        """Return True while the process runs (frozen counts as running)."""
        return self.process is not None and processes.alive(self.process)

    def spawn(self):
        """Start the process, without waiting for it to answer. Raises ServerError: a port taken, no program."""
        taken = processes.wait_until_free(self.ports.all())
        if taken:
            raise ServerError(
                f"Port {taken} is held by {processes.holder(taken)}. Stop that program, or set other ports in .env"
                " (WEAVIATE_PORT and WEAVIATE_GRPC_PORT)."
            )
        if not self.program.exists():
            raise ServerError("There is no Weaviate program here yet. Run: python3 -m lab")
        command = [str(self.program), "--scheme", "http", "--host", "127.0.0.1"]
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".old.log"))  # what is shown of a death is of this life
        self.process = processes.spawn([*command, "--port", str(self.ports.rest)], self.log, self.env)

    async def ready(self, deadline):
        """Wait until this node answers REST and gRPC and sees its peers.

        Arguments: deadline (float, on time.monotonic's clock). Raises ServerError if it dies or time runs out.
        """
        while not await self.answers():
            if not self.alive():
                raise ServerError(self._why_it_died())
            if time.monotonic() > deadline:
                raise ServerError(f"Weaviate is not ready in time. Its log: {self.log}")
            await asyncio.sleep(0.05)

    async def answers(self):
        """Return True if REST is ready, all peers are healthy, and a gRPC call makes a round trip."""
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        base = f"http://127.0.0.1:{self.ports.rest}/v1"
        async with httpx.AsyncClient(base_url=base, timeout=2, trust_env=False, headers=headers) as http:
            try:
                if (await http.get("/.well-known/ready")).status_code != 200:
                    return False
                version = (await http.get("/meta")).json()["version"]
                members = (await http.get("/nodes")).json()["nodes"]
            except (httpx.HTTPError, ValueError, KeyError, TypeError):
                return False
        if version != settings.weaviate_version:
            raise ServerError(f"{self.program} is Weaviate {version}, not {settings.weaviate_version}.")
        healthy = sum(member["status"] == "HEALTHY" for member in members)
        return healthy == self.peers and await grpc_answers(self.ports.grpc)

    def _why_it_died(self):
        tail = processes.last_lines(self.log)
        cause = next((cause for sign, cause in CAUSES.items() if sign in tail), "the end of its log may say why.")
        return f"Weaviate stopped while starting: {cause}\n{tail}\n(whole log: {self.log})"

    async def kill(self):
        """Kill the process at once (SIGKILL): it cannot save anything."""
        if self.alive():
            self.process.kill()
            await asyncio.to_thread(self.process.wait, 15)

    async def freeze(self):
        """Keep the process from running (SIGSTOP): connections stay open, nothing answers."""
        self.process.send_signal(signal.SIGSTOP)

    async def resume(self):
        """Let a frozen process run again (SIGCONT)."""
        self.process.send_signal(signal.SIGCONT)

    async def end(self):
        """Stop the process as an administrator would (SIGTERM)."""
        if self.alive():
            await asyncio.to_thread(processes.end, self.process)


async def grpc_answers(port, host="127.0.0.1", timeout=2):
    """Return True if a gRPC health check makes a round trip. Weaviate asks for no key here.

    Arguments: port (int), host (str), timeout (seconds).
    Source: the gRPC health checking protocol; an empty request means the server as a whole, SERVING is 1.
    """
    # gRPC obeys http_proxy even for this machine unless told not to
    async with grpc.aio.insecure_channel(f"{host}:{port}", options=[("grpc.enable_http_proxy", 0)]) as channel:
        try:
            return await channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=timeout) == b"\x08\x01"
        except grpc.aio.AioRpcError:
            return False
