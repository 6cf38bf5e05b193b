"""The model of the migrations, on a clock that is moved by hand."""

import json
from typing import Any

import pytest

from sandbox.dcs import Fleet, MigrationSpec, Switches, Timing, orders
from sandbox.dcs.migration import MIGRATING_WORDS

DASHED = "b21989ec-2889-4b8e-99db-19c073425ec2"
UNDASHED = "5130d57f640a435bbc3a0fb1860a5340"
THIRD = "00000000-0000-4000-8000-000000000003"


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        """Seconds since the epoch."""
        return self.now_s

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds


@pytest.fixture
def clock() -> Clock:
    """Give the clock of the fleet under test."""
    return Clock()


@pytest.fixture
def fleet(clock: Clock) -> Fleet:
    """Empty; a stop shows after 1 s and ends 3 s later."""
    return Fleet(clock, timing=Timing(lag_s=1, stop_s=3))


def listed(fleet: Fleet, **page: Any) -> dict[str, str]:
    """Word by id, as the list says."""
    body = json.loads(fleet.page(**{"offset": 0, "limit": 1000} | page))
    return {item["task_id"]: item["status"] for item in body["migration_tasks"]}


@pytest.mark.parametrize("word", [*MIGRATING_WORDS, "RUNNING", "CREATING", "NOBODY_HEARD_OF_IT"])
def test_a_stop_takes_its_way_from_every_active_word(fleet: Fleet, clock: Clock, word: str) -> None:
    """The old word stays for the lag, then comes TERMINATING, then TERMINATED."""
    fleet.add(MigrationSpec(task_id=DASHED, word=word))
    assert orders.stop(fleet, fleet[DASHED]) is None
    seen = []
    for seconds in (0, 0.9, 0.2, 2.8, 0.2):
        clock.move(seconds)
        seen.append(fleet[DASHED].word)
    assert seen == [word, word, "TERMINATING", "TERMINATING", "TERMINATED"]


def test_what_happened_while_nobody_looked_has_its_true_time(fleet: Fleet, clock: Clock) -> None:
    """A late look finds the same history as an early one."""
    fleet.add(MigrationSpec(task_id=DASHED))
    begun_s = clock.now_s
    orders.stop(fleet, fleet[DASHED])
    clock.move(100)
    assert fleet[DASHED].history == [
        (begun_s, "INCRMIGEATING"),
        (begun_s + 1, "TERMINATING"),
        (begun_s + 4, "TERMINATED"),
    ]


def test_a_full_migration_ends_by_itself(fleet: Fleet, clock: Clock) -> None:
    """After its time it says what its spec wants, and later it is released."""
    fleet.add(
        MigrationSpec(
            task_id=DASHED,
            word="FULLMIGRATING",
            ends_after_s=10,
            end_word="MIGRATION_SUCCESS",
            release_after_s=60,
        )
    )
    clock.move(9.9)
    assert fleet[DASHED].word == "FULLMIGRATING"
    clock.move(0.1)
    assert fleet[DASHED].word == "MIGRATION_SUCCESS"
    clock.move(60)
    assert fleet[DASHED].word == "RELEASED"


@pytest.mark.parametrize(
    "ends_after_s, last",
    [
        pytest.param(0.5, "SUCCESS", id="within the lag"),
        pytest.param(2.0, "TERMINATED", id="while terminating"),
    ],
)
def test_the_race_of_a_stop_and_an_end(
    fleet: Fleet, clock: Clock, ends_after_s: float, last: str
) -> None:
    """An end before TERMINATING wins over the stop; afterwards the stop wins."""
    fleet.add(MigrationSpec(task_id=DASHED, ends_after_s=ends_after_s))
    assert orders.stop(fleet, fleet[DASHED]) is None
    clock.move(100)
    assert fleet[DASHED].word == last


def test_a_script_changes_words_at_its_times(fleet: Fleet, clock: Clock) -> None:
    """Each step comes so long after the creation, with any word."""
    fleet.add(MigrationSpec(task_id=DASHED, script=((1, "MIGRATING"), (2, "STRANGE"))))
    words = []
    for _ in range(3):
        words.append(fleet[DASHED].word)
        clock.move(1)
    assert words == ["INCRMIGEATING", "MIGRATING", "STRANGE"]


def test_an_ignored_stop_is_accepted_without_effect(fleet: Fleet, clock: Clock) -> None:
    """The first two are ignored, the third counts; all three are accepted."""
    fleet.add(MigrationSpec(task_id=DASHED, ignore_stops=2))
    for _ in range(2):
        assert orders.stop(fleet, fleet[DASHED]) is None
        clock.move(100)
        assert fleet[DASHED].word == "INCRMIGEATING"
    orders.stop(fleet, fleet[DASHED])
    clock.move(100)
    assert (fleet[DASHED].word, len(fleet[DASHED].accepted_at_s)) == ("TERMINATED", 3)


def test_a_refused_stop_fails_with_the_code_it_was_told(fleet: Fleet) -> None:
    """It is refused once, and then accepted."""
    spec = MigrationSpec(
        task_id=DASHED, refuse_code="DCS.4017", refuse_message="busy", refuse_times=1
    )
    fleet.add(spec)
    assert orders.stop(fleet, fleet[DASHED]) == ("DCS.4017", "busy")
    assert orders.stop(fleet, fleet[DASHED]) is None
    assert (fleet[DASHED].failed_stops, len(fleet[DASHED].accepted_at_s)) == (1, 1)


