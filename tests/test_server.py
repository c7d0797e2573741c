"""helpers/server.py against real Weaviate processes."""

import asyncio
import json
import socket
import stat
import subprocess

import grpc
import httpx
import psutil
import pytest
import weaviate
from weaviate.proto.v1.v6300.v1 import search_get_pb2
from weaviate.exceptions import UnexpectedStatusCodeError

from helpers import processes, server
from helpers.environment import COMMON, ports_of
from helpers.nodes import grpc_answers
from helpers.processes import Record, ServerError
from helpers.settings import settings

pytestmark = pytest.mark.anyio


async def connect(place, **more):
    client = weaviate.use_async_with_local(**place, **more)
    await client.connect()
    return client


async def test_life_of_a_server():
    spare = await server.start("spare")
    try:
        record = settings.state_dir / "servers" / "spare.json"
        assert stat.S_IMODE(record.stat().st_mode) == 0o600
        client = await connect(spare.local)
        assert (await client.get_meta())["version"] == settings.weaviate_version
        await client.collections.create("Kept")
        await client.collections.use("Kept").data.insert({"number": 1})
        await client.close()

        await spare.freeze()
        with pytest.raises(httpx.TimeoutException):
            httpx.get(f"http://127.0.0.1:{spare.local['port']}/v1/.well-known/ready", timeout=0.5)
        await spare.resume()
        await spare.ready()

        await spare.kill()
        assert not spare.nodes[0].alive()
        assert not Record(settings.state_dir / "servers", "spare").running()
        await spare.restart()
        client = await connect(spare.local)
        assert await client.collections.use("Kept").length() == 1
        await client.close()
    finally:
        await spare.stop()
    assert not record.exists() and not spare.folder.exists()
    assert not any(map(processes.is_taken, spare.nodes[0].ports.all()))


async def test_doors_are_locked():
    """127.0.0.2 stands for another address of this machine."""
    spare = await server.start("spare")
    try:
        ports, elsewhere = spare.nodes[0].ports, "127.0.0.2"
        for key in (None, "wrong"):
            client = weaviate.use_async_with_local(**spare.local | {"auth_credentials": key})
            with pytest.raises(UnexpectedStatusCodeError, match="401"):
                await client.connect()
            await client.close()
        with socket.socket() as probe:
            assert probe.connect_ex((elsewhere, ports.rest)) != 0, "REST must be on 127.0.0.1 alone"
        assert await grpc_answers(ports.grpc, host=elsewhere), "Weaviate gives no choice; if it now does, bind it"
        assert "unauthorized" in await refused_search(elsewhere, ports.grpc)
        data = httpx.get(f"http://{elsewhere}:{ports.data}/indices/Any/shards/any/objects/x", trust_env=False)
        assert data.status_code == 401
    finally:
        await spare.stop()


async def refused_search(host, port):
    """Search over gRPC without a key. Result: the server's refusal, lower case."""
    request = search_get_pb2.SearchRequest(collection="Any", uses_127_api=True).SerializeToString()
    async with grpc.aio.insecure_channel(f"{host}:{port}", options=[("grpc.enable_http_proxy", 0)]) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary("/weaviate.v1.Weaviate/Search")(request, timeout=5)
    return caught.value.details().lower()


async def test_anonymous_lets_everybody_in():
    open_server = await server.start("spare", anonymous=True)
    try:
        assert open_server.local["auth_credentials"] is None
        client = await connect(open_server.local)
        assert await client.collections.list_all() == {}
        await client.close()
    finally:
        await open_server.stop()


async def test_three_nodes_and_one_killed():
    cluster = await server.start("spare", nodes=3)
    try:
        client = await connect(cluster.nodes[1].local)
        assert len(await client.cluster.nodes()) == 3
        await cluster.nodes[2].kill()
        assert [node.alive() for node in cluster.nodes] == [True, True, False]
        await cluster.restart(cluster.nodes[2])
        assert {node.status for node in await client.cluster.nodes()} == {"HEALTHY"}
        await client.close()
    finally:
        await cluster.stop()


async def test_started_twice_is_one():
    first = await server.start("spare")
    second = await server.start("spare")
    try:
        assert not first.nodes[0].alive() and second.nodes[0].alive()
        assert not first.folder.exists()
    finally:
        await second.stop()


async def test_port_taken_names_its_holder():
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", settings.spare_ports[0]))
        other.listen()
        with pytest.raises(ServerError, match=rf"Port {settings.spare_ports[0]} is held by .*pid") as caught:
            await server.start("spare")
    assert "WEAVIATE_PORT" in str(caught.value)
    assert not (settings.state_dir / "servers" / "spare.json").exists()


async def test_interrupted_start_leaves_nothing():
    task = asyncio.create_task(server.start("spare"))
    while not (settings.state_dir / "servers" / "spare.json").exists():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not (settings.state_dir / "servers" / "spare.json").exists()
    assert not any(map(processes.is_taken, ports_of(*settings.spare_ports).all()))


async def test_death_while_starting_shows_the_log(tmp_path):
    dying = tmp_path / "weaviate"
    dying.write_text("#!/bin/sh\necho 'write /data: no space left on device'\nexit 1\n")
    dying.chmod(0o755)
    with pytest.raises(ServerError, match="the disk is full.\nwrite /data"):
        await server.start("spare", program=dying)


async def test_no_program():
    with pytest.raises(ServerError, match="python3 -m lab"):
        await server.start("spare", program=settings.binary_path.with_name("none"))


async def test_data_of_a_newer_version_is_refused(tmp_path):
    (tmp_path / "weaviate-version").write_text("1.99.0")
    with pytest.raises(ServerError, match="1.99.0"):
        await server.start("spare", data=tmp_path)


async def test_pid_of_another_process_is_never_stopped():
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        record = Record(settings.state_dir / "servers", "stale")
        created = psutil.Process(stranger.pid).create_time()
        record.write(processes=[{"pid": stranger.pid, "created": created - 60}], temporary=True, folder="/")
        assert await server.forget("stale") == 0
        assert stranger.poll() is None and not record.path.exists()
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("content", ["", "{", "[]", json.dumps({"processes": 3}), json.dumps({"processes": [{}]})])
async def test_damaged_record_is_no_record(content):
    record = Record(settings.state_dir / "servers", "damaged")
    record.path.parent.mkdir(parents=True, exist_ok=True)
    record.path.write_text(content)
    assert record.running() == []
    assert await server.forget("damaged") == 0


def test_ports_of_neighbours_do_not_meet():
    servers = [(8080, 50051), (18080, 15051), (28080, 28051), (29080, 29051)]
    everything = [port for first in servers for node in range(3) for port in ports_of(*first, node).all()]
    assert len(set(everything)) == len(everything)
    assert all(0 < port < 65536 for port in everything)


def test_what_every_server_is_given():
    assert COMMON["DISABLE_TELEMETRY"] == "true" and COMMON["RAFT_TIMEOUTS_MULTIPLIER"] == "1"
    assert "GOMEMLIMIT" in COMMON and "ollama" in COMMON["ENABLE_MODULES"]
