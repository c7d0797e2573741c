"""A request's body, read and checked. Every refusal is one sentence."""

import json

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

MOST_BYTES = 1_000_000
MOST_BYTES_PASSED_OVER = 16_000_000  # most clients read no answer before they have sent all they have
MOST_INPUTS = 64
NAMES = {str: "string", bool: "boolean"}


async def read(request):
    """Return the JSON object in the body of a starlette Request as a dict.

    Content-Type is not looked at: Weaviate sends none. Raises HTTPException 413 (more than 1 MB, also when the length
    is not told beforehand) or 400 (not a JSON object, or not sent to its end).
    """
    body, size = bytearray(), 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size <= MOST_BYTES:
                body += chunk
            if size > MOST_BYTES_PASSED_OVER:
                break
    except ClientDisconnect as error:
        raise HTTPException(400, "the body was not sent to its end") from error
    if size > MOST_BYTES:
        raise HTTPException(413, f"the body is larger than {MOST_BYTES:,} bytes")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"the body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise HTTPException(400, "the body is not a JSON object")
    return value


def field(body, name, kind, default=None):
    """Return a field of a body (dict), or the default where it is missing or null.

    Arguments: name (str), kind (type). Raises HTTPException 400: it is of another type, or missing without a default.
    """
    value = body.get(name)
    if value is None:
        value = default
    if not isinstance(value, kind):
        raise HTTPException(400, f"{name} must be of type {NAMES[kind]}")
    return value


def texts(body):
    """Return the field `input` of a body (dict), a string or a list of strings, as a list of str.

    Raises HTTPException 400: it is missing, of another type, or longer than 64.
    """
    value = body.get("input")
    value = [value] if isinstance(value, str) else value
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise HTTPException(400, "input must be a string or a list of strings")
    if len(value) > MOST_INPUTS:
        raise HTTPException(400, f"input has {len(value)} texts; at most {MOST_INPUTS} go into one request")
    return value
