"""Compares the measurements with the expectations: the figures of the summary, and what is wrong.

Pure. Owns every check that decides the exit status; `show.py` owns how it is printed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.dcs.migration import key_of
from sandbox.demo import calls as dcs_calls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sandbox.demo.calls import Call, Orders
    from sandbox.demo.fleet import Member
    from sandbox.demo.resources import Resource

IDS_MAX = 50
"""The most ids that DCS accepts in one order."""

WRITES_OBSERVED_MAX = 1
"""Status writes for a resource that is only observed: its first phase. If DCS changes its word in
the meantime, that is one more."""

WRITES_STOPPING_MAX = 2
"""Status writes on the way to TERMINATED: the stop is under way, and it is done."""

WRITES_OVER_MAX = 1
"""Status writes after the request where there was nothing left to stop."""

NAMES_MAX = 5
"""How many resources one sentence names; the rest are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured, each part from its own source.

    Attributes:
        resources: From the watch of the API server, by name.
        status_patches: The API server's own count of writes to a status.
        calls: From DCS's log, in the order of arrival.
        histories: From DCS, by key of the task.
        apply_s: How long kubectl took to apply the request.
        stopped_s: From the start of that apply until the last resource said TERMINATED; None if
            that did not happen.
    """

    resources: Mapping[str, Resource]
    status_patches: int
    calls: Sequence[Call]
    histories: Mapping[str, Sequence[tuple[float, str]]]
    apply_s: float
    stopped_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The highest figure and the mean of some resources."""

    most: int = 0
    mean: float = 0.0


def must_be_ordered(fleet: Iterable[Member]) -> set[str]:
    """Return the keys of the tasks whose stop takes an order."""
    return {key_of(one.task_id) for one in fleet if one.ordered}


def orders_least(fleet: Iterable[Member]) -> int:
    """Return the smallest number of orders that can serve a fleet."""
    return math.ceil(len(must_be_ordered(fleet)) / IDS_MAX)


def is_as_expected(member: Member, resource: Resource | None) -> bool:
    """Return whether a resource shows what it must show in the end."""
    if resource is None or not (resource.stopped and resource.current):
        return False
    ready = "True" if member.ready else "False"
    said = (resource.phase, resource.ready.get("status"), resource.reason)
    return said == (member.phase, ready, member.reason)


def spread(writes: Iterable[int]) -> Spread:
    """Return the spread of some counts."""
    counted = list(writes)
    if not counted:
        return Spread()
    return Spread(most=max(counted), mean=sum(counted) / len(counted))


def calls_one_by_one(fleet: Sequence[Member], measured: Measured) -> tuple[int, int]:
    """Return the stops and shows that one call per task would have cost, with the same polls."""
    ends = dcs_calls.ends(measured.histories)
    # An id that DCS does not know is settled at the first poll, like one that has ended.
    ended = {key_of(one.task_id): 0.0 for one in fleet if one.in_dcs is None} | ends
    tasks = {key_of(one.task_id) for one in fleet}
    return len(must_be_ordered(fleet)), dcs_calls.shows_one_by_one(measured.calls, tasks, ended)


def mismatches(fleet: Sequence[Member], measured: Measured) -> list[str]:
    """Return a sentence for everything that is not as expected; none means success."""
    return [
        *_wrong_ends(fleet, measured),
        *_wrong_orders(fleet, dcs_calls.orders(measured.calls)),
        *_wrong_writes(fleet, measured),
    ]


def _wrong_ends(fleet: Sequence[Member], measured: Measured) -> list[str]:
    wrong = []
    words = dcs_calls.words(measured.histories)
    for member in fleet:
        resource = measured.resources.get(member.name)
        if not is_as_expected(member, resource):
            said = f"{resource.phase or 'no phase'}/{resource.reason}" if resource else "nothing"
            wrong.append(f"{member.name} says {said}, not {member.phase}/{member.reason}")
        word = words.get(key_of(member.task_id), "DELETED")
        if word != member.phase:
            wrong.append(f"DCS says {word} of {member.name}, not {member.phase}")
    return [f"{_some(wrong)}."] if wrong else []


def _wrong_orders(fleet: Sequence[Member], orders: Orders) -> list[str]:
    wrong = []
    must, times = must_be_ordered(fleet), orders.times()
    least = orders_least(fleet)
    if len(orders.first) != least:
        sizes = " + ".join(str(len(call.ids)) for call in orders.first)
        wrong.append(
            f"{len(orders.first)} orders ({sizes} ids) for {len(must)} tasks, not {least}."
        )
    too_long = sum(1 for call in (*orders.first, *orders.again) if len(call.ids) > IDS_MAX)
    if too_long:
        wrong.append(f"{too_long} orders had more than {IDS_MAX} ids.")
    names = {key_of(one.task_id): one.name for one in fleet}
    refused = {key_of(one.task_id) for one in fleet if one.ordered and not one.ready}
    for text, chosen in (
        ("never ordered", must - times.keys()),
        ("ordered though there was nothing to stop", times.keys() - must),
        ("ordered more than once", {key for key in must - refused if times[key] > 1}),
    ):
        if chosen:
            wrong.append(f"{text.capitalize()}: {_some(sorted(names.get(k, k) for k in chosen))}.")
    return wrong


def _wrong_writes(fleet: Sequence[Member], measured: Measured) -> list[str]:
    wrong = []
    stopping, over = split_by_work(fleet)
    steady = [one for one in fleet if not one.ends_alone]
    ending = [one for one in fleet if one.ends_alone]
    for text, members, writes_of, most in (
        ("while only observed", steady, _observed, WRITES_OBSERVED_MAX),
        ("while only observed", ending, _observed, WRITES_OBSERVED_MAX + 1),
        ("on the way to TERMINATED", stopping, _stopping, WRITES_STOPPING_MAX),
        ("with nothing left to stop", over, _stopping, WRITES_OVER_MAX),
    ):
        for count, names in sorted(_above(members, measured, writes_of, most).items()):
            wrong.append(f"{count} status writes {text}, not {most} at most: {_some(names)}.")
    seen = sum(one.writes_observed + one.writes_stopping for one in measured.resources.values())
    if measured.status_patches != seen:
        wrong.append(
            f"The API server counted {measured.status_patches} writes to a status,"
            f" and {seen} of them changed it."
        )
    return wrong


def split_by_work(fleet: Iterable[Member]) -> tuple[list[Member], list[Member]]:
    """Return the resources that had to be stopped, and those with nothing to stop.

    A refused task is in neither: every repeated order is a change of its status.
    """
    stopping, over = [], []
    for member in fleet:
        if member.can_be_stopped and member.word != member.phase:
            stopping.append(member)
        elif not member.ordered:
            over.append(member)
    return stopping, over


def _above(
    members: Iterable[Member],
    measured: Measured,
    writes_of: Callable[[Resource], int],
    most: int,
) -> dict[int, list[str]]:
    """Return the names of those with more writes than allowed, by how many they had."""
    found: dict[int, list[str]] = {}
    for member in members:
        resource = measured.resources.get(member.name)
        if resource is not None and writes_of(resource) > most:
            found.setdefault(writes_of(resource), []).append(member.name)
    return found


def _observed(resource: Resource) -> int:
    return resource.writes_observed


def _stopping(resource: Resource) -> int:
    return resource.writes_stopping


def _some(parts: Sequence[str]) -> str:
    """Join the first few and count the rest."""
    more = len(parts) - NAMES_MAX
    return "; ".join(parts[:NAMES_MAX]) + (f"; and {more} more" if more > 0 else "")
