"""helpers/providers.py: what each provider puts into a schema, a query and a header; and who may not have the key."""

import pytest
from weaviate.collections.classes.config import _CollectionConfigCreate
from weaviate.collections.classes.generative import _GenerativeConfigRuntimeOptions

from helpers import providers
from helpers.providers import ProviderError
from helpers.settings import Settings

LOCAL = "http://127.0.0.1:11434"
EXPECTED = {
    "offline": ("ollama", "all-minilm", "extractive", "http://127.0.0.1:9999"),
    "ollama": ("ollama", "all-minilm", "llama3.2", LOCAL),
    "cohere": ("cohere", "embed-v4.0", "command-a-03-2025", None),
    "openai": ("openai", "text-embedding-3-small", "gpt-5-mini", None),
}
KEYED = {"cohere": ("COHERE_API_KEY", "X-Cohere-Api-Key"), "openai": ("OPENAI_API_KEY", "X-OpenAI-Api-Key")}


@pytest.fixture(params=EXPECTED)
def provider(request, other_settings):
    """Name of a provider, chosen for one test, and what is expected of it."""
    other_settings(COURSE_PROVIDER=request.param.upper(), COURSE_MODELS_URL_FOR_SERVER="http://127.0.0.1:9999")
    return request.param, *EXPECTED[request.param]


def schema(**config):
    """Return what the client would send to create a collection: dict."""
    return _CollectionConfigCreate(name="Any", **config)._to_dict()


def test_vectors_and_text_model_of_a_schema(provider):
    _, api, embedder, writer, url = provider
    sent = schema(
        vector_config=providers.vectors("overview", ["overview"]), generative_config=providers.generative()
    )
    vectorizer = sent["vectorConfig"]["overview"]["vectorizer"]
    assert list(vectorizer) == [f"text2vec-{api}"] and list(sent["moduleConfig"]) == [f"generative-{api}"]
    told, text = vectorizer[f"text2vec-{api}"], sent["moduleConfig"][f"generative-{api}"]
    assert told["model"] == embedder and text["model"] == writer
    assert told["properties"] == ["overview"] and told["vectorizeClassName"] is False
    assert told.get("apiEndpoint") == text.get("apiEndpoint") == url


def test_another_model_for_one_collection(provider):
    _, api, *_ = provider
    sent = schema(vector_config=providers.vectors(model="all-minilm:wait-20ms"))
    assert sent["vectorConfig"]["default"]["vectorizer"][f"text2vec-{api}"]["model"] == "all-minilm:wait-20ms"


def test_text_model_of_a_query(provider):
    _, api, _, writer, url = provider
    sent = providers.writer()._to_grpc(_GenerativeConfigRuntimeOptions())
    assert sent.WhichOneof("kind") == api
    assert getattr(sent, api).model == writer
    assert not url or sent.ollama.api_endpoint == url


def test_ollama_elsewhere(other_settings):
    other_settings(COURSE_PROVIDER="ollama", OLLAMA_URL_FOR_SERVER="http://host.docker.internal:11434/")
    sent = providers.writer()._to_grpc(_GenerativeConfigRuntimeOptions())
    assert sent.ollama.api_endpoint == "http://host.docker.internal:11434"


@pytest.mark.parametrize("name", ["offline", "ollama"])
def test_no_key_no_header(name):
    assert providers.headers(Settings({"COURSE_PROVIDER": name, "WEAVIATE_HOST": "weaviate.example.com"})) == {}


@pytest.mark.parametrize("name", KEYED)
def test_key_travels_as_header_on_this_machine(name, tmp_path):
    variable, header = KEYED[name]
    values = {"COURSE_PROVIDER": name, variable: "secret", "COURSE_STATE_DIR": str(tmp_path)}
    assert providers.headers(Settings(values)) == {header: "secret"}
    for host in ("localhost", "127.0.0.2", "::1"):
        assert providers.headers(Settings(values | {"WEAVIATE_HOST": host})) == {header: "secret"}


@pytest.mark.parametrize("name", KEYED)
@pytest.mark.parametrize("host", ["weaviate.example.com", "192.0.2.1", "0.0.0.0", "localhost.example.com"])
def test_key_never_crosses_a_network_unencrypted(name, host):
    variable, _ = KEYED[name]
    with pytest.raises(ProviderError, match="unencrypted") as caught:
        providers.headers(Settings({"COURSE_PROVIDER": name, variable: "secret", "WEAVIATE_HOST": host}))
    assert variable in str(caught.value) and host in str(caught.value) and "secret" not in str(caught.value)


@pytest.mark.parametrize("name", KEYED)
def test_missing_key_names_the_variable(name):
    with pytest.raises(ProviderError, match=f"set {KEYED[name][0]} in .env"):
        providers.headers(Settings({"COURSE_PROVIDER": name, KEYED[name][0]: ""}))


def test_unknown_provider_lists_the_known():
    with pytest.raises(ProviderError, match="'nobody'; choose one of offline, ollama, cohere, openai"):
        providers.chosen(Settings({"COURSE_PROVIDER": "nobody"}))
