"""The ledger of an access key at an endpoint: the rate, pauses and refusals of all its channels.

It outlives the channels: a project that is deleted and applied again, or a Secret with a changed
secret key, gets the same ledger. The gateway locks an access key for five minutes after more than
five refused signatures (401) in a row, from any sender. So the ledger limits their number, and
counts calls in progress as if they were refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.backoff import Backoff
from dcs_migration_operator.core.cloud import Operation
from dcs_migration_operator.core.errors import AuthFailed, DcsError, Throttled
from dcs_migration_operator.core.model import Trouble, TroubleKind
from dcs_migration_operator.engine.rate_limiter import RATE_PER_S_MAX, RateLimiter
from dcs_migration_operator.engine.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dcs_migration_operator.core.model import Credentials

REFUSALS_MAX: Final = 5
"""Number of refused signatures in a row that the gateway tolerates; one more locks the key."""

PROOF_REFUSALS: Final = 2
"""Number of refusals in a row that prove a secret key wrong; a single 401 may be due to a key that
was created a moment ago."""

STRANGE_REFUSALS_MAX: Final = 3
"""Most refusals that secret keys which never worked may cause while another secret key works; the
rest is reserved for that one."""

LOCK_S: Final = 330.0
"""Pause of a refused key, longer than the gateway's lock of five minutes; refusals older than this
do not count any more."""

FIRST_PAUSE_S: Final = 10.0
"""Pause after one refusal."""

THROTTLED: Final = Backoff(5.0, 300.0)
"""Pause after a throttled call. Documented windows last seconds or minutes; the pause grows up to
the latter, or up to the window that an answer names: a window of five minutes may end at any
moment, and six calls are enough to find out."""

RETRY_AFTER_S_MAX: Final = 900.0
"""Longest pause that is taken from an answer; if it asks for more, the call is retried after this
time."""

RETRY_AFTER_S_MIN: Final = 1.0

JITTER: Final = 0.1
"""Pauses are lengthened by up to this share, so that channels do not resume at the same time."""

YOUNG_S: Final = 1.0
"""A secret key that never worked is tried again if its call has no answer after this time."""

AT_RISK_S: Final = 3.5
"""After this time a call with a working key is unlikely to be refused, as signatures are checked
first. If five calls hang and no other returns, they delay all others for this long; after that
their channel is known to be slow."""

SLOW_AT_RISK_S: Final = YOUNG_S
"""The same for a call that was slow the last time and is likely to be slow again."""

SINGLES_AT_RISK_MAX: Final = 2
"""Most single calls among the calls at risk; one id that hangs must not delay stops and lists."""

CALLER_AT_RISK_MAX: Final = REFUSALS_MAX - 1
"""Most calls at risk per channel; one project that hangs must not delay the others."""

SECRETS_MAX: Final = 64
"""Most secret keys of one access key that are remembered; the oldest is forgotten."""

CLOCK_S: Final = 0.001
"""Resolution of timers; a wait shorter than this counts as over."""

_URGENCY: Final = {
    Operation.BATCH_STOP: 0,
    Operation.LIST: 1,
    Operation.SHOW: 2,
    Operation.STATS: 3,
}
"""Order of waiting calls: stops first, then lists, then shows, and stats last."""

_SINGLE: Final = frozenset({Operation.SHOW, Operation.STATS})
"""Calls about a single task."""


@dataclass(slots=True, eq=False)
class _Signature:
    """What is known about one secret key (and token) of the access key.

    Attributes:
        proven: Whether it worked and was not refused since.
        proven_at: When the newest accepted call was sent, in monotonic seconds.
        refusals: Number of refusals in a row.
        refused_at: Monotonic time in seconds of the last refusal.
        closed_until: Monotonic time in seconds until which the key makes no call.
    """

    proven: bool = False
    proven_at: float = float("-inf")
    refusals: int = 0
    refused_at: float = float("-inf")
    closed_until: float = float("-inf")
    trouble: Trouble | None = None


@dataclass(slots=True, eq=False)
class Call:
    """One call that was admitted; it has to be passed to `leave` at its end.

    Attributes:
        caller: The channel.
        slow: Whether the same call took longer than `AT_RISK_S` the last time.
    """

    signature: _Signature
    operation: Operation
    asked_at: float
    caller: object = None
    slow: bool = False

    def is_at_risk(self, now: float) -> bool:
        """Tell whether the call may still be refused.

        A call that was sent before an accepted one is not at risk, because a key that is revoked
        stays revoked. So a project whose calls hang does not take the place of others for long.
        """
        if not self.signature.proven:
            return True
        risk_s = SLOW_AT_RISK_S if self.slow else AT_RISK_S
        return self.asked_at > max(self.signature.proven_at, now - risk_s)


@dataclass(order=True, slots=True)
class _Waiter:
    urgency: int
    number: int
    future: asyncio.Future[Call] = field(compare=False)
    signature: _Signature = field(compare=False)
    operation: Operation = field(compare=False)
    caller: object = field(compare=False)
    slow: bool = field(compare=False)


class KeyLedger:
    """The ledger of one (endpoint, access key).

    Args:
        draw: Returns a number in [0, 1), for the jitter.
    """

    def __init__(self, draw: Callable[[], float]) -> None:
        self._draw = draw
        self._limiter = RateLimiter()
        self._signatures: OrderedDict[Credentials, _Signature] = OrderedDict()
        self._waiters: list[_Waiter] = []
        self._held: list[_Waiter] = []
        self._held_until = float("inf")
        self._numbers = 0
        self._open: dict[int, Call] = {}
        self._refused_at: deque[float] = deque(maxlen=REFUSALS_MAX)
        self._throttled_until = float("-inf")
        self._throttled: Trouble | None = None
        self._throttles = 0
        self._timer: asyncio.TimerHandle | None = None
        self._news = asyncio.Event()
        self.turns = Turns()
        """The turns of the tasks whose lag is sampled."""
        self.pollers = 0
        """Number of channels of this key that poll often at the moment; they share its rate."""

    def know(self, credentials: Credentials, *, trusted_at: float, now: float) -> None:
        """Register the secret key of a channel.

        A new key may be tried at once, as far as the number of refusals in a row permits. If it was
        refused before this process started, it has to wait, because the number is not known; for
        other secret keys of the access key, as many refusals are assumed as prove one wrong.

        Args:
            credentials: The credentials of the channel.
            trusted_at: When they may be tried first, in monotonic seconds.
            now: Monotonic seconds.
        """
        new = credentials not in self._signatures
        signature = self._signature(credentials)
        if new and trusted_at > now:
            signature.refusals = PROOF_REFUSALS - 1
            signature.closed_until = trusted_at
            signature.trouble = Trouble(TroubleKind.CREDENTIALS, now, _RESTS)
            if not self._refused_at:  # the gateway goes on counting, whichever secret key is next
                self._refused_at.extend([now] * PROOF_REFUSALS)

    def rate_per_s(self, now: float) -> float:
        """Return the rate, in calls per second, that the key may use at the moment."""
        return self._limiter.rate_per_s(now)

    def is_idle(self, now: float) -> bool:
        """Tell whether this ledger can be dropped without losing information."""
        quiet_at = now - LOCK_S
        recent = bool(self._refused_at) and self._refused_at[-1] > quiet_at
        busy = bool(self._open or self._waiters or self._held) or self._throttled_until > now
        return not recent and not busy and self.rate_per_s(now) >= RATE_PER_S_MAX

    def trouble(self, credentials: Credentials, now: float) -> Trouble | None:
        """Return the trouble that keeps this key from calling, None if there is none."""
        signature = self._signature(credentials)
        if signature.trouble:
            return signature.trouble
        if self._rests_until(signature, now) > now:
            return Trouble(TroubleKind.CREDENTIALS, self._refused_at[-1], _RESTS)
        return self._throttled if now < self._throttled_until else None

    def rest_s(self, credentials: Credentials, now: float) -> float:
        """Return the seconds until the pauses of this key are over; 0 or less if they are."""
        return max(self._throttled_until, self._signature(credentials).closed_until) - now

    def trouble_ends_at(self, credentials: Credentials, now: float) -> float:
        """Return when the trouble of this key may end by itself, in monotonic seconds."""
        rests_until = self._rests_until(self._signature(credentials), now)
        return max(rests_until, now + self.rest_s(credentials, now))

    async def news(self, timeout_s: float | None = None) -> None:
        """Wait until a trouble or pause of this key begins or ends, but at most `timeout_s`."""
        news = self._news
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await news.wait()

    async def enter(
        self,
        credentials: Credentials,
        operation: Operation,
        *,
        caller: object = None,
        slow: bool = False,
    ) -> Call:
        """Wait until a call may be made, and admit it."""
        loop = asyncio.get_running_loop()
        self._numbers += 1
        waiter = _Waiter(
            _URGENCY.get(operation, len(_URGENCY)),
            self._numbers,
            loop.create_future(),
            self._signature(credentials),
            operation,
            caller,
            slow,
        )
        heapq.heappush(self._waiters, waiter)
        self._pump()
        try:
            return await waiter.future
        except asyncio.CancelledError:
            if waiter.future.done() and not waiter.future.cancelled():
                self.leave(waiter.future.result())
            raise

    def leave(self, call: Call) -> None:
        """Note that a call has ended or was not made after all."""
        self._open.pop(id(call), None)
        self._pump_all()

    def succeeded(self, call: Call) -> None:
        """Note that DCS answered a call, which proves that its signature was right."""
        signature = call.signature
        if self._refused_at and call.asked_at > self._refused_at[-1]:
            rested = len(self._refused_at) >= STRANGE_REFUSALS_MAX
            self._refused_at.clear()
            if rested:
                self._tell()
        if call.asked_at > signature.refused_at:
            healed = signature.trouble is not None
            signature.proven, signature.refusals, signature.trouble = True, 0, None
            signature.proven_at = max(signature.proven_at, call.asked_at)
            signature.closed_until = float("-inf")
            if healed:
                self._tell()
        if call.asked_at >= self._throttled_until:
            self._throttles, self._throttled = 0, None

    def failed(self, call: Call, error: DcsError, now: float) -> None:
        """Note that a call was refused or throttled."""
        if isinstance(error, AuthFailed):
            self._refused(call.signature, error, now)
        elif isinstance(error, Throttled):
            self._throttle(call, error, now)

    def abandoned(self, call: Call, now: float) -> None:
        """Note that a call was cancelled; its answer may have been a refusal.

        For a working key that is unlikely, and the next answer will show it.
        """
        if not call.signature.proven:
            self._refused_at.append(now)
            self._tell()  # the access key may have to rest now

    def _refused(self, signature: _Signature, error: AuthFailed, now: float) -> None:
        self._refused_at.append(now)
        signature.proven, signature.refused_at = False, now
        signature.refusals += 1
        since = signature.trouble.since if signature.trouble else now
        signature.trouble = Trouble(TroubleKind.CREDENTIALS, since, _REFUSED, error.detail)
        pause_s = FIRST_PAUSE_S if signature.refusals < PROOF_REFUSALS else LOCK_S
        signature.closed_until = now + pause_s * (1.0 + JITTER * self._draw())
        self._tell()

    def _throttle(self, call: Call, error: Throttled, now: float) -> None:
        self._limiter.throttled(call.asked_at, now)
        if call.asked_at >= self._throttled_until or self._throttled is None:
            self._throttles += 1
        since = self._throttled.since if self._throttled else now
        self._throttled = Trouble(TroubleKind.THROTTLED, since, _THROTTLED, error.detail)
        most_s = error.window_s or THROTTLED.most_s
        pause_s = Backoff(THROTTLED.first_s, most_s).seconds(self._throttles)
        if error.after_s is not None:
            pause_s = error.after_s
        pause_s = min(max(pause_s, RETRY_AFTER_S_MIN), RETRY_AFTER_S_MAX)
        until = now + pause_s * (1.0 + JITTER * self._draw())
        begins = now >= self._throttled_until
        self._throttled_until = max(self._throttled_until, until)
        if begins:
            self._tell()

    def _tell(self) -> None:
        """Wake all callers of `news`."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _signature(self, credentials: Credentials) -> _Signature:
        """Return the record of a secret key; those of working keys are forgotten last."""
        signature = self._signatures.get(credentials)
        if signature:
            self._signatures.move_to_end(credentials)
            return signature
        if len(self._signatures) >= SECRETS_MAX:
            unproven = (keys for keys, one in self._signatures.items() if not one.proven)
            del self._signatures[next(unproven, next(iter(self._signatures)))]
        signature = self._signatures[credentials] = _Signature()
        return signature

    def _has_room(self, waiter: _Waiter, now: float) -> bool:
        """Tell whether one more call is safe even if all calls in progress are refused."""
        signature, refused = waiter.signature, self._refusals(now)
        at_risk = [call for call in self._open.values() if call.is_at_risk(now)]
        if refused + len(at_risk) >= REFUSALS_MAX:
            return False
        if signature.proven:
            return self._has_share(waiter, at_risk)
        mine = (call for call in self._open.values() if call.signature is signature)
        if any(call.asked_at > now - YOUNG_S for call in mine):
            return False  # a key that never worked is tried with one call at a time
        strange = sum(not call.signature.proven for call in self._open.values())
        return refused + strange < self._strange_max()

    def _refusals(self, now: float) -> int:
        """Return how many refusals in a row count at the moment."""
        while self._refused_at and self._refused_at[0] <= now - LOCK_S:
            self._refused_at.popleft()
        return len(self._refused_at)

    def _strange_max(self) -> int:
        """Return how many refusals may be caused by secret keys that never worked."""
        works = any(one.proven for one in self._signatures.values())
        return STRANGE_REFUSALS_MAX if works else REFUSALS_MAX

    def _rests_until(self, signature: _Signature, now: float) -> float:
        """Return until when a secret key is not tried because of earlier refusals."""
        if signature.proven or self._refusals(now) < self._strange_max():
            return float("-inf")
        return self._refused_at[-self._strange_max()] + LOCK_S

    def _has_share(self, waiter: _Waiter, at_risk: Sequence[Call]) -> bool:
        """Tell whether the channel and the kind of call are below their limits of calls at risk."""
        singles = sum(call.operation in _SINGLE for call in at_risk)
        own = sum(call.caller is waiter.caller for call in at_risk if call.caller is not None)
        return own < CALLER_AT_RISK_MAX and (
            waiter.operation not in _SINGLE or singles < SINGLES_AT_RISK_MAX
        )

    def _pump_all(self) -> None:
        """Admit all calls that are permitted now, including those that were held back."""
        for waiter in self._held:
            heapq.heappush(self._waiters, waiter)
        self._held, self._held_until = [], float("inf")
        self._pump()

    def _pump(self) -> None:
        """Admit all calls that are permitted now, most urgent first, and schedule the next attempt.

        A call that is held back because of a secret key is not checked again until a call ends or
        a pause is over, so that a thousand of them do not slow down the next call.
        """
        now = asyncio.get_running_loop().time()
        next_at = float("inf")
        while self._waiters:
            waits_s = max(self._throttled_until - now, self._limiter.wait_s(now))
            if waits_s > CLOCK_S:
                next_at = now + waits_s
                break
            waiter = heapq.heappop(self._waiters)
            if waiter.future.done():
                continue
            closed_s = waiter.signature.closed_until - now
            if closed_s > CLOCK_S or not self._has_room(waiter, now):
                self._held.append(waiter)
                held_until = self._held_back_until(waiter.signature, now)
                self._held_until = min(self._held_until, held_until)
                continue
            self._limiter.take(now)
            call = Call(waiter.signature, waiter.operation, now, waiter.caller, waiter.slow)
            self._open[id(call)] = call
            waiter.future.set_result(call)
        self._arrange(min(next_at, self._held_until))

    def _held_back_until(self, signature: _Signature, now: float) -> float:
        """Return when a call that is held back may be admitted just because time has passed."""
        moments = [now + LOCK_S]
        if signature.closed_until > now:
            moments.append(signature.closed_until)
        for call in self._open.values():
            moments += [call.asked_at + YOUNG_S, call.asked_at + AT_RISK_S]
        if self._refused_at:
            moments.append(self._refused_at[0] + LOCK_S)
        return min(moment for moment in moments if moment > now)

    def _arrange(self, next_at: float) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if next_at < float("inf"):
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(next_at + CLOCK_S, self._pump_all)


