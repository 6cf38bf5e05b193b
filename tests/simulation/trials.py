"""How one process tries secret keys of which it does not know yet whether they work.

The gateway locks a key after a handful of refusals in a row, so that a key that never worked is
tried by one call at a time; only a call that hangs is not waited for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dcs_migration_operator.core.model import Credentials

HANGS_S: Final = 1.0
"""A call that has no answer after so long is not one that others wait for."""

CLOCK_S: Final = 0.01
"""What a timer may be early by."""


class Trials:
    """The calls of one process with keys that never worked."""

    def __init__(self) -> None:
        self._worked: set[Credentials] = set()
        self._begun: dict[int, tuple[Credentials, float]] = {}
        self._count = 0
        self.crowded: list[str] = []
        """Calls that began while another one tried the same key."""

    def begin(self, credentials: Credentials, now: float) -> int:
        """Take note of a call as it begins; return its number."""
        self._count += 1
        if credentials not in self._worked:
            lately = now - HANGS_S + CLOCK_S
            others = [at for key, at in self._begun.values() if key == credentials and at > lately]
            if others:
                self.crowded.append(f"{credentials.access_key} at {now}, also at {others}")
        self._begun[self._count] = credentials, now
        return self._count

    def end(self, number: int, *, worked: bool) -> None:
        """Take note of its end, and of whether its signature was accepted."""
        credentials, _ = self._begun.pop(number)
        if worked:
            self._worked.add(credentials)
