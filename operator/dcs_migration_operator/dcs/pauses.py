"""Reads the times in a throttled answer: the requested pause and the window of the limit."""

from __future__ import annotations

import math
import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

PAUSE_S_MAX: Final = 3600.0
"""Longest pause or window that is returned; no documented window is longer."""

ABSURD_S: Final = 86_400.0
"""A header that asks for more than a day is taken for a mistake and ignored."""

_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{0,9})?", re.ASCII)
_WINDOW = re.compile(r"([0-9]{1,9})\s{0,4}(second|minute|hour)s?\b", re.IGNORECASE)
_WINDOW_S: Final = {"second": 1.0, "minute": 60.0, "hour": 3600.0}


def pause_s(retry_after: str | None, now: datetime) -> float | None:
    """Return the pause that an answer asks for.

    Args:
        retry_after: `Retry-After`: seconds, with or without a fraction, or an HTTP date.
        now: UTC, from the clock against which an HTTP date is compared.

    Returns:
        Seconds from 0 to `PAUSE_S_MAX`; None if the header is missing or invalid.
    """
    asked = _header_s(retry_after.strip(), now) if retry_after else None
    return None if asked is None else min(asked, PAUSE_S_MAX)


def window_s(text: str) -> float | None:
    """Return the window that the text of an answer names, in seconds up to `PAUSE_S_MAX`.

    Texts name windows such as "200 times in 5 minutes" (VPC, 2021). That is the whole length of the
    window, not the time that is left: it may end in a moment.
    """
    named = _WINDOW.search(text)
    return min(float(named[1]) * _WINDOW_S[named[2].lower()], PAUSE_S_MAX) if named else None


def _header_s(text: str, now: datetime) -> float | None:
    if _SECONDS.fullmatch(text):
        asked = float(text)
    else:
        try:
            moment = parsedate_to_datetime(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            asked = (moment - now).total_seconds()
        except (ValueError, OverflowError):
            return None
    return asked if math.isfinite(asked) and 0.0 <= asked <= ABSURD_S else None
