"""Draws pairs of cases: one in which all is well, and the same with one strange thing in it.

The strange thing is about one id, one status, one project or one key. Whatever it is not about has
to fare as in the other case.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from hypothesis import strategies as st

from simulation.cloud import Migration, task_id
from simulation.deeds import FORGERIES
from simulation.drawing import CONSOLE, STRANGE, Case
from simulation.faults import Weather
from simulation.wishes import Deed

WISHES: Final = st.integers(0, 240).map(lambda quarter: quarter / 4)
LAST_S: Final = 90.0
"""What is wrong with projects and Secrets stays so for so long."""

WINDOW_S: Final = 0.4
"""Short, since whoever comes at another moment may find another window open or closed: that is
nobody's harm, and would be as long as the window."""

THINGS: Final = ("id", "unknown ids", "status", "console", "project", "secret", "key", "slowness")
HEALTHY: Final = st.builds(
    Migration,
    word=st.sampled_from(["MIGRATING", "NEW_WORD"]),
    lag_s=st.sampled_from([0.0, 8.0]),
    listed=st.sampled_from([True, True, False]),
)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two cases that differ in one thing.

    Attributes:
        named: The numbers of the tasks that it is about.
    """

    thing: str
    usual: Case
    strange: Case
    named: frozenset[int]


@st.composite
def pairs(draw: st.DrawFn) -> Pair:
    """Draw a quiet case with a few tasks, and one strange thing."""
    projects = draw(st.integers(1, 4))
    count = draw(st.sampled_from([4, 8, 20]))
    models = [draw(HEALTHY) for _ in range(4)]
    weather = Weather(answers_s=(draw(st.sampled_from([0.05, 0.5])),))
    at = [draw(WISHES) for _ in range(min(count, 8))]
    deeds = [Deed(at[n % len(at)] + n // len(at), "stop", n) for n in range(count)]
    deeds.append(Deed(LAST_S, "stop", 0))
    usual = Case(
        {task_id(n): models[n % len(models)] for n in range(count)},
        0,
        tuple(sorted(deeds, key=lambda deed: deed.at_s)),
        weather,
        projects=projects,
        keys=draw(st.sampled_from([1, projects])),
        refusal_s=draw(st.sampled_from([0.05, 3.0])),
        poll_settled_s=draw(st.sampled_from([60.0, 600.0])),
        window_s=WINDOW_S,
    )
    thing = draw(st.sampled_from(THINGS))
    number = draw(st.integers(0, count - 1))
    return draw(_with(usual, thing, number))


@st.composite
def _with(draw: st.DrawFn, usual: Case, thing: str, number: int) -> Pair:
    """Draw what is strange about a task, its project or its key."""
    count, projects = len(usual.fleet), usual.projects
    project, key = number % projects, number % projects % usual.keys
    mine = frozenset(n for n in range(count) if n % projects == project)
    times = draw(st.lists(WISHES, min_size=1, max_size=4))
    match thing:
        case "id":
            fleet = usual.fleet | {task_id(number): draw(STRANGE)}
            return Pair(thing, usual, replace(usual, fleet=fleet), frozenset({number}))
        case "unknown ids":
            unknown = range(count, count + draw(st.sampled_from([1, 30])))
            more = [Deed(times[0], "stop", n) for n in unknown if n % projects == project]
            return Pair(thing, usual, _and(usual, more), frozenset())
        case "status":
            what = draw(st.sampled_from(sorted(FORGERIES)))
            more = [Deed(at, f"forge: {what}", number) for at in times]
            return Pair(thing, usual, _and(usual, more), frozenset({number}))
        case "console":
            more = [Deed(at, f"console: {draw(st.sampled_from(CONSOLE))}", number) for at in times]
            return Pair(thing, usual, _and(usual, more), frozenset({number}))
        case "project":
            what = draw(st.sampled_from(["wrong", "suspend", "delete"]))
            return Pair(
                thing, usual, _and(usual, [Deed(times[0], f"project: {what}", project)]), mine
            )
        case "secret":
            more = [Deed(at, f"secret: guess {at}", project) for at in times]
            return Pair(thing, usual, _and(usual, more), mine)
        case "key":
            named = frozenset(n for n in range(count) if n % projects % usual.keys == key)
            return Pair(thing, usual, _and(usual, [Deed(times[0], "key: dies", key)]), named)
        case _:
            slow = {f"project-{project}": draw(st.sampled_from([5.0, 30.0]))}
            weather = replace(usual.weather, slow=slow)
            return Pair(thing, usual, replace(usual, weather=weather), mine)


def _and(case: Case, more: list[Deed]) -> Case:
    """Return the same case with more deeds."""
    deeds = sorted([*case.deeds, *more], key=lambda deed: deed.at_s)
    return replace(case, deeds=tuple(deeds))
