"""Watches a case while it is played: no wish without progress and without a true reason for long.

A resource has a complaint at a moment if its wish is not fulfilled, DCS would do what it is asked
for, and what it shows is no reason for that:

- `Pending`, or a word of somebody who only observes, is no reason at all;
- `Stopping` is one for a minute after the last request, and while DCS says TERMINATING;
- `StopNotEffective` and `StopRejected` are for as long as the longest pause between two requests;
- a trouble is while a call for its project or key failed within the longest pause;
- `Suspended`, `ProjectNotReady` and the like are while it is so;
- an end that DCS does not confirm any more is one until the rare look has come;
- what a conditional wish says before its order is one as long as it is so (`waiting.py`).

A project has one while it shows a trouble that no call had within the longest pause, or shows
nothing. What lasts for a minute while a process can act is a broken promise.
"""

from __future__ import annotations

import asyncio
from math import ceil
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.conditions import READY
from dcs_migration_operator.core.model import Credentials, TroubleKind
from dcs_migration_operator.core.phases import PhaseClass, class_of
from dcs_migration_operator.engine.key_ledger import AT_RISK_S
from dcs_migration_operator.engine.room import YOUNG_CALLS_MAX
from dcs_migration_operator.telemetry.health import STALLED_S_MAX
from simulation import cloud
from simulation.faults import HANGS
from simulation.virtual import now
from simulation.waiting import REASONS, complaint_of, complaint_of_wave, is_barred

if TYPE_CHECKING:
    from simulation.world import Stored, StoredProject, World

SAMPLE_S: Final = 10.0
PATIENCE_S: Final = 60.0
PROJECTS_QUICK_MAX: Final = 30
"""More of them with one key wait for each other."""

SAMPLES_PARALLEL: Final = 16
"""Samples of one project under way at once, those that hang included."""

CALM_S: Final = 15.0
"""Where everybody answers for so long and nothing is strange, a stop is requested by then."""

THROTTLED_S: Final = 2.0
"""A time of 429 so short that the rate of a key is hardly lower afterwards."""

EFFECT_S: Final = 75.0
"""A minute after an acceptance the stop is requested again, and a request may take a while."""

PAUSE_S_MAX: Final = 700.0
"""The longest pause of anything (600 s), its jitter, and the time of a call."""

RESTS_S: Final = 400.0
"""A new process lets a key rest that a status calls refused: 330 s, and the time of its calls."""

FULFILLED: Final = frozenset({"Terminated", "EndedBeforeStop"})
_TROUBLES: Final = frozenset(kind.value for kind in TroubleKind)
_OF_KEY: Final = frozenset({TroubleKind.THROTTLED.value, TroubleKind.CREDENTIALS.value})


async def watch(world: World) -> None:
    """Note what complains for too long, until cancelled."""
    since: dict[str, tuple[str, float]] = {}
    slow_s = _slow_s(world)
    while True:
        await asyncio.sleep(SAMPLE_S)
        if not _somebody_acts(world):
            since.clear()
            continue
        found = _complaints(world)
        for name, (what, patience_s) in found.items():
            before, began_at = since.get(name, ("", 0.0))
            if before != what:
                since[name] = what, now()
            elif now() - began_at > patience_s + slow_s:
                world.notes.stuck.append(f"{name} since {began_at}: {what}")
        for name in since.keys() - found.keys():
            del since[name]


def is_usable(world: World, number: int) -> bool:
    """Tell whether nothing is wrong with a project, its Secret and its key."""
    known = world.projects.get(number)
    if known is None or known.project.project_id != f"project-{number}":
        return False
    access_key = f"AK-{number % world.case.keys}"
    right = Credentials(access_key, world.gateway.secrets[access_key])
    return world.secrets[known.project.secret] == right


def _slow_s(world: World) -> float:
    """Return how much longer everything takes in this weather.

    Tasks that no list mentions are shown two at a time while a call may still turn out refused.
    """
    case, weather = world.case, world.weather
    pages = ceil(len(case.fleet) / case.page_rows) + 1
    answer_s = max(*weather.answers_s, 0.0, *weather.slow.values(), *weather.samples_s)
    unlisted = case.unknown + sum(not one.listed for one in case.fleet.values())
    shows_s = ceil(unlisted / YOUNG_CALLS_MAX) * min(answer_s, AT_RISK_S)
    sampled = sum(deed.what == "cut over" for deed in case.deeds)
    hangs = any(one.shows == cloud.HANGS for one in case.fleet.values())
    sample_s = max(*weather.samples_s, 0.0, cloud.HANGS_S if hangs else 0.0)
    turns_s = sampled * sample_s / SAMPLES_PARALLEL
    connect_s, watch_s = max(weather.connects_s), max(weather.watch_delays_s)
    return watch_s + pages * answer_s + shows_s + connect_s + turns_s