def test_unlisted_and_unknown_migrations_are_not_in_the_list(fleet: Fleet) -> None:
    """One is only in show, the other nowhere, and both can be changed later."""
    fleet.add(
        MigrationSpec(task_id=DASHED, listed=False),
        MigrationSpec(task_id=UNDASHED, known=False),
        MigrationSpec(task_id=THIRD),
    )
    assert listed(fleet) == {THIRD: "INCRMIGEATING"}
    assert fleet.known(DASHED).word == "INCRMIGEATING"
    fleet.alter(DASHED, {"listed": True})
    assert set(listed(fleet)) == {DASHED, THIRD}


def test_both_shapes_of_an_id_mean_the_same_migration(fleet: Fleet) -> None:
    """The list says the shape it was created with."""
    fleet.add(MigrationSpec(task_id=DASHED), MigrationSpec(task_id=UNDASHED))
    assert fleet[DASHED.replace("-", "").upper()] is fleet[DASHED]
    assert set(listed(fleet)) == {DASHED, UNDASHED}


def test_pages_follow_offset_and_limit(fleet: Fleet, clock: Clock) -> None:
    """The offset counts records; behind the end there is an empty page."""
    ids = [f"{number:032x}" for number in range(5)]
    fleet.add(*(MigrationSpec(task_id=task_id) for task_id in ids))
    assert list(listed(fleet, offset=1, limit=2)) == ids[1:3]
    assert list(listed(fleet, offset=4, limit=2)) == ids[4:]
    assert listed(fleet, offset=5) == {}
    fleet.switches = Switches(list_order="newest", list_count="page")
    assert list(listed(fleet, limit=2)) == ids[:2:-1]
    assert json.loads(fleet.page(0, 2))["count"] == 2
    clock.move(1)


def test_the_list_filters_by_name(fleet: Fleet) -> None:
    """Part of a name fits, or only the whole, as the switch says."""
    fleet.add(MigrationSpec(task_id=DASHED, name="blue"), MigrationSpec(task_id=UNDASHED))
    assert set(listed(fleet, name="lu")) == {DASHED}
    fleet.switches = Switches(list_name="exact")
    assert listed(fleet, name="lu") == {}
    assert set(listed(fleet, name="blue")) == {DASHED}


def test_the_list_can_collapse_words_to_the_documented_four(fleet: Fleet) -> None:
    """Show still knows better."""
    fleet.add(MigrationSpec(task_id=DASHED), MigrationSpec(task_id=UNDASHED, word="ERROR"))
    fleet.switches = Switches(list_words="documented")
    assert listed(fleet) == {DASHED: "MIGRATING", UNDASHED: "FAILED"}
    assert fleet.known(DASHED).word == "INCRMIGEATING"


def test_an_old_list_shows_the_words_of_then(fleet: Fleet, clock: Clock) -> None:
    """Also those of migrations that were deleted since, and none created since."""
    fleet.add(MigrationSpec(task_id=DASHED), MigrationSpec(task_id=UNDASHED))
    clock.move(10)
    orders.stop(fleet, fleet[DASHED])
    fleet.delete(fleet[UNDASHED])
    fleet.add(MigrationSpec(task_id=THIRD))
    clock.move(10)
    assert listed(fleet) == {DASHED: "TERMINATED", THIRD: "INCRMIGEATING"}
    assert listed(fleet, age_s=15) == {DASHED: "INCRMIGEATING", UNDASHED: "INCRMIGEATING"}


def test_behavior_is_changed_while_it_runs(fleet: Fleet, clock: Clock) -> None:
    """Refusals, ignored stops and an end by itself begin to hold at once."""
    fleet.add(MigrationSpec(task_id=DASHED))
    fleet.alter(DASHED, {"refuse_code": "DCS.4017", "refuse_times": 1, "ignore_stops": 1})
    assert orders.stop(fleet, fleet[DASHED]) is not None
    assert orders.stop(fleet, fleet[DASHED]) is None
    clock.move(100)
    assert fleet[DASHED].word == "INCRMIGEATING"
    fleet.alter(DASHED, {"ends_after_s": 5, "end_word": "FAILED", "release_after_s": 5})
    clock.move(5)
    assert (fleet[DASHED].word, fleet.words()) == ("FAILED", {"FAILED": 1})
    clock.move(5)
    assert listed(fleet) == {DASHED: "RELEASED"}


def test_an_id_that_exists_creates_nothing(fleet: Fleet) -> None:
    """In either shape, and also twice in one go."""
    with pytest.raises(ValueError, match="exists"):
        fleet.add(MigrationSpec(task_id=DASHED), MigrationSpec(task_id=DASHED.replace("-", "")))
    assert len(fleet) == 0


def test_a_word_set_by_hand_cancels_what_was_on_its_way(fleet: Fleet, clock: Clock) -> None:
    """A stop that was accepted before no longer ends it."""
    fleet.add(MigrationSpec(task_id=DASHED))
    orders.stop(fleet, fleet[DASHED])
    fleet.alter(DASHED, {"word": "MIGRATING"})
    clock.move(100)
    assert fleet[DASHED].word == "MIGRATING"


@pytest.mark.parametrize(
    "changes", [{"colour": 1}, {"stop_s": "soon"}, {"listed": 1}, {"task_id": THIRD}]
)
def test_a_bad_change_is_refused(fleet: Fleet, changes: dict[str, Any]) -> None:
    """Unknown fields, wrong types and the id cannot be changed."""
    fleet.add(MigrationSpec(task_id=DASHED))
    with pytest.raises(ValueError, match=next(iter(changes))):
        fleet.alter(DASHED, changes)
