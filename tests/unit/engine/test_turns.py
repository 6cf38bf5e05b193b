"""Whose lag may be sampled, and how fast."""

from __future__ import annotations

from dcs_migration_operator.core.cloud import BATCH_IDS_MAX
from dcs_migration_operator.engine.sampler import ROUND_S_MAX
from dcs_migration_operator.engine.turns import (
    OPEN_CALLS_PER_S,
    OPEN_TASKS_MAX,
    TURN_S,
    Seat,
    Turns,
)

LATE_S = 0.003
"""How late a timer fires on a busy machine."""


def seat(told: list[Seat]) -> Seat:
    """Return a seat that notes when its turn begins or ends."""
    made = Seat(lambda: told.append(made))
    return made


def take(turns: Turns, until_s: float, late_s: float) -> int:
    """Take samples as soon as one may be taken, each a little late; return how many there were."""
    now, taken = 0.0, 0
    while True:
        now += turns.open_wait_s(now) + late_s
        if now >= until_s:
            return taken
        turns.take_open(now)
        taken += 1


def test_late_timers_cost_a_round_no_sample() -> None:
    """Fifty samples fit into a round although each is asked for some milliseconds late."""
    assert take(Turns(), ROUND_S_MAX, LATE_S) >= BATCH_IDS_MAX


def test_no_more_than_ten_samples_are_asked_for_in_a_second() -> None:
    """Also over a minute, and also after a pause."""
    assert take(Turns(), 60.0, 0.0001) <= 60.0 * OPEN_CALLS_PER_S + 1
    turns = Turns()
    turns.take_open(0.0)
    turns.take_open(1000.0)
    assert turns.open_wait_s(1000.0) > 0.0


def test_a_hundred_have_their_turn_and_the_others_wait_for_it() -> None:
    """A long turn ends for the next one, unless its lag was within its limit."""
    told: list[Seat] = []
    seats, turns = [seat(told) for _ in range(OPEN_TASKS_MAX + 2)], Turns()
    for one in seats:
        turns.join(one, 0.0)
    assert told == seats[:OPEN_TASKS_MAX]
    seats[0].close = True
    turns.pass_on(TURN_S)
    assert seats[0].since == 0.0
    assert [one.since for one in seats[-2:]] == [TURN_S, TURN_S]
    assert [one.since for one in seats].count(None) == 2


def test_who_leaves_makes_room() -> None:
    """The next one has its turn at once."""
    seats, turns = [seat([]) for _ in range(OPEN_TASKS_MAX + 1)], Turns()
    for one in seats:
        turns.join(one, 0.0)
    turns.leave(seats[0], 1.0)
    assert seats[-1].since == 1.0
