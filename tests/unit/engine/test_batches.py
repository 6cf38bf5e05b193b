"""How a spoiled order is taken apart: who is found, who is stopped meanwhile, what it costs."""

from __future__ import annotations

from collections import Counter
from math import ceil, log2
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcs_migration_operator.core.errors import (
    AuthFailed,
    Busy,
    DcsError,
    Misconfigured,
    OutcomeUnknown,
    PermissionDenied,
    Refused,
    Throttled,
    Unavailable,
)
from dcs_migration_operator.core.model import ErrorDetail, Outcome, StopAnswer, task_key
from dcs_migration_operator.engine import batches as batches_module
from dcs_migration_operator.engine.batches import Batches
from simulation.probe import NoProbe
from unit.engine.parts import DETAIL, Notes, named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dcs_migration_operator.engine.batches import StopResult

IDS = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(50)]


class Cloud(NoProbe):
    """Refuses every order that names a bad id, as a whole; counts calls and splits."""

    def __init__(self, bad: set[str], code: str = "DCS.4855") -> None:
        self.bad, self.code = bad, code
        self.calls: list[Sequence[str]] = []
        self.splits: Counter[str] = Counter()
        self.batches = Batches(self.stop, self)

    async def stop(self, task_ids: Sequence[str], *, suspects: bool) -> Mapping[str, StopAnswer]:  # noqa: ARG002 - of the protocol
        """Take an order whole, or refuse it whole."""
        self.calls.append(task_ids)
        if self.bad & set(task_ids):
            raise Refused(ErrorDetail(self.code, "no"))
        return {task_key(task_id): StopAnswer(Outcome.ACCEPTED, "request") for task_id in task_ids}

    def split(self, code: str) -> None:
        """Take note of a split."""
        self.splits[code] += 1

    async def order(self) -> set[str]:
        """Order all; returns who was rejected, after checking that all others were accepted."""
        results = await self.batches.stop(IDS)
        outcomes = {one: r.outcome for one, r in results.items() if isinstance(r, StopAnswer)}
        assert outcomes.keys() == set(IDS)
        return {one for one, outcome in outcomes.items() if outcome is Outcome.REJECTED}


@given(st.sets(st.sampled_from(IDS), max_size=12))
async def test_the_bad_are_found_and_the_others_stopped_at_once(bad: set[str]) -> None:
    """For any bad ids: exactly they are rejected, for at most 2·log2 n further calls each."""
    cloud = Cloud(bad)
    assert await cloud.order() == bad
    assert len(cloud.calls) <= 1 + 2 * ceil(log2(len(IDS))) * len(bad)


@given(st.sets(st.sampled_from(IDS), min_size=1, max_size=12))
async def test_the_bad_are_ordered_alone_from_then_on(bad: set[str]) -> None:
    """The second time costs one call for the good and one for each bad id, and no split."""
    cloud = Cloud(bad)
    await cloud.order()
    first, splits = len(cloud.calls), cloud.splits.total()
    assert await cloud.order() == bad
    assert len(cloud.calls) - first == 1 + len(bad)
    assert cloud.splits.total() == splits


@pytest.mark.parametrize(
    "bad,calls,splits",
    [(IDS[:1], 11, 5), ([IDS[0], IDS[25]], 19, 9), (IDS[::5], 63, 31), (IDS[:10], 25, 12)],
    ids=["one", "two-far-apart", "ten-spread", "ten-in-a-row"],
)
async def test_what_bad_ids_cost(bad: list[str], calls: int, splits: int) -> None:
    """The figures are those of docs/reliability.md."""
    cloud = Cloud(set(bad))
    assert await cloud.order() == set(bad)
    assert (len(cloud.calls), cloud.splits.total()) == (calls, splits)


class Weather:
    """Fails what names a bad id with the error of a test, or everything; keeps the sizes."""

    def __init__(self, error: DcsError, bad: set[str] | None = None) -> None:
        self.error, self.bad = error, bad
        self.calls: list[int] = []
        self.suspects: list[bool] = []
        self.script: dict[int, DcsError] = {}
        """Errors by the number of the call, whatever it names."""
        self.notes = Notes()
        self.batches = Batches(self._stop, self.notes)

    async def order(self, ids: Sequence[str]) -> tuple[list[int], dict[str, StopResult]]:
        """Order some ids; returns the sizes of the calls, and what became of each id."""
        before = len(self.calls)
        results = await self.batches.stop(ids)
        assert results.keys() == set(ids)
        return self.calls[before:], results

    async def rounds(self, count: int = 12) -> tuple[list[list[int]], set[str]]:
        """Order all until only single ids are left, as the engine would after its pauses.

        Returns:
            The sizes of the calls, by round; and the ids that were never accepted.
        """
        left, sizes = list(IDS), []
        for _ in range(count):
            calls, results = await self.order(left)
            sizes.append(calls)
            left = [one for one in left if not is_accepted(results[one])]
            if calls == [1] * len(left):
                break
        return sizes, set(left)

    async def _stop(self, task_ids: Sequence[str], *, suspects: bool) -> Mapping[str, StopAnswer]:
        self.calls.append(len(task_ids))
        self.suspects.append(suspects)
        if len(self.calls) in self.script:
            raise self.script[len(self.calls)]
        if self.bad is None or self.bad & set(task_ids):
            raise self.error
        return {task_key(one): StopAnswer(Outcome.ACCEPTED, "req") for one in task_ids}