class KeyLedgers:
    """All ledgers, by endpoint and access key.

    Args:
        draw: Returns a number in [0, 1), for the jitter.
    """

    def __init__(self, draw: Callable[[], float]) -> None:
        self._draw = draw
        self._ledgers: OrderedDict[tuple[str, str], KeyLedger] = OrderedDict()

    def of(self, endpoint: str, credentials: Credentials, now: float) -> KeyLedger:
        """Return the ledger of a key at an endpoint."""
        name = (endpoint, credentials.access_key)
        ledger = self._ledgers.get(name)
        if ledger is None:
            self._forget_idle(now)
            ledger = self._ledgers[name] = KeyLedger(self._draw)
        self._ledgers.move_to_end(name)
        return ledger

    def _forget_idle(self, now: float) -> None:
        """Drop idle ledgers to make room; a channel that still uses one keeps it."""
        while len(self._ledgers) >= LEDGERS_MAX:
            idle = next((n for n, one in self._ledgers.items() if one.is_idle(now)), None)
            self._ledgers.pop(idle or next(iter(self._ledgers)))


LEDGERS_MAX: Final = 10_000
"""Most keys that are known at once; idle ones are forgotten first."""

_REFUSED: Final = (
    "DCS does not accept the access key. Check accessKey, secretKey and securityToken in the "
    "Secret of the project, or the identity that an ambient project names, and the project id."
)
_RESTS: Final = (
    "DCS has refused this access key lately. The credentials of the project are tried within six "
    "minutes, so that no further refusal locks the key."
)
_THROTTLED: Final = "DCS is throttling this access key; it goes on by itself."
