"""Compares the measurements with the expectations: no key lost, few orders, none too early.

Pure. Owns every check that decides the exit status.
"""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sandbox.dcs.migration import key_of
from sandbox.demo.calls import ORDER
from sandbox.demo.cutover.fleet import BROKEN, FORGOTTEN
from sandbox.demo.verdict import IDS_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sandbox.demo.calls import Call
    from sandbox.demo.cutover.sources import Losses
    from sandbox.demo.fleet import Member
    from sandbox.demo.resources import Resource

STATS: Final = "stats"

STATS_PER_S_MAX: Final = 12
"""Stats calls per second for one access key: 10 for what is open, 2 for what holds."""

SPAN_S: Final = 10.0
"""The period over which that rate is measured."""

APART: Final = (BROKEN, FORGOTTEN)
"""Each of them catches up at a different time, and needs a separate order."""

TOLD: Final = {
    FORGOTTEN: "CutoverTimedOut",
    BROKEN: "FullSyncAgain",
}
"""What two tasks of the wave must report on the way: a reason of Ready, and one of an event."""

NAMES_MAX: Final = 5
"""How many resources one sentence names; the rest are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured, each part from its own source.

    Attributes:
        resources: From the watch of the API server, by name.
        wave: The status of the wave at the end.
        told: Every reason of Ready that a resource reported, and every one of its events, by name.
        calls: From DCS's log, in the order of arrival.
        losses: The losses of the stops, from DCS.
        at_once: How many keys would have been lost by stopping everything while it was written to.
        went_s: When the wave was first set to Go, Unix time.
        stopped_s: From then until all that had caught up were stopped, seconds; None if they were
            not.
    """

    resources: Mapping[str, Resource]
    wave: Mapping[str, Any]
    told: Mapping[str, frozenset[str]]
    calls: Sequence[Call]
    losses: Losses
    at_once: int
    went_s: float
    stopped_s: float | None

    @property
    def orders(self) -> list[Call]:
        """The orders to stop."""
        return [call for call in self.calls if call.operation == ORDER]


def orders_least(fleet: Sequence[Member]) -> int:
    """Return the smallest number of orders: tasks that are ready together share one."""
    return math.ceil((len(fleet) - len(APART)) / IDS_MAX) + len(APART)


def stats_pace(calls: Sequence[Call]) -> float:
    """Return the highest rate of stats calls per second over `SPAN_S`."""
    times = sorted(call.at_s for call in calls if call.operation == STATS)
    most = max(
        (bisect.bisect_left(times, at_s + SPAN_S) - n for n, at_s in enumerate(times)), default=0
    )
    return most / SPAN_S


def mismatches(fleet: Sequence[Member], measured: Measured) -> list[str]:
    """Return a sentence for everything that is not as expected; none means success."""
    return [
        *_wrong_losses(fleet, measured),
        *_wrong_ends(fleet, measured),
        *_wrong_orders(fleet, measured),
        *_wrong_ways(measured),
    ]


def _wrong_losses(fleet: Sequence[Member], measured: Measured) -> Iterator[str]:
    losses = measured.losses
    if losses.keys or losses.with_loss:
        yield f"{losses.with_loss} stops lost {losses.keys} keys."
    if losses.stops != len(fleet):
        yield f"DCS carried out {losses.stops} stops, not {len(fleet)}."
    if not measured.at_once:
        yield "Stopping at once would have lost nothing, so that the run shows nothing."


def _wrong_ends(fleet: Sequence[Member], measured: Measured) -> Iterator[str]:
    wrong = []
    for member in fleet:
        resource = measured.resources.get(member.name)
        said = f"{resource.phase}/{resource.reason}" if resource else "nothing"
        if said != f"{member.phase}/{member.reason}":
            wrong.append(f"{member.name} says {said}")
        elif resource and resource.status["stop"].get("lagAtOrder") != 0:
            wrong.append(f"{member.name} does not say that its lag was 0")
    if wrong:
        yield f"{_some(wrong)}."
    tasks = measured.wave.get("tasks", {})
    if (tasks.get("total"), tasks.get("stopped")) != (len(fleet), len(fleet)):
        yield f"The wave counts {tasks}, not {len(fleet)} stopped."


def _wrong_orders(fleet: Sequence[Member], measured: Measured) -> Iterator[str]:
    orders, names = measured.orders, {key_of(one.task_id): one.name for one in fleet}
    early = [call for call in orders if call.at_s < measured.went_s]
    if early:
        yield f"{len(early)} orders left while the wave held."
    sizes = [len(call.ids) for call in orders]
    if len(orders) != orders_least(fleet) or max(sizes, default=0) > IDS_MAX:
        shown = " + ".join(map(str, sizes))
        yield f"{len(orders)} orders ({shown} ids), not {orders_least(fleet)}."
    ordered = sorted(names.get(key, key) for call in orders for key in call.ids)
    if ordered != sorted(names.values()):
        odd = {one for one in ordered if ordered.count(one) > 1} ^ (
            set(ordered) ^ set(names.values())
        )
        yield f"Not ordered exactly once: {_some(sorted(odd))}."


def _wrong_ways(measured: Measured) -> Iterator[str]:
    for name, reason in TOLD.items():
        if reason not in measured.told.get(name, frozenset()):
            yield f"{name} never said {reason}."
    pace = stats_pace(measured.calls)
    if pace > STATS_PER_S_MAX:
        yield f"{pace:.1f} stats calls a second, not {STATS_PER_S_MAX} at most."


def _some(parts: Sequence[str]) -> str:
    """Join the first few and count the rest."""
    more = len(parts) - NAMES_MAX
    return "; ".join(parts[:NAMES_MAX]) + (f"; and {more} more" if more > 0 else "")
