"""One account at DCS: its orders, its looks and the pauses that both keep.

Every call goes through `_call`, which waits for the governor, tells it the end and counts it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import TYPE_CHECKING, Final, ParamSpec, Protocol, TypeVar

from dcs_migration_operator.core.cloud import Operation
from dcs_migration_operator.core.errors import (
    AuthFailed,
    DcsError,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    Refused,
    Throttled,
)
from dcs_migration_operator.core.model import StopAnswer, task_key
from dcs_migration_operator.engine.batches import Batches, StopResult
from dcs_migration_operator.engine.coalescer import Coalescer
from dcs_migration_operator.engine.governor import Governor, Key
from dcs_migration_operator.engine.looking import Looking

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from dcs_migration_operator.core.cases import Pace
    from dcs_migration_operator.core.model import (
        Account,
        ErrorDetail,
        Observation,
        Trouble,
        TroubleKind,
    )
    from dcs_migration_operator.engine.ports import Dcs, Probe
    from dcs_migration_operator.settings import ChannelSettings

_log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

CLOCK_S: Final = 0.001
"""Pauses shorter than what a timer can tell are over."""

FENCE_S: Final = 1.0
"""How often a process that may not act asks whether it may again; normally it ends by then."""

RECHECK_S: Final = 30.0
"""A long pause is waited out in pieces of this, so that the health page sees it going on."""


class Listener(Protocol):
    """Hears what one channel learns."""

    def seen(
        self, channel: Channel, key: str, seen: Observation, asked_at: float, *, confirmed: bool
    ) -> None:
        """DCS said this about one task."""

    def unanswered(self, channel: Channel, key: str, detail: ErrorDetail) -> None:
        """DCS refuses to say anything about this one task."""

    def troubled(self, channel: Channel) -> None:
        """A trouble of the channel began or ended."""

    def works(self, channel: Channel) -> None:
        """The first call of the channel has succeeded."""

    def wished(self, channel: Channel, key: str) -> bool:
        """Tell whether a stop may be ordered for this task at this very moment."""


class Channel:
    """Calls DCS for one account; see the module.

    Args:
        account: Where to call, and as whom.
        dcs: The calls as coroutines.
        listener: Hears sightings and troubles.
        probe: Takes note of every call.
        draw: Returns a number in [0, 1), for the jitter.
        key: What all channels of the same access key share.
        allowed: Tells whether this process may act; asked right before each call.
    """

    def __init__(
        self,
        account: Account,
        *,
        dcs: Dcs,
        listener: Listener,
        settings: ChannelSettings,
        probe: Probe,
        draw: Callable[[], float],
        key: Key,
        allowed: Callable[[], bool],
    ) -> None:
        self.account = account
        self._dcs, self._listener, self._probe = dcs, listener, probe
        self._governor = Governor(draw, key)
        self._allowed = allowed
        self._batches = Batches(self._stop, probe)
        self._told = self._troubles()
        self.progress_at = float("-inf")
        """Monotonic seconds of the last call that succeeded."""
        self._orders: Coalescer[str, StopResult] = Coalescer(
            execute=self._execute,
            gate=lambda: self._pauses(Operation.BATCH_STOP),
            admit=self._wished,
            idle_s=settings.batch_idle_s,
            longest_s=settings.batch_max_wait_s,
            cap=settings.batch_size,
            parallel_max=settings.orders_parallel_max,
        )
        self.looking = Looking(
            list_page=lambda offset: self._call(Operation.LIST, dcs.list_page, offset),
            show=lambda task_id: self._call(Operation.SHOW, dcs.show, task_id),
            report=self,
            settings=settings,
            draw=draw,
        )
        self._runner = asyncio.get_running_loop().create_task(self.looking.run())
        self._runner.add_done_callback(_log_failure)

    def stop(self, task_id: str) -> asyncio.Future[StopResult]:
        """Order a stop together with others; see `Coalescer.submit`."""
        return self._orders.submit(task_id)

    def watch(self, key: str, task_id: str, pace: Pace) -> None:
        """Look at this task at this pace from now on."""
        self.looking.watch(key, task_id, pace)

    def recent(self, key: str) -> tuple[Observation, float] | None:
        """Return what a fresh list said about this task."""
        return self.looking.recent(key)

    def trouble(self, *, ordering: bool, showing: bool = False) -> Trouble | None:
        """Return what keeps lists from working, and orders or single questions if needed."""
        needed = [Operation.LIST]
        needed += [Operation.BATCH_STOP] if ordering else []
        needed += [Operation.SHOW] if showing else []
        now = asyncio.get_running_loop().time()
        troubles = (self._governor.trouble(operation, now) for operation in needed)
        return next(filter(None, troubles), None)

    def stuck_s(self) -> float:
        """Return the seconds without progress of the looking; infinite if it has failed."""
        return float("inf") if self._runner.done() else self.looking.stuck_s()

    async def close(self, timeout_s: float = 0.0) -> None:
        """Stop looking; send the orders that wait, or give them up after `timeout_s`."""
        self._runner.cancel()
        await self._orders.close(timeout_s)
        await asyncio.gather(self._runner, return_exceptions=True)
        self._dcs.close()

    def seen(self, key: str, seen: Observation, asked_at: float, *, confirmed: bool) -> None:
        """Hand a sighting on (`looking.Reporter`)."""
        self._listener.seen(self, key, seen, asked_at, confirmed=confirmed)

    def unanswered(self, key: str, detail: ErrorDetail) -> None:
        """Hand a refusal to show one task on (`looking.Reporter`)."""
        self._listener.unanswered(self, key, detail)

    async def _execute(self, task_ids: Sequence[str]) -> Mapping[str, StopResult]:
        results = await self._batches.order(task_ids)
        outcomes = Counter(
            result.outcome.name.lower() if isinstance(result, StopAnswer) else "not_answered"
            for result in results.values()
        )
        if outcomes["accepted"]:
            self.looking.hurry()
        _log.info("stops ordered", extra={"project": self.account.project_id, **outcomes})
        return results

    async def _stop(self, task_ids: Sequence[str]) -> Mapping[str, StopAnswer]:
        """Order what is still wished when the call's turn has come; that may be a while later."""
        await self._gate(Operation.BATCH_STOP)
        wished = [task_id for task_id in task_ids if self._wished(task_id)]
        if not wished:
            return {}
        _, answers = await self._call_now(Operation.BATCH_STOP, self._dcs.batch_stop, wished)
        return answers

    def _wished(self, task_id: str) -> bool:
        return self._listener.wished(self, task_key(task_id))

    async def _gate(self, operation: Operation) -> None:
        """Wait until this process may act, the pauses are over, the rate has a place."""
        loop = asyncio.get_running_loop()
        while True:
            await self._pauses(operation)
            booked_s = self._governor.book_s(loop.time())
            if booked_s > CLOCK_S:
                await asyncio.sleep(booked_s)
                if self._governor.wait_s(operation, loop.time()) > CLOCK_S:
                    continue  # closed meanwhile; the place is lost, which only slows us down
            if self._allowed():
                return
            await asyncio.sleep(FENCE_S)

    async def _pauses(self, operation: Operation) -> None:
        loop = asyncio.get_running_loop()
        while (wait_s := self._governor.wait_s(operation, loop.time())) > CLOCK_S:
            await asyncio.sleep(min(wait_s, RECHECK_S))
            self._tell_trouble()
            self._beat(operation)

    async def _call(
        self,
        operation: Operation,
        method: Callable[P, Awaitable[R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> tuple[float, R]:
        """Make one call when its time has come; return when it was asked, and the answer."""
        await self._gate(operation)
        return await self._call_now(operation, method, *args, **kwargs)

    async def _call_now(
        self,
        operation: Operation,
        method: Callable[P, Awaitable[R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> tuple[float, R]:
        self._beat(operation)
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        try:
            answer = await method(*args, **kwargs)
        except DcsError as error:
            self._probe.cloud_request(operation, _outcome(error), loop.time() - asked_at)
            if isinstance(error, (Refused, NotFound)):
                self._succeeded(operation)  # about one id; DCS works
            else:
                self._governor.failed(operation, error, loop.time())
                self._tell_trouble()
            raise
        self._probe.cloud_request(operation, "ok", loop.time() - asked_at)
        self._succeeded(operation)
        return asked_at, answer

    def _beat(self, operation: Operation) -> None:
        """Let the looking count as going on; orders that go on prove nothing about it."""
        if operation is not Operation.BATCH_STOP:
            self.looking.beat()

    def _succeeded(self, operation: Operation) -> None:
        before, self.progress_at = self.progress_at, asyncio.get_running_loop().time()
        self._governor.succeeded(operation)
        self._tell_trouble()
        if before == float("-inf"):
            self._listener.works(self)

    def _tell_trouble(self) -> None:
        """Tell the listener when a trouble began or ended, whichever channel of the key saw it."""
        troubles = self._troubles()
        if troubles != self._told:
            reasons = ", ".join(sorted({kind.value for kind in troubles if kind})) or "none"
            _log.warning(
                "the trouble of a project changed",
                extra={"project": self.account.project_id, "trouble": reasons},
            )
            self._told = troubles
            self._listener.troubled(self)

    def _troubles(self) -> tuple[TroubleKind | None, ...]:
        now = asyncio.get_running_loop().time()
        troubles = (self._governor.trouble(operation, now) for operation in Operation)
        return tuple(trouble.kind if trouble else None for trouble in troubles)


def _log_failure(runner: asyncio.Task[None]) -> None:
    """Tell of an error in our own code; the health page turns red and the process starts anew."""
    error = None if runner.cancelled() else runner.exception()
    if error:
        _log.error("the looking has failed", exc_info=error)


def _outcome(error: DcsError) -> str:
    """Return the metric's word for how a call ended."""
    match error:
        case Throttled():
            return "throttled"
        case AuthFailed() | PermissionDenied():
            return "auth"
        case OutcomeUnknown() if error.detail.code == "timeout":
            return "timeout"
        case OutcomeUnknown():
            return "server_error"
        case Refused() | NotFound():
            return "client_error"
        case _ if error.detail.code.endswith("timeout"):
            return "timeout"
        case _ if error.detail.code.startswith(("HTTP 4", "HTTP 3", "DCS.4", "APIG")):
            return "client_error"
        case _:
            return "server_error"
