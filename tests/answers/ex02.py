"""Plausible wrong answers to the exercises of notebook 02, and what each must be told."""

import os

import weaviate
from weaviate.classes.init import Auth
from weaviate.connect import ConnectionParams

from helpers.settings import settings


def passes_none(variables):
    headers = {"X-Cohere-Api-Key": variables.get("COHERE_API_KEY")}
    return weaviate.use_async_with_local(**settings.local, headers=headers)


def insists_on_the_key(variables):
    headers = {"X-Cohere-Api-Key": variables["COHERE_API_KEY"]}
    return weaviate.use_async_with_local(**settings.local, headers=headers)


def takes_an_empty_key(variables):
    headers = {"X-Cohere-Api-Key": variables["COHERE_API_KEY"]} if "COHERE_API_KEY" in variables else {}
    return weaviate.use_async_with_local(**settings.local, headers=headers)


def asks_the_environment(variables):
    key = os.getenv("COHERE_API_KEY")
    return weaviate.use_async_with_local(**settings.local, headers={"X-Cohere-Api-Key": key} if key else {})


def another_place(variables):
    key = variables.get("COHERE_API_KEY")
    return weaviate.use_async_with_local(port=1, headers={"X-Cohere-Api-Key": key} if key else {})


def without_the_servers_key(variables):
    key, place = variables.get("COHERE_API_KEY"), settings.local | {"auth_credentials": None}
    return weaviate.use_async_with_local(**place, headers={"X-Cohere-Api-Key": key} if key else {})


async def connects(variables):
    key = variables.get("COHERE_API_KEY")
    client = weaviate.use_async_with_local(**settings.local, headers={"X-Cohere-Api-Key": key} if key else {})
    await client.connect()
    return client


def cloud(host, key, grpc_host, grpc_port, secure=True):
    params = ConnectionParams.from_params(
        http_host=host, http_port=443, http_secure=secure,
        grpc_host=grpc_host, grpc_port=grpc_port, grpc_secure=secure,
    )  # fmt: skip
    return weaviate.WeaviateAsyncClient(connection_params=params, auth_client_secret=key and Auth.api_key(key))


def same_host(host, key):
    return cloud(host, key, host, 50051)


def other_port(host, key):
    return cloud(host, key, f"grpc-{host}", 50051)


def unencrypted(host, key):
    return cloud(host, key, f"grpc-{host}", 443, secure=False)


def the_helper(host, key):
    return weaviate.use_async_with_weaviate_cloud(cluster_url=host, auth_credentials=key)


def no_key(host, key):
    return cloud(host, None, f"grpc-{host}", 443)


WRONG = {
    "02.1": {
        passes_none: "whose value is None",
        insists_on_the_key: "ask with .get()",
        takes_an_empty_key: "An empty key is none",
        asks_the_environment: "not in the environment",
        another_place: "Take the address",
        without_the_servers_key: "Does it show the key",
        connects: "whoever uses it connects it",
    },
    "02.2": {
        same_host: "answers there at grpc-",
        other_port: "both ports are 443",
        unencrypted: "speaks TLS",
        no_key: "carries no API key",
        the_helper: "That is the helper",
    },
    "02.3": {
        ("no server", "wrong key", "wrong gRPC port"): "UnexpectedStatusCodeError",
        ("wrong key", "no server", "wrong gRPC port"): "WeaviateGRPCUnavailableError",
        ("wrong key", "wrong gRPC port", "wrong key"): "WeaviateStartUpError",
        ("wrong key", "firewall", "no server"): "none of",
        ("wrong key",): "three faults",
    },
}
KEY_LINE = {
    "02.1": "headers = {\"X-Cohere-Api-Key\": key} if key else {}",
    "02.2": "grpc_host=f\"grpc-{host}\", grpc_port=443, grpc_secure=True,",
    "02.3": "faults.append(meanings[type(error).__name__])",
}
