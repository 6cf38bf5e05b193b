"""Forecasts, by the operator's own pure decision, what it would do next about each task.

The world is frozen: the newest lag of each task counts as sampled at this moment, and the last
reported status as just observed. What only the operator can know (a Secret, the limits that it was
started with) is taken from the statuses.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from dcs_migration_operator.core import requests
from dcs_migration_operator.core.admission import Access, NamespaceLabels, judge
from dcs_migration_operator.core.bodies import Unreadable, project_of, status_of, task_of, wave_of
from dcs_migration_operator.core.cases import CASES, Case
from dcs_migration_operator.core.cloud import BATCH_IDS_MAX, Stats
from dcs_migration_operator.core.conditions import CAUGHT_UP, READY, STALLED, Standing
from dcs_migration_operator.core.cutover import (
    Conditional,
    Lag,
    Opening,
    Streak,
    WaveStanding,
    bar_of,
    terms_of,
)
from dcs_migration_operator.core.decide import Situation, decide
from dcs_migration_operator.core.describe import describe
from dcs_migration_operator.core.model import (
    CLUSTER_PROJECT_KIND,
    NO_TROUBLES,
    Instant,
    Observation,
    Outcome,
    StopRequest,
    Trouble,
    TroubleKind,
)
from dcs_migration_operator.core.phases import PENDING
from dcs_migration_operator.core.status import from_json, parse_time
from dcs_migration_operator.core.waves import State, member_of, state_of, to_admit
from dcs_migration_operator.core.waves import counts_of as wave_counts_of
from kubectl_dcs.forecasts import Call, Forecast, Group, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dcs_migration_operator.core.decide import Decision
    from dcs_migration_operator.core.model import Project, Task, Wave
    from dcs_migration_operator.core.status import Status
    from kubectl_dcs.forecasts import Key, World

NOW_S: Final = 1e6
"""The monotonic time of the frozen moment, in seconds; any value above every duration."""

_WAITS: Final = frozenset({Case.HOLDING, Case.EARLY, Case.WAVE_PAUSED, Case.SUSPENDED})
_NEVER: Final = float("-inf")


@dataclass(frozen=True, slots=True)
class _Judged:
    """One task with everything that the decision about it depends on."""

    task: Task
    project: Project | None
    situation: Situation
    decision: Decision


def forecast(world: World, *, batch_size: int = BATCH_IDS_MAX) -> Forecast:
    """Return what the operator would do with a world (a `Forecaster`).

    Args:
        world: The frozen world.
        batch_size: The most ids per call, as given to the operator by `--batch-size`.
    """
    now = Instant(NOW_S, world.now.replace(microsecond=0))
    projects = _projects(world)
    waves = _waves(world)
    verdicts: dict[Key, Verdict] = {}
    judged: dict[Key, _Judged] = {}
    for key, view in sorted(world.tasks.items()):
        try:
            task = task_of(_with_metadata(view.body))
        except Unreadable as error:
            verdicts[key] = Verdict(Group.REFUSED, "Unreadable", str(error))
            continue
        wave = waves.get((task.ref.namespace, task.cutover.wave)) if task.cutover else None
        judged[key] = _judge(world, task, projects, wave, now, from_json(status_of(view.body)))
    for key in _admitted(judged, waves, now):
        judged[key] = _opened(judged[key], now)
    verdicts |= {key: _verdict(one, now) for key, one in judged.items()}
    return Forecast(dict(sorted(verdicts.items())), tuple(_calls(judged, batch_size)))


def _projects(world: World) -> dict[tuple[str, str, str], Project]:
    found = {}
    for key, body in world.projects.items():
        try:
            found[key] = project_of(_with_metadata(body))
        except Unreadable:
            continue
    return found


def _waves(world: World) -> dict[Key, tuple[Wave, Status]]:
    found = {}
    for key, view in world.waves.items():
        try:
            found[key] = (wave_of(_with_metadata(view.body)), from_json(status_of(view.body)))
        except Unreadable:
            continue
    return found


def _with_metadata(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object with a uid: an object that is only in a file has none yet."""
    metadata = {"uid": "", **body["metadata"]}
    return {**body, "metadata": metadata}


