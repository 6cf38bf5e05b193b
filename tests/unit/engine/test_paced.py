"""The paced calls of one channel: when each leaves, who is told how it ended, and in which word."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from dcs_migration_operator.core.cloud import Operation, Page, Stats
from dcs_migration_operator.core.errors import (
    TIMEOUT,
    AuthFailed,
    Busy,
    DcsError,
    EndpointRefused,
    Misconfigured,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    Refused,
    Throttled,
    Unavailable,
    Unresolved,
    Untrusted,
)
from dcs_migration_operator.core.model import (
    ErrorDetail,
    Outcome,
    StopAnswer,
    TroubleKind,
    task_key,
)
from dcs_migration_operator.engine.breaker import CircuitBreaker
from dcs_migration_operator.engine.facts import ChannelFacts
from dcs_migration_operator.engine.key_ledger import FIRST_PAUSE_S, KeyLedger
from dcs_migration_operator.engine.paced import FENCE_S, PacedDcs
from support import make
from unit.engine.parts import ACCOUNT, DETAIL, KEYS, Notes, due, lowest, named, queue

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence

    from dcs_migration_operator.core.cloud import Permit
    from dcs_migration_operator.core.model import Observation

pytestmark = pytest.mark.looptime

LIST, SHOW, STOP = Operation.LIST, Operation.SHOW, Operation.BATCH_STOP
IDS = (make.TASK_ID, "f" * 32)
LATE = ErrorDetail(TIMEOUT, "no answer in time")


class Cloud:
    """Answers every call after `answer_s`, or fails it; keeps when each left (`Dcs`)."""

    def __init__(self) -> None:
        self.error: DcsError | None = None
        self.connecting: Callable[[], None] = lambda: None
        self.answer_s = 0.0
        self.calls: list[tuple[str, float]] = []
        self.sent: list[Sequence[str]] = []
        self.closed = False

    async def batch_stop(self, task_ids: Sequence[str], permit: Permit) -> Mapping[str, StopAnswer]:
        """Accept what is permitted once the connection stands."""
        self.connecting()
        permitted = permit(task_ids)
        if not permitted:
            return {}
        self.sent.append(permitted)
        await self._call("batch_stop")
        return {task_key(one): StopAnswer(Outcome.ACCEPTED, "req") for one in permitted}

    async def list_page(self, offset: int) -> Page:
        """Return an empty page."""
        await self._call(f"list {offset}")
        return Page(0, ())

    async def show(self, task_id: str) -> Observation:
        """Return a running task."""
        await self._call(f"show {task_id}")
        return make.observed("MIGRATING")

    async def stats(self, task_id: str) -> Stats:
        """Return that nothing is known."""
        await self._call(f"stats {task_id}")
        return Stats()

    def close(self) -> None:
        """Keep that it was closed."""
        self.closed = True

    async def _call(self, name: str) -> None:
        self.calls.append((name, asyncio.get_running_loop().time()))
        await asyncio.sleep(self.answer_s)
        if self.error:
            raise self.error


class Ground:
    """A paced cloud, and all that it tells."""

    def __init__(self) -> None:
        self.cloud, self.notes, self.projects = Cloud(), Notes(), queue()
        self.ledger, self.breaker = KeyLedger(lowest), CircuitBreaker(lowest)
        self.facts = ChannelFacts(queue(), self.projects)
        self.facts.leading.add(make.PROJECT)
        self.acts = True
        self.paced = PacedDcs(
            ACCOUNT,
            self.cloud,
            breaker=self.breaker,
            ledger=self.ledger,
            facts=self.facts,
            probe=self.notes,
            may_act=lambda: self.acts,
        )

    @property
    def now(self) -> float:
        """The virtual second."""
        return asyncio.get_running_loop().time()

    async def failed(self, operation: Operation, error: DcsError, ids: int = 1) -> DcsError:
        """Let one call fail; returns what was raised."""
        self.cloud.error = error
        with pytest.raises(DcsError) as caught:
            await self.call(operation, ids)
        self.cloud.error = None
        return caught.value

    def call(self, operation: Operation, ids: int = 1) -> Coroutine[Any, Any, object]:
        """Return a call, to be awaited."""
        match operation:
            case Operation.LIST:
                return self.paced.list_page(0)
            case Operation.SHOW:
                return self.paced.show(make.TASK_ID)
            case Operation.BATCH_STOP:
                return self.paced.batch_stop(IDS[:ids], lambda asked: asked)
            case Operation.STATS:
                raise AssertionError("the engine does not ask for stats")

    def waits(self) -> dict[Operation, float]:
        """Return how long the breaker keeps calls back, for those that it does."""
        waits = {operation: self.breaker.wait_s(operation, self.now) for operation in Operation}
        return {operation: wait_s for operation, wait_s in waits.items() if wait_s > 0.0}

    def troubles(self) -> dict[Operation, TroubleKind]:
        """Return the calls that the facts show in trouble."""
        return {operation: one.kind for operation, one in self.facts.troubles.items()}


@pytest.fixture
def ground() -> Iterator[Ground]:
    """Give a ground whose timers end with the test."""
    ground = Ground()
    yield ground
    ground.paced.close()


class TestAnswers:
    """A call that is answered well."""

    async def test_the_moment_of_the_question_comes_with_the_answer(self, ground: Ground) -> None:
        """It is when the call left, not when it was asked for or answered."""
        ground.cloud.answer_s = 0.5
        await asyncio.sleep(2.0)
        assert await ground.paced.list_page(1000) == (2.0, Page(0, ()))
        assert await ground.paced.show(make.TASK_ID) == (2.5, make.observed("MIGRATING"))
        assert ground.cloud.calls == [("list 1000", 2.0), (f"show {make.TASK_ID}", 2.5)]

    async def test_it_is_progress_and_a_figure(self, ground: Ground) -> None:
        """The projects of the channel hear of the first one."""
        ground.cloud.answer_s = 0.5
        await ground.call(LIST)
        assert ground.facts.progress_at == 0.5
        assert ground.notes.requests == [("list", "ok", 0.5)]
        assert due(ground.projects) == [make.PROJECT]

    async def test_a_stop_is_sent_for_the_ids_that_are_permitted(self, ground: Ground) -> None:
        """Whoever permits is asked when the call leaves, for those that it would name."""
        asked: list[Sequence[str]] = []

        def permit(ids: Sequence[str]) -> Sequence[str]:
            asked.append(ids)
            return ids[:1]

        answers = await ground.paced.batch_stop(IDS, permit)
        assert (asked, ground.cloud.sent) == ([IDS], [IDS[:1]])
        assert answers.keys() == {task_key(IDS[0])}

    async def test_a_stop_that_nobody_permits_is_not_sent_and_proves_nothing(
        self, ground: Ground
    ) -> None:
        """It is no success: neither of the key, nor as progress, nor in a figure."""
        await ground.failed(STOP, AuthFailed(DETAIL, http_status=401))
        await ground.failed(STOP, OutcomeUnknown(DETAIL, http_status=500), ids=2)
        before = (ground.notes.requests[:], ground.facts.progress_at)
        assert await ground.paced.batch_stop(IDS, lambda _: ()) == {}
        assert (ground.notes.requests, ground.facts.progress_at) == before
        assert ground.ledger.trouble(KEYS, ground.now)
        assert len(ground.cloud.sent) == 2


FAILURES: list[tuple[DcsError, str]] = [
    (Throttled(DETAIL, http_status=429), "throttled"),
    (AuthFailed(DETAIL, http_status=401), "auth"),
    (PermissionDenied(DETAIL, http_status=403), "auth"),
    (Refused(DETAIL, http_status=400), "client_error"),
    (NotFound(DETAIL, http_status=400), "client_error"),
    (Busy(DETAIL, http_status=400), "client_error"),
    (Misconfigured(DETAIL, http_status=404), "client_error"),
    (Unavailable(DETAIL, http_status=503), "server_error"),
    (Unavailable(DETAIL, http_status=400), "client_error"),
    (OutcomeUnknown(DETAIL, http_status=500), "server_error"),
    (OutcomeUnknown(DETAIL), "server_error"),
    (OutcomeUnknown(LATE), "timeout"),
    (Unavailable(ErrorDetail("connect-timeout", "")), "timeout"),
    (Unresolved(DETAIL), "server_error"),
    (Untrusted(DETAIL), "server_error"),
    (EndpointRefused(DETAIL), "server_error"),
]


@pytest.mark.parametrize("error, outcome", FAILURES, ids=named)
async def test_each_failure_is_counted_in_one_word(error: DcsError, outcome: str) -> None:
    """The words of the metric; the error itself is passed on, with the moment of its question."""
    ground = Ground()
    await asyncio.sleep(3.0)
    ground.cloud.answer_s = 0.5
    raised = await ground.failed(LIST, error)
    assert raised is error
    assert raised.asked_at == 3.0
    assert ground.notes.requests == [("list", outcome, 0.5)]
    ground.paced.close()


OWN, ALL, NOBODY, KEY = "its kind of call", "all calls", "nobody", "the key"


class TestWhoIsConcerned:
    """Whose pause an error begins."""

    @pytest.mark.parametrize(
        "operation, error, ids, concerned",
        [
            (LIST, OutcomeUnknown(DETAIL, http_status=500), 0, OWN),
            (LIST, PermissionDenied(DETAIL, http_status=403), 0, OWN),
            (LIST, Misconfigured(DETAIL, http_status=404), 0, OWN),
            (LIST, Unavailable(DETAIL), 0, ALL),
            (LIST, OutcomeUnknown(LATE), 0, ALL),
            (SHOW, OutcomeUnknown(DETAIL, http_status=500), 0, NOBODY),
            (SHOW, PermissionDenied(DETAIL, http_status=403), 0, NOBODY),
            (SHOW, NotFound(DETAIL, http_status=400), 0, NOBODY),
            (SHOW, OutcomeUnknown(LATE), 0, NOBODY),
            (SHOW, Unavailable(DETAIL), 0, ALL),
            (STOP, OutcomeUnknown(DETAIL, http_status=500), 2, OWN),
            (STOP, Unavailable(DETAIL, http_status=503), 2, OWN),
            (STOP, OutcomeUnknown(DETAIL, http_status=500), 1, NOBODY),
            (STOP, Unavailable(DETAIL, http_status=503), 1, NOBODY),
            (STOP, PermissionDenied(DETAIL, http_status=403), 1, OWN),
            (STOP, Misconfigured(DETAIL, http_status=404), 1, OWN),
            (STOP, Refused(DETAIL, http_status=400), 2, NOBODY),
            (STOP, Busy(DETAIL, http_status=400), 2, NOBODY),
            (STOP, OutcomeUnknown(LATE), 2, OWN),
            (STOP, OutcomeUnknown(LATE), 1, NOBODY),
            (LIST, AuthFailed(DETAIL, http_status=401), 0, KEY),
            (LIST, Throttled(DETAIL, http_status=429), 0, KEY),
        ],
        ids=named,
    )
    async def test_an_error_concerns_what_was_asked(
        self, ground: Ground, operation: Operation, error: DcsError, ids: int, concerned: str
    ) -> None:
        """One id alone concerns nobody; silence concerns the way that all share."""
        await ground.failed(operation, error, ids)
        match concerned:
            case "nobody":
                expected = set()
            case "its kind of call":
                expected = {operation}
            case "all calls":
                expected = set(Operation)
            case _:
                assert ground.ledger.trouble(KEYS, ground.now)
                expected = set()
        assert ground.waits().keys() == expected
        assert (concerned == KEY) is bool(ground.ledger.trouble(KEYS, ground.now))

    async def test_an_answered_error_is_progress(self, ground: Ground) -> None:
        """DCS can be reached, and says something."""
        await asyncio.sleep(5.0)
        await ground.failed(SHOW, NotFound(DETAIL, http_status=400))
        assert ground.facts.progress_at == 5.0

    async def test_silence_is_none(self, ground: Ground) -> None:
        """Nor is a 429 or a 401, which the gateway gives."""
        errors: list[DcsError] = [Unavailable(DETAIL), Throttled(DETAIL, http_status=429)]
        for error in errors:
            await ground.failed(LIST, error)
        assert ground.facts.progress_at == float("-inf")

    @pytest.mark.parametrize(
        "error, proves",
        [
            (NotFound(DETAIL, http_status=400), True),
            (PermissionDenied(DETAIL, http_status=403), True),
            (OutcomeUnknown(DETAIL, http_status=502), False),
            (Unavailable(DETAIL, http_status=503), False),
        ],
        ids=named,
    )
    async def test_what_proves_that_the_signature_was_right(
        self, ground: Ground, error: DcsError, *, proves: bool
    ) -> None:
        """A 4xx that is no 401 came after the signature was read; a 5xx may have come before."""
        await ground.failed(LIST, AuthFailed(DETAIL, http_status=401))
        await ground.failed(SHOW, error)
        assert (ground.ledger.trouble(KEYS, ground.now) is None) is proves

    async def test_a_later_success_heals(self, ground: Ground) -> None:
        """What the facts show goes with it."""
        await ground.failed(LIST, OutcomeUnknown(DETAIL, http_status=500))
        assert ground.troubles() == {LIST: TroubleKind.UNAVAILABLE}
        await ground.call(LIST)
        assert ground.troubles() == {}


class TestTime:
    """When a call leaves."""

    async def test_it_waits_for_the_pause_of_its_channel(self, ground: Ground) -> None:
        """And then it is made, once."""
        await ground.failed(LIST, Unavailable(DETAIL))
        await ground.call(SHOW)
        assert [at for _, at in ground.cloud.calls] == [0.0, 1.0]

    async def test_a_call_in_trouble_keeps_no_other_back(self, ground: Ground) -> None:
        """A list that fails is no reason to wait with a stop."""
        await ground.failed(LIST, OutcomeUnknown(DETAIL, http_status=500))
        await ground.call(STOP)
        assert [at for _, at in ground.cloud.calls] == [0.0, 0.0]

    async def test_it_waits_for_the_pause_of_its_key(self, ground: Ground) -> None:
        """Which another channel may have met."""
        await ground.failed(LIST, AuthFailed(DETAIL, http_status=401))
        await ground.call(LIST)
        assert ground.cloud.calls[-1][1] == pytest.approx(FIRST_PAUSE_S, abs=0.01)

    async def test_a_pause_that_begins_while_it_waits_for_its_key_counts(
        self, ground: Ground
    ) -> None:
        """The channel has failed meanwhile; its place at the key is given back."""
        await ground.failed(LIST, AuthFailed(DETAIL, http_status=401))
        waiting = asyncio.create_task(ground.call(LIST))
        await asyncio.sleep(5.0)
        for second in range(5):
            ground.breaker.failed(LIST, OutcomeUnknown(DETAIL, http_status=500), 5.0 + second)
        await waiting
        assert ground.cloud.calls[-1][1] == pytest.approx(25.0, abs=0.01)

    async def test_whoever_may_not_act_calls_nobody(self, ground: Ground) -> None:
        """It asks again now and then, and normally ends by then."""
        ground.acts = False
        waiting = asyncio.create_task(ground.call(LIST))
        await asyncio.sleep(2.5)
        assert ground.cloud.calls == []
        ground.acts = True
        await waiting
        assert [at for _, at in ground.cloud.calls] == [3 * FENCE_S]

    async def test_a_lease_that_is_lost_at_the_last_moment_lets_no_stop_leave(
        self, ground: Ground
    ) -> None:
        """The last look asks for it once more."""

        def lose() -> None:
            ground.acts = False

        ground.cloud.connecting = lose
        assert await ground.call(STOP) == {}
        assert ground.cloud.sent == []

    async def test_being_ready_means_that_no_pause_lasts(self, ground: Ground) -> None:
        """The window of stops waits here, and goes on collecting."""
        await ground.paced.ready(STOP)
        assert ground.now == 0.0
        await ground.failed(STOP, OutcomeUnknown(DETAIL, http_status=500), ids=2)
        await ground.paced.ready(STOP)
        assert ground.now == pytest.approx(1.0, abs=0.01)

    async def test_whoever_waits_is_seen_to_wait(self, ground: Ground) -> None:
        """So that a poller behind a pause does not count as stuck."""
        await ground.failed(LIST, Unavailable(DETAIL))
        waiting = asyncio.create_task(ground.call(LIST))
        await asyncio.sleep(0.5)
        assert (ground.paced.is_waiting(LIST), ground.paced.is_waiting(SHOW)) == (True, False)
        ground.cloud.answer_s = 5.0
        await asyncio.sleep(1.0)
        assert ground.paced.is_waiting(LIST) is False
        await waiting

    async def test_whoever_gives_up_leaves_its_place(self, ground: Ground) -> None:
        """This holds at the gate and at the key."""
        await ground.failed(LIST, Unavailable(DETAIL))
        waiting = asyncio.create_task(ground.call(LIST))
        await asyncio.sleep(0.5)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert not ground.paced.is_waiting(LIST)
        await asyncio.sleep(1.0)
        assert ground.troubles() == {}


class TestTroubles:
    """What the facts of the channel show."""

    @pytest.mark.parametrize(
        "error, kind",
        [
            (AuthFailed(DETAIL, http_status=401), TroubleKind.CREDENTIALS),
            (Throttled(DETAIL, http_status=429), TroubleKind.THROTTLED),
            (Unavailable(DETAIL), TroubleKind.UNAVAILABLE),
        ],
        ids=named,
    )
    async def test_what_concerns_all_calls_is_shown_on_all(
        self, ground: Ground, error: DcsError, kind: TroubleKind
    ) -> None:
        """The projects are told as well."""
        await ground.failed(LIST, error)
        assert ground.troubles() == dict.fromkeys(Operation, kind)
        assert due(ground.projects) == [make.PROJECT]

    async def test_the_trouble_of_the_call_is_nearer_than_that_of_the_key(
        self, ground: Ground
    ) -> None:
        """It says more about what is wrong."""
        await ground.failed(STOP, PermissionDenied(DETAIL, http_status=403))
        await ground.failed(LIST, Throttled(DETAIL, http_status=429))
        throttled = dict.fromkeys(Operation, TroubleKind.THROTTLED)
        assert ground.troubles() == throttled | {STOP: TroubleKind.PERMISSION}

    async def test_a_trouble_ends_with_its_pause_if_nobody_calls(self, ground: Ground) -> None:
        """By a timer of its own: nobody would say otherwise."""
        await ground.failed(STOP, PermissionDenied(DETAIL, http_status=403))
        await asyncio.sleep(29.9)
        assert ground.troubles() == {STOP: TroubleKind.PERMISSION}
        await asyncio.sleep(0.2)
        assert ground.troubles() == {}

    async def test_a_trouble_lasts_while_a_call_waits_for_its_end(self, ground: Ground) -> None:
        """It is told at once when the call fails again, without a gap."""
        seen: list[Mapping[Operation, TroubleKind]] = []
        trouble: Callable[..., bool] = ground.facts.trouble

        def told(troubles: Any) -> bool:
            seen.append({operation: one.kind for operation, one in troubles.items()})
            return trouble(troubles)

        ground.facts.trouble = told  # type: ignore[method-assign] # for this test
        await ground.failed(STOP, PermissionDenied(DETAIL, http_status=403))
        await ground.failed(STOP, PermissionDenied(DETAIL, http_status=403))
        assert {} not in seen[1:]
        assert ground.now == pytest.approx(30.0, abs=0.01)


async def test_a_close_closes_what_calls() -> None:
    """And leaves no timer."""
    ground = Ground()
    await ground.failed(LIST, Unavailable(DETAIL))
    ground.paced.close()
    assert ground.cloud.closed
    before = ground.troubles()
    await asyncio.sleep(10.0)
    assert ground.troubles() == before
