"""The offline models: a real small embedder and a reader that quotes, behind Ollama's HTTP API.

Run: python -m lab.models
"""