def _judge(
    world: World,
    task: Task,
    projects: Mapping[tuple[str, str, str], Project],
    wave: tuple[Wave, Status] | None,
    now: Instant,
    shown: Status,
) -> _Judged:
    project = projects.get((task.project.kind, task.project.namespace, task.project.name))
    request = requests.recalled(shown, now) if task.wishes_stop else StopRequest()
    seen = shown.phase not in {"", PENDING}
    about = shown.task
    observed = Observation(
        shown.phase,
        task.task_id,
        name=about.name if about else "",
        method=about.method if about else "",
        source=about.source if about else "",
        target=about.target if about else "",
    )
    situation = Situation(
        task=task,
        shown=shown,
        wished_at=_NEVER,
        wished=None,
        news_at=_NEVER,
        observed=observed if seen else None,
        asked_at=now.mono if seen else _NEVER,
        confirmed=True,
        unlisted_at=_NEVER,
        request=request,
        moved=False,
        started_again=True,
        suspended=bool(project and project.suspended),
        blocked=_blocked(world, task, project),
        unreadable=None,
        troubles=NO_TROUBLES,
        progress_at=now.mono,
        wish=_wish(task, shown, wave, now, request),
    )
    return _Judged(task, project, situation, decide(situation, now))


def _blocked(world: World, task: Task, project: Project | None) -> Trouble | None:
    """Return why the project of a task cannot be used, as far as the plugin can see."""
    ref = task.project
    if project is None:
        if ref.kind in world.unknown:
            return None
        text = f"{ref} does not exist. Create it, or name another in spec.projectRef."
        return Trouble(TroubleKind.PROJECT, _NEVER, text)
    if ref.kind == CLUSTER_PROJECT_KIND:
        labels = world.namespaces.get(task.ref.namespace)
        known = NamespaceLabels(labels, NOW_S) if labels is not None else None
        access, problem = judge(project.allowed, task.ref.namespace, known, NOW_S)
        if access is Access.DENIED:
            text = problem or f"{ref} may not be used from namespace {task.ref.namespace}."
            return Trouble(TroubleKind.PROJECT, _NEVER, text)
    body = world.projects[(ref.kind, ref.namespace, ref.name)]
    shown = from_json(status_of(body))
    stalled = shown.condition(STALLED)
    kind = next((one for one in TroubleKind if stalled and one.value == stalled.reason), None)
    if stalled is None or kind is None or shown.generation != project.generation:
        return None
    return Trouble(kind, _NEVER, stalled.message)


def _wish(
    task: Task,
    shown: Status,
    wave: tuple[Wave, Status] | None,
    now: Instant,
    request: StopRequest,
) -> Conditional | None:
    """Return what a cutover depends on, with the lag that the status shows."""
    cutover = task.cutover
    if cutover is None or task.stopped:
        return None
    standing, window, said = WaveStanding.NONE, cutover.window, None
    if cutover.wave:
        standing = WaveStanding.MISSING
    if wave:
        standing, window, said = _standing(*wave), wave[0].window, wave[0].said
    terms = terms_of(cutover.said, said)
    lag, streak = _sampled(shown, terms.max_lag, terms.stable_for_s, now)
    wish = Conditional(
        terms=terms,
        window=window,
        standing=standing,
        wave=cutover.wave,
        opening=_opening(task, shown, now),
        lag=lag,
        streak=streak,
        expired=_says(shown, READY) == "CutoverTimedOut" and shown.generation == task.generation,
        committed=request.outcome is Outcome.ACCEPTED,
    )
    if bar_of(wish, now.wall):
        return replace(wish, opening=None, expired=False)
    if wish.opening is None and not cutover.wave:
        return replace(wish, opening=Opening(now.mono, now.wall))
    return wish


def _standing(wave: Wave, shown: Status) -> WaveStanding:
    if not wave.goes:
        return WaveStanding.HOLDS
    paused = _says(shown, READY) == State.PAUSED.value and shown.generation == wave.generation
    return WaveStanding.PAUSED if paused else WaveStanding.GOES


def _opening(task: Task, shown: Status, now: Instant) -> Opening | None:
    opened = parse_time(shown.opening.opened_at) if shown.opening else None
    if opened is None or shown.generation != task.generation:
        return None
    return Opening(now.mono - max((now.wall - opened).total_seconds(), 0.0), opened)


