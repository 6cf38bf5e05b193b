"""The demo's fleet: everything a fleet can have is in it, and what is expected follows from it."""

import math
from collections import Counter

import pytest

from sandbox.dcs import MigrationSpec
from sandbox.dcs.migration import ENDED_WORDS, TERMINATING, key_of
from sandbox.demo import fleet
from sandbox.demo.fleet import Member, mixed_fleet


@pytest.fixture
def members() -> list[Member]:
    """Make the fleet as `make demo` has it."""
    return mixed_fleet(fleet.MIGRATIONS, 6.0)


def test_the_fleet_has_every_word_and_three_that_need_a_person(members: list[Member]) -> None:
    """All active words, all words of an end, one failed, one refused, one that DCS never knew."""
    words = Counter(one.word for one in members if one.word)
    assert set(words) == {*fleet.ACTIVE_WORDS, *fleet.OVER_WORDS, "FAILED"}
    assert words["FAILED"] == 1
    people = sorted(one.reason for one in members if not one.ready)
    assert people == ["StopRejected", "TaskFailed", "TaskNotFound"]
    assert [one.in_dcs for one in members if one.reason == "TaskNotFound"] == [None]
    assert [one.ordered for one in members if one.reason == "StopRejected"] == [True]


@pytest.mark.parametrize("count", [fleet.MIGRATIONS_MIN, 15, 57, 120, 1000])
def test_a_fleet_of_any_size_has_so_many_members(count: int) -> None:
    """Names and ids are unique, and no kind is missing."""
    members = mixed_fleet(count, 1.0)
    assert len(members) == count
    assert len({one.name for one in members}) == count
    assert len({key_of(one.task_id) for one in members}) == count
    assert {one.word for one in members} >= {*fleet.ACTIVE_WORDS, *fleet.OVER_WORDS, "FAILED", ""}
    assert sum(not one.ready for one in members) == 3


def test_equal_arguments_give_equal_fleets() -> None:
    """The ids of one run can be found again in the next."""
    assert mixed_fleet(50, 2.0) == mixed_fleet(50, 2.0)


def test_only_what_is_active_takes_an_order(members: list[Member]) -> None:
    """What has ended, is ending or is not known takes none."""
    for one in members:
        is_over = one.word in ENDED_WORDS or one.word in {"", TERMINATING}
        assert one.ordered is not is_over, one


def test_what_is_not_simply_stopped_is_spread_among_the_others(members: list[Member]) -> None:
    """No long row of resources without an order, which would look like the end of an apply."""
    rows = "".join("x" if one.ordered else " " for one in members).split("x")
    assert max(map(len, rows)) == 1


def test_dcs_is_told_of_all_but_the_unknown_one(members: list[Member]) -> None:
    """As fields that its fleet file can have; both shapes of an id are among them."""
    told = fleet.migrations(members)["migrations"]
    specs = [MigrationSpec(**one) for one in told]
    assert len(specs) == len(members) - 1
    assert {len(spec.task_id) for spec in specs} == {32, 36}
    assert max(spec.stop_s or 0.0 for spec in specs) <= 6.0
    assert min(spec.stop_s or 0.0 for spec in specs) >= 3.0
    assert all(math.isfinite(spec.lag_s or 0.0) for spec in specs)


def test_a_manifest_without_the_wish_leaves_it_out(members: list[Member]) -> None:
    """So that the default of the resource decides."""
    spec = members[0].manifest(stopped=False)["spec"]
    assert spec == {"taskId": members[0].task_id}
    assert members[0].manifest(stopped=True)["spec"] == spec | {"stopped": True}
