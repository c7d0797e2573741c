"""What a person sees: the rendered notebooks, and JupyterLab with the learner's copy, in a real browser."""

import re
import secrets
import subprocess
import sys
import time

import httpx
import nbformat
import pytest
from nbconvert import HTMLExporter

from helpers.processes import is_taken
from lab import notebooks

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--virtual-time-budget=20000"),
]


def page_in(browser, folder, address):
    """Return what stands in a page after its scripts have run: str."""
    command = [browser, *FLAGS, f"--user-data-dir={folder}", "--dump-dom", address]
    return subprocess.run(command, capture_output=True, text=True, timeout=120).stdout


@pytest.mark.parametrize("path", notebooks.find(None), ids=lambda path: path.stem)
def test_rendered_notebook(path, chromium, tmp_path):
    html, _ = HTMLExporter(embed_images=True).from_filename(str(path))
    page = tmp_path / "page.html"
    page.write_text(html)
    seen = page_in(chromium, tmp_path / "profile", page.as_uri())
    title = nbformat.read(path, as_version=4).cells[0].source.splitlines()[0].removeprefix("# ")
    assert re.findall(r"<h1[^>]*>(.*?)<", seen) == [title]
    assert all(re.search(r'\balt="[^"]+"', image) for image in re.findall(r"<img[^>]*>", seen))
    assert "<table" in seen and seen.count("jp-CodeCell") >= 5


@pytest.fixture
def jupyterlab(tmp_path):
    """JupyterLab on a folder with the learner's copies. Yields its address up to the file's name, and its token."""
    folder, token = tmp_path / "lab", secrets.token_hex(8)
    folder.mkdir()
    for path in notebooks.find(None):
        (folder / path.name).write_bytes(notebooks.learner_copy(path))
    port = next(port for port in range(18900, 18990) if not is_taken(port))
    options = [f"--port={port}", "--ip=127.0.0.1", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}"]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not is_taken(port):
            assert time.monotonic() < deadline and process.poll() is None, "JupyterLab did not start"
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}", token
    finally:
        process.terminate()
        process.wait(30)


def test_jupyterlab_opens_the_first_notebook(jupyterlab, chromium, tmp_path):
    address, token = jupyterlab
    first = notebooks.find("00")[0].name
    seen = page_in(chromium, tmp_path / "profile", f"{address}/lab/tree/{first}?token={token}")
    assert "Start here" in seen and "jp-Notebook" in seen
    assert "get notified about official" not in seen, "JupyterLab asks the learner a question"
    assert httpx.get(f"{address}/api/contents/{first}", trust_env=False).status_code == 403, "open without its token"
