"""Leader election with a Lease: one replica acts, the others keep a warm table.

Expiry is judged by the local monotonic clock since the last observed change of the Lease, never by
comparing clocks of two machines. A leader counts itself out at two thirds of the duration after
the start of its last renewal, before anybody else may take over; that is checked before each call.

A Lease that is left of a release that was uninstalled, whose rights go before it can be released,
is free at once: the API server's own clock says that nobody has written it for long.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from dcs_migration_operator.kube.errors import ApiError, Conflict, NotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

_log = logging.getLogger(__name__)

LEASE_S: Final = 15.0
RETRY_S: Final = 2.0
"""client-go's figures: takeover within 17 s of a kill, 2 s of a clean end."""

PAUSE_S_MIN: Final = 0.01
"""A pause is never shorter, so that what is left of a renewal is not counted down in tiny steps."""

TRUST_S: Final = LEASE_S * 2 / 3
"""How long a renewal lets its holder act."""

SILENT_S: Final = 4 * LEASE_S
"""A Lease that was not written for so long, as the API server notes it by its own clock, has no
holder. Several API servers behind one address may differ by some seconds; this forgives 45."""


class LeaseCalls(Protocol):
    """The three calls on one Lease; each raises `ApiError`."""

    async def get_lease(self, namespace: str, name: str) -> dict[str, Any]:
        """Read it."""

    async def create_lease(self, namespace: str, name: str, spec: Mapping[str, Any]) -> None:
        """Create it."""

    async def put_lease(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        """Replace it, if its `resourceVersion` is still the one given."""


class Elector:
    """Keeps, or waits for, one Lease.

    Args:
        calls: The calls on the Lease.
        identity: Unique name of this process.
        monotonic: Seconds; handed in for testing purposes.
        server_now: The API server's clock, in seconds since 1970; None if it is not known.
        yields: Whether to leave the Lease alone for now, unless it is held already.
    """

    def __init__(
        self,
        calls: LeaseCalls,
        *,
        namespace: str,
        name: str,
        identity: str,
        monotonic: Callable[[], float],
        server_now: Callable[[], float | None] = lambda: None,
        yields: Callable[[], bool] = lambda: False,
    ) -> None:
        self._server_now, self._yields = server_now, yields
        self._calls, self._where = calls, (namespace, name)
        self._identity, self._monotonic = identity, monotonic
        self._until = float("-inf")
        self._observed: tuple[str, str] | None = None
        self._observed_at = float("-inf")
        self._stopping = False
        self._turn = asyncio.Lock()
        self._beat_at = monotonic()
        self.elected = asyncio.Event()

    def leads(self) -> bool:
        """Tell whether this process may act at this very moment."""
        return self._monotonic() < self._until and not self._stopping

    def stuck_s(self) -> float:
        """Return the seconds since the last attempt."""
        return self._monotonic() - self._beat_at

    async def run(self) -> None:
        """Try until elected, then renew; returns as soon as leadership is lost."""
        while not self._stopping:
            self._beat_at = self._monotonic()
            await self._attempt()
            if self.leads() and not self.elected.is_set():
                _log.info("elected", extra={"identity": self._identity})
                self.elected.set()
            await asyncio.sleep(self._pause_s())
            if self.elected.is_set() and not self.leads():
                return

    async def _attempt(self) -> None:
        """Read and write the Lease once; a leader waits for no answer that comes too late."""
        rest_s = self._until - self._monotonic() if self.elected.is_set() else None
        reason = ""
        try:
            async with asyncio.timeout(rest_s), self._turn:
                if not self._stopping and (self.elected.is_set() or not self._yields()):
                    await self._try()
        except ApiError as error:
            reason = str(error)
        except TimeoutError:
            reason = "no answer while it was held"
        if reason:
            _log.warning("the Lease could not be renewed", extra={"reason": reason})

    def _pause_s(self) -> float:
        """Return the seconds until the next attempt, or until what was held or seen expires."""
        now = self._monotonic()
        if self.elected.is_set():
            return max(min(RETRY_S, self._until - now), PAUSE_S_MIN)
        expires_in_s = self._observed_at + LEASE_S - now
        return min(RETRY_S, expires_in_s) if expires_in_s > 0 else RETRY_S

    async def release(self) -> None:
        """Stop acting, and let another replica take over at once."""
        held = self.leads()
        self._stopping = True
        if not held:
            return
        async with self._turn:
            await self._give_up()

    async def _give_up(self) -> None:
        try:
            lease = await self._calls.get_lease(*self._where)
            if lease["spec"].get("holderIdentity") == self._identity:
                spec = lease["spec"] | {"holderIdentity": "", "leaseDurationSeconds": 1}
                await self._calls.put_lease(lease | {"spec": spec})
        except ApiError as error:
            _log.warning("the Lease could not be released", extra={"reason": str(error)})

    async def _try(self) -> None:
        started = self._monotonic()
        try:
            lease = await self._calls.get_lease(*self._where)
        except NotFound:
            if await self._taken(self._calls.create_lease(*self._where, self._spec({}))):
                self._until = started + TRUST_S
            return
        spec = lease.get("spec") or {}
        observed = (spec.get("holderIdentity") or "", spec.get("renewTime") or "")
        if observed != self._observed:
            self._observed, self._observed_at = observed, self._monotonic()
        holder = observed[0]
        expired = self._monotonic() >= self._observed_at + LEASE_S or self._silent(lease)
        if holder not in {"", self._identity} and not expired:
            self._until = float("-inf")
            return
        if await self._taken(self._calls.put_lease(lease | {"spec": self._spec(spec)})):
            self._until = started + TRUST_S

    def _silent(self, lease: Mapping[str, Any]) -> bool:
        """Tell whether nobody has written the Lease for long, by the clock of the API server."""
        now, written = self._server_now(), written_at(lease)
        if now is None or written is None:
            return False
        duration_s = (lease.get("spec") or {}).get("leaseDurationSeconds") or LEASE_S
        return now - written >= max(SILENT_S, 4.0 * duration_s)

    async def _taken(self, write: Awaitable[object]) -> bool:
        """Tell whether this write won; another replica may have been faster."""
        try:
            await write
        except Conflict:
            return False
        return True

    def _spec(self, before: Mapping[str, Any]) -> dict[str, Any]:
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        mine = before.get("holderIdentity") == self._identity
        changes = int(before.get("leaseTransitions") or 0)
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(LEASE_S),
            "acquireTime": before.get("acquireTime") if mine else moment,
            "renewTime": moment,
            "leaseTransitions": changes if mine or not before else changes + 1,
        }


def written_at(lease: Mapping[str, Any]) -> float | None:
    """Return when the API server last took a write, in seconds since 1970; None if it is not told.

    Source: `metadata.managedFields[].time`, which the API server sets by its own clock.
    """
    fields = lease["metadata"].get("managedFields")
    try:
        return max(datetime.fromisoformat(one["time"]).timestamp() for one in fields)
    except (TypeError, KeyError, ValueError):
        return None
