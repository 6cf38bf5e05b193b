"""Keeps the credentials of the operator's own identity, one set per provider.

They are made anew well before they end, never by two at once, and after a failure only with growing
pauses: hundreds of projects that ask cost one call. What holds is kept until its end whatever fails
meanwhile; credentials are swapped as a whole.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.errors import ReadError

if TYPE_CHECKING:
    from dcs_migration_operator.core.model import Ambient, Credentials, ExpiringCredentials
    from dcs_migration_operator.engine.ports import Clock, Lender

RENEW_S: Final = 600.0
"""New ones are made when less than this remains: time for many attempts before the old ones end."""

RENEW_SHARE: Final = 1.0 / 3.0
"""But not before two thirds of their life are over: sessions may be as short as 15 minutes."""

RETRY_S_MIN: Final = 5.0
RETRY_S_MAX: Final = 300.0
"""Pause after a failure, doubled each time; STS documents no limit of calls."""

LIFE_S_MIN: Final = 30.0
"""Credentials are used for at least so long, unless they end before: a provider that hands out a
stale set again and again is not asked faster than this."""

REFUSED_S: Final = 330.0
"""Credentials that DCS refuses are replaced before their time, but none are tried for less than
this: whoever revoked them has to act first."""

PATIENCE_S: Final = 15.0
"""How long one who asks waits for the provider; the attempt goes on without them."""


@dataclass(slots=True, eq=False)
class _Purse:
    """What is known of one provider; times are monotonic seconds."""

    credentials: Credentials | None = None
    made_at: float = float("-inf")
    ends_at: float = float("-inf")
    due_at: float = float("-inf")
    failures: int = 0
    problem: ReadError | None = None
    attempt: asyncio.Task[None] | None = None


class AmbientKeys:
    """Hands out credentials by provider.

    Args:
        lend: Makes new credentials.
    """

    def __init__(self, lend: Lender, clock: Clock) -> None:
        self._lend, self._clock = lend, clock
        self._purses: dict[Ambient, _Purse] = {}

    async def read(self, ambient: Ambient, refused: Credentials | None = None) -> Credentials:
        """Return credentials that hold now; waits up to `PATIENCE_S` for new ones if it is time.

        Args:
            ambient: The provider.
            refused: Credentials that DCS does not accept.

        Raises:
            ReadError: There are none that hold, and why; `passing` if waiting is enough.
        """
        purse = self._purses.setdefault(ambient, _Purse())
        if refused is not None and refused == purse.credentials:
            purse.due_at = min(purse.due_at, purse.made_at + REFUSED_S)
        if purse.attempt is None and self._clock().mono >= purse.due_at:
            purse.attempt = asyncio.get_running_loop().create_task(self._renew(ambient, purse))
        if purse.attempt:
            await asyncio.wait({purse.attempt}, timeout=PATIENCE_S)
        if purse.credentials and self._clock().mono < purse.ends_at:
            return purse.credentials
        slow = f"The ambient credentials {ambient.value} cannot be had: no answer in time."
        problem = purse.problem or ReadError(slow, passing=True)
        raise ReadError(str(problem), passing=problem.passing)  # each its own: it takes a traceback

    async def close(self) -> None:
        """Wait for no answer any more."""
        attempts = [purse.attempt for purse in self._purses.values() if purse.attempt]
        for attempt in attempts:
            attempt.cancel()
        await asyncio.gather(*attempts, return_exceptions=True)

    async def _renew(self, ambient: Ambient, purse: _Purse) -> None:
        try:
            lent = await self._lend(ambient)
        except ReadError as problem:
            purse.failures += 1
            purse.problem = problem
            power = min(purse.failures - 1, 10)
            purse.due_at = self._clock().mono + min(RETRY_S_MIN * 2.0**power, RETRY_S_MAX)
        else:
            self._keep(purse, lent)
        finally:
            purse.attempt = None

    def _keep(self, purse: _Purse, lent: ExpiringCredentials) -> None:
        now = purse.made_at = self._clock().mono
        if lent.lasts_s is None:
            purse.ends_at, purse.due_at = float("inf"), now + LIFE_S_MIN
        else:
            spare_s = min(RENEW_S, lent.lasts_s * RENEW_SHARE)
            purse.ends_at = now + lent.lasts_s
            purse.due_at = now + max(lent.lasts_s - spare_s, LIFE_S_MIN)
        purse.credentials, purse.failures, purse.problem = lent.credentials, 0, None
