"""Decodes JSON as DCS and its gateways really send it, including numbers that come as text.

No function raises: unparsable input gives a special value or None.
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
"""The largest integer that Kubernetes stores exactly."""

PERCENT_MAX: Final = 100

PAIRS: Final = "dcs-pairs-to-marks"

_NUMBER = re.compile(r"[0-9]{1,19}(?:\.[0-9]{1,30})?", re.ASCII)

_GBK_LEAD: Final = range(0x81, 0xFF)
_GBK_TRAIL: Final = frozenset(range(0x40, 0xFF)) - {0x7F}

NOT_JSON: Final = object()


def parsed(body: bytes, read_row: Callable[[dict[str, Any]], object] | None = None) -> Any:
    """Return the parsed JSON of a body, or `NOT_JSON`.

    Control characters within a string are kept. Bytes that are not UTF-8 become replacement
    characters: first in pairs, as in the GBK of an old console, where half a character may look
    like a backslash and hide the end of its string; if that fails, one by one.
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
    """Replace two bytes that may be one GBK character; the second may look like a backslash."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    start, data = error.start, error.object
    pair = data[start : start + 2]
    if len(pair) == 2 and pair[0] in _GBK_LEAD and pair[1] in _GBK_TRAIL:  # noqa: PLR2004 - a pair
        return REPLACEMENT, start + 2
    return REPLACEMENT, start + 1


codecs.register_error(PAIRS, _pair_to_mark)


def _number(value: object) -> Decimal | None:
    """Return a number from 0 to `COUNT_MAX`, given as number or text; None for anything else."""
    if isinstance(value, str):
        text = value.strip()
        number = Decimal(text) if _NUMBER.fullmatch(text) else None
    elif isinstance(value, float):
        number = Decimal(value) if math.isfinite(value) else None
    else:
        number = Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else None
    return number if number is not None and 0 <= number <= COUNT_MAX else None


def count(value: object) -> int | None:
    """Return a count; None if the value is not a whole number from 0 to `COUNT_MAX`."""
    number = _number(value)
    return None if number is None or number != int(number) else int(number)


def percent(value: object) -> int | None:
    """Return a percentage, rounded down so that incomplete progress is never 100."""
    number = _number(value.strip().removesuffix("%") if isinstance(value, str) else value)
    return None if number is None or number > PERCENT_MAX else int(number)
