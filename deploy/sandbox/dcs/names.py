"""The name of a task, and how it appears in an answer.

A JSON encoder escapes whatever is odd in a text. Services that build their JSON otherwise do not,
and a name that was pasted into a console then corrupts the answer around it:

| `name_form` | what is in the answer |
| --- | --- |
| `json` | the name as JSON; a lone surrogate (U+D800) stands there as its escape |
| `raw` | control characters unescaped, lone surrogates as bytes that are no UTF-8 |
| `gbk` | the bytes of GBK, as from a service that forgot to convert; some end in a backslash |
"""

import json
from typing import Any, Final

from sandbox.dcs.migration import Migration, MigrationSpec, key_of

_MARK: Final = "\ue000name\ue000"
"""Placeholder for the name while an answer is encoded: nothing else looks like it."""

# One for all: `json.dumps` with separators builds a new encoder each time.
_encoder = json.JSONEncoder(separators=(",", ":"))
_MARK_JSON: Final = _encoder.encode(_MARK).encode()


def name_of(migration: Migration) -> str:
    """Return its name, or one made from the id."""
    return migration.spec.name or f"migration-{key_of(migration.spec.task_id)[:8]}"


def encode(body: object) -> bytes:
    """Encode as compact JSON."""
    return _encoder.encode(body).encode()


def encode_task(body: dict[str, Any], spec: MigrationSpec) -> bytes:
    """Encode one task for list or show, with the oddities of its spec."""
    for name in spec.silent:
        body.pop(name, None)
    body |= spec.says
    if spec.name_form == "json" or "task_name" in spec.says or "task_name" not in body:
        return encode(body)
    raw = _raw(str(body["task_name"]), spec.name_form)
    return encode(body | {"task_name": _MARK}).replace(_MARK_JSON, b'"%b"' % raw, 1)


def decode(body: bytes) -> Any:
    """Parse our own answer, whatever the names in it; invalid UTF-8 becomes surrogates."""
    # A backslash at the end of a GBK character may swallow the quote that follows it.
    try:
        return json.loads(body.decode(errors="surrogateescape"), strict=False)
    except ValueError:
        return None


def _raw(name: str, form: str) -> bytes:
    text = name.replace("\\", "\\\\").replace('"', '\\"')
    return text.encode("gbk") if form == "gbk" else text.encode(errors="surrogatepass")