def is_accepted(result: StopResult) -> bool:
    """Tell whether a stop was accepted."""
    return isinstance(result, StopAnswer) and result.outcome is Outcome.ACCEPTED


def outcome(result: StopResult) -> str:
    """Name what became of an id."""
    return result.outcome.name if isinstance(result, StopAnswer) else type(result).__name__


BROKEN = OutcomeUnknown(DETAIL, http_status=500)
AWAY = Unavailable(DETAIL, http_status=503)
BUSY = Busy(DETAIL, http_status=400)


class TestAnsweredFailures:
    """An answer that names no id may be about an id all the same."""

    @pytest.mark.parametrize(
        "error, sizes",
        [
            (BROKEN, [[50], [50, 25, 25, 12, 13, 6, 6, 3, 3, 1, 2], [1]]),
            (AWAY, [[50], [50, 25, 25, 12, 13, 6, 6, 3, 3, 1, 2], [1]]),
            (BUSY, [[50], [50], [13, 6, 7, 3, 3, 1, 2, 13, 13, 11], [1]]),
        ],
        ids=named,
    )
    async def test_one_poisoned_id_is_found_and_is_an_order_of_its_own(
        self, error: DcsError, sizes: list[list[int]]
    ) -> None:
        """A 5xx is divided the second time, an instance that is busy the third."""
        weather = Weather(error, {IDS[0]})
        assert await weather.rounds() == (sizes, {IDS[0]})

    @pytest.mark.parametrize("error", [BROKEN, AWAY, BUSY], ids=named)
    async def test_neighbors_of_two_poisoned_ids_do_not_wait_for_them(
        self, error: DcsError
    ) -> None:
        """Once another part of the order was accepted, both halves of the rest are divided."""
        weather = Weather(error, {IDS[0], IDS[1]})
        sizes, left = await weather.rounds()
        assert left == {IDS[0], IDS[1]}
        assert sizes[-1] == [1, 1]
        assert len(sizes) <= 4

    @given(st.sets(st.sampled_from(IDS), min_size=1, max_size=6))
    async def test_poisoned_ids_keep_nobody_back(self, bad: set[str]) -> None:
        """For all poisoned ids: the others are accepted, within rounds and calls that are few."""
        weather = Weather(BROKEN, bad)
        sizes, left = await weather.rounds()
        assert left == bad
        assert len(sizes) <= 8
        assert sum(map(len, sizes)) <= 40 * len(bad)

    async def test_what_is_divided_is_counted(self) -> None:
        """By the code of the answer; an id without a clear answer is unknown."""
        weather = Weather(BROKEN, {IDS[0]})
        await weather.rounds()
        assert weather.notes.splits == ["model"] * 5
        assert weather.notes.results.count("accepted") == 49
        assert weather.notes.batches == [25, 13, 6, 3, 2]

    async def test_a_service_that_fails_is_not_asked_much_more_often(self) -> None:
        """However long it does; and once it works again few requests are enough."""
        weather = Weather(BROKEN)
        sizes, left = await weather.rounds(12)
        assert left == set(IDS)
        assert [len(calls) for calls in sizes] == [1, 7] + [10] * 4 + [19] * 6
        weather.bad = set()
        calls, results = await weather.order(IDS[:4])
        assert (calls, set(map(is_accepted, results.values()))) == ([4], {True})
        calls, results = await weather.order(IDS[4:])
        assert (calls, set(map(is_accepted, results.values()))) == ([46], {True})

    async def test_the_first_failure_is_not_known_to_be_about_the_ids(self) -> None:
        """Those after it are, and keep no other request back."""
        weather = Weather(BROKEN, {IDS[0]})
        await weather.order(IDS)
        await weather.order(IDS)
        assert weather.suspects == [False, *[True] * (len(weather.calls) - 1)]

    async def test_silence_makes_the_parts_smaller_each_time(self) -> None:
        """It may hide an effect, so that nothing is sent again at once."""
        weather = Weather(OutcomeUnknown(ErrorDetail("timeout", "no answer")), {IDS[0]})
        sizes, left = await weather.rounds()
        assert sizes == [[50], [50], [13, 13, 13, 11], [4, 4, 4, 1], [1, 1, 1, 1], [1]]
        assert left == {IDS[0]}

    @pytest.mark.parametrize(
        "error, first, second",
        [
            (AWAY, "Unavailable", "Unavailable"),
            (BROKEN, "OutcomeUnknown", "OutcomeUnknown"),
            (BUSY, "REJECTED", "REJECTED"),
        ],
        ids=lambda value: named(value) if isinstance(value, DcsError) else "",
    )
    async def test_what_a_failure_means_for_an_id(
        self, error: DcsError, first: str, second: str
    ) -> None:
        """What a request came to that has no answer for an id, however often."""
        weather = Weather(error)
        for expected in (first, second):
            _, results = await weather.order(IDS)
            assert {outcome(result) for result in results.values()} == {expected}

    @pytest.mark.parametrize(
        "error",
        [
            AuthFailed(DETAIL, http_status=401),
            PermissionDenied(DETAIL, http_status=403),
            Throttled(DETAIL, http_status=429),
            Misconfigured(DETAIL, http_status=404),
            OutcomeUnknown(DETAIL),
            Unavailable(DETAIL),
        ],
        ids=named,
    )
    async def test_what_is_about_no_id_divides_nothing(self, error: DcsError) -> None:
        """However often it comes, and nobody is suspected for it."""
        weather = Weather(error)
        for _ in range(10):
            calls, results = await weather.order(IDS)
            assert calls == [50]
            assert set(results.values()) == {error}

    @pytest.mark.parametrize(
        "error",
        [Throttled(DETAIL, http_status=429), AuthFailed(DETAIL, http_status=401)],
        ids=named,
    )
    async def test_nor_does_it_in_the_middle_of_a_division(self, error: DcsError) -> None:
        """The half that met it is left as it is, and its ids are as innocent as before."""
        weather = Weather(BROKEN, set())
        weather.script = {1: BROKEN, 2: BROKEN, 4: error}
        await weather.order(IDS)
        calls, results = await weather.order(IDS)
        assert calls == [50, 25, 25]
        assert [is_accepted(results[one]) for one in IDS] == [True] * 25 + [False] * 25
        assert {results[one] for one in IDS[25:]} == {error}
        calls, _ = await weather.order(IDS[25:])
        assert calls == [25]

    async def test_a_refusal_in_the_middle_of_a_division_is_about_an_id(self) -> None:
        """It is halved at once, as ever."""
        weather = Weather(BROKEN, set())
        weather.script = {1: BROKEN, 2: BROKEN, 4: Refused(DETAIL, http_status=400)}
        await weather.order(IDS)
        calls, results = await weather.order(IDS)
        assert calls == [50, 25, 25, 12, 13]
        assert all(map(is_accepted, results.values()))


