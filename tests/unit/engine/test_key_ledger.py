"""The ledger of one access key: its rate, its pauses, and never too many refused signatures."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcs_migration_operator.core.cloud import Operation
from dcs_migration_operator.core.errors import (
    AuthFailed,
    DcsError,
    PermissionDenied,
    Throttled,
)
from dcs_migration_operator.core.model import Credentials, TroubleKind
from dcs_migration_operator.engine import key_ledger
from dcs_migration_operator.engine.key_ledger import (
    AT_RISK_S,
    CALLER_AT_RISK_MAX,
    FIRST_PAUSE_S,
    LOCK_S,
    PROOF_REFUSALS,
    REFUSALS_MAX,
    RETRY_AFTER_S_MAX,
    RETRY_AFTER_S_MIN,
    SECRETS_MAX,
    SINGLES_AT_RISK_MAX,
    SLOW_AT_RISK_S,
    STRANGE_REFUSALS_MAX,
    THROTTLED,
    Call,
    KeyLedger,
    KeyLedgers,
)
from dcs_migration_operator.engine.rate_limiter import BURST_CALLS, RATE_PER_S_MAX
from simulation.virtual import run
from unit.engine.parts import DETAIL, KEYS, lowest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

pytestmark = pytest.mark.looptime

LIST, SHOW, STOP = Operation.LIST, Operation.SHOW, Operation.BATCH_STOP
REFUSED = AuthFailed(DETAIL, http_status=401)
OTHER = Credentials("AK", "another secret key")


def clock() -> float:
    """Return the virtual second."""
    return asyncio.get_running_loop().time()


def fresh() -> KeyLedger:
    """Return a ledger without jitter."""
    return KeyLedger(lowest)


async def proven(keys: Credentials = KEYS) -> KeyLedger:
    """Return a ledger at which this secret key has worked."""
    ledger = fresh()
    await answered(ledger, keys)
    return ledger


async def answered(
    ledger: KeyLedger, keys: Credentials = KEYS, error: DcsError | None = None
) -> float:
    """Make one call that ends at once, well or with an error; returns when it left."""
    call = await ledger.enter(keys, LIST)
    end(ledger, call, error)
    return call.asked_at


def end(ledger: KeyLedger, call: Call, error: DcsError | None = None) -> None:
    """End a call."""
    if error:
        ledger.failed(call, error, clock())
    else:
        ledger.succeeded(call)
    ledger.leave(call)


async def entered(ledger: KeyLedger, *keys: Credentials) -> list[Call]:
    """Let calls enter that never end; returns those that were let through at once."""
    waiters = [asyncio.create_task(ledger.enter(one, LIST)) for one in keys]
    await asyncio.sleep(0.01)
    return [waiter.result() for waiter in waiters if waiter.done()]


class TestRate:
    """The pace of all channels of the key."""

    async def test_a_burst_leaves_at_once_and_then_an_even_stream(self) -> None:
        """Whichever channels they come from."""
        ledger = await proven()
        await asyncio.sleep(10.0)
        begin = clock()
        times = [await answered(ledger) - begin for _ in range(BURST_CALLS + 10)]
        assert times[:BURST_CALLS] == [0.0] * BURST_CALLS
        expected = [(number + 1) / RATE_PER_S_MAX for number in range(10)]
        assert times[BURST_CALLS:] == pytest.approx(expected, abs=0.02)

    async def test_stops_leave_before_lists_and_lists_before_single_questions(self) -> None:
        """Within one kind whoever came first leaves first."""
        ledger = await proven()
        await asyncio.sleep(10.0)
        for _ in range(BURST_CALLS):
            await answered(ledger)
        order: list[str] = []

        async def one(operation: Operation, name: str) -> None:
            call = await ledger.enter(KEYS, operation)
            order.append(name)
            end(ledger, call)

        names = [(SHOW, "show 1"), (LIST, "list 1"), (STOP, "stop 1"), (LIST, "list 2")]
        names += [(STOP, "stop 2"), (SHOW, "show 2")]
        await asyncio.gather(*(one(operation, name) for operation, name in names))
        assert order == ["stop 1", "stop 2", "list 1", "list 2", "show 1", "show 2"]

    async def test_whoever_gives_up_takes_no_place(self) -> None:
        """Neither while it waits nor when it was let through in the same moment."""
        ledger = await proven()
        first = await ledger.enter(OTHER, LIST)
        waiting = asyncio.create_task(ledger.enter(OTHER, LIST))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.sleep(0.01)
        let_through = asyncio.create_task(ledger.enter(OTHER, LIST))
        await asyncio.sleep(0.01)
        ledger.leave(first)  # it is let through, and given up before it has noticed
        let_through.cancel()
        await asyncio.gather(waiting, let_through, return_exceptions=True)
        assert len(await entered(ledger, OTHER)) == 1


class TestThrottled:
    """A 429 concerns the key, whichever channel met it."""

    @pytest.mark.parametrize(
        "after_s, pause_s",
        [
            pytest.param(None, THROTTLED.first_s, id="nothing said"),
            pytest.param(20.0, 20.0, id="as the answer says"),
            pytest.param(0.0, RETRY_AFTER_S_MIN, id="not at once"),
            pytest.param(1e6, RETRY_AFTER_S_MAX, id="not for ever"),
        ],
    )
    async def test_nobody_calls_for_the_pause(self, after_s: float | None, pause_s: float) -> None:
        """Whatever secret key they use; and it is the trouble of all of them."""
        ledger = await proven()
        await answered(ledger, error=Throttled(DETAIL, after_s, http_status=429))
        trouble = ledger.trouble(OTHER, clock())
        assert trouble
        assert (trouble.kind, trouble.detail) == (TroubleKind.THROTTLED, DETAIL)
        begin = clock()
        assert await answered(ledger, OTHER) - begin == pytest.approx(pause_s, abs=0.01)
        assert ledger.trouble(KEYS, clock()) is None

    async def test_pauses_grow_until_a_call_is_answered_well(self) -> None:
        """5, 10, 20 … 300 s; then it begins anew."""
        ledger, pauses = await proven(), []
        for _ in range(8):
            await answered(ledger, error=Throttled(DETAIL, http_status=429))
            begin = clock()
            call = await ledger.enter(KEYS, LIST)
            pauses.append(call.asked_at - begin)
            ledger.leave(call)
        expected = [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0]
        assert pauses == pytest.approx(expected, abs=0.01)
        await answered(ledger)
        await answered(ledger, error=Throttled(DETAIL, http_status=429))
        begin = clock()
        assert await answered(ledger) - begin == pytest.approx(5.0, abs=0.01)

    @pytest.mark.parametrize(
        "window_s, expected",
        [
            pytest.param(1.0, [1.0, 1.0], id="of a second"),
            pytest.param(60.0, [5.0, 10.0, 20.0, 40.0, 60.0, 60.0], id="of a minute"),
            pytest.param(3600.0, [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0], id="of an hour"),
        ],
    )
    async def test_a_window_bounds_the_pauses(self, window_s: float, expected: list[float]) -> None:
        """It may end in a moment, so it is not waited for as a whole."""
        ledger, pauses = await proven(), []
        for _ in expected:
            error = Throttled(DETAIL, window_s=window_s, http_status=429)
            await answered(ledger, error=error)
            begin = clock()
            call = await ledger.enter(KEYS, LIST)
            pauses.append(call.asked_at - begin)
            ledger.leave(call)
        assert pauses == pytest.approx(expected, abs=0.01)

    async def test_calls_under_way_at_the_same_time_count_once(self) -> None:
        """For the pause and for the rate."""
        ledger = await proven()
        calls = [await ledger.enter(KEYS, LIST) for _ in range(REFUSALS_MAX)]
        for call in calls:
            end(ledger, call, Throttled(DETAIL, http_status=429))
        assert ledger.rate_per_s(clock()) == pytest.approx(RATE_PER_S_MAX / 2)
        begin = clock()
        assert await answered(ledger) - begin == pytest.approx(5.0, abs=0.01)

    async def test_a_late_answer_of_before_proves_nothing(self) -> None:
        """It left before the window was full: the pause goes on, and so does its growth."""
        ledger = await proven()
        early = await ledger.enter(KEYS, LIST)
        await answered(ledger, error=Throttled(DETAIL, http_status=429))
        end(ledger, early)
        assert ledger.trouble(KEYS, clock())
        await answered(ledger, error=Throttled(DETAIL, http_status=429))
        begin = clock()
        assert await answered(ledger) - begin == pytest.approx(10.0, abs=0.01)

    async def test_the_trouble_began_with_the_first_of_a_row(self) -> None:
        """So that it is told although each pause is short."""
        ledger = await proven()
        begin = clock()
        for _ in range(3):
            await answered(ledger, error=Throttled(DETAIL, http_status=429))
        trouble = ledger.trouble(KEYS, clock())
        assert trouble
        assert trouble.since == begin


class TestRefused:
    """A 401 concerns the secret key, and its number the access key."""

    async def test_one_refusal_may_be_a_key_that_was_made_a_moment_ago(self) -> None:
        """It is tried again soon; the second refusal is proof, and it rests for the lock."""
        ledger = fresh()
        times = [await answered(ledger, error=REFUSED) for _ in range(4)]
        gaps = [after - before for before, after in pairwise(times)]
        assert gaps == pytest.approx([FIRST_PAUSE_S, LOCK_S, LOCK_S], abs=0.01)
        trouble = ledger.trouble(KEYS, clock())
        assert trouble
        assert (trouble.kind, trouble.since) == (TroubleKind.CREDENTIALS, times[0])

    async def test_another_secret_key_is_tried_at_once(self) -> None:
        """Somebody has put it right; the trouble of the first one is not its own."""
        ledger = fresh()
        for _ in range(2):
            await answered(ledger, error=REFUSED)
        begin = clock()
        assert await answered(ledger, OTHER) == begin
        assert ledger.trouble(OTHER, clock()) is None
        assert ledger.trouble(KEYS, clock())

    async def test_a_success_ends_the_row(self) -> None:
        """The next refusal is the first one again."""
        ledger = fresh()
        await answered(ledger, error=REFUSED)
        await answered(ledger)
        assert ledger.trouble(KEYS, clock()) is None
        begin = await answered(ledger, error=REFUSED)
        assert await answered(ledger) - begin == pytest.approx(FIRST_PAUSE_S, abs=0.01)

    async def test_a_late_success_of_before_does_not_end_the_row(self) -> None:
        """Its signature was right when it was asked; it may have been revoked since."""
        ledger = await proven()
        early = await ledger.enter(KEYS, LIST)
        await asyncio.sleep(0.1)
        refused_at = await answered(ledger, error=REFUSED)
        end(ledger, early)
        assert ledger.trouble(KEYS, clock())
        assert await answered(ledger) - refused_at == pytest.approx(FIRST_PAUSE_S, abs=0.01)

    async def test_a_key_that_never_worked_is_tried_by_one_call(self) -> None:
        """Ten channels at once would lock it; they go on as soon as it has worked."""
        ledger = fresh()
        (first,) = await entered(ledger, *[KEYS] * 10)
        waiting = asyncio.create_task(ledger.enter(KEYS, LIST))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        end(ledger, first)
        await asyncio.sleep(0.01)
        assert len(ledger._open) == REFUSALS_MAX  # noqa: SLF001 - those that entered first

    async def test_calls_under_way_count_as_if_they_were_refused(self) -> None:
        """Five at once at most, for as long as a refusal may take to come."""
        ledger = await proven()
        await asyncio.sleep(0.1)
        calls = await entered(ledger, *[KEYS] * 7)
        assert len(calls) == REFUSALS_MAX
        waiting = asyncio.create_task(ledger.enter(KEYS, LIST))
        await asyncio.sleep(AT_RISK_S - 0.1)
        assert not waiting.done()
        await asyncio.sleep(0.2)
        assert waiting.done()

    async def test_an_answer_makes_room_for_all_that_left_before_it(self) -> None:
        """The key was right when that one left, and so it was for those of before."""
        ledger = await proven()
        await asyncio.sleep(0.1)
        await entered(ledger, *[KEYS] * (REFUSALS_MAX - 1))
        await asyncio.sleep(0.1)
        (last,) = await entered(ledger, KEYS)
        waiting = [asyncio.create_task(ledger.enter(KEYS, LIST)) for _ in range(REFUSALS_MAX)]
        await asyncio.sleep(0.01)
        assert not any(one.done() for one in waiting)
        end(ledger, last)
        await asyncio.sleep(0.01)
        assert all(one.done() for one in waiting)

    @pytest.mark.parametrize(
        "operation, caller, slow, most",
        [
            pytest.param(Operation.SHOW, None, False, SINGLES_AT_RISK_MAX, id="shows"),
            pytest.param(LIST, "channel", False, CALLER_AT_RISK_MAX, id="one channel"),
        ],
    )
    async def test_what_hangs_leaves_room_for_others(
        self, operation: Operation, caller: str | None, *, slow: bool, most: int
    ) -> None:
        """Single questions for stops and lists, one channel for the next."""
        ledger = await proven()
        await asyncio.sleep(0.1)
        hanging = [
            asyncio.create_task(ledger.enter(KEYS, operation, caller=caller, slow=slow))
            for _ in range(REFUSALS_MAX)
        ]
        await asyncio.sleep(0.01)
        assert sum(one.done() for one in hanging) == most
        assert len(await entered(ledger, KEYS)) == 1

    async def test_what_is_known_to_be_slow_makes_room_after_a_second(self) -> None:
        """It hung the last time; that it is refused late is not likely."""
        ledger = await proven()
        await asyncio.sleep(0.1)
        for _ in range(REFUSALS_MAX):
            await ledger.enter(KEYS, LIST, slow=True)
        begin = clock()
        await ledger.enter(KEYS, LIST)
        assert clock() - begin == pytest.approx(SLOW_AT_RISK_S, abs=0.05)

    async def test_strange_keys_leave_room_for_the_one_that_works(self) -> None:
        """Three of the five refusals; the fourth strange key waits, the good one calls on."""
        ledger = await proven()
        strangers = [Credentials("AK", f"wrong {number}") for number in range(5)]
        for stranger in strangers[:STRANGE_REFUSALS_MAX]:
            await answered(ledger, stranger, REFUSED)
        assert await entered(ledger, *strangers[STRANGE_REFUSALS_MAX:]) == []
        begin = clock()
        assert await answered(ledger) == begin

    async def test_a_success_of_the_good_key_makes_room_for_the_next_strange_one(self) -> None:
        """The gateway's row has ended with it."""
        ledger = await proven()
        for number in range(STRANGE_REFUSALS_MAX):
            await answered(ledger, Credentials("AK", f"wrong {number}"), REFUSED)
        begin = clock()
        waiting = asyncio.create_task(answered(ledger, OTHER))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        await answered(ledger)
        assert await waiting - begin == pytest.approx(0.01)

    async def test_when_nothing_works_the_sixth_attempt_waits_for_the_lock_to_end(self) -> None:
        """However many secret keys there are."""
        ledger = fresh()
        begin = clock()
        times = []
        for number in range(REFUSALS_MAX + 1):
            keys = Credentials("AK", f"wrong {number}")
            times.append(await answered(ledger, keys, REFUSED) - begin)
        assert times[:REFUSALS_MAX] == [0.0] * REFUSALS_MAX
        assert times[-1] == pytest.approx(LOCK_S, abs=0.01)

    async def test_other_errors_say_nothing_about_the_key(self) -> None:
        """They concern the channel, which keeps its own pauses."""
        ledger = await proven()
        await answered(ledger, error=PermissionDenied(DETAIL, http_status=403))
        begin = clock()
        assert await answered(ledger) == begin
        assert ledger.trouble(KEYS, begin) is None


