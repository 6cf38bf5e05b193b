"""A plan: what would happen to the selected tasks, in groups, as text or data.

Pure. The verdicts come from a forecaster; this module sorts and counts them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kubectl_dcs import say
from kubectl_dcs.cares import Care, cares
from kubectl_dcs.forecasts import Group
from kubectl_dcs.problems import DONE, PERSON_NEEDED
from kubectl_dcs.shapes import task_json
from kubectl_dcs.worlds import Change

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kubectl_dcs.forecasts import Call, Forecast, Forecaster, Key, Verdict
    from kubectl_dcs.tasks import TaskView
    from kubectl_dcs.worlds import Gathered

TITLES: Final = {
    Group.STOP: "Would stop",
    Group.WAIT: "Would wait",
    Group.NOTHING: "Nothing to do",
    Group.REFUSED: "Needs a person",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What would happen.

    Attributes:
        chosen: The selected tasks, in order.
        forecast: The forecast for the whole world, since other tasks may share a call with them.
        before: What would happen to the tasks without the files.
        cares: What needs care about those of them whose requested stop is still pending.
    """

    gathered: Gathered
    chosen: tuple[Key, ...]
    forecast: Forecast
    before: Mapping[Key, Verdict]
    cares: tuple[Care, ...]

    @property
    def status(self) -> int:
        """The exit status: 1 if a person is needed before the plan can be carried out."""
        refused = self.gathered.refusals or self.group(Group.REFUSED)
        return PERSON_NEEDED if refused else DONE

    def verdict(self, key: Key) -> Verdict:
        """Return what happens to a task."""
        return self.forecast.verdicts[key]

    def group(self, group: Group) -> list[TaskView]:
        """Return the selected tasks of a group, in order."""
        tasks = self.gathered.world.tasks
        return [tasks[key] for key in self.chosen if self.verdict(key).group is group]

    def calls(self) -> Iterator[tuple[Call, int]]:
        """Yield the calls that carry selected tasks, with the number of these."""
        chosen = set(self.chosen)
        for call in self.forecast.calls:
            if ours := sum(key in chosen for key in call.tasks):
                yield call, ours


def make(gathered: Gathered, chosen: Iterable[Key], forecaster: Forecaster) -> Plan:
    """Return the plan for some tasks of a world."""
    order = tuple(sorted(chosen))
    forecast = forecaster(gathered.world)
    changed = [key for key in order if gathered.changes.get(key, Change.NONE) is Change.CHANGED]
    before: Mapping[Key, Verdict] = {}
    if changed:
        tasks = {**gathered.world.tasks, **gathered.before}
        now = forecaster(gathered.world.with_tasks(tasks)).verdicts
        before = {key: now[key] for key in changed}
    waiting = {Group.STOP, Group.WAIT}
    about = [key for key in order if forecast.verdicts[key].group in waiting]
    return Plan(gathered, order, forecast, before, tuple(cares(gathered.world, about)))


def as_json(plan: Plan) -> dict[str, Any]:
    """Return a plan as data."""
    return {
        "counts": {group.value: len(plan.group(group)) for group in Group},
        "calls": [
            {
                "endpoint": call.endpoint,
                "projectId": call.project_id,
                "size": len(call.tasks),
                "chosen": ours,
                "tasks": [
                    {
                        "namespace": key[0],
                        "name": key[1],
                        "taskId": plan.gathered.world.tasks[key].task_id,
                    }
                    for key in call.tasks
                ],
            }
            for call, ours in plan.calls()
        ],
        "tasks": [_task(plan, key) for key in plan.chosen],
        "invalid": [
            {"namespace": key[0], "name": key[1], "text": text}
            for key, text in sorted(plan.gathered.refusals.items())
        ],
        "careful": [
            {"namespace": one.task[0], "name": one.task[1], "what": one.what, "text": one.text}
            for one in plan.cares
        ],
    }


def _task(plan: Plan, key: Key) -> dict[str, Any]:
    verdict, before = plan.verdict(key), plan.before.get(key)
    return task_json(plan.gathered.world.tasks[key]) | {
        "group": verdict.group.value,
        "why": verdict.reason,
        "whyMessage": verdict.message,
        "change": plan.gathered.changes.get(key, Change.NONE).value,
        "groupBefore": before.group.value if before else None,
    }