class TestSuspects:
    """Ids that are remembered."""

    @pytest.mark.parametrize("error", [Refused(DETAIL, http_status=400), BROKEN], ids=named)
    async def test_an_id_that_is_accepted_is_forgotten(self, error: DcsError) -> None:
        """Its next order goes with all others."""
        weather = Weather(error, {IDS[0]})
        await weather.rounds()
        weather.bad = set()
        calls, _ = await weather.order(IDS)
        assert sorted(calls) == [1, 49]
        calls, _ = await weather.order(IDS)
        assert calls == [50]

    async def test_a_few_ids_that_failed_before_are_ordered_together(self) -> None:
        """As finely as they have failed, and apart from those that have not."""
        weather = Weather(BROKEN)
        for _ in range(3):
            await weather.order(IDS[:26])
        calls, _ = await weather.order(IDS[:26])
        assert calls[0] == calls[-1] == 13
        weather.bad = set()
        calls, _ = await weather.order(IDS)
        assert calls == [24, 13, 13]

    async def test_a_stream_of_new_ids_does_not_hide_a_poisoned_one(self) -> None:
        """An order that always has innocent ids in it is divided all the same."""
        weather = Weather(BROKEN, {IDS[0]})
        for number in range(1, 40):
            _, results = await weather.order([IDS[0], IDS[number]])
            if is_accepted(results[IDS[number]]):
                break
        assert number <= 3

    async def test_their_number_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The oldest is forgotten, and found again if need be."""
        monkeypatch.setattr(batches_module, "SUSPECTS_MAX", 2)
        weather = Weather(Refused(DETAIL, http_status=400), set(IDS[:3]))
        for number in range(3):
            await weather.order([IDS[number]])
        weather.bad = set()
        calls, _ = await weather.order(IDS)
        assert sorted(calls) == [1, 1, 48]


async def test_nothing_is_ordered_for_nobody() -> None:
    """There is no call and no result."""
    weather = Weather(BROKEN)
    assert await weather.order([]) == ([], {})


async def test_an_id_that_was_not_sent_is_neither_accepted_nor_guilty() -> None:
    """It was left out because nobody wished it any more when the call left."""

    async def stop(task_ids: Sequence[str], *, suspects: bool) -> Mapping[str, StopAnswer]:
        assert not suspects
        return {task_key(one): StopAnswer(Outcome.ACCEPTED, "req") for one in task_ids[1:]}

    notes = Notes()
    results = await Batches(stop, notes).stop(IDS[:3])
    assert [outcome(results[one]) for one in IDS[:3]] == ["Unavailable", "ACCEPTED", "ACCEPTED"]
    assert (notes.batches, notes.results) == ([2], ["accepted"] * 2)


async def test_a_call_that_was_not_made_is_no_batch() -> None:
    """All of its ids were withdrawn."""

    async def stop(_: Sequence[str], *, suspects: bool) -> Mapping[str, StopAnswer]:
        assert not suspects
        return {}

    notes = Notes()
    await Batches(stop, notes).stop(IDS[:3])
    assert (notes.batches, notes.results) == ([], [])