def _sampled(
    shown: Status, max_lag: int, stable_for_s: float, now: Instant
) -> tuple[Lag | None, Streak]:
    """Return the lag in a status as a sample of this moment, with its streak."""
    says, lag = shown.condition(CAUGHT_UP), shown.lag
    if says is None or lag is None:
        return None, Streak(max_lag)
    stats = Stats(
        offset=lag.offset,
        full_progress=lag.full_progress,
        source_keys=lag.source_keys,
        target_keys=lag.target_keys,
        is_migrating=says.reason != "NotReplicating",
    )
    if says.reason == "LagUnknown":
        stats = Stats()
    streak = Streak(max_lag)
    moments = [now.mono]
    if says.status == "True":
        moments = [now.mono - max(stable_for_s, 1.0), now.mono]
    sample = Lag(stats, now.mono, now.wall)
    for moment in moments:
        streak = streak.after(replace(sample, asked_at=moment), shown.phase)
    return sample, streak


def _admitted(
    judged: Mapping[Key, _Judged], waves: Mapping[Key, tuple[Wave, Status]], now: Instant
) -> list[Key]:
    """Return the tasks whose cutovers their waves would open now."""
    members: defaultdict[Key, list[tuple[str, Any, bool]]] = defaultdict(list)
    for (namespace, name), one in judged.items():
        wish = one.situation.wish
        if wish and wish.wave:
            member = member_of(one.situation, one.decision)
            members[namespace, wish.wave].append((name, member, wish.opening is not None))
    found: list[Key] = []
    for key, own in members.items():
        if key not in waves:
            continue
        wave, shown = waves[key]
        counts = wave_counts_of(member for _, member, _ in own)
        paused = _standing(wave, shown) is WaveStanding.PAUSED
        if state_of(wave, counts, now, paused=paused) is State.GOING:
            found += [(key[0], name) for name in to_admit(own, wave.under_way_max)]
    return found


def _opened(one: _Judged, now: Instant) -> _Judged:
    """Return the same task with its cutover opened at this moment."""
    wish = one.situation.wish
    opened = replace(wish, opening=Opening(now.mono, now.wall)) if wish else None
    situation = replace(one.situation, wish=opened)
    return replace(one, situation=situation, decision=decide(situation, now))


def _verdict(one: _Judged, now: Instant) -> Verdict:
    decision, shown = one.decision, one.situation.shown
    settled = decision.case is Case.SETTLED  # for which the operator leaves the status unchanged
    status = shown if settled else describe(one.situation, decision, now)
    says = status.condition(READY)
    reason, message = (says.reason, says.message) if says else ("", "")
    return Verdict(_group(decision, now), reason, message)


def _group(decision: Decision, now: Instant) -> Group:
    if decision.trouble:
        return Group.REFUSED if decision.trouble.needs_person(now.mono) else Group.WAIT
    if decision.stop:
        return Group.STOP
    standing = CASES[decision.case].standing
    if standing is Standing.STALLED:
        return Group.REFUSED
    if standing is Standing.RECONCILING or decision.case in _WAITS:
        return Group.WAIT
    return Group.NOTHING


def _calls(judged: Mapping[Key, _Judged], batch_size: int) -> Iterable[Call]:
    """Yield the calls: per cloud project, with each id once, in full batches.

    Unconditional stops are sent at once, those of cutovers at the end of a round of samples, so the
    two do not share a call.
    """
    due: dict[tuple[str, str, bool], dict[str, Key]] = defaultdict(dict)
    for conditional in (False, True):
        for key, one in judged.items():
            task, project = one.task, one.project
            stops = one.decision.stop and one.decision.trouble is None
            if not stops or project is None or conditional is task.stopped:
                continue
            place = (project.endpoint, project.project_id)
            if task.key not in due[*place, False]:
                due[*place, conditional].setdefault(task.key, key)
    for (endpoint, project_id, _), by_id in sorted(due.items()):
        keys = list(by_id.values())
        for first in range(0, len(keys), batch_size):
            yield Call(endpoint, project_id, tuple(keys[first : first + batch_size]))


def _says(shown: Status, kind: str) -> str:
    found = shown.condition(kind)
    return found.reason if found else ""
