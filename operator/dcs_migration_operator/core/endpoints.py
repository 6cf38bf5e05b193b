"""Decides which endpoints a project may use, and gives hints about those of Huawei Cloud.

A pattern is an origin (`https://host` or `https://host:port`) in which `*` stands for letters,
digits and dashes: it matches within one label of a host name, never a dot, the colon of a port or
an `@`.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

REGION_ENDPOINT: Final = "https://dcs.{region}.myhuaweicloud.com"
EU_REGION_ENDPOINT: Final = "https://dcs.{region}.myhuaweicloud.eu"

EU_REGIONS: Final = frozenset({"eu-west-101"})
"""Regions of the European site. Their hosts are under `.eu` according to the SDK's README, although
the SDK's own table of regions says `.com`."""

REGIONS: Final = frozenset(
    {
        *("ae-ad-1", "af-north-1", "af-south-1"),
        *("ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4"),
        *("ap-southeast-5", "cn-east-2", "cn-east-3", "cn-east-4", "cn-east-5"),
        *("cn-north-1", "cn-north-2", "cn-north-4", "cn-north-9", "cn-north-11", "cn-north-12"),
        *("cn-south-1", "cn-south-2", "cn-south-4", "cn-southwest-2", "cn-southwest-3"),
        *("eu-west-0", "eu-west-101", "la-north-2", "la-south-2", "me-east-1"),
        *("my-kualalumpur-1", "na-mexico-1", "ru-moscow-1", "ru-northwest-2", "sa-brazil-1"),
        "tr-west-1",
    }
)
"""Regions with DCS as listed in `huaweicloudsdkdcs` 3.1.219 (`DcsRegion`). They are a hint for an
endpoint that cannot be resolved, never a limit: regions are added, and sibling clouds differ."""

_REGION_HOST: Final = re.compile(r"dcs\.([a-z0-9-]+)\.myhuaweicloud\.(?:com|eu)")


def endpoint_of(region: str, endpoint: str) -> str:
    """Return the base URL that a project's spec means; `endpoint` overrides `region`."""
    if endpoint:
        return normal(endpoint)
    return (EU_REGION_ENDPOINT if region in EU_REGIONS else REGION_ENDPOINT).format(region=region)


def region_hint(host: str) -> str:
    """Return a sentence about a host that cannot be resolved; empty if there is no hint."""
    found = _REGION_HOST.fullmatch(host)
    if not found:
        return ""
    region = found[1]
    right = urlsplit(endpoint_of(region, "")).hostname
    if region in REGIONS:
        return f"The hosts of region {region} are known as {right}." if right != host else ""
    near = difflib.get_close_matches(region, sorted(REGIONS), n=1)
    perhaps = f"; did you mean {near[0]}?" if near else "."
    return f"Huawei Cloud's SDK knows no region {region} with DCS{perhaps}"


def normal(endpoint: str) -> str:
    """Return an endpoint in lower case and without a trailing slash."""
    return endpoint.strip().rstrip("/").lower()


def is_origin(endpoint: str) -> bool:
    """Tell whether this is a scheme, a host and an optional port, and nothing else."""
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
    """Tell whether a normalized endpoint matches one of the patterns."""
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
