"""What other people do to tasks, and what the moments and the schedule make of it."""

from typing import Any

import pytest

from sandbox.dcs import Act, Fleet, MigrationSpec, Others, Timing, moments, orders
from sandbox.dcs.schedule import PRUNE_FROM

TASK = "b21989ec-2889-4b8e-99db-19c073425ec2"
OTHER = "5130d57f640a435bbc3a0fb1860a5340"
BEGIN_S = 1_000_000.0


class World:
    """One fleet with its clock, and the others who work in it."""

    def __init__(self, seed: int = 0) -> None:
        self.now_s = BEGIN_S
        self.fleet = Fleet(lambda: self.now_s, timing=Timing(stop_s=3))
        self.others = Others(self.fleet, seed)

    def add(self, task_id: str = TASK, **spec: Any) -> None:
        """Create one migration."""
        self.fleet.add(MigrationSpec(task_id=task_id, **spec))

    def words(self, task_id: str = TASK) -> list[str]:
        """Return the words that one migration had."""
        return [word for _, word in self.fleet[task_id].history]

    def after(self, seconds: float) -> "World":
        """Let time pass."""
        self.now_s += seconds
        self.fleet.advance()
        return self


@pytest.fixture
def world() -> World:
    """No migrations yet."""
    return World()


def test_somebody_stops_a_task(world: World) -> None:
    """It takes the way of a stop, is no accepted order, and is lost by others."""
    world.add(lag_bytes=2000, catch_up_bytes_per_s=0.0)
    assert world.others.do(Act(act="stop")) == [TASK]
    assert world.after(3).words() == ["INCRMIGEATING", "TERMINATING", "TERMINATED"]
    assert world.fleet[TASK].accepted_at_s == []
    (loss,) = world.fleet.losses
    assert (loss.by, loss.keys) == ("others", 10)
    assert world.others.do(Act(act="stop")) == []


def test_somebody_starts_a_stopped_task_again(world: World) -> None:
    """Only an online task that ended; running ones and imports are left alone."""
    world.add()
    world.add(OTHER, migration_type="backupfile_import", word="SUCCESS")
    assert world.others.do(Act(act="restart")) == []
    orders.stop(world.fleet, world.fleet[TASK])
    world.after(10)
    assert world.others.do(Act(act="restart")) == [TASK]
    assert world.words()[-1] == "INCRMIGEATING"
    assert world.words(OTHER) == ["SUCCESS"]


def test_a_spec_can_have_somebody_who_starts_it_again(world: World) -> None:
    """So long after each end, so many times; the next end stays."""
    world.add(restarts_after_s=5, restart_times=2)
    for _ in range(3):
        orders.stop(world.fleet, world.fleet[TASK])
        world.after(100)
    assert world.words() == [
        *["INCRMIGEATING", "TERMINATING", "TERMINATED"] * 3,
    ]
    ended_s, started_s = world.fleet[TASK].history[2:4]
    assert started_s[0] - ended_s[0] == 5


def test_somebody_deletes_a_task(world: World) -> None:
    """DCS no longer knows it."""
    world.add()
    assert world.others.do(Act(act="delete")) == [TASK]
    assert len(world.fleet) == 0


def test_a_connection_breaks_and_a_task_dies_and_lives_again(world: World) -> None:
    """Each concerns only those to whom it can happen."""
    world.add()
    world.add(OTHER, word="TERMINATED")
    assert world.others.do(Act(act="break")) == [TASK]
    assert world.words()[-1] == "FULLMIGRATING"
    world.after(100)
    assert world.others.do(Act(act="revive")) == []
    assert world.others.do(Act(act="die")) == [TASK]
    assert world.others.do(Act(act="die")) == []
    assert world.fleet[TASK].spec.dead
    assert world.others.do(Act(act="revive")) == [TASK]
    assert not world.fleet[TASK].spec.dead


