"""The work queue against a naive model, and its limits."""

from __future__ import annotations

import gc
import weakref
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcs_migration_operator.engine import workqueue
from dcs_migration_operator.engine.workqueue import WorkQueue

KEYS = st.sampled_from("abcde")
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), KEYS),
        st.tuples(st.just("add_at"), KEYS, st.integers(0, 9)),
        st.tuples(st.just("cancel"), KEYS),
        st.tuples(st.just("discard"), KEYS),
        st.tuples(st.just("take"), st.integers(0, 9)),
    ),
    max_size=60,
)


class Naive:
    """The same as simple lists: which keys are due, in their order, and which will be."""

    def __init__(self) -> None:
        self.due: list[str] = []
        self.moments: dict[str, float] = {}

    def add(self, key: str) -> None:
        """Let a key be due."""
        if key not in self.due:
            self.due.append(key)

    def add_at(self, key: str, moment: float | None) -> None:
        """Give a key its moment, or none."""
        self.moments.pop(key, None)
        if moment is not None:
            self.moments[key] = moment

    def discard(self, key: str) -> None:
        """Forget a key."""
        self.due = [one for one in self.due if one != key]
        self.moments.pop(key, None)

    def take(self, now: float) -> str | None:
        """Return the next key."""
        for key in sorted(self.moments, key=lambda one: self.moments[one]):
            if self.moments[key] <= now:
                del self.moments[key]
                self.add(key)
        return self.due.pop(0) if self.due else None

    def next_at(self) -> float | None:
        """Return when the next key is due."""
        return 0.0 if self.due else min(self.moments.values(), default=None)


@given(OPERATIONS)
def test_it_is_a_list_of_due_keys_and_a_moment_for_each_other(
    operations: list[tuple[str, str, int]],
) -> None:
    """For all sequences of calls: the same keys in the same order at the same moments."""
    with mock.patch.object(workqueue, "REBUILD_MOMENTS_MIN", 2):
        queue: WorkQueue[str] = WorkQueue(lambda: None)
        naive = Naive()
        for number, (operation, *rest) in enumerate(operations):
            match operation, rest:
                case "add", [str(key)]:
                    queue.add(key)
                    naive.add(key)
                case "add_at", [str(key), int(second)]:
                    moment = second + number / 100  # no two are equal
                    queue.add_at(key, moment)
                    naive.add_at(key, moment)
                case "cancel", [str(key)]:
                    queue.add_at(key, None)
                    naive.add_at(key, None)
                case "discard", [str(key)]:
                    queue.discard(key)
                    naive.discard(key)
                case "take", [int(second)]:
                    assert queue.take(second) == naive.take(second)
                case _:
                    raise AssertionError(operation)
            assert (queue.next_at(), len(queue)) == (naive.next_at(), len(naive.due))


@given(OPERATIONS)
def test_whoever_waits_for_the_next_moment_is_woken_when_it_comes_earlier(
    operations: list[tuple[str, str, int]],
) -> None:
    """For all sequences of calls: it is enough to wait until `next_at`, or until woken."""
    woken = [0]

    def wake() -> None:
        woken[0] += 1

    queue: WorkQueue[str] = WorkQueue(wake)
    for operation, *rest in operations:
        before, woken[0] = queue.next_at(), 0
        match operation, rest:
            case "add", [str(key)]:
                queue.add(key)
            case "add_at", [str(key), int(second)]:
                queue.add_at(key, float(second))
            case "cancel", [str(key)]:
                queue.add_at(key, None)
            case "discard", [str(key)]:
                queue.discard(key)
            case _:
                continue
        after = queue.next_at()
        earlier = after is not None and (before is None or after < before)
        assert woken[0] >= int(earlier)


def test_the_same_moment_again_wakes_nobody() -> None:
    """A reconcile that comes to the same moment as before costs nothing."""
    woken = []
    queue: WorkQueue[str] = WorkQueue(lambda: woken.append(1))
    for _ in range(3):
        queue.add_at("a", 5.0)
    assert len(woken) == 1


def test_keys_need_not_be_comparable() -> None:
    """Two keys of one moment come in the order of their calls."""
    one, other = object(), object()
    queue: WorkQueue[object] = WorkQueue(lambda: None)
    queue.add_at(one, 1.0)
    queue.add_at(other, 1.0)
    assert [queue.take(1.0), queue.take(1.0), queue.take(1.0)] == [one, other, None]


class Key:
    """A key whose end can be observed."""


@pytest.mark.parametrize("operation", ["add", "add_at"])
def test_a_discarded_key_is_held_no_longer(operation: str) -> None:
    """A standby takes nothing for months, while resources come and go."""
    queue: WorkQueue[Key] = WorkQueue(lambda: None)
    kept = Key()

    def come_and_go(number: int) -> weakref.ref[Key]:
        key = Key()
        if operation == "add":
            queue.add(key)
        else:
            queue.add_at(key, float(number))
            queue.add_at(kept, 0.5)
        queue.discard(key)
        return weakref.ref(key)

    held = [come_and_go(number) for number in range(1000)]
    gc.collect()
    assert sum(one() is not None for one in held) <= workqueue.REBUILD_MOMENTS_MIN


def test_a_key_whose_moment_moves_again_and_again_takes_the_room_of_a_few() -> None:
    """The moments of before are dropped from time to time, and the newest decides."""
    queue: WorkQueue[str] = WorkQueue(lambda: None)
    queue.add_at("other", 2.0e6)
    for second in range(10_000):
        queue.add_at("a", 1.0e6 - second)
    assert len(queue._heap) <= workqueue.REBUILD_MOMENTS_MIN  # noqa: SLF001 - its limit is tested
    assert queue.next_at() == 990_001.0
    assert [queue.take(990_001.0), queue.take(1.5e6), queue.take(2.0e6)] == ["a", None, "other"]
