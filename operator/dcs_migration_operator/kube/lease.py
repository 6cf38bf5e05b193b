"""Leader election with a Lease: one replica acts, the others keep a warm store.

Expiry is judged by the local monotonic clock since the last observed change of the Lease, never by
comparing the clocks of two machines. A leader stops acting two thirds of the lease duration after
the start of its last renewal, before any other replica may take over; this is checked before each
call.

An uninstalled release loses its permissions before it can release its Lease. Such a Lease is free
at once if it has not been written for long by the API server's own clock.
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
"""client-go's figures: takeover within 17 s after a kill, and within 2 s after a clean end."""

PAUSE_S_MIN: Final = 0.01
"""Shortest pause, so that the rest of a renewal is not counted down in tiny steps."""

TRUST_S: Final = LEASE_S * 2 / 3
"""How long the holder may act after a renewal."""

SILENT_S: Final = 4 * LEASE_S
"""A Lease that was not written for this long, by the API server's own clock, has no holder. The
clocks of several API servers behind one address may differ by seconds; this tolerates 45 s."""


class LeaseCalls(Protocol):
    """The three calls on one Lease; each may raise `ApiError`."""

    async def get_lease(self, namespace: str, name: str) -> dict[str, Any]:
        """Read the Lease."""

    async def create_lease(self, namespace: str, name: str, spec: Mapping[str, Any]) -> None:
        """Create the Lease."""

    async def put_lease(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        """Replace the Lease if its `resourceVersion` is still the given one."""


class Elector:
    """Acquires one Lease and renews it.

    Args:
        calls: The calls on the Lease.
        identity: Unique name of this process.
        monotonic: The monotonic clock, in seconds; a parameter for tests.
        server_now: The API server's clock, in seconds since 1970; None if it is not known.
        yields: Tells whether not to acquire the Lease for now; ignored while it is held.
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
        """Tell whether this process may act at this moment."""
        return self._monotonic() < self._until and not self._stopping

    def stuck_s(self) -> float:
        """Return the time since the last attempt, in seconds."""
        return self._monotonic() - self._beat_at

    async def run(self) -> None:
        """Try until elected, then renew; return as soon as leadership is lost."""
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
        """Read and write the Lease once; a leader does not wait beyond the end of its term."""
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
        """Return the seconds until the next attempt, or until the held or seen Lease expires."""
        now = self._monotonic()
        if self.elected.is_set():
            return max(min(RETRY_S, self._until - now), PAUSE_S_MIN)
        expires_in_s = self._observed_at + LEASE_S - now
        return min(RETRY_S, expires_in_s) if expires_in_s > 0 else RETRY_S

    async def release(self) -> None:
        """Stop acting and release the Lease, so that another replica can take over at once."""
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
        """Tell whether the Lease was not written for `SILENT_S`, by the API server's clock."""
        now, written = self._server_now(), written_at(lease)
        if now is None or written is None:
            return False
        duration_s = (lease.get("spec") or {}).get("leaseDurationSeconds") or LEASE_S
        return now - written >= max(SILENT_S, 4.0 * duration_s)

    async def _taken(self, write: Awaitable[object]) -> bool:
        """Await a write and tell whether it succeeded; another replica may have been faster."""
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
    """Return when the Lease was last written, in seconds since 1970; None if that is not known.

    Source: `metadata.managedFields[].time`, which the API server sets from its own clock.
    """
    fields = lease["metadata"].get("managedFields")
    try:
        return max(datetime.fromisoformat(one["time"]).timestamp() for one in fields)
    except (TypeError, KeyError, ValueError):
        return None
