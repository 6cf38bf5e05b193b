"""An event loop whose time passes only when nobody has anything to do.

Like `looptime`, which the unit tests use, but without sockets and threads, since a case here lives
for most of an hour and there are thousands. A loop that spins without time passing is an error.
"""

from __future__ import annotations

import asyncio
import selectors
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from dcs_migration_operator.core.model import Instant

if TYPE_CHECKING:
    from collections.abc import Coroutine

LIFE_S_MAX: Final = 20_000.0
"""No case lives longer: somebody waits for what will never come."""

SPINS_MAX: Final = 20_000
"""Rounds of the loop without any time passing; a batch of 60 tasks takes tens."""


EPOCH: Final = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
"""What a wall clock shows when virtual time begins."""


def now() -> float:
    """Return the virtual second."""
    return asyncio.get_running_loop().time()


def clock() -> Instant:
    """Return the virtual moment on both clocks."""
    mono = now()
    return Instant(mono, EPOCH + timedelta(seconds=int(mono)))


class Spinning(Exception):
    """The code under test does not wait for anything any more."""


class _Selector(selectors.SelectSelector):
    """Lets time pass instead of waiting."""

    now = 0.0
    spins = 0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise Spinning("everybody waits for somebody else")
        if timeout > 0.0:
            self.now += timeout
            if self.now > LIFE_S_MAX:
                raise Spinning(f"still going on at second {self.now}")
            self.spins = 0
        else:
            self.spins += 1
            if self.spins > SPINS_MAX:
                raise Spinning(f"{SPINS_MAX} rounds at second {self.now}")
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the module."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        """Return the virtual second."""
        return self._virtual.now


def run(main: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end in a loop of its own."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(main)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
