"""What Weaviate clients do while a learner's code runs: where they connect, and what they leave open.

Used by checks. It looks at the connections themselves, because a client that was dropped, or connected twice, tells
nothing of what it has left behind.
"""

import asyncio
import contextlib
import logging

import httpx
import weaviate


class Watch:
    """`with Watch() as watch:` notes every connect() of an async client and every pool that is opened meanwhile.

    connects: list of WeaviateAsyncClient, one for each call of connect(); pools: list of httpx.AsyncClient.
    """

    def __init__(self):
        self.connects, self.pools = [], []

    def __enter__(self):
        self._connect, self._init = weaviate.WeaviateAsyncClient.connect, httpx.AsyncClient.__init__
        watch = self

        def connect(client):
            watch.connects.append(client)
            return watch._connect(client)

        def init(pool, *arguments, **more):
            watch.pools.append(pool)
            watch._init(pool, *arguments, **more)

        weaviate.WeaviateAsyncClient.connect, httpx.AsyncClient.__init__ = connect, init
        return self

    def __exit__(self, *_):
        weaviate.WeaviateAsyncClient.connect, httpx.AsyncClient.__init__ = self._connect, self._init

    def left_open(self):
        """Return how many clients hold a connection, and pools that no client knows any more, are open: int."""
        inner = {client._connection for client in self.connects}
        clients = sum(bool(it._connected or it._client or it._grpc_channel) for it in inner)
        held = {id(it._client) for it in inner}
        return clients + sum(not pool.is_closed and id(pool) not in held for pool in self.pools)

    def places(self):
        """Return where connect() went: list of (host, REST port)."""
        there = [client._connection._connection_params.http for client in self.connects]
        return [(place.host, place.port) for place in there]

    async def put_away(self):
        """Close what is still open, so that the next check finds nothing of this one."""
        for closable in (*self.connects, *self.pools):
            try:
                async with asyncio.timeout(1):
                    await (closable.close() if isinstance(closable, weaviate.WeaviateAsyncClient) else closable.aclose())
            except (RuntimeError, TimeoutError, weaviate.exceptions.WeaviateBaseError):
                pass  # it belonged to a loop that is gone


@contextlib.contextmanager
def quiet_grpc():
    """Keep gRPC's harmless noise out of a learner's sight while two loops are at work in one process."""
    # It reports a BlockingIOError of its own queue to whichever loop is there (grpc issue 25364).
    def is_noise(error):
        return isinstance(error, BlockingIOError)

    loop = asyncio.get_running_loop()
    usual = loop.get_exception_handler()

    def handler(loop, context):
        if not is_noise(context.get("exception")):
            usual(loop, context) if usual else loop.default_exception_handler(context)

    def keep(record):
        return not (record.exc_info and is_noise(record.exc_info[1]))

    loop.set_exception_handler(handler)
    logging.getLogger("asyncio").addFilter(keep)
    try:
        yield
    finally:
        loop.set_exception_handler(usual)
        logging.getLogger("asyncio").removeFilter(keep)
