"""What all calls of the admin API share: bodies in, errors out."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import fields
from typing import Any, Final

from aiohttp import web

from sandbox.dcs.records import BadValueError

BODY_BYTES_MAX: Final = 64 * 1024 * 1024
"""Enough for 100,000 migrations at once."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn the exceptions of handlers for mistakes of the caller into answers."""
    try:
        return await handler(request)
    except KeyError as error:
        return web.json_response({"error": f"not found: {error}"}, status=404)
    except ValueError as error:
        return web.json_response({"error": str(error)}, status=400)
    except web.HTTPError as error:
        return web.json_response({"error": error.reason}, status=error.status)


def integer(name: str, text: str) -> int:
    """Read a number from an address; raises `BadValueError`."""
    if not text.isdecimal():
        raise BadValueError(f"{name} must be a number: {text}")
    return int(text)


def seconds(name: str, text: str) -> float:
    """Read a time from an address; raises `BadValueError`."""
    try:
        return float(text)
    except ValueError:
        raise BadValueError(f"{name} must be a number: {text}") from None


async def body_of(request: web.Request) -> Any:
    """Return the parsed body; raises `BadValueError`."""
    try:
        return json.loads(await request.read())
    except ValueError:
        raise BadValueError("the body is not JSON") from None


async def object_of(request: web.Request) -> dict[str, Any]:
    """Return the parsed body; raises `BadValueError` unless it is an object."""
    body = await body_of(request)
    if not isinstance(body, Mapping):
        raise BadValueError("expected an object")
    return dict(body)


def several(body: Any) -> list[Any]:
    """Return a list as it is, and anything else as a list of one."""
    return body if isinstance(body, list) else [body]


def plain(record: Any) -> dict[str, Any]:
    """Return the fields of a dataclass that holds none; ten times as fast as `asdict`."""
    return {field.name: getattr(record, field.name) for field in fields(record)}
