"""Caches the credentials of the operator's own identity, one set per provider.

They are renewed well before they expire, by one call at a time and, after a failure, with growing
pauses, so that hundreds of projects cause one call. Valid credentials are kept until they expire,
even if a renewal fails; they are replaced as a whole.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.backoff import Backoff
from dcs_migration_operator.core.errors import ReadError

if TYPE_CHECKING:
    from dcs_migration_operator.core.model import Ambient, Credentials, ExpiringCredentials
    from dcs_migration_operator.engine.ports import Clock, CredentialsFetcher

_log = logging.getLogger(__name__)

RENEW_S: Final = 600.0
"""Credentials are renewed when less than this remains, which leaves time for many attempts."""

RENEW_SHARE: Final = 1.0 / 3.0
"""Renewal starts with at most this share of the lifetime left; some sessions last 15 minutes."""

RETRY: Final = Backoff(5.0, 300.0)
"""Pause after a failed renewal; STS documents no limit of calls."""

LIFE_S_MIN: Final = 30.0
"""Shortest interval between renewals, unless the credentials expire earlier; limits the calls to a
provider that returns a stale set again and again."""

REFUSED_S: Final = 330.0
"""Credentials that DCS refuses are renewed early, but not before they were used for this long: a
person who revoked them has to act first."""

PATIENCE_S: Final = 15.0
"""How long a caller waits for the provider; the attempt then continues in the background."""


_FAILED: Final = "The ambient credentials {provider} cannot be had ({error})."


@dataclass(slots=True, eq=False)
class _Cached:
    """The cached credentials of one provider; times are monotonic seconds."""

    credentials: Credentials | None = None
    made_at: float = float("-inf")
    ends_at: float = float("-inf")
    due_at: float = float("-inf")
    failures: int = 0
    problem: ReadError | None = None
    attempt: asyncio.Task[None] | None = None


class AmbientCredentials:
    """Returns credentials by provider.

    Args:
        fetch: Gets new credentials from a provider.
        clock: Returns the current time.
    """

    def __init__(self, fetch: CredentialsFetcher, clock: Clock) -> None:
        self._fetch, self._clock = fetch, clock
        self._cached: dict[Ambient, _Cached] = {}

    async def read(self, ambient: Ambient, refused: Credentials | None = None) -> Credentials:
        """Return valid credentials; wait up to `PATIENCE_S` if they are due for renewal.

        Args:
            ambient: The provider.
            refused: Credentials that DCS does not accept.

        Raises:
            ReadError: There are no valid credentials; `passing` if waiting is enough.
        """
        cached = self._cached.setdefault(ambient, _Cached())
        if refused is not None and refused == cached.credentials:
            cached.due_at = min(cached.due_at, cached.made_at + REFUSED_S)
        if cached.attempt is None and self._clock().mono >= cached.due_at:
            cached.attempt = asyncio.get_running_loop().create_task(self._renew(ambient, cached))
        if cached.attempt:
            await asyncio.wait({cached.attempt}, timeout=PATIENCE_S)
        if cached.credentials and self._clock().mono < cached.ends_at:
            return cached.credentials
        slow = f"The ambient credentials {ambient.value} cannot be had: no answer in time."
        problem = cached.problem or ReadError(slow, passing=True)
        raise ReadError(str(problem), passing=problem.passing)  # a copy: raising adds a traceback

    async def close(self) -> None:
        """Cancel all attempts in progress."""
        attempts = [cached.attempt for cached in self._cached.values() if cached.attempt]
        for attempt in attempts:
            attempt.cancel()
        await asyncio.gather(*attempts, return_exceptions=True)

    async def _renew(self, ambient: Ambient, cached: _Cached) -> None:
        try:
            fetched = await self._fetch(ambient)
        except ReadError as problem:
            self._fail(cached, problem)
        except Exception as error:  # noqa: BLE001 - it must not be tried again without a pause
            about = {"provider": ambient.value, "error": type(error).__name__}
            _log.error("ambient credentials cannot be had", extra=about)  # without what it holds
            self._fail(cached, ReadError(_FAILED.format(**about)))
        else:
            self._keep(cached, fetched)
        finally:
            cached.attempt = None

    def _fail(self, cached: _Cached, problem: ReadError) -> None:
        cached.failures += 1
        cached.problem = problem
        cached.due_at = self._clock().mono + RETRY.seconds(cached.failures)

    def _keep(self, cached: _Cached, fetched: ExpiringCredentials) -> None:
        now = cached.made_at = self._clock().mono
        if fetched.lasts_s is None:
            cached.ends_at, cached.due_at = float("inf"), now + LIFE_S_MIN
        else:
            spare_s = min(RENEW_S, fetched.lasts_s * RENEW_SHARE)
            cached.ends_at = now + fetched.lasts_s
            cached.due_at = now + max(fetched.lasts_s - spare_s, LIFE_S_MIN)
        cached.credentials, cached.failures, cached.problem = fetched.credentials, 0, None