def test_an_act_is_planned_and_repeated(world: World) -> None:
    """Its first time comes after a while, and each deed has its true time however late we look."""
    world.add()
    assert world.others.do(Act(act="stop", after_s=10)) == []
    world.others.do(Act(act="restart", after_s=20, times=2, every_s=20))
    world.others.do(Act(act="stop", after_s=30))
    world.after(1000)
    done = world.others.to_json()["done"]
    assert [(one["at_s"] - BEGIN_S, one["act"]) for one in done] == [
        (10, "stop"),
        (20, "restart"),
        (30, "stop"),
        (40, "restart"),
    ]
    assert world.words()[-1] == "INCRMIGEATING"


def test_an_act_is_for_whom_it_names(world: World) -> None:
    """By id or by a pattern of names; an id nobody knows is a mistake."""
    world.add(name="wave1-a")
    world.add(OTHER, name="wave2-a")
    assert world.others.do(Act(act="stop", name="wave2-*")) == [OTHER]
    assert world.others.do(Act(act="stop", task_ids=(TASK,))) == [TASK]
    with pytest.raises(KeyError):
        world.others.do(Act(act="stop", task_ids=("0" * 32,)))


def test_a_planned_act_leaves_alone_what_is_gone(world: World) -> None:
    """A task deleted meanwhile is no mistake then."""
    world.add()
    world.others.do(Act(act="stop", task_ids=(TASK,), after_s=10))
    world.fleet.delete(world.fleet[TASK])
    assert world.after(10).others.to_json() == {"done": []}


def test_a_share_is_drawn_by_the_seed() -> None:
    """Equal seeds draw the same tasks, about as many as asked for."""
    runs = []
    for seed in (1, 1, 2):
        world = World(seed)
        world.fleet.add(*(MigrationSpec(task_id=f"{number:032x}") for number in range(200)))
        runs.append(world.others.do(Act(act="stop", share=0.5)))
    assert runs[0] == runs[1] != runs[2]
    assert 60 < len(runs[0]) < 140


@pytest.mark.parametrize("fields", [{"share": 2}, {"times": 0}, {"every_s": 0}, {"after_s": -1}])
def test_a_senseless_act_is_refused(fields: dict[str, Any]) -> None:
    """When it is made."""
    with pytest.raises(ValueError, match=r"share must be|after_s must be"):
        Act(act="stop", **fields)


def test_moments_are_those_of_dcs(world: World) -> None:
    """To the millisecond, however late somebody looks; told only once an answer said it."""
    world.add(lag_s=0.1234, stop_s=1.0)
    orders.stop(world.fleet, world.fleet[TASK])
    world.after(100)
    expected = {
        "task_id": TASK,
        "word": "TERMINATED",
        "accepted_at_s": [BEGIN_S],
        "terminating_at_s": BEGIN_S + 0.123,
        "terminated_at_s": BEGIN_S + 1.123,
        "ended_at_s": BEGIN_S + 1.123,
        "told_at_s": None,
    }
    assert moments.task_moments(world.fleet[TASK]) == expected
    world.fleet.page(0, 10)
    world.after(5).fleet.page(0, 10)
    told = moments.task_moments(world.fleet[TASK])
    assert told == expected | {"told_at_s": BEGIN_S + 100}
    world.others.do(Act(act="restart"))
    running = moments.task_moments(world.fleet[TASK])
    assert (running["terminated_at_s"], running["told_at_s"]) == (None, None)


def test_a_list_of_the_past_tells_nothing(world: World) -> None:
    """It did not say the last word."""
    world.add()
    orders.stop(world.fleet, world.fleet[TASK])
    world.after(100).fleet.page(0, 10, age_s=99)
    assert world.fleet[TASK].told_at_s is None


def test_a_fleet_that_is_stirred_for_days_stays_small(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was cancelled is forgotten, and so is an old history."""
    monkeypatch.setattr("sandbox.dcs.migration.HISTORY_MAX", 50)
    world.add(ends_after_s=1e9, breaks_after_s=1e9)
    for _ in range(2000):
        orders.stop(world.fleet, world.fleet[TASK])
        world.after(10).others.do(Act(act="restart"))
    migration = world.fleet[TASK]
    assert len(world.fleet._schedule) <= PRUNE_FROM  # noqa: SLF001 - the bound under test
    assert (len(migration.history), len(migration.accepted_at_s)) == (50, 50)
    assert world.fleet.losses.stops == 2000
