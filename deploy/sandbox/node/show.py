"""The output of the walk: each step with its duration, and what was observed in it.

Owns the clock and the record, which is also written to a file for pages and for people.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Show:
    """One walk's output.

    Attributes:
        steps: Title and seconds of each finished step.
    """

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self.steps: list[tuple[str, float]] = []

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Time one step; print it at its start and, with its seconds, at its end."""
        begun = time.monotonic()
        self._line(f"[{begun - self._begun:6.1f} s] {title}")
        yield
        took = time.monotonic() - begun
        self.steps.append((title, took))
        self._line(f"           done in {took:.1f} s")

    def fact(self, text: str) -> None:
        """Print an observation; several lines are kept as they are."""
        for line in text.rstrip().splitlines():
            self._line(f"           {line}")

    def write(self, path: Path) -> None:
        """Write the seconds of all steps."""
        rows = [{"step": title, "seconds": round(took, 1)} for title, took in self.steps]
        path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")

    def _line(self, text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
