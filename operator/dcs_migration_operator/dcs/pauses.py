"""What a throttled answer says about time: its pause, and over how long its limit counts."""

from __future__ import annotations

import math
import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

PAUSE_S_MAX: Final = 3600.0
"""Nothing longer is handed on: no documented window is longer, and a person reads of the wait."""

ABSURD_S: Final = 86_400.0
"""A header that asks for more than a day is a mistake and says nothing."""

_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{0,9})?", re.ASCII)
_WINDOW = re.compile(r"([0-9]{1,9})\s{0,4}(second|minute|hour)s?\b", re.IGNORECASE)
_WINDOW_S: Final = {"second": 1.0, "minute": 60.0, "hour": 3600.0}


def pause_s(retry_after: str | None, now: datetime) -> float | None:
    """Return the pause that an answer asks for.

    Args:
        retry_after: `Retry-After`: seconds, with or without a fraction, or an HTTP date.
        now: UTC, by the clock that an HTTP date is judged by.

    Returns:
        Seconds from 0 to `PAUSE_S_MAX`; None if nothing sensible is said.
    """
    asked = _header_s(retry_after.strip(), now) if retry_after else None
    return None if asked is None else min(asked, PAUSE_S_MAX)


def window_s(text: str) -> float | None:
    """Return the window that the text of an answer names, in seconds up to `PAUSE_S_MAX`.

    Texts name windows such as "200 times in 5 minutes" (VPC, 2021). That is how long the limit
    counts, not how long it still lasts: the window may end in a moment.
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
