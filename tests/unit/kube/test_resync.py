"""When the first listing is complete, and how what the watch did not tell is found later."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING

import pytest

from dcs_migration_operator.kube.errors import ApiError, api_error
from dcs_migration_operator.kube.resync import (
    CHECK_S,
    COUNT_S,
    COUNTS_MAX,
    LATE_S,
    RECOUNT_S,
    DeafWatch,
    arrived,
    caught_up,
    keep_counting,
)

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.looptime


class World:
    """What exists, what the watch told of it, and how often it was counted."""

    def __init__(self, existing: dict[str, int], known: dict[str, int]) -> None:
        self.existing, self.known = existing, known
        self.counts = 0
        self.forgotten: list[str] = []
        self.failing = False
        self.relisted = asyncio.Event()

    async def count(self) -> dict[str, int]:
        """List what exists."""
        self.counts += 1
        if self.failing:
            raise api_error(500, "no")
        return dict(self.existing)

    def forget(self, uid: str) -> None:
        """Take note that an object is gone."""
        self.forgotten.append(uid)
        del self.known[uid]

    def later(self, delay_s: float, change: Callable[[], object]) -> None:
        """Let something happen."""
        asyncio.get_running_loop().call_later(delay_s, change)

    async def listing(self) -> float:
        """Return how long the first listing took."""
        await asyncio.wait_for(arrived(self.count, self.known.get), 60.0)
        return asyncio.get_running_loop().time()

    async def counting(self, for_s: float) -> None:
        """Count again and again for so long."""
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(self.keep_counting(), for_s)

    async def catching_up(self) -> None:
        """Do what a standby does before it acts."""
        await caught_up(self.count, lambda: dict(self.known), self.known.get, self.forget)

    async def keep_counting(self) -> None:
        """Count until the watch is deaf."""
        await keep_counting(self.count, lambda: dict(self.known), self.forget, self.relisted)


class TestArrival:
    """The listing that kopf does not announce."""

    @pytest.mark.parametrize(
        "existing, known",
        [
            ({}, {}),
            ({"a": 5}, {"a": 5}),
            ({"a": 5}, {"a": 6}),
            ({"a": 5}, {"a": 5, "b": 7}),
        ],
    )
    async def test_what_is_known_has_arrived(
        self, existing: dict[str, int], known: dict[str, int]
    ) -> None:
        """In the version that was counted or a newer one; in an empty cluster all has."""
        assert await World(existing, known).listing() == 0.0

    async def test_an_object_is_waited_for(self) -> None:
        """Its arrival is noticed soon; an older version is not enough."""
        world = World({"a": 5, "b": 7}, {"a": 5})
        world.later(0.5, lambda: world.known.update(b=6))
        world.later(1.0, lambda: world.known.update(b=7))
        assert 1.0 <= await world.listing() <= 1.0 + 2 * CHECK_S
        assert world.counts == 1

    async def test_an_object_that_arrived_once_may_go_again(self) -> None:
        """It counts as told."""
        world = World({"a": 5, "b": 7}, {"a": 5})
        world.later(0.3, lambda: world.known.pop("a"))
        world.later(0.6, lambda: world.known.update(b=7))
        assert await world.listing() <= 0.6 + 2 * CHECK_S

    async def test_an_object_that_is_gone_is_not_waited_for(self) -> None:
        """The next count does not find it any more."""
        world = World({"a": 5}, {})
        world.later(0.5, world.existing.clear)
        assert RECOUNT_S <= await world.listing() <= RECOUNT_S + CHECK_S
        assert world.counts == 2

    async def test_as_long_as_objects_arrive_they_are_not_counted_again(self) -> None:
        """A slow machine has better things to do than to list ten thousand objects every 2 s."""
        world = World({str(one): one for one in range(40)}, {})
        for one in range(40):
            world.later(1.5 * one, functools.partial(world.known.update, {str(one): one}))
        assert await world.listing() == pytest.approx(39 * 1.5, abs=2 * CHECK_S)
        assert world.counts == 1

    async def test_a_check_looks_at_what_has_arrived_alone(self) -> None:
        """However many are still to come."""
        world, asked = World({str(one): one for one in range(1000)}, {}), 0

        def version_of(uid: str) -> int | None:
            nonlocal asked
            asked += 1
            return world.known.get(uid)

        world.later(1.0, lambda: world.known.update(world.existing))
        await asyncio.wait_for(arrived(world.count, version_of), 60.0)
        assert asked <= 1000 + 1.0 / CHECK_S + 2

    async def test_an_object_that_does_not_arrive_is_waited_for(self) -> None:
        """For as long as it exists."""
        world = World({"a": 5}, {})
        with pytest.raises(TimeoutError):
            await world.listing()
        assert world.counts == pytest.approx(60.0 / RECOUNT_S, abs=2)

    async def test_a_count_that_fails_is_tried_again(self) -> None:
        """An API server may be busy for a moment."""
        world = World({"a": 5}, {"a": 5})
        world.failing = True
        world.later(RECOUNT_S * 2.5, lambda: setattr(world, "failing", False))
        assert await world.listing() == RECOUNT_S * 3

    async def test_counts_that_keep_failing_end_the_wait(self) -> None:
        """The caller reports it; a listing is never called complete because of it."""
        world = World({"a": 5}, {})
        world.failing = True
        with pytest.raises(ApiError):
            await world.listing()
        assert world.counts == COUNTS_MAX


class TestTakeover:
    """What a standby does before it acts."""

    async def test_what_is_gone_is_forgotten_and_what_is_new_is_awaited(self) -> None:
        """Both may have passed it by."""
        world = World({"a": 5, "c": 9}, {"a": 4, "b": 7})
        world.later(1.0, lambda: world.known.update(a=5))
        world.later(2.0, lambda: world.known.update(c=9))
        await world.catching_up()
        assert world.forgotten == ["b"]
        assert 2.0 <= asyncio.get_running_loop().time() <= 2.0 + 2 * CHECK_S

    async def test_in_good_order_it_takes_no_time(self) -> None:
        """Two counts, and nothing to wait for."""
        world = World({"a": 5}, {"a": 5})
        await world.catching_up()
        assert (world.counts, asyncio.get_running_loop().time()) == (2, 0.0)

    async def test_whoever_is_deaf_does_not_stay_the_leader(self) -> None:
        """It ends after a minute, and another replica takes over."""
        world = World({"a": 5}, {"a": 4})
        with pytest.raises(DeafWatch):
            await world.catching_up()
        assert asyncio.get_running_loop().time() == LATE_S


class TestCounting:
    """The safety net behind the watch."""

    async def test_in_good_order_nothing_happens(self) -> None:
        """One count every ten minutes, the first one after ten minutes."""
        world = World({"a": 5}, {"a": 5})
        await world.counting(COUNT_S * 3 + 1.0)
        assert (world.counts, world.forgotten) == (3, [])

    async def test_an_object_that_vanished_behind_the_watch_is_forgotten(self) -> None:
        """Once; the others stay."""
        world = World({"a": 5}, {"a": 5, "b": 7})
        await world.counting(COUNT_S * 3)
        assert world.forgotten == ["b"]

    async def test_a_watch_that_began_anew_is_checked_at_once(self) -> None:
        """A listing tells of what is there, and not of what is gone."""
        world = World({"a": 5}, {"a": 5, "b": 7})
        world.later(7.0, world.relisted.set)
        await world.counting(8.0)
        assert (world.counts, world.forgotten) == (1, ["b"])
        await world.counting(COUNT_S - 1.0)
        assert world.counts == 1

    async def test_versions_that_went_back_end_it(self) -> None:
        """All news would be taken for old: the API server was restored from a backup."""
        world = World({"a": 4}, {"a": 5})
        with pytest.raises(DeafWatch, match="went back"):
            await world.keep_counting()

    async def test_an_object_that_arrives_late_is_waited_for(self) -> None:
        """It was made a moment before the count; the watch tells of it."""
        world = World({"a": 5, "b": 7}, {"a": 5})
        for objects in (world.existing, world.known):
            world.later(COUNT_S + LATE_S - 1.0, functools.partial(objects.update, b=8))
        await world.counting(COUNT_S * 3)
        assert world.forgotten == []

    @pytest.mark.parametrize("known", [{}, {"a": 4}])
    async def test_a_watch_that_tells_nothing_is_deaf(self, known: dict[str, int]) -> None:
        """Of a new object, or of a change of an old one."""
        world = World({"a": 5}, known)
        with pytest.raises(DeafWatch, match="1 objects"):
            await world.keep_counting()
        assert asyncio.get_running_loop().time() == COUNT_S + LATE_S

    async def test_an_object_that_came_and_went_proves_nothing(self) -> None:
        """The watch told of neither or of both."""
        world = World({"a": 5}, {})
        world.later(COUNT_S + 1.0, world.existing.clear)
        await world.counting(COUNT_S * 2)

    async def test_a_count_that_fails_is_left_for_the_next_time(self) -> None:
        """Neither is anything forgotten, nor is the watch called deaf."""
        world = World({"a": 5}, {"b": 7})
        world.failing = True
        await world.counting(COUNT_S * 3 + 1.0)
        assert (world.counts, world.forgotten) == (2 * COUNTS_MAX, [])

    async def test_a_count_that_fails_later_proves_nothing_either(self) -> None:
        """The check before the verdict needs an answer."""
        world = World({"a": 5}, {})
        world.later(COUNT_S + 1.0, lambda: setattr(world, "failing", True))
        await world.counting(COUNT_S * 2)
