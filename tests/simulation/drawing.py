"""Draws cases: a fleet, what users do, what happens to the replicas, and a weather."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as st

from simulation.cloud import Migration, task_id
from simulation.faults import API, CLOUD, ApiFault, CloudFault, Pause, Weather

BUSY_S: Final = 120.0
"""Users and weather are busy for so long."""


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that users do, or that happens to a replica."""

    at_s: float
    what: str
    number: int


@dataclass(frozen=True, slots=True)
class Case:
    """One drawn case."""

    fleet: dict[str, Migration]
    unknown: int
    deeds: tuple[Deed, ...]
    weather: Weather
    replicas: int


TIMES = st.integers(0, int(BUSY_S) * 4).map(lambda quarter: quarter / 4)
SPANS = st.sampled_from([0.5, 2.0, 10.0, 45.0])
MIGRATIONS = st.builds(
    Migration,
    word=st.sampled_from(
        ["MIGRATING", "INCRMIGEATING", "NEW_WORD", "TERMINATING", "TERMINATED", "SUCCESS", "FAILED"]
    ),
    lag_s=st.sampled_from([0.0, 1.0, 8.0]),
    stop_s=st.sampled_from([0.0, 3.0, 30.0]),
    ends_as=st.sampled_from(["TERMINATED", "TERMINATED", "SUCCESS"]),
    ignores=st.sampled_from([0, 0, 0, 1]),
    listed=st.sampled_from([True, True, False]),
)
CLOUD_FAULTS = st.builds(
    CloudFault,
    begins_s=TIMES,
    lasts_s=SPANS,
    operation=st.sampled_from(["any", "batch_stop", "list", "show"]),
    kind=st.sampled_from(sorted(CLOUD)),
    moment=st.sampled_from(["before", "after"]),
)
API_FAULTS = st.builds(
    ApiFault,
    begins_s=TIMES,
    lasts_s=SPANS,
    status=st.sampled_from(API),
    moment=st.sampled_from(["before", "after"]),
)
WEATHERS = st.builds(
    Weather,
    cloud_faults=st.lists(CLOUD_FAULTS, max_size=4).map(tuple),
    api_faults=st.lists(API_FAULTS, max_size=2).map(tuple),
    pauses=st.lists(
        st.builds(Pause, begins_s=TIMES, lasts_s=SPANS, replica=st.integers(0, 1)), max_size=2
    ).map(tuple),
    watch_delays_s=st.lists(st.sampled_from([0.0, 0.05, 2.0, 15.0]), min_size=1, max_size=4).map(
        tuple
    ),
    answers_s=st.lists(st.sampled_from([0.05, 0.5, 5.0]), min_size=1, max_size=3).map(tuple),
)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw one case: mostly a few tasks, sometimes more than one batch."""
    count = draw(st.sampled_from([1, 2, 3, 5, 8, 60]))
    models = [draw(MIGRATIONS) for _ in range(min(count, 8))]
    fleet = {task_id(n): copy_of(models[n % len(models)]) for n in range(count)}
    unknown = draw(st.integers(0, 1))
    deeds = [
        Deed(draw(TIMES) if count <= 8 else 0.0, draw(st.sampled_from(["stop", "observe"])), n)
        for n in range(min(count, 8) + unknown)
    ]
    deeds += [Deed(1.0, "stop", n) for n in range(8, count)]
    numbers = st.integers(0, count - 1)
    deeds += draw(
        st.lists(st.builds(Deed, TIMES, st.sampled_from(["stop", "delete"]), numbers), max_size=4)
    )
    replicas = draw(st.integers(1, 2))
    lives = st.builds(Deed, TIMES, st.sampled_from(["kill", "end"]), st.integers(0, replicas - 1))
    deeds += draw(st.lists(lives, max_size=3))
    ordered = tuple(sorted(deeds, key=lambda deed: deed.at_s))
    return Case(fleet, unknown, ordered, draw(WEATHERS), replicas)


def copy_of(one: Migration) -> Migration:
    """Return the same migration with no past."""
    return Migration(
        one.word, one.lag_s, one.stop_s, one.ends_as, one.refuses, one.ignores, listed=one.listed
    )
