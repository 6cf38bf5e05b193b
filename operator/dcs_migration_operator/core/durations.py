"""Converts durations as Kubernetes writes them (`1h30m`, `10s`, `250ms`) from and to seconds."""

from __future__ import annotations

import re
from typing import Final

_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART: Final = re.compile(r"(\d{1,5}(?:\.\d{1,3})?)(ms|s|m|h)")
_WHOLE: Final = re.compile(rf"(?:{_PART.pattern})+")


def seconds_of(text: str) -> float | None:
    """Parse a duration into seconds; return None if the text is not a duration."""
    if not _WHOLE.fullmatch(text):
        return None
    return sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(text))


def in_words(seconds: float) -> str:
    """Format a duration as Kubernetes writes it, in whole seconds."""
    minutes, rest_s = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (rest_s, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"
