"""What a Weaviate node is started with: its ports and its environment variables.

Names and defaults: Weaviate's documentation, "Environment variables"; seen at work in version 1.39.3.
"""

import os
from dataclasses import astuple, dataclass

# What every server of the course is given, in Docker too (tests/test_compose.py holds it to this).
COMMON = {
    "ENABLE_MODULES": "text2vec-ollama,generative-ollama",
    "MODULES_CLIENT_TIMEOUT": "2m",
    "ENABLE_TOKENIZER_KAGOME_JA": "true",
    "DISABLE_TELEMETRY": "true",
    "GO_PROFILING_DISABLE": "true",  # it listens on all interfaces
    "LOG_LEVEL": "warning",
    "GOMEMLIMIT": "2GiB",
    "RAFT_TIMEOUTS_MULTIPLIER": "1",  # ready in 3 seconds, not 8
    # A laptop whose disk is 91 % full has room for this course: by default Weaviate would refuse to write.
    "DISK_USE_WARNING_PERCENTAGE": "98",
    "DISK_USE_READONLY_PERCENTAGE": "99",
}
# What a server inherits. Everything else in the caller's environment could change what it does.
INHERITED = ("PATH", "HOME", "TMPDIR", "LANG", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")
PROXIES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
GOSSIP, RAFT, STEP = 7946, 8300, 10  # Weaviate's defaults; from one node of ours to the next


@dataclass(frozen=True)
class Ports:
    """The six TCP ports of a node. The last of each pair must be the one before plus one."""

    rest: int
    grpc: int
    gossip: int
    data: int
    raft: int
    raft_rpc: int

    def all(self):
        """Return the six as a list of int."""
        return list(astuple(self))


def ports_of(rest, grpc, node=0):
    """Return the Ports of a node, derived from the REST and gRPC ports of its server's first node."""
    shift = rest - 8080 + STEP * node
    gossip, raft = (GOSSIP + shift) % 65536, (RAFT + shift) % 65536
    return Ports(rest + STEP * node, grpc + STEP * node, gossip, gossip + 1, raft, raft + 1)


def environment(number, ports, folder, key, anonymous, cluster_key):
    """Return the environment of one node of a server.

    Arguments: number (int, this node, counted from 0), ports (list of Ports, of all nodes), folder (Path of its
    data), key (str, the API key), anonymous (bool: let everybody in), cluster_key (str: what the nodes ask of each
    other). Result: dict of str.
    """
    own = ports[number]
    result = {name: os.environ[name] for name in INHERITED + PROXIES if name in os.environ}
    result |= COMMON | {
        "PERSISTENCE_DATA_PATH": str(folder),
        "GRPC_PORT": str(own.grpc),
        "CLUSTER_HOSTNAME": f"node{number + 1}",
        "CLUSTER_IN_LOCALHOST": "true",
        "CLUSTER_ADVERTISE_ADDR": "127.0.0.1",
        "CLUSTER_BIND_ADDR": "127.0.0.1",
        "CLUSTER_GOSSIP_BIND_PORT": str(own.gossip),
        "CLUSTER_DATA_BIND_PORT": str(own.data),
        "CLUSTER_BASIC_AUTH_USERNAME": "cluster",
        "CLUSTER_BASIC_AUTH_PASSWORD": cluster_key,
        "RAFT_PORT": str(own.raft),
        "RAFT_INTERNAL_RPC_PORT": str(own.raft_rpc),
        "RAFT_JOIN": ",".join(f"node{i}:{each.raft}" for i, each in enumerate(ports, 1)),
        "RAFT_BOOTSTRAP_EXPECT": str(len(ports)),
        "no_proxy": "localhost,127.0.0.1",
    }
    if len(ports) > 1:
        result["MEMBERLIST_FAST_FAILURE_DETECTION"] = "true"
        if number:
            result["CLUSTER_JOIN"] = f"localhost:{ports[0].gossip}"
    return result | access(key, anonymous)


def access(key, anonymous):
    """Return the settings that say who may do what: dict of str.

    With a key, the user "learner" is an administrator. With `anonymous` so is everybody who can reach the server.
    """
    if anonymous:
        return {"AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "true"}
    return {
        "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "false",
        "AUTHENTICATION_APIKEY_ENABLED": "true",
        "AUTHENTICATION_APIKEY_ALLOWED_KEYS": key,
        "AUTHENTICATION_APIKEY_USERS": "learner",
        "AUTHORIZATION_ADMINLIST_ENABLED": "true",
        "AUTHORIZATION_ADMINLIST_USERS": "learner",
    }