def as_lines(plan: Plan, *, verbose: bool) -> Iterator[str]:
    """Yield a plan as lines; `verbose` with every task."""
    yield from _changes(plan)
    yield from _stops(plan, verbose=verbose)
    yield from _waits(plan, verbose=verbose)
    nothing = plan.group(Group.NOTHING)
    yield f"{TITLES[Group.NOTHING]}: {len(nothing):,}{_states(nothing)}"
    refused = [
        f"{_name(task)}: {plan.verdict(task.key).reason}: {plan.verdict(task.key).message}"
        for task in plan.group(Group.REFUSED)
    ]
    refused += [
        f"{key[0]}/{key[1]}: the API server would refuse it: {text}"
        for key, text in sorted(plan.gathered.refusals.items())
    ]
    yield f"{TITLES[Group.REFUSED]}: {len(refused):,}"
    if refused:
        yield say.listing(refused, len(refused) if verbose else say.LISTED_MAX)
    yield f"Careful: {len({one.task for one in plan.cares}):,}"
    limit = len(plan.cares) if verbose else say.LISTED_MAX
    lines = [f"{one.task[0]}/{one.task[1]}: {one.text}" for one in plan.cares]
    if lines:
        yield say.listing(lines, limit)


def _changes(plan: Plan) -> Iterator[str]:
    counts = Counter(plan.gathered.changes.get(key) for key in plan.chosen)
    if counts[Change.NEW] or counts[Change.CHANGED] or counts[Change.NONE]:
        yield (
            f"The files add {counts[Change.NEW]:,}, change {counts[Change.CHANGED]:,} and leave"
            f" {counts[Change.NONE]:,} as they are."
        )
    moved = [
        f"{key[0]}/{key[1]}: {TITLES[before.group].lower()} → "
        f"{TITLES[plan.verdict(key).group].lower()}"
        for key, before in plan.before.items()
        if before.group is not plan.verdict(key).group
    ]
    if moved:
        yield say.listing(moved)


def _stops(plan: Plan, *, verbose: bool) -> Iterator[str]:
    stops, calls = plan.group(Group.STOP), list(plan.calls())
    by = f" by {say.count(len(calls), 'call')} to DCS" if calls else ""
    yield f"{TITLES[Group.STOP]}: {len(stops):,}{by}"
    for number, (call, ours) in enumerate(calls, start=1):
        others = len(call.tasks) - ours
        also = f", {others:,} of them not selected" if others else ""
        yield (
            f"  call {number}: {say.count(len(call.tasks), 'id')}{also},"
            f" project {call.project_id} at {call.endpoint}"
        )
        if verbose:
            for key in call.tasks:
                yield f"    {plan.gathered.world.tasks[key].task_id}  {key[0]}/{key[1]}"


def _waits(plan: Plan, *, verbose: bool) -> Iterator[str]:
    waits = plan.group(Group.WAIT)
    yield f"{TITLES[Group.WAIT]}: {len(waits):,}"
    by_reason: dict[tuple[str, str], list[TaskView]] = defaultdict(list)
    for task in waits:
        by_reason[plan.verdict(task.key).reason, task.wave].append(task)
    for (reason, wave), tasks in sorted(by_reason.items()):
        where = f" (wave {wave})" if wave else ""
        lags = [(task.lag, task) for task in tasks if task.lag is not None]
        highest = max(lags, key=lambda pair: pair[0], default=None)
        lag = f", highest lag {highest[0]:,}: {_name(highest[1])}" if highest else ""
        yield f"  {reason}{where}: {len(tasks):,}{lag}"
        if verbose:
            for task in tasks:
                text = "" if task.lag is None else f"  lag {task.lag:,}"
                yield f"    {_name(task)}{text}  {plan.verdict(task.key).message}"


def _states(tasks: list[TaskView]) -> str:
    counts = Counter(task.state.value for task in tasks)
    words = ", ".join(f"{number:,} {word}" for word, number in sorted(counts.items()))
    return f" ({words})" if words else ""


def _name(task: TaskView) -> str:
    return f"{task.namespace}/{task.name}"