class TestKnow:
    """What a channel says of its secret key when it opens."""

    async def test_a_key_that_a_status_calls_refused_is_not_tried_at_once(self) -> None:
        """Restarts in a row stay below the gateway's limit; one more refusal is proof."""
        ledger = fresh()
        ledger.know(KEYS, trusted_at=LOCK_S, now=clock())
        trouble = ledger.trouble(KEYS, clock())
        assert trouble is not None
        assert trouble.kind is TroubleKind.CREDENTIALS
        times = [await answered(ledger, error=REFUSED) for _ in range(2)]
        assert times == pytest.approx([LOCK_S, 2.0 * LOCK_S], abs=0.02)

    async def test_others_are_told_when_an_abandoned_call_is_one_too_many(self) -> None:
        """It counts as refused, so that they have to wait, and have to say why."""
        ledger = fresh()
        call = await ledger.enter(KEYS, LIST)
        for number in range(REFUSALS_MAX - 1):
            await answered(ledger, Credentials("AK", f"wrong {number}"), REFUSED)
        told = asyncio.create_task(ledger.news())
        await asyncio.sleep(0.1)
        assert ledger.trouble(OTHER, clock()) is None
        ledger.abandoned(call, clock())
        await asyncio.wait_for(told, 1.0)
        assert ledger.trouble(OTHER, clock())

    async def test_what_a_status_calls_refused_counts_against_others_of_the_key(self) -> None:
        """The gateway counts what an earlier process was refused, whoever calls next."""
        ledger = fresh()
        for number in range(2):
            keys = Credentials("AK", f"refused before {number}")
            ledger.know(keys, trusted_at=LOCK_S, now=clock())
        wrong = [Credentials("AK", f"wrong {number}") for number in range(REFUSALS_MAX)]
        times = [await answered(ledger, keys, REFUSED) for keys in wrong]
        assert sum(at < LOCK_S for at in times) == REFUSALS_MAX - PROOF_REFUSALS

    async def test_a_key_that_is_known_is_not_judged_by_a_status(self) -> None:
        """It works, whatever another project says of it; and a pause goes on all the same."""
        ledger = await proven()
        ledger.know(KEYS, trusted_at=clock() + LOCK_S, now=clock())
        begin = clock()
        assert await answered(ledger, error=REFUSED) == begin
        ledger.know(KEYS, trusted_at=float("-inf"), now=clock())
        assert await answered(ledger) - begin == pytest.approx(FIRST_PAUSE_S, abs=0.01)

    async def test_the_number_of_secret_keys_is_bounded(self) -> None:
        """Whether a channel says so or only calls; the one that works is not forgotten for them."""
        ledger = await proven()
        for number in range(3 * SECRETS_MAX):
            keys = Credentials("AK", f"wrong {number}")
            ledger.know(keys, trusted_at=float("-inf"), now=clock())
            ledger.trouble(keys, clock())
        ledger.trouble(Credentials("AK", "never known"), clock())
        assert len(ledger._signatures) == SECRETS_MAX  # noqa: SLF001 - its limit is tested
        assert len(await entered(ledger, *[KEYS] * REFUSALS_MAX)) == REFUSALS_MAX

    async def test_a_thousand_callers_that_are_held_back_cost_the_next_one_nothing(self) -> None:
        """Nobody looks at them again before a call ends or their time has come."""
        ledger = await proven()
        for number in range(STRANGE_REFUSALS_MAX):
            await answered(ledger, Credentials("AK", f"wrong {number}"), REFUSED)
        strangers = [Credentials("AK", f"strange {number}") for number in range(1000)]
        room = KeyLedger._has_room  # noqa: SLF001 - how often it is asked for is what is tested
        with mock.patch.object(KeyLedger, "_has_room", autospec=True, side_effect=room) as looks:
            assert await entered(ledger, *strangers) == []
        assert looks.call_count <= len(strangers)


