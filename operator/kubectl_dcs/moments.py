"""Times and durations: RFC 3339, readable spans, and durations in Go's format."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from kubectl_dcs.problems import WrongUsage

UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}

_PART: Final = re.compile(r"([0-9]+(?:[.][0-9]+)?)(ms|s|m|h)")
_WHOLE: Final = re.compile(rf"(?:{_PART.pattern})+")


def seconds(text: str) -> float:
    """Return the seconds of a duration such as `90s` or `1h30m`; a bare number is seconds.

    Raises:
        WrongUsage: It is not a duration.
    """
    if text.isdecimal():
        return float(text)
    if not _WHOLE.fullmatch(text):
        raise WrongUsage(f"{text!r} is not a duration such as 90s, 30m or 1h30m")
    return sum(float(number) * UNITS_S[unit] for number, unit in _PART.findall(text))


def parsed(text: str) -> datetime | None:
    """Return the time of an RFC 3339 text, or None."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else None


def between(earlier: str, later: str) -> float | None:
    """Return the seconds from one time to another; None if one of them is missing."""
    a, b = parsed(earlier), parsed(later)
    return (b - a).total_seconds() if a and b else None


def in_words(span_s: float | None) -> str:
    """Return a duration in two units at most, as kubectl writes ages; empty for None."""
    if span_s is None:
        return ""
    whole = int(max(span_s, 0.0))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if whole >= size:
            below, part = {"d": ("h", 3600), "h": ("m", 60), "m": ("s", 1)}[unit]
            rest = whole % size // part
            return f"{whole // size}{unit}" + (f"{rest}{below}" if rest else "")
    return f"{whole}s"


def age(text: str, now: datetime) -> str:
    """Return how long ago a time is, in words; empty if there is none."""
    moment = parsed(text)
    return in_words((now - moment).total_seconds()) if moment else ""


def now() -> datetime:
    """Return the time of the wall clock, UTC."""
    return datetime.now(UTC)
