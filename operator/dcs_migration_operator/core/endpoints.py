"""Which endpoints a project may name.

A pattern is an origin (`https://host` or `https://host:port`) in which `*` stands for letters,
digits and dashes: one label of a name, never a dot, a port's colon or a user's `@`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

REGION_ENDPOINT: Final = "https://dcs.{region}.myhuaweicloud.com"


def endpoint_of(region: str, endpoint: str) -> str:
    """Return the base URL that a project's spec means; `endpoint` outweighs `region`."""
    return normal(endpoint) if endpoint else REGION_ENDPOINT.format(region=region)


def normal(endpoint: str) -> str:
    """Return an endpoint in lower case and without a slash at the end."""
    return endpoint.strip().rstrip("/").lower()


def is_origin(endpoint: str) -> bool:
    """Tell whether this is scheme, host and perhaps port, and nothing more."""
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    bare = f"[{host}]" if ":" in host else host
    rebuilt = f"{parts.scheme}://{bare}" + (f":{port}" if port is not None else "")
    return parts.scheme in {"http", "https"} and bool(host) and rebuilt == endpoint


def is_allowed(endpoint: str, patterns: Iterable[str]) -> bool:
    """Tell whether a normal endpoint matches one of the patterns."""
    return is_origin(endpoint) and any(_regex(p).fullmatch(endpoint) for p in patterns)


def is_named(endpoint: str, patterns: Iterable[str]) -> bool:
    """Tell whether a pattern that allows this endpoint names its host without any `*`."""
    return any("*" not in _host(p) and is_allowed(endpoint, [p]) for p in patterns)


def _host(pattern: str) -> str:
    """Return the host of a pattern; its port may be a `*`, which `urlsplit` does not read."""
    authority = normal(pattern).partition("://")[2]
    return authority.rpartition("]")[0] or authority.partition(":")[0]


def _regex(pattern: str) -> re.Pattern[str]:
    parts = (re.escape(part) for part in normal(pattern).split("*"))
    return re.compile("[a-z0-9-]+".join(parts))
