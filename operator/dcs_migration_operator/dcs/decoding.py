"""Bytes to values: JSON as DCS and the machines in between really send it, and numbers as text.

What cannot be read is a value of its own or None; nothing here raises.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from dcs_migration_operator.dcs.scrub import REPLACEMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COUNT_MAX: Final = 2**63 - 1
"""The largest number that Kubernetes keeps whole."""

PERCENT_MAX: Final = 100

PAIRS: Final = "dcs-pairs-to-marks"

_NUMBER = re.compile(r"[0-9]{1,19}(?:\.[0-9]{1,30})?", re.ASCII)

_GBK_LEAD: Final = range(0x81, 0xFF)
_GBK_TRAIL: Final = frozenset(range(0x40, 0xFF)) - {0x7F}

NOT_JSON: Final = object()


def parsed(body: bytes, read_row: Callable[[dict[str, Any]], object] | None = None) -> Any:
    """Return what the JSON of a body says, or `NOT_JSON`.

    Control characters within a text are taken as they are. Bytes that are no UTF-8 become marks:
    in pairs first, as in the GBK of an old console, where half a character may look like a
    backslash and hide the end of its text; else one by one.
    """
    for text in _decodings(body):
        try:
            return json.loads(text, strict=False, object_hook=read_row)
        except (ValueError, RecursionError):
            continue
    return NOT_JSON


def _decodings(body: bytes) -> Iterator[str]:
    encoding = json.detect_encoding(body)
    try:
        yield body.decode(encoding)
    except UnicodeDecodeError:
        yield body.decode(encoding, PAIRS)
        yield body.decode(encoding, "replace")


def _pair_to_mark(error: UnicodeError) -> tuple[str, int]:
    """Replace what may be one character of GBK; its second byte may look like a backslash."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    start, data = error.start, error.object
    pair = data[start : start + 2]
    if len(pair) == 2 and pair[0] in _GBK_LEAD and pair[1] in _GBK_TRAIL:  # noqa: PLR2004 - a pair
        return REPLACEMENT, start + 2
    return REPLACEMENT, start + 1


codecs.register_error(PAIRS, _pair_to_mark)


def _number(value: object) -> Decimal | None:
    """Return a number from 0 to `COUNT_MAX` that came as one or as text; None if it is none."""
    if isinstance(value, str):
        text = value.strip()
        number = Decimal(text) if _NUMBER.fullmatch(text) else None
    elif isinstance(value, float):
        number = Decimal(value) if math.isfinite(value) else None
    else:
        number = Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else None
    return number if number is not None and 0 <= number <= COUNT_MAX else None


def count(value: object) -> int | None:
    """Return a number of things; None if it is none, negative or no whole one."""
    number = _number(value)
    return None if number is None or number != int(number) else int(number)


def percent(value: object) -> int | None:
    """Return a share in percent, rounded down: what is not complete is never 100."""
    number = _number(value.strip().removesuffix("%") if isinstance(value, str) else value)
    return None if number is None or number > PERCENT_MAX else int(number)
