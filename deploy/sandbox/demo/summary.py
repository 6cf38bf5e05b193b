"""The summary in words: the measurements, the cost without batching, what needs a person.

Pure: text from figures. `verdict.py` decides whether the figures are right.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

from sandbox.dcs.migration import key_of
from sandbox.demo import calls as dcs_calls
from sandbox.demo import verdict
from sandbox.demo.calls import LIST, SHOW

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sandbox.demo.calls import Orders
    from sandbox.demo.fleet import Member
    from sandbox.demo.resources import Resource
    from sandbox.demo.verdict import Measured

LABEL_WIDTH = 18
WIDTH = 79
"""Fits the narrowest usual terminal."""

PEOPLE_MAX = 10
"""The most tasks in need of a person to show; three are expected."""

UNDER_WAY = frozenset({"Pending", "Stopping"})
"""Reasons of a resource that is not ready but needs no person."""

HOLDS = "Everything is as expected: each figure above was measured and checked."


def summary(fleet: Sequence[Member], measured: Measured) -> str:
    """Return all of it, ready to be printed."""
    wrong = verdict.mismatches(fleet, measured)
    end = ["This is not as expected:", *(_item(text) for text in wrong)] if wrong else [HOLDS]
    lines = [*_rows(fleet, measured), "", *_people(measured.resources.values()), "", *end]
    return "\n".join(lines)


def _rows(fleet: Sequence[Member], measured: Measured) -> list[str]:
    orders = dcs_calls.orders(measured.calls)
    kinds = Counter(call.operation for call in measured.calls)
    stops, shows = verdict.calls_one_by_one(fleet, measured)
    rows = {
        "Resources": _resources(measured.resources.values()),
        "Stopped": _stopped(fleet, measured),
        "Nothing to stop": _over(fleet, measured),
        "Stop orders": _orders(fleet, orders),
        "  sent again": _again(fleet, orders),
        "Polls": f"{_counted(kinds[LIST], 'list')} of everything,"
        f" {_counted(kinds[SHOW], 'show')} of a single task",
        "All calls to DCS": f"{len(measured.calls)}; one call per task, polling as often, would"
        f" have been {stops + shows}: {stops} stops and {shows} shows",
        "Status writes": _writes(fleet, measured),
        "Time": _time(fleet, measured, orders),
    }
    return [line for label, text in rows.items() for line in _row(label, text)]


def _row(label: str, text: str) -> list[str]:
    """Return one row, wrapped into lines indented below its start."""
    indent = " " * LABEL_WIDTH
    label = f"{label:<{LABEL_WIDTH}}"
    return textwrap.wrap(text, WIDTH, initial_indent=label, subsequent_indent=indent)


def _item(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent="  - ", subsequent_indent="    ")


def _resources(resources: Iterable[Resource]) -> str:
    wishes = Counter(one.stopped for one in resources)
    return f"{wishes.total()}, of them {wishes[True]} with stopped: true"


def _stopped(fleet: Sequence[Member], measured: Measured) -> str:
    can = [one for one in fleet if one.can_be_stopped]
    done = [one for one in can if _is_terminated(measured.resources.get(one.name))]
    words = dcs_calls.words(measured.histories)
    in_dcs = sum(words.get(key_of(one.task_id)) == "TERMINATED" for one in can)
    ordered = sum(one.ordered for one in done)
    return (
        f"{len(done)} of {len(can)} that can be stopped are TERMINATED, {in_dcs} also in DCS;"
        f" {ordered} took an order, {len(done) - ordered} were stopped or being stopped already"
    )


def _over(fleet: Sequence[Member], measured: Measured) -> str:
    over = [one for one in fleet if one.ready and not one.can_be_stopped]
    phases = Counter(
        measured.resources[one.name].phase for one in over if one.name in measured.resources
    )
    parts = ", ".join(f"{count} {phase}" for phase, count in sorted(phases.items()))
    return f"{phases.total()} had ended by themselves: {parts or 'none'}"


def _orders(fleet: Sequence[Member], orders: Orders) -> str:
    tasks = len(verdict.must_be_ordered(fleet))
    runs = ((size, len(list(run))) for size, run in groupby(len(call.ids) for call in orders.first))
    sizes = " + ".join(f"{times} x {size}" if times > 1 else str(size) for size, times in runs)
    least = verdict.orders_least(fleet)
    return (
        f"{len(orders.first)} with {sizes or 'no'} ids, for {tasks} tasks to be ordered;"
        f" ceil({tasks} / {verdict.IDS_MAX}) = {least}"
    )


def _again(fleet: Sequence[Member], orders: Orders) -> str:
    names = {key_of(one.task_id): one.name for one in fleet}
    counts = Counter(names.get(key, key) for call in orders.again for key in call.ids)
    if not counts:
        return "none"
    who = ", ".join(
        f"{name} {count} times" if count > 1 else name for name, count in sorted(counts.items())
    )
    return f"{_counted(len(orders.again), 'order')}, for what DCS had refused: {who}"


def _writes(fleet: Sequence[Member], measured: Measured) -> str:
    resources = measured.resources
    observed = verdict.spread(one.writes_observed for one in resources.values())
    stopping, over = (
        verdict.spread(resources[m.name].writes_stopping for m in some if m.name in resources)
        for some in verdict.split_by_work(fleet)
    )
    return (
        f"{measured.status_patches} in all; for each resource at most {observed.most} for its first"
        f" phase (mean {observed.mean:.2f}), then {stopping.most} on the way to TERMINATED (mean"
        f" {stopping.mean:.2f}) or {over.most} with nothing to stop (mean {over.mean:.2f})"
    )


def _time(fleet: Sequence[Member], measured: Measured, orders: Orders) -> str:
    if measured.stopped_s is None:
        return f"not all TERMINATED in time; kubectl needed {measured.apply_s:.1f} s to apply"
    must = verdict.must_be_ordered(fleet)
    ends = [at_s for key, at_s in dcs_calls.ends(measured.histories).items() if key in must]
    in_dcs_s = max(ends, default=0.0) - min((call.at_s for call in orders.first), default=0.0)
    return (
        f"{measured.stopped_s:.1f} s from kubectl apply until all are TERMINATED; of that, kubectl"
        f" needed {measured.apply_s:.1f} s, and DCS {in_dcs_s:.1f} s from the first order on"
    )


def _people(resources: Iterable[Resource]) -> list[str]:
    """Return which resources need a person and why, in their own words."""
    people = [
        one
        for one in sorted(resources, key=lambda one: one.name)
        if one.ready.get("status") == "False" and one.reason not in UNDER_WAY
    ]
    lines = [f"Needs a person: {len(people) or 'none'}"]
    for one in people[:PEOPLE_MAX]:
        text = f"{one.name}: phase {one.phase}, {one.reason}. {one.ready['message']}"
        goes_on = one.condition("Reconciling").get("status") == "True"
        lines.append(_item(f"{text} (The operator keeps trying.)" if goes_on else text))
    if len(people) > PEOPLE_MAX:
        lines.append(_item(f"and {len(people) - PEOPLE_MAX} more"))
    return lines


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _is_terminated(resource: Resource | None) -> bool:
    return resource is not None and resource.phase == "TERMINATED" and resource.current
