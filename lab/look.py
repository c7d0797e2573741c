"""What a notebook has left behind in its kernel. Runs there, in hidden cells that lab/strict.py sends.

A hidden cell is sent silently, and IPython does not call `post_run_cell` for those: only the notebook's own cells are
counted.
"""

import asyncio
import gc
import json
import os
import re
import sys
import weakref

from IPython import get_ipython

KERNELS = re.compile(re.escape(os.sep) + r"(ipykernel|IPython|tornado|zmq|jupyter_client)" + re.escape(os.sep))
MAY_CONNECT = re.compile("client|connect|weaviate", re.IGNORECASE)

_made = weakref.WeakKeyDictionary()  # a task or client: the number of the cell after which it was first seen
_cells_run = 0
_told = "[]"


def start():
    """Watch the notebook's cells from now on."""
    get_ipython().events.register("post_run_cell", _after_cell)


def _after_cell(result):
    global _cells_run
    # A look through all objects takes 14 ms, so only where a client may have come into being.
    found = _tasks() + (_clients() if MAY_CONNECT.search(result.info.raw_cell) else [])
    for each in found:
        _made.setdefault(each, _cells_run)
    _cells_run += 1


async def settle():
    """Look for what is left; tasks that are about to end may do so first. `told` then has the answer."""
    global _told
    gc.collect()  # a task whose exception nobody retrieved says so on stderr when it goes
    for _ in range(20):
        if not _tasks():
            break
        await asyncio.sleep(0.01)
    left = [(_name(task), "task that still runs", _made.get(task)) for task in _tasks()]
    left += [(_name(task), "task whose exception nobody retrieved", _made.get(task)) for task in _unheard()]
    left += [(type(client).__name__, _open(client), _made.get(client)) for client in _clients() if _open(client)]
    _told = json.dumps(left)


def told():
    """Return what `settle` found: JSON of a list of [name, what it is, number of the cell or null]."""
    return _told


def _tasks():
    return [task for task in asyncio.all_tasks() if not KERNELS.search(_file(task))]


def _file(task):
    code = getattr(task.get_coro(), "cr_code", None) or getattr(task.get_coro(), "gi_code", None)
    return code.co_filename if code else ""


def _name(task):
    return getattr(task.get_coro(), "__qualname__", None) or task.get_name()


def _unheard():
    return [each for each in gc.get_objects() if issubclass(type(each), asyncio.Task) and each._log_traceback]


def _clients():
    weaviate = sys.modules.get("weaviate")
    if not weaviate:
        return []
    kinds = weaviate.WeaviateAsyncClient, weaviate.WeaviateClient
    return [each for each in gc.get_referrers(*kinds) if type(each) in kinds]


def _open(client):
    if client.is_connected():
        return "client that is still connected"
    # After a connect() that failed, the flag is down and the sockets are open.
    return "client whose connect() failed and that was not closed" if client._connection._client else ""
