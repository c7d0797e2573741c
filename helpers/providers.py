"""Who makes the vectors and the texts: one variable, COURSE_PROVIDER, chooses.

`offline` is Ollama's code path with another URL: the models that `python3 -m lab` starts on this machine. With
`cohere` or `openai` the same cells run against that service, and its key travels as a header.
"""

import ipaddress
from dataclasses import dataclass

from weaviate.classes.config import Configure
from weaviate.classes.generate import GenerativeConfig

from helpers.settings import settings


class ProviderError(Exception):
    """The chosen provider cannot be used. The message is one sentence: what to set, and where."""


@dataclass(frozen=True)
class Provider:
    """api: the word in Weaviate's module names; key: the variable that holds its key, or None."""

    api: str
    embedding_model: str
    generative_model: str
    key: str | None = None
    header: str | None = None


PROVIDERS = {
    "offline": Provider("ollama", settings.embedding_model, settings.offline_generator),
    "ollama": Provider("ollama", "all-minilm", "llama3.2"),
    "cohere": Provider("cohere", "embed-v4.0", "command-a-03-2025", "COHERE_API_KEY", "X-Cohere-Api-Key"),
    "openai": Provider("openai", "text-embedding-3-small", "gpt-5-mini", "OPENAI_API_KEY", "X-OpenAI-Api-Key"),
}


def chosen(settings=settings):
    """Return the Provider that the settings name. Raises ProviderError for a name that is not one of ours."""
    if settings.provider not in PROVIDERS:
        raise ProviderError(f"COURSE_PROVIDER is {settings.provider!r}; choose one of {', '.join(PROVIDERS)}.")
    return PROVIDERS[settings.provider]


def headers(settings=settings):
    """Return the headers that carry the provider's key: dict of str, empty for a provider that needs none.

    Raises ProviderError: the key is not set, or it would cross a network unencrypted (`use_async_with_local` speaks
    plain HTTP).
    """
    provider = chosen(settings)
    if not provider.key:
        return {}
    key = settings.get(provider.key)
    if not key:
        raise ProviderError(
            f"COURSE_PROVIDER={settings.provider} needs a key: set {provider.key} in .env, or leave COURSE_PROVIDER"
            " out to use the offline models."
        )
    if not is_this_machine(settings.local["host"]):
        raise ProviderError(
            f"{provider.key} would travel unencrypted to {settings.local['host']}: connect to a remote Weaviate with"
            " use_async_with_custom(..., http_secure=True, grpc_secure=True), or unset WEAVIATE_HOST."
        )
    return {provider.header: key}


def is_this_machine(host):
    """Return True for "localhost" and for addresses that never leave this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def vectors(name=None, source_properties=None, model=None):
    """Return what `vector_config` takes: text vectors made by the chosen provider.

    Arguments: name (str or None: of the named vector), source_properties (list of str or None: what is embedded),
    model (str or None: instead of the provider's). The class name is not embedded.
    """
    provider = chosen()
    common = {"name": name, "source_properties": source_properties, "vectorize_collection_name": False}
    common["model"] = model or provider.embedding_model
    if provider.api == "ollama":
        return Configure.Vectors.text2vec_ollama(api_endpoint=_ollama_url(), **common)
    if provider.api == "cohere":
        return Configure.Vectors.text2vec_cohere(**common)
    return Configure.Vectors.text2vec_openai(**common)


def generative():
    """Return what `generative_config` of a new collection takes: the chosen provider's text model."""
    provider = chosen()
    if provider.api == "ollama":
        return Configure.Generative.ollama(api_endpoint=_ollama_url(), model=provider.generative_model)
    if provider.api == "cohere":
        return Configure.Generative.cohere(model=provider.generative_model)
    return Configure.Generative.openai(model=provider.generative_model)


def writer():
    """Return what `generative_provider` of a query takes, for a collection without a text model of its own."""
    provider = chosen()
    if provider.api == "ollama":
        return GenerativeConfig.ollama(api_endpoint=_ollama_url(), model=provider.generative_model)
    if provider.api == "cohere":
        return GenerativeConfig.cohere(model=provider.generative_model)
    return GenerativeConfig.openai(model=provider.generative_model)


def _ollama_url():
    if settings.provider == "ollama":
        return settings.get("OLLAMA_URL_FOR_SERVER", "http://127.0.0.1:11434").rstrip("/")
    return settings.models_url_for_server
