"""The poller on virtual time: when it asks, by which call, and what it makes of odd answers."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Self
from unittest import mock

import pytest

from dcs_migration_operator.core.cases import Pace
from dcs_migration_operator.core.cloud import LIST_ROWS_MAX, Operation, Page
from dcs_migration_operator.core.decide import OBSERVATION_AGE_S_MAX
from dcs_migration_operator.core.errors import (
    AuthFailed,
    DcsError,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    Throttled,
    Unavailable,
)
from dcs_migration_operator.core.model import (
    ErrorDetail,
    Observation,
    StopRequest,
    TroubleKind,
    task_key,
)
from dcs_migration_operator.engine import poller as poller_module
from dcs_migration_operator.engine.facts import ChannelFacts, CloudTask
from dcs_migration_operator.engine.key_ledger import KeyLedger
from dcs_migration_operator.engine.poller import RATE_SHARE, UNREADABLE, Poller
from dcs_migration_operator.engine.rate_limiter import RATE_PER_S_MAX, RATE_PER_S_MIN
from dcs_migration_operator.settings import ChannelSettings
from simulation.cloud import task_id
from unit.engine.parts import DETAIL, lowest, middle, named, queue

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.looptime

MISSING = NotFound(DETAIL, http_status=400)
BROKEN = OutcomeUnknown(DETAIL, http_status=500)
SHARE_S = 1.0 / (RATE_SHARE * RATE_PER_S_MAX)
"""Between two lists of one page, at the highest rate."""


class Cloud:
    """Answers questions out of a dict of words, odd where a test wants it (`Polls`)."""

    def __init__(self, words: dict[str, str]) -> None:
        self.words = words
        self.hidden: set[str] = set()
        self.rows_max = LIST_ROWS_MAX
        self.odd_rows = 0
        """Rows at the beginning of each page that nobody can read."""
        self.same_page = False
        self.answer_s = 0.0
        self.list_error: DcsError | None = None
        self.show_errors: dict[str, DcsError] = {}
        self.lists: list[tuple[float, int]] = []
        self.shows: list[tuple[float, str]] = []
        self.waiting = False

    async def list_page(self, offset: int) -> tuple[float, Page]:
        """Return a page of what is listed."""
        asked_at = asyncio.get_running_loop().time()
        self.lists.append((round(asked_at, 2), offset))
        await asyncio.sleep(self.answer_s)
        if self.list_error:
            raise self.list_error
        rows = [(one, word) for one, word in self.words.items() if one not in self.hidden]
        begin = 0 if self.same_page else offset
        page = tuple(Observation(word, one) for one, word in rows[begin : begin + self.rows_max])
        return asked_at, Page(len(page) + self.odd_rows, page)

    async def show(self, task_id: str) -> tuple[float, Observation]:
        """Return one task."""
        asked_at = asyncio.get_running_loop().time()
        self.shows.append((round(asked_at, 2), task_id))
        await asyncio.sleep(self.answer_s)
        error = self.show_errors.get(task_id)
        if error is None and task_id not in self.words:
            error = MISSING
        if error:
            error.asked_at = asked_at
            raise error
        return asked_at, Observation(self.words[task_id], task_id)

    def left_at(self, _: Operation) -> float:
        """Return that no call ever waited."""
        return float("-inf")

    def is_waiting(self, _: Operation) -> bool:
        """Tell what a test wants."""
        return self.waiting


class Ground:
    """A poller, its facts and its cloud; runs as an async context manager."""

    def __init__(
        self,
        tasks: int = 1,
        *,
        settings: ChannelSettings | None = None,
        draw: Callable[[], float] = middle,
        ledger: KeyLedger | None = None,
    ) -> None:
        self.cloud = Cloud({task_id(number): "MIGRATING" for number in range(tasks)})
        self.facts = ChannelFacts(queue(), queue())
        self.ledger = ledger or KeyLedger(lowest)
        self.poller = Poller(
            self.cloud,
            self.facts,
            ledger=self.ledger,
            settings=settings or ChannelSettings(),
            draw=draw,
        )
        self.running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to poll."""
        self.running = asyncio.create_task(self.poller.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        """End it, and leave no timer."""
        assert self.running
        self.running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.running
        self.poller.close()

    def watch(self, number: int, pace: Pace) -> CloudTask:
        """Let a resource name a task, to be polled at this pace."""
        key = task_key(task_id(number))
        cloud = self.facts.task(key) or self.facts.join("uid", key, task_id(number), StopRequest())
        cloud.paces["uid"] = pace
        self.poller.watch(key, task_id(number), pace)
        return cloud

    @property
    def lists(self) -> list[float]:
        """When lists began."""
        return [at for at, offset in self.cloud.lists if offset == 0]

    @property
    def gaps(self) -> list[float]:
        """The seconds between one list and the next."""
        return [round(after - before, 2) for before, after in pairwise(self.lists)]


class TestPaces:
    """How soon, and how often."""

    @pytest.mark.parametrize(
        "pace, first_s, then_s",
        [
            (Pace.NOW, 0.1, SHARE_S),
            (Pace.STOPPING, 1.0, 1.3),
            (Pace.OBSERVING, 60.0, 60.0),
            (Pace.RARELY, 600.0, 600.0),
            (Pace.SETTLED, 600.0, 600.0),
        ],
    )
    async def test_each_pace_has_its_interval(
        self, pace: Pace, first_s: float, then_s: float
    ) -> None:
        """The first question counts from the moment at which the pace was set."""
        async with Ground() as ground:
            ground.watch(0, pace)
            await asyncio.sleep(first_s + then_s + 0.05)
            assert ground.lists == [round(first_s, 2), round(first_s + then_s, 2)]
            assert ground.cloud.shows == []

    @pytest.mark.parametrize("pace", [Pace.OBSERVING, Pace.RARELY, Pace.SETTLED])
    @pytest.mark.parametrize("drawn, share", [(0.0, 0.9), (1.0, 1.1)])
    async def test_rare_questions_are_spread(self, pace: Pace, drawn: float, share: float) -> None:
        """By a tenth in both directions, so that channels do not fall into step."""
        async with Ground(draw=lambda: drawn) as ground:
            ground.watch(0, pace)
            interval_s = 60.0 if pace is Pace.OBSERVING else 600.0
            await asyncio.sleep(interval_s * share + 0.05)
            assert ground.lists == [pytest.approx(interval_s * share)]

    async def test_fulfilled_wishes_need_not_be_polled(self) -> None:
        """An interval of 0 turns it off; such a task still rides along in lists."""
        async with Ground(2, settings=ChannelSettings(poll_settled_s=0.0)) as ground:
            settled = ground.watch(0, Pace.SETTLED)
            await asyncio.sleep(10_000.0)
            assert ground.lists == []
            assert not ground.poller.polls
            ground.watch(1, Pace.OBSERVING)
            await asyncio.sleep(61.0)
            assert settled.observed == Observation("MIGRATING", task_id(0))

    async def test_a_task_that_is_not_named_any_more_is_not_polled(self) -> None:
        """Nor is its answer used, if it is on its way."""
        async with Ground() as ground:
            ground.cloud.answer_s = 1.0
            cloud = ground.watch(0, Pace.NOW)
            await asyncio.sleep(0.5)
            ground.watch(0, Pace.NEVER)
            await asyncio.sleep(1000.0)
            assert (len(ground.lists), cloud.observed) == (1, None)

    async def test_the_questions_about_a_stop_grow_apart(self) -> None:
        """They come after 1 s, then each after 1.3 times the pause before, up to 10 s."""
        async with Ground() as ground:
            ground.watch(0, Pace.STOPPING)
            await asyncio.sleep(120.0)
        expected: list[float] = []
        interval_s = 1.0
        while len(expected) < len(ground.gaps):
            interval_s = min(interval_s * 1.3, 10.0)
            expected.append(interval_s)
        assert ground.gaps == pytest.approx(expected, abs=0.02)
        assert (ground.lists[0], ground.gaps[-1]) == (1.0, 10.0)

    async def test_an_acceptance_brings_the_next_question_near(self) -> None:
        """1 s after it, and the interval grows from its start again."""
        async with Ground() as ground:
            ground.watch(0, Pace.STOPPING)
            await asyncio.sleep(60.0)
            before = len(ground.lists)
            ground.poller.hurry()
            await asyncio.sleep(5.0)
            assert ground.lists[before:] == pytest.approx([61.0, 62.3, 63.99], abs=0.02)

    async def test_an_acceptance_before_anything_is_followed_changes_nothing(self) -> None:
        """The pace is set a moment later, and counts from then."""
        async with Ground() as ground:
            ground.watch(0, Pace.OBSERVING)
            await asyncio.sleep(5.0)
            ground.poller.hurry()
            ground.watch(0, Pace.STOPPING)
            await asyncio.sleep(1.5)
            assert ground.lists == [6.0]

    async def test_when_nothing_is_being_stopped_the_interval_begins_anew(self) -> None:
        """The next stop does not begin with the pace at which the last one ended."""
        async with Ground() as ground:
            ground.watch(0, Pace.STOPPING)
            await asyncio.sleep(60.0)
            ground.watch(0, Pace.OBSERVING)
            await asyncio.sleep(100.0)
            before = len(ground.lists)
            ground.watch(0, Pace.STOPPING)
            await asyncio.sleep(1.1)
            assert ground.lists[before:] == [161.0]

    async def test_one_list_serves_all(self) -> None:
        """Whoever is only observed is not asked for again just after it."""
        async with Ground(3) as ground:
            observed = ground.watch(0, Pace.OBSERVING)
            await asyncio.sleep(58.0)
            stopping, settled = ground.watch(1, Pace.STOPPING), ground.watch(2, Pace.SETTLED)
            await asyncio.sleep(1.1)
            ground.watch(1, Pace.OBSERVING)
            assert ground.lists == [59.0]
            assert {cloud.asked_at for cloud in (observed, stopping, settled)} == {59.0}
            await asyncio.sleep(59.0)
            assert ground.lists == [59.0]
            await asyncio.sleep(2.0)
            assert ground.lists == [59.0, pytest.approx(119.0, abs=0.2)]


class TestShare:
    """Polling leaves the rate of the key to the stops."""

    @pytest.mark.parametrize("rate_per_s", [RATE_PER_S_MAX, 2.5, RATE_PER_S_MIN])
    async def test_lists_take_a_quarter_of_the_rate_at_most(self, rate_per_s: float) -> None:
        """Whatever the rate is at the moment, and however urgent they are."""
        ledger = KeyLedger(lowest)
        with mock.patch.object(ledger, "rate_per_s", return_value=rate_per_s):
            async with Ground(ledger=ledger) as ground:
                ground.watch(0, Pace.NOW)
                await asyncio.sleep(100.0)
        assert len(ground.lists) == pytest.approx(100.0 * rate_per_s * RATE_SHARE, rel=0.05, abs=1)

    async def test_pages_count(self) -> None:
        """A list of five pages is five calls."""
        async with Ground(4500) as ground:
            for number in range(10):
                ground.watch(number, Pace.NOW)
            await asyncio.sleep(10.0)
        assert min(ground.gaps) >= 5 * SHARE_S - 0.01

    async def test_channels_of_one_key_share_its_part(self) -> None:
        """Those that poll often; a channel that only observes takes nothing from them."""
        ledger = KeyLedger(lowest)
        async with (
            Ground(ledger=ledger) as one,
            Ground(ledger=ledger) as other,
            Ground(ledger=ledger) as quiet,
        ):
            quiet.watch(0, Pace.OBSERVING)
            for ground in (one, other):
                ground.watch(0, Pace.STOPPING)
            assert ledger.pollers == 2
            one.watch(0, Pace.NOW)
            assert ledger.pollers == 1
            one.watch(0, Pace.STOPPING)
        assert ledger.pollers == 0

    async def test_many_channels_that_stop_do_not_exceed_it_together(self) -> None:
        """Forty of them at the highest rate list every 8 s instead of every second."""
        ledger = KeyLedger(lowest)
        grounds = [Ground(ledger=ledger) for _ in range(40)]
        async with contextlib.AsyncExitStack() as stack:
            for ground in grounds:
                await stack.enter_async_context(ground)
                ground.watch(0, Pace.STOPPING)
            await asyncio.sleep(101.0)
        calls = sum(len(ground.lists) for ground in grounds)
        assert calls <= 100.0 * RATE_SHARE * RATE_PER_S_MAX + 2 * len(grounds)


class TestCheaper:
    """One list for all, or a question for each."""

    async def test_few_tasks_of_a_large_project_are_asked_for_one_by_one(self) -> None:
        """Two questions instead of four pages, once their number is known."""
        async with Ground(3500) as ground:
            for number in range(2):
                ground.watch(number, Pace.OBSERVING)
            await asyncio.sleep(61.0)
            assert [offset for _, offset in ground.cloud.lists] == [0, 1000, 2000, 3000]
            await asyncio.sleep(60.0)
            assert len(ground.lists) == 1
            assert {one for _, one in ground.cloud.shows} == {task_id(0), task_id(1)}

    async def test_as_many_as_there_are_pages_are_listed(self) -> None:
        """The list serves everybody else as well."""
        async with Ground(3500) as ground:
            for number in range(4):
                ground.watch(number, Pace.OBSERVING)
            await asyncio.sleep(125.0)
            assert (len(ground.lists), ground.cloud.shows) == (2, [])


class TestSingles:
    """Questions for one task alone."""

    async def test_who_asks_anew_waits_for_the_answer_that_is_under_way(self) -> None:
        """Two answers about one task in the wrong order had ended the polling for good."""
        async with Ground() as ground:
            ground.cloud.answer_s = 5.0
            ground.watch(0, Pace.CONFIRM)
            await asyncio.sleep(1.0)
            ground.watch(0, Pace.STOPPING)
            ground.watch(0, Pace.CONFIRM)
            await asyncio.sleep(20.0)
            assert ground.running is not None
            assert not ground.running.done()
            times = [at for at, _ in ground.cloud.shows]
            assert len(times) >= 3
            assert all(b - a >= 5.0 for a, b in pairwise(times))

    async def test_a_doubtful_answer_is_confirmed_at_once_and_until_it_is_enough(self) -> None:
        """Every second, until the pace of the task says so."""
        async with Ground() as ground:
            cloud = ground.watch(0, Pace.CONFIRM)
            await asyncio.sleep(2.5)
            assert [at for at, _ in ground.cloud.shows] == [0.0, 1.0, 2.0]
            assert (cloud.confirmed, ground.lists) == (True, [])
            ground.watch(0, Pace.OBSERVING)
            await asyncio.sleep(10.0)
            assert len(ground.cloud.shows) == 3

    async def test_a_task_to_be_confirmed_again_is_asked_for_again(self) -> None:
        """The answer to the first question does not count for the second."""
        async with Ground() as ground:
            for pace in (Pace.CONFIRM, Pace.OBSERVING, Pace.CONFIRM):
                ground.watch(0, pace)
                await asyncio.sleep(0.1)
            assert len(ground.cloud.shows) == 2

    async def test_what_becomes_doubtful_while_it_is_asked_for_is_not_asked_for_twice(self) -> None:
        """The answer on its way is an answer to a question for this task alone."""
        async with Ground(3500) as ground:
            ground.watch(0, Pace.OBSERVING)
            await asyncio.sleep(61.0)
            ground.cloud.answer_s = 0.5
            ground.watch(0, Pace.NOW)
            await asyncio.sleep(0.3)
            assert len(ground.cloud.shows) == 1
            ground.watch(0, Pace.CONFIRM)
            await asyncio.sleep(0.5)
            assert len(ground.cloud.shows) == 1

    async def test_at_most_two_are_under_way(self) -> None:
        """Two hundred tasks that no list mentions do not take the key's rate for themselves."""
        async with Ground(0) as ground:
            ground.cloud.answer_s = 1.0
            for number in range(10):
                ground.watch(number, Pace.CONFIRM)
            await asyncio.sleep(2.5)
            assert [at for at, _ in ground.cloud.shows] == [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]

    async def test_a_task_that_is_forgotten_while_it_waits_is_not_asked_for(self) -> None:
        """Its resource was deleted."""
        async with Ground(5) as ground:
            ground.cloud.answer_s = 1.0
            for number in range(5):
                ground.watch(number, Pace.CONFIRM)
            await asyncio.sleep(0.5)
            for number in (0, 3):
                ground.watch(number, Pace.NEVER)
            await asyncio.sleep(1.0)
            assert task_id(3) not in {one for _, one in ground.cloud.shows}


class TestMissing:
    """What a list does not mention."""

    async def test_it_is_told_at_once_and_asked_for_by_itself(self) -> None:
        """A list may lag; the answer to that question counts."""
        async with Ground(3) as ground:
            ground.cloud.hidden = {task_id(2)}
            ground.cloud.answer_s = 0.5
            ground.watch(0, Pace.NOW)
            hidden = ground.watch(2, Pace.NOW)
            await asyncio.sleep(0.7)
            assert hidden.unlisted_at == pytest.approx(0.1)
            assert (hidden.observed, hidden.confirmed) == (None, False)
            await asyncio.sleep(0.5)
            assert hidden.observed == Observation("MIGRATING", task_id(2))
            assert hidden.confirmed

    async def test_what_dcs_does_not_know_is_deleted(self) -> None:
        """It counts as deleted from the moment of the question."""
        async with Ground(1) as ground:
            gone = ground.watch(7, Pace.NOW)
            await asyncio.sleep(0.15)
            assert gone.observed == Observation("DELETED", task_id(7))
            assert gone.confirmed
            assert gone.asked_at == pytest.approx(0.1)

    @pytest.mark.parametrize("pace, word", [(Pace.SETTLED, None), (Pace.RARELY, "DELETED")])
    async def test_what_dcs_has_forgotten_is_not_asked_for_by_itself(
        self, pace: Pace, word: str | None
    ) -> None:
        """A fulfilled wish stays so; a task that was gone is still gone."""
        async with Ground(1) as ground:
            gone = ground.watch(7, pace)
            ground.watch(0, Pace.NOW)
            await asyncio.sleep(0.15)
            ground.watch(0, Pace.OBSERVING)
            await asyncio.sleep(10.0)
            assert (ground.cloud.shows, gone.unlisted_at) == ([], float("-inf"))
            assert (gone.observed.word if gone.observed else None) == word

    async def test_a_list_without_an_end_misses_nobody(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It was given up: who is not in it is asked for, and not said to be missing."""
        monkeypatch.setattr(poller_module, "PAGES_MAX", 3)
        async with Ground(5000) as ground:
            far, rare = ground.watch(4999, Pace.NOW), ground.watch(4998, Pace.RARELY)
            ground.watch(0, Pace.NOW)
            await asyncio.sleep(0.15)
            assert [offset for _, offset in ground.cloud.lists] == [0, 1000, 2000]
            assert far.unlisted_at == float("-inf")
            assert far.observed == Observation("MIGRATING", task_id(4999))
            assert (rare.observed, ground.poller.snapshot_at) == (None, float("-inf"))


class TestUnreadable:
    """A task that DCS does not show."""

    @pytest.mark.parametrize(
        "error, kind",
        [
            (BROKEN, TroubleKind.UNAVAILABLE),
            (PermissionDenied(DETAIL, http_status=403), TroubleKind.PERMISSION),
            (OutcomeUnknown(ErrorDetail("timeout", "")), TroubleKind.UNAVAILABLE),
        ],
        ids=named,
    )
    async def test_it_is_asked_for_again_with_growing_pauses(
        self, error: DcsError, kind: TroubleKind
    ) -> None:
        """5, 10, 20 … 600 s, of its own; the trouble is this task's, since the first time."""
        async with Ground(2) as ground:
            ground.cloud.hidden = {task_id(0)}
            ground.cloud.show_errors[task_id(0)] = error
            bad, good = ground.watch(0, Pace.CONFIRM), ground.watch(1, Pace.CONFIRM)
            await asyncio.sleep(1.0)
            ground.watch(1, Pace.SETTLED)
            await asyncio.sleep(3000.0)
        times = [at for at, one in ground.cloud.shows if one == task_id(0)]
        gaps = [round(after - before, 1) for before, after in pairwise(times)]
        assert gaps == [UNREADABLE.seconds(number) for number in range(1, len(gaps) + 1)]
        assert gaps[-1] == UNREADABLE.most_s
        assert bad.unreadable
        assert (bad.unreadable.kind, bad.unreadable.since) == (kind, 0.0)
        assert good.unreadable is None
        assert good.asked_at > 2000.0

    async def test_an_answer_ends_it(self) -> None:
        """The next time begins with the shortest pause."""
        async with Ground() as ground:
            ground.cloud.show_errors[task_id(0)] = BROKEN
            cloud = ground.watch(0, Pace.CONFIRM)
            await asyncio.sleep(14.0)
            del ground.cloud.show_errors[task_id(0)]
            await asyncio.sleep(2.0)
            assert cloud.unreadable is None
            ground.cloud.show_errors[task_id(0)] = BROKEN
            before = len(ground.cloud.shows)
            await asyncio.sleep(7.0)
            times = [at for at, _ in ground.cloud.shows[before:]]
            assert times[1] - times[0] == pytest.approx(5.0, abs=0.02)

    async def test_the_lists_go_on(self) -> None:
        """And do not ask for it by themselves in between."""
        async with Ground(2) as ground:
            ground.cloud.hidden = {task_id(0)}
            ground.cloud.show_errors[task_id(0)] = BROKEN
            ground.watch(0, Pace.STOPPING)
            ground.watch(1, Pace.STOPPING)
            await asyncio.sleep(14.0)
            assert len(ground.lists) > 4
            assert [at for at, _ in ground.cloud.shows] == [1.0, 6.0]

    @pytest.mark.parametrize(
        "error",
        [
            AuthFailed(DETAIL, http_status=401),
            Throttled(DETAIL, http_status=429),
            Unavailable(DETAIL),
        ],
        ids=named,
    )
    async def test_what_concerns_the_key_or_the_way_is_no_trouble_of_a_task(
        self, error: DcsError
    ) -> None:
        """It waits with all others for the end of the pause, which is not kept here."""
        async with Ground() as ground:
            ground.cloud.answer_s = 1.0
            ground.cloud.show_errors[task_id(0)] = error
            cloud = ground.watch(0, Pace.CONFIRM)
            await asyncio.sleep(3.5)
            assert cloud.unreadable is None
            assert [at for at, _ in ground.cloud.shows] == [0.0, 1.0, 2.0, 3.0]

    async def test_one_that_is_not_named_any_more_is_not_asked_for_again(self) -> None:
        """Whether it fails before or after."""
        async with Ground() as ground:
            ground.cloud.answer_s = 1.0
            ground.cloud.show_errors[task_id(0)] = BROKEN
            ground.watch(0, Pace.CONFIRM)
            await asyncio.sleep(0.5)
            ground.watch(0, Pace.NEVER)
            await asyncio.sleep(100.0)
            assert len(ground.cloud.shows) == 1

    async def test_an_unreadable_task_that_is_awaited_makes_no_further_list(self) -> None:
        """All that are awaited are being asked for by themselves."""
        async with Ground() as ground:
            ground.cloud.hidden = {task_id(0)}
            ground.cloud.show_errors[task_id(0)] = BROKEN
            ground.watch(0, Pace.NOW)
            await asyncio.sleep(50.0)
            assert len(ground.lists) == 1


class TestFailedList:
    """A list that fails."""

    async def test_it_is_tried_again_at_the_pace_of_the_share(self) -> None:
        """The breaker's pause comes on top; nothing is told of anybody."""
        async with Ground() as ground:
            ground.cloud.list_error = BROKEN
            cloud = ground.watch(0, Pace.NOW)
            await asyncio.sleep(10.0)
            assert min(ground.gaps) >= SHARE_S - 0.01
            assert (cloud.observed, cloud.unlisted_at) == (None, float("-inf"))
            ground.cloud.list_error = None
            await asyncio.sleep(0.5)
            assert cloud.observed

    async def test_single_questions_go_on(self) -> None:
        """They are another call."""
        async with Ground(2) as ground:
            ground.cloud.list_error = BROKEN
            ground.watch(0, Pace.NOW)
            cloud = ground.watch(1, Pace.CONFIRM)
            await asyncio.sleep(1.0)
            assert cloud.confirmed

    async def test_an_error_of_our_own_ends_the_polling(self) -> None:
        """The health page turns red then, and the process starts anew."""
        async with Ground() as ground:
            ground.cloud.list_error = ValueError("our own")  # type: ignore[assignment] # no DcsError
            ground.watch(0, Pace.NOW)
            await asyncio.sleep(1.0)
            assert ground.running
            assert isinstance(ground.running.exception(), ExceptionGroup)
            ground.running = asyncio.create_task(asyncio.sleep(0))


class TestPages:
    """How many pages a list has."""

    @pytest.mark.parametrize(
        "tasks, pages",
        [(0, 1), (1, 1), (999, 1), (1000, 2), (1001, 2), (2500, 3), (3000, 4)],
    )
    async def test_a_short_page_is_the_last_one(self, tasks: int, pages: int) -> None:
        """A full one may have another one behind it."""
        async with Ground(tasks) as ground:
            ground.watch(0, Pace.OBSERVING)
            await asyncio.sleep(60.5)
            assert [offset for _, offset in ground.cloud.lists] == [
                1000 * number for number in range(pages)
            ]

    async def test_pages_that_are_smaller_than_asked_for_are_found_out(self) -> None:
        """When two tasks that should be there are not; then it is known how large a page is."""
        async with Ground(250) as ground:
            ground.cloud.rows_max = 100
            watched = [ground.watch(number, Pace.OBSERVING) for number in (0, 150, 220)]
            await asyncio.sleep(60.5)
            assert [offset for _, offset in ground.cloud.lists] == [0, 100, 200]
            assert all(cloud.observed and not cloud.confirmed for cloud in watched)
            assert ground.cloud.shows == []

    async def test_one_missing_task_is_cheaper_to_ask_for(self) -> None:
        """It costs a call either way, and the list is not asked for more."""
        async with Ground(3) as ground:
            ground.cloud.hidden = {task_id(1)}
            for number in range(2):
                ground.watch(number, Pace.OBSERVING)
            await asyncio.sleep(60.5)
            assert (len(ground.cloud.lists), len(ground.cloud.shows)) == (1, 1)

    async def test_a_look_behind_a_short_page_that_finds_nothing_is_no_page(self) -> None:
        """Two hidden tasks cost an empty page each time, and the list still counts as one."""
        async with Ground(4) as ground:
            ground.cloud.hidden = {task_id(2), task_id(3)}
            for number in (2, 3):
                ground.watch(number, Pace.OBSERVING)
            await asyncio.sleep(60.5)
            assert [offset for _, offset in ground.cloud.lists] == [0, 2]
            ground.watch(0, Pace.NOW)
            await asyncio.sleep(0.3)
            assert len(ground.lists) == 2  # and not a single question for it

    async def test_a_list_that_repeats_itself_ends(self) -> None:
        """A gateway that drops the offset gives the first page again and again."""
        async with Ground(1000) as ground:
            ground.cloud.same_page = True
            cloud = ground.watch(999, Pace.OBSERVING)
            await asyncio.sleep(60.5)
            assert len(ground.cloud.lists) == 2
            assert cloud.observed

    async def test_rows_that_nobody_can_read_count_as_rows(self) -> None:
        """The next page starts behind them."""
        async with Ground(1500) as ground:
            ground.cloud.odd_rows, ground.cloud.rows_max = 10, 990
            ground.watch(0, Pace.OBSERVING)
            await asyncio.sleep(60.5)
            assert [offset for _, offset in ground.cloud.lists] == [0, 1000]

    async def test_a_list_of_nothing_but_odd_rows_is_given_up(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It has a limit like everything else."""
        monkeypatch.setattr(poller_module, "PAGES_MAX", 5)
        async with Ground(0) as ground:
            ground.cloud.odd_rows = LIST_ROWS_MAX
            ground.watch(0, Pace.OBSERVING)
            await asyncio.sleep(60.5)
            assert len(ground.cloud.lists) == 5

    async def test_a_task_on_two_pages_is_told_by_the_later_one(self) -> None:
        """Rows move while the list is read."""
        async with Ground(1001) as ground:
            ground.cloud.answer_s = 0.1
            last = task_id(1000)
            ground.cloud.words = {last: "MIGRATING"} | ground.cloud.words
            cloud = ground.watch(1000, Pace.OBSERVING)
            pages = ground.cloud.list_page

            async def moving(offset: int) -> tuple[float, Page]:
                asked_at, page = await pages(offset)
                if offset:
                    page = replace(page, tasks=(*page.tasks, Observation("TERMINATED", last)))
                return asked_at, page

            ground.cloud.list_page = moving  # type: ignore[method-assign] # for this test
            await asyncio.sleep(61.0)
            assert cloud.observed == Observation("TERMINATED", last)


class TestRecent:
    """The last complete list, for whoever comes later."""

    async def test_it_is_kept_while_it_is_fresh(self) -> None:
        """For 30 s from the moment at which it was asked for."""
        async with Ground(2) as ground:
            key = task_key(task_id(1))
            assert ground.poller.recent(key) is None
            ground.watch(0, Pace.OBSERVING)
            await asyncio.sleep(60.5)
            assert ground.poller.recent(key) == (Observation("MIGRATING", task_id(1)), 60.0)
            await asyncio.sleep(OBSERVATION_AGE_S_MAX - 1.0)
            assert ground.poller.recent(key)
            await asyncio.sleep(1.0)
            assert ground.poller.recent(key) is None

    async def test_the_next_one_takes_its_place(self) -> None:
        """And is not forgotten with it."""
        async with Ground(2) as ground:
            ground.watch(0, Pace.STOPPING)
            await asyncio.sleep(100.0)
            recent = ground.poller.recent(task_key(task_id(1)))
            assert recent
            assert recent[1] == pytest.approx(ground.lists[-1], abs=0.01)


class TestLife:
    """What the rest of the channel sees."""

    async def test_it_is_stuck_when_a_list_does_not_come_back(self) -> None:
        """Not while it waits for its turn, nor while nothing is due."""
        async with Ground() as ground:
            await asyncio.sleep(100.0)
            assert ground.poller.stuck_s() == 0.0
            ground.cloud.answer_s = 1000.0
            ground.watch(0, Pace.NOW)
            await asyncio.sleep(50.1)
            assert ground.poller.stuck_s() == pytest.approx(50.0)
            ground.cloud.waiting = True
            assert ground.poller.stuck_s() == 0.0

    async def test_whether_there_is_anything_to_poll(self) -> None:
        """A fleet whose wishes are fulfilled needs no list, so its age says nothing."""
        async with Ground() as ground:
            assert not ground.poller.polls
            ground.watch(0, Pace.SETTLED)
            assert not ground.poller.polls
            ground.watch(0, Pace.RARELY)
            assert ground.poller.polls

    async def test_after_its_end_it_takes_no_share_and_bears_what_is_still_said(self) -> None:
        """Resources leave the channel, and last answers are taken in, when it is closed."""
        async with Ground(3) as ground:
            ground.watch(0, Pace.STOPPING)
            ground.watch(1, Pace.OBSERVING)
            assert ground.ledger.pollers == 1
        assert ground.ledger.pollers == 0
        ground.watch(0, Pace.NEVER)
        ground.watch(1, Pace.STOPPING)
        ground.watch(2, Pace.STOPPING)
        ground.poller.hurry()
        assert ground.ledger.pollers == 0
