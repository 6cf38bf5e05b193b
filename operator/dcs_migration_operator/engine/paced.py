"""Paces the DCS calls of one channel by circuit breaker, pauses and rate limiter.

It wraps a `Dcs`: each call waits until the pauses of its channel and access key are over and the
key's rate permits it, is counted, and reports its outcome to breaker and ledger. Troubles and
progress go into the facts of the channel. Errors are passed on unchanged, and no call is retried.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Final, TypeVar

from dcs_migration_operator.core.cloud import Operation
from dcs_migration_operator.core.errors import (
    TIMEOUT,
    AuthFailed,
    Busy,
    DcsError,
    Misconfigured,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    Refused,
    Throttled,
    Unavailable,
)
from dcs_migration_operator.engine.key_ledger import AT_RISK_S, CLOCK_S

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from dcs_migration_operator.core.cloud import Page, Permit, Stats
    from dcs_migration_operator.core.model import Account, Observation, StopAnswer, Trouble
    from dcs_migration_operator.engine.breaker import CircuitBreaker
    from dcs_migration_operator.engine.facts import ChannelFacts
    from dcs_migration_operator.engine.key_ledger import Call, KeyLedger
    from dcs_migration_operator.engine.ports import Dcs, Probe

_log = logging.getLogger(__name__)

R = TypeVar("R")

FENCE_S: Final = 1.0
"""Interval at which a process that may not act checks whether it may; normally it ends first."""

SLOW_MAX: Final = 1_000
"""Most calls that are remembered as slow; the oldest is forgotten, and found again."""

_HTTP_SERVER_ERROR: Final = 500


class PacedDcs:
    """Makes the calls of one account.

    Args:
        account: The account to call with.
        dcs: Makes the calls.
        breaker: The circuit breaker of the channel.
        ledger: The ledger of the access key.
        facts: Receives troubles and progress.
        probe: Counts every call.
        may_act: Tells whether this process may act; called right before each call.
    """

    def __init__(
        self,
        account: Account,
        dcs: Dcs,
        *,
        breaker: CircuitBreaker,
        ledger: KeyLedger,
        facts: ChannelFacts,
        probe: Probe,
        may_act: Callable[[], bool],
    ) -> None:
        self._account, self._dcs = account, dcs
        self._breaker, self._ledger, self._facts = breaker, ledger, facts
        self._probe, self._may_act = probe, may_act
        self._waiting: Counter[Operation] = Counter()
        self._at_gate: Counter[Operation] = Counter()
        self._left_at: dict[Operation, float] = {}
        self._slow: OrderedDict[Operation | str, None] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    async def batch_stop(
        self, task_ids: Sequence[str], permit: Permit, *, suspects: bool = False
    ) -> Mapping[str, StopAnswer]:
        """Request a stop for each id that `permit` returns right before the request is sent.

        A failure with `suspects` is attributed to the ids and delays no other request.
        """

        def permitted(asked: Sequence[str]) -> Sequence[str]:
            return permit(asked) if self._may_act() else ()

        _, answers = await self._call(
            Operation.BATCH_STOP,
            lambda: self._dcs.batch_stop(task_ids, permitted),
            about=task_ids[0] if suspects or len(task_ids) == 1 else None,
            sent=bool,
        )
        return answers

    async def list_page(self, offset: int) -> tuple[float, Page]:
        """Return the monotonic time in seconds of the request, and one page of the list."""
        return await self._call(Operation.LIST, lambda: self._dcs.list_page(offset))

    async def show(self, task_id: str) -> tuple[float, Observation]:
        """Return the time of the request, and what DCS says about one task."""
        return await self._call(Operation.SHOW, lambda: self._dcs.show(task_id), about=task_id)

    async def stats(self, task_id: str) -> tuple[float, Stats]:
        """Return the time of the request, and the progress of one task."""
        return await self._call(Operation.STATS, lambda: self._dcs.stats(task_id), about=task_id)

    async def run(self) -> None:
        """Keep the facts up to date with the state of the access key, until cancelled.

        Other channels use the same key, and most channels that wait for it make no call of their
        own through which they would learn its state.
        """
        while True:
            await self._ledger.news()
            self.tell()

    async def ready(self, operation: Operation) -> None:
        """Wait until the pauses of the channel and of its key permit such a call."""
        self._waiting[operation] += 1
        try:
            while (wait_s := self._pause_s(operation)) > CLOCK_S:
                self.tell()
                await self._ledger.news(wait_s)
        finally:
            self._waiting[operation] -= 1

    def is_waiting(self, operation: Operation) -> bool:
        """Tell whether such a call waits for its turn at the moment."""
        return self._at_gate[operation] > 0

    def left_at(self, operation: Operation) -> float:
        """Return the monotonic time in seconds at which such a call was last admitted."""
        return self._left_at.get(operation, float("-inf"))

    def tell(self) -> None:
        """Update the facts with the current troubles."""
        now = asyncio.get_running_loop().time()
        self._breaker.expire({one for one, count in self._waiting.items() if count}, now)
        of_key = self._ledger.trouble(self._account.credentials, now)
        troubles: dict[Operation, Trouble] = {}
        for operation in Operation:
            trouble = self._breaker.trouble(operation) or of_key
            if trouble:
                troubles[operation] = trouble
        if self._facts.trouble(troubles):
            reasons = ", ".join(sorted({one.kind.value for one in troubles.values()})) or "none"
            _log.warning(
                "the trouble of a project changed",
                extra={"project": self._account.project_id, "trouble": reasons},
            )
        self._arrange(now)

    def close(self) -> None:
        """Abandon all calls in progress."""
        if self._timer:
            self._timer.cancel()
        self._dcs.close()

    async def _call(
        self,
        operation: Operation,
        make: Callable[[], Awaitable[R]],
        *,
        about: str | None = None,
        sent: Callable[[R], bool] = lambda _: True,
    ) -> tuple[float, R]:
        """Make one call once it is permitted; return when it was sent, and the answer.

        Args:
            operation: The kind of call.
            make: Makes the call.
            about: An id, if a failure concerns the named ids rather than this kind of call.
            sent: Tells from the answer whether anything was sent; if not, the call proves nothing.
        """
        self._waiting[operation] += 1
        try:
            call = await self._enter(operation, about or operation)
            with self._timed(call, about or operation):
                return call.asked_at, await self._make(call, make, about=about, sent=sent)
        finally:
            self._waiting[operation] -= 1
            self.tell()

    @contextlib.contextmanager
    def _timed(self, call: Call, about: Operation | str) -> Iterator[None]:
        """Remember calls that take longer than a refusal would."""
        try:
            yield
        finally:
            self._slow.pop(about, None)
            if asyncio.get_running_loop().time() >= call.asked_at + AT_RISK_S:
                self._slow[about] = None
            if len(self._slow) > SLOW_MAX:
                self._slow.popitem(last=False)

    async def _enter(self, operation: Operation, about: Operation | str) -> Call:
        """Wait until this process may act, all pauses are over, and the rate permits a call."""
        loop = asyncio.get_running_loop()
        self._at_gate[operation] += 1
        try:
            while True:
                await self.ready(operation)
                self.tell()
                call = await self._ledger.enter(
                    self._account.credentials,
                    operation,
                    caller=self,
                    slow=about in self._slow,
                )
                if not self._may_act():
                    self._ledger.leave(call)
                    await asyncio.sleep(FENCE_S)
                elif self._breaker.wait_s(operation, loop.time()) > CLOCK_S:
                    self._ledger.leave(call)  # a circuit has opened in the meantime
                else:
                    self._left_at[operation] = call.asked_at
                    return call
        finally:
            self._at_gate[operation] -= 1

    async def _make(
        self,
        call: Call,
        make: Callable[[], Awaitable[R]],
        *,
        about: str | None,
        sent: Callable[[R], bool],
    ) -> R:
        loop = asyncio.get_running_loop()
        try:
            answer = await make()
        except DcsError as error:
            error.asked_at = call.asked_at
            took_s = loop.time() - call.asked_at
            self._probe.cloud_request(call.operation, _outcome(error), took_s)
            self._failed(call, error, about=about)
            raise
        except asyncio.CancelledError:
            self._ledger.abandoned(call, loop.time())
            raise
        else:
            if sent(answer):
                self._probe.cloud_request(call.operation, "ok", loop.time() - call.asked_at)
                self._ledger.succeeded(call)
                self._breaker.succeeded(call.operation)
                self._facts.progress(loop.time())
            return answer
        finally:
            self._ledger.leave(call)

    def _failed(self, call: Call, error: DcsError, *, about: str | None) -> None:
        """Report an error to ledger or breaker; neither is concerned by an error of a single id."""
        now = asyncio.get_running_loop().time()
        if isinstance(error, (AuthFailed, Throttled)):
            self._ledger.failed(call, error, now)
            return
        if error.http_status is not None and error.http_status < _HTTP_SERVER_ERROR:
            self._ledger.succeeded(call)  # a 5xx may come before the signature is checked
        if error.answered:
            self._breaker.answered()
            self._facts.progress(now)
        if isinstance(error, (Refused, NotFound, Busy)):
            self._breaker.succeeded(call.operation)
        elif about is None or not _is_of_ids(call.operation, error):
            self._breaker.failed(call.operation, error, now)

    def _pause_s(self, operation: Operation) -> float:
        now = asyncio.get_running_loop().time()
        return max(
            self._breaker.wait_s(operation, now),
            self._ledger.rest_s(self._account.credentials, now),
        )

    def _arrange(self, now: float) -> None:
        """Schedule an update for the end of the next pause, as its trouble may end too."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        of_key = self._ledger.trouble_ends_at(self._account.credentials, now)
        ends = [of_key] if of_key > now else []
        ends_at = min(filter(None, [self._breaker.next_end(now), *ends]), default=None)
        if ends_at is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(ends_at + CLOCK_S, self.tell)


def _is_of_ids(operation: Operation, error: DcsError) -> bool:
    """Tell whether an error may be caused by the ids of the call rather than by the service."""
    if operation in {Operation.SHOW, Operation.STATS}:
        return error.answered or error.detail.code == TIMEOUT
    answered = error.answered and isinstance(error, (OutcomeUnknown, Unavailable))
    return answered or error.detail.code == TIMEOUT


def _outcome(error: DcsError) -> str:
    """Return the outcome of a call as the label of a metric."""
    match error:
        case Throttled():
            return "throttled"
        case AuthFailed() | PermissionDenied():
            return "auth"
        case Refused() | NotFound() | Busy() | Misconfigured():
            return "client_error"
        case _ if error.detail.code.endswith("timeout"):
            return "timeout"
        case OutcomeUnknown():
            return "server_error"
        case _ if error.http_status is not None and error.http_status < _HTTP_SERVER_ERROR:
            return "client_error"
        case _:
            return "server_error"