def _somebody_acts(world: World) -> bool:
    at, weather = now(), world.weather
    for fault in weather.api_faults:
        hangs_s = 30.0 if fault.status == HANGS else 0.0
        if fault.begins_s <= at < fault.begins_s + fault.lasts_s + hangs_s:
            return False
    return any(
        one.elector.leads() and weather.pause_left_s(one.number) <= 0.0 for one in world.replicas
    )


def _is_calm(world: World) -> bool:
    """Tell whether nothing goes wrong in a case but what single calls meet for a while."""
    case, weather = world.case, world.weather
    disturbed = weather.api_faults or weather.pauses or weather.slow or case.replicas > 1
    disturbed = disturbed or case.projects > PROJECTS_QUICK_MAX
    lately = (now() - at < CALM_S for at in world.notes.failed_at.values())
    strange = any(one.is_strange(0.0) for one in case.fleet.values())
    # After a long time of 429 the rate of a key recovers within a minute.
    strange = strange or any(fault.lasts_s > THROTTLED_S for fault in weather.cloud_faults)
    return not disturbed and not strange and not any(lately)


def _complaints(world: World) -> dict[str, tuple[str, float]]:
    """Return by name what complains at this moment, and how long it may."""
    found = {
        uid: complaint
        for uid, stored in world.objects.items()
        if (complaint := _of_task(world, stored))
    }
    for number, known in world.projects.items():
        what = _of_project(world, number, known)
        if what:
            used = any(one.task.project == known.project.ref for one in world.objects.values())
            found[known.project.object.uid] = what, PATIENCE_S if used else PAUSE_S_MAX
    leader = next((one for one in world.replicas if one.elector.leads()), None)
    for wave in world.waves.values():
        what = complaint_of_wave(world, leader, wave) if leader else ""
        if what:
            found[wave.wave.object.uid] = what, PATIENCE_S
    for one in world.replicas:
        stuck_s = one.engine.stuck_s() if one.elector.leads() else 0.0
        if stuck_s > STALLED_S_MAX:
            found[one.name] = "the health page is red", SAMPLE_S
    return found


def _of_task(world: World, stored: Stored) -> tuple[str, float] | None:
    task, one = stored.task, world.migration(stored.task)
    if not task.wishes_stop or one is None or class_of(one.at(now())) is not PhaseClass.ACTIVE:
        return None
    ready = stored.status.condition(READY)
    reason = ready.reason if ready else ""
    number = int(task.key[:8], 16) % world.case.projects
    if reason in {"", "Pending", "Observed"}:
        if _is_calm(world):
            return "gives no reason while all is calm", CALM_S
        return "gives no reason", PATIENCE_S
    known = world.projects.get(number)
    if not is_usable(world, number) or known is None:
        return None
    if reason in FULFILLED:
        if not one.listed:
            return None  # nothing but a list would tell
        return "claims an end", world.case.poll_settled_s * 1.1 + PAUSE_S_MAX
    suspended = known.project.suspended
    leader = next((one for one in world.replicas if one.elector.leads()), None)
    if task.cutover and not task.stopped and leader:
        if reason in REASONS:
            what = "" if suspended else complaint_of(world, leader, stored, one)
            return (what, PATIENCE_S) if what else None
        if is_barred(world, leader, stored):
            return None  # what has left stays, and nothing more is requested
    at = (f"project-{number}", task.key)
    stale = not suspended and (reason == "Suspended" or _is_stale(world, at, number, reason))
    return (f"says {reason}", PATIENCE_S) if stale else None


def _is_stale(world: World, task: tuple[str, str], number: int, reason: str) -> bool:
    """Tell whether a reason is none any more, of a project with which nothing is wrong."""
    ordered_s = now() - world.notes.ordered_at.get(task, float("-inf"))
    match reason:
        case "Stopping":
            return ordered_s > EFFECT_S
        case "StopNotEffective" | "StopRejected":
            return ordered_s > PAUSE_S_MAX
        case "TaskNotFound" | "TaskFailed":
            return True
        case _:
            return _is_over(world, number, reason)


def _of_project(world: World, number: int, known: StoredProject) -> str:
    ready = known.status.condition(READY)
    if ready is None:
        return "says nothing"
    if ready.reason in _TROUBLES and is_usable(world, number):
        return f"says {ready.reason}" if _is_over(world, number, ready.reason) else ""
    return ""


def _is_over(world: World, number: int, reason: str) -> bool:
    """Tell whether nothing has failed for a project for so long that its trouble must be over."""
    failed_at = world.notes.failed_at
    last_at = failed_at.get(f"project-{number}", float("-inf"))
    if reason in _OF_KEY:
        last_at = max(last_at, failed_at.get(f"AK-{number % world.case.keys}", float("-inf")))
    rests = reason == TroubleKind.CREDENTIALS.value and now() - world.notes.started_at <= RESTS_S
    return not rests and now() - last_at > PAUSE_S_MAX