def gateway(
    secrets: list[bool], latencies_s: list[float], minutes: int
) -> tuple[list[bool], dict[bool, int]]:
    """Let channels call for some minutes, each with its secret key, right or wrong.

    Returns:
        Each answer in the order in which the gateway gave it, True for a refusal; and how many
        calls the right and the wrong keys have made.
    """
    refusals: list[bool] = []
    made = {True: 0, False: 0}

    async def channel(ledger: KeyLedger, number: int, *, right: bool) -> None:
        keys = Credentials("AK", "right" if right else f"wrong {number}")
        ledger.know(keys, trusted_at=float("-inf"), now=clock())
        turn = number
        while True:
            call = await ledger.enter(keys, LIST)
            made[right] += 1
            turn += 1
            await asyncio.sleep(latencies_s[turn % len(latencies_s)])
            refusals.append(not right)
            end(ledger, call, None if right else REFUSED)
            await asyncio.sleep(1.0 if right else 0.0)

    async def main() -> None:
        ledger = fresh()
        tasks = [
            asyncio.create_task(channel(ledger, number, right=right))
            for number, right in enumerate(secrets)
        ]
        await asyncio.sleep(60.0 * minutes)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(main())
    return refusals, made


@pytest.mark.looptime(False)  # noqa: FBT003 - the plugin's own form
@given(
    st.lists(st.booleans(), min_size=1, max_size=12),
    st.lists(st.sampled_from([0.01, 0.05, 0.2, 0.9]), min_size=1, max_size=5),
)
@settings(max_examples=40, deadline=None)
def test_the_gateway_never_counts_more_than_five_refusals_in_a_row(
    secrets: list[bool], latencies_s: list[float]
) -> None:
    """For all mixtures of right and wrong secret keys, and the right ones go on calling."""
    refusals, made = gateway(secrets, latencies_s, minutes=5)
    row = longest = 0
    for refused in refusals:
        row = row + 1 if refused else 0
        longest = max(longest, row)
    assert longest <= REFUSALS_MAX
    if any(secrets) and secrets.count(False) < REFUSALS_MAX:
        assert made[True] > 100


