"""Printing: results go to standard output, progress and notes to standard error.

Tables look as in kubectl: columns without lines, readable for `awk` and for people.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from typing import TYPE_CHECKING, Any, Final, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

GAP: Final = "   "

LISTED_MAX: Final = 20
"""How many items of a list are printed; of the rest, only the number is."""

_OBEYED: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters except line ends and tabs, and those that change the text direction."""

WIDE: Final = frozenset("WF")
"""East Asian widths that take two cells."""


def result(text: str) -> None:
    """Print a result."""
    sys.stdout.write(f"{_harmless(text)}\n")


def note(text: str) -> None:
    """Print a note that scripts need not read."""
    sys.stdout.flush()
    sys.stderr.write(f"{_harmless(text)}\n")
    sys.stderr.flush()


def _harmless(text: str) -> str:
    """Return a text in which spaces replace whatever a terminal would interpret."""
    return _OBEYED.sub(" ", text)


def is_terminal() -> bool:
    """Return whether the results go to a terminal."""
    return sys.stdout.isatty()


def document(value: Any) -> None:
    """Print a result as JSON, for `-o json`."""
    result(json.dumps(value, indent=2, ensure_ascii=False))


def json_line(value: Any) -> None:
    """Print one of many results as JSON on one line, without buffering."""
    result(json.dumps(value, ensure_ascii=False))
    sys.stdout.flush()


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], file: TextIO | None = None) -> None:
    """Print rows in columns."""
    out = file or sys.stdout
    out.writelines(f"{line}\n" for line in columns(heads, rows))


def columns(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return rows in columns, one text per line."""
    lines = [tuple(heads), *(tuple(row) for row in rows)]
    sizes = [max(map(cells, column)) for column in zip(*lines, strict=True)]
    return [
        GAP.join(
            text + " " * (size - cells(text)) for text, size in zip(line, sizes, strict=True)
        ).rstrip()
        for line in lines
    ]


def cells(text: str) -> int:
    """Return how many terminal cells a text occupies: Chinese characters take two."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in WIDE else 1
        for c in text
    )


def count(number: int, singular: str, plural: str = "") -> str:
    """Return a number with its noun, as in `1 task` or `12 tasks`."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def listing(items: Sequence[str], limit: int = LISTED_MAX) -> str:
    """Return some items and how many more there are, one per line and indented."""
    shown = [f"  {item}" for item in items[:limit]]
    more = len(items) - limit
    return "\n".join([*shown, f"  … and {more:,} more"] if more > 0 else shown)