class TestLedgers:
    """All ledgers."""

    async def test_an_access_key_at_an_endpoint_has_one(self) -> None:
        """Whatever its secret key and its project are; another endpoint is another matter."""
        ledgers = KeyLedgers(lowest)
        one = ledgers.of("https://one", KEYS, clock())
        assert ledgers.of("https://one", OTHER, clock()) is one
        assert ledgers.of("https://two", KEYS, clock()) is not one
        assert ledgers.of("https://one", Credentials("AK-2", "SK"), clock()) is not one

    async def test_it_outlives_its_channels(self) -> None:
        """A project that is deleted and applied again meets the refusals of before."""
        ledgers = KeyLedgers(lowest)
        for _ in range(2):
            await answered(ledgers.of("https://one", KEYS, clock()), error=REFUSED)
        begin = clock()
        ledger = ledgers.of("https://one", KEYS, begin)
        ledger.know(KEYS, trusted_at=float("-inf"), now=begin)
        assert await answered(ledger) - begin == pytest.approx(LOCK_S, abs=0.01)

    @pytest.mark.parametrize(
        "busy",
        [
            pytest.param(lambda ledger: ledger.enter(KEYS, LIST), id="a call under way"),
            pytest.param(lambda ledger: answered(ledger, error=REFUSED), id="a refusal"),
            pytest.param(
                lambda ledger: answered(ledger, error=Throttled(DETAIL, http_status=429)),
                id="a pause and a lower rate",
            ),
            pytest.param(lambda ledger: entered(ledger, KEYS, KEYS), id="a call held back"),
        ],
    )
    async def test_idle_ones_are_forgotten_first(
        self, monkeypatch: pytest.MonkeyPatch, busy: Callable[[KeyLedger], Awaitable[object]]
    ) -> None:
        """What would be lost with one is what keeps it."""
        monkeypatch.setattr(key_ledger, "LEDGERS_MAX", 2)
        ledgers = KeyLedgers(lowest)
        first = ledgers.of("https://busy", KEYS, clock())
        await busy(first)
        assert not first.is_idle(clock())
        ledgers.of("https://idle", KEYS, clock())
        ledgers.of("https://new", KEYS, clock())
        assert ledgers.of("https://busy", KEYS, clock()) is first

    async def test_where_all_are_busy_the_oldest_is_forgotten(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """There is a limit; whoever uses it goes on with it."""
        monkeypatch.setattr(key_ledger, "LEDGERS_MAX", 2)
        ledgers = KeyLedgers(lowest)
        made = []
        for name in ("one", "two", "three"):
            ledger = ledgers.of(name, KEYS, clock())
            await ledger.enter(KEYS, LIST)
            made.append(ledger)
        assert ledgers.of("three", KEYS, clock()) is made[2]
        assert ledgers.of("two", KEYS, clock()) is made[1]
        assert ledgers.of("one", KEYS, clock()) is not made[0]

    async def test_a_quiet_one_is_idle_again_after_the_lock(self) -> None:
        """The refusals have been forgotten by the gateway as well."""
        ledger = fresh()
        await answered(ledger, error=REFUSED)
        assert not ledger.is_idle(clock() + LOCK_S - 1.0)
        assert ledger.is_idle(clock() + LOCK_S)
