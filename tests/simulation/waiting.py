"""Which reason of a conditional wish, or of a wave, is none any more.

As far as the process that leads can know: by its clock, its samples and what DCS told it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.conditions import READY, RECONCILING, STALLED
from dcs_migration_operator.core.cutover import ALWAYS, terms_of
from dcs_migration_operator.core.status import parse_time
from simulation.claims import SAMPLE_AGE_S, is_within
from simulation.virtual import EPOCH, now

if TYPE_CHECKING:
    from datetime import datetime

    from dcs_migration_operator.core.cutover import Terms, Window
    from simulation.claims import Sample
    from simulation.cloud import Migration
    from simulation.replica import Replica
    from simulation.world import Stored, StoredWave, World

UNSAMPLED_S: Final = 75.0
"""A sample that failed is repeated after a minute at the latest."""

RECALLED_S: Final = 30.0
"""A new process has read every status by then, unless its projects are in trouble."""

REASONS: Final = frozenset(
    {
        "Holding",
        "WaveNotFound",
        "WindowMissed",
        "NotIncremental",
        "Queued",
        "CatchingUp",
        "LagUnknown",
        "NotReplicating",
        "CutoverTimedOut",
    }
)
"""What a conditional wish may say before its order."""

_UNDER_WAY: Final = frozenset(
    {"Queued", "CatchingUp", "LagUnknown", "NotReplicating", "Stopping", "StopRejected"}
)
_FULFILLED: Final = frozenset({"Terminated", "EndedBeforeStop"})


def complaint_of(world: World, leader: Replica, stored: Stored, one: Migration) -> str:
    """Return what is wrong with the reason that a conditional wish shows; empty if nothing is."""
    cutover, ready = stored.task.cutover, stored.status.condition(READY)
    if cutover is None or ready is None:
        return ""
    wave = wave_of(world, stored)
    window = wave.wave.window if wave else (ALWAYS if cutover.wave else cutover.window)
    wall = world.wall(leader.number)
    bar = _bar(stored, wave, window, wall)
    terms = terms_of(cutover.said, wave.wave.said if wave else None)
    match ready.reason:
        case "Holding" | "WaveNotFound" | "WindowMissed" as reason if bar != reason:
            paused = wave and _reason(wave) == "PausedByFailures"
            return "" if reason == "Holding" and paused else f"says {reason}"
        case "NotIncremental" if "full" not in one.method:
            return "says NotIncremental of a task that is"
        case "Queued" | "CatchingUp" | "LagUnknown" | "NotReplicating" as reason:
            if bar:
                return f"says {reason} instead of {bar}"
            return _of_open(world, leader, stored, terms, reason)
        case "CutoverTimedOut" if bar:
            return f"says CutoverTimedOut instead of {bar}"
        case "CutoverTimedOut" if _acted_at(wave, stored) > _said_since(stored):
            return "says CutoverTimedOut although it was opened anew"
        case _:
            return ""


def complaint_of_wave(world: World, leader: Replica, wave: StoredWave) -> str:
    """Return what is wrong with what a wave shows; empty if nothing is."""
    reason, wall = _reason(wave), world.wall(leader.number)
    if not reason:
        return "says nothing"
    members = [
        one.status
        for one in world.objects.values()
        if one.task.cutover and not one.task.stopped and wave_of(world, one) is wave
    ]
    ready = [one.condition(READY) for one in members]
    if members and all(one and one.reason in _FULFILLED for one in ready):
        return "" if reason == "Complete" else f"says {reason} of tasks that are stopped"
    if not wave.wave.goes:
        return "" if reason == "Holding" else f"says {reason} although it holds"
    if wave.wave.window.is_over(wall):
        return "" if reason == "WindowMissed" else f"says {reason} after its window"
    if wave.wave.window.is_early(wall):
        return "" if reason == "WaitingForTime" else f"says {reason} before its window"
    if reason == "PausedByFailures":
        return ""
    if reason != "Going":
        return f"says {reason} although it goes"
    stuck = [bool(one.condition(STALLED)) for one in members]
    left = [one for one in zip(ready, stuck, strict=True) if not _is_fulfilled(one[0])]
    if left and all(is_stuck for _, is_stuck in left) and wave.status.condition(RECONCILING):
        return "says that it goes on by itself although only people can help"
    return ""


def wave_of(world: World, stored: Stored) -> StoredWave | None:
    """Return the wave that a task names, if it exists."""
    cutover = stored.task.cutover
    name = cutover.wave if cutover else ""
    return next((one for one in world.waves.values() if one.wave.ref.name == name), None)


def is_barred(world: World, leader: Replica, stored: Stored) -> bool:
    """Tell whether nothing may leave for a conditional wish, whatever the lag."""
    cutover, wave = stored.task.cutover, wave_of(world, stored)
    if cutover is None or stored.task.stopped:
        return False
    window = wave.wave.window if wave else cutover.window
    return bool(_bar(stored, wave, window, world.wall(leader.number)))


def _bar(stored: Stored, wave: StoredWave | None, window: Window, wall: datetime) -> str:
    """Return the reason for which nothing may leave, whatever the lag."""
    named = stored.task.cutover is not None and stored.task.cutover.wave
    if named and wave is None:
        return "WaveNotFound"
    if wave and not wave.wave.goes:
        return "Holding"
    if window.is_over(wall):
        return "WindowMissed"
    return "Holding" if window.is_early(wall) else ""


def _of_open(world: World, leader: Replica, stored: Stored, terms: Terms, reason: str) -> str:
    """Return what is wrong with the reason of a wish that only waits for its target."""
    if now() >= _time_up_at(world, leader, stored) and reason != "Queued":
        return f"says {reason} although its time is up"
    at = (world.home_of(stored.task.key), stored.task.key)
    samples = sorted(leader.knows.samples[at], key=lambda one: one.asked_at)
    if reason == "Queued":
        return "" if _is_full(world, stored) else "is queued although there is room"
    if not samples or samples[-1].asked_at < now() - UNSAMPLED_S:
        return f"says {reason}, and is not sampled"
    said = samples[-1].said
    match reason:
        case "CatchingUp" if _has_caught_up(samples, terms):
            return "says CatchingUp of a target that has caught up"
        case "LagUnknown" if said and None not in {said.offset, said.is_migrating}:
            return "says LagUnknown of a lag that is known"
        case "NotReplicating" if said and said.is_migrating:
            return "says NotReplicating of what replicates"
        case _:
            return ""


def _time_up_at(world: World, leader: Replica, stored: Stored) -> float:
    """Return the virtual second at which the time of an opened wish is up, as its leader counts.

    Durations go on while clocks are set: only what another process wrote down is read by the wall
    clock, once, within moments after this one begins to act.
    """
    opening = stored.status.opening
    until = parse_time(opening.times_out_at) if opening else None
    if opening is None or until is None:
        return float("inf")
    told = (
        at
        for at, one in stored.history
        if one.opening and one.opening.opened_at == opening.opened_at
    )
    opened_at = next(told, 0.0)
    moments = [opened_at]
    if opened_at < leader.acts_since:
        moments = [leader.acts_since, leader.acts_since + RECALLED_S]
    set_s = min(world.weather.set_off_s(leader.number, at) for at in moments)
    return (until - EPOCH).total_seconds() - set_s


def _has_caught_up(samples: list[Sample], terms: Terms) -> bool:
    if samples[-1].asked_at < now() - SAMPLE_AGE_S:
        return False  # what comes late is never young enough
    first_at = float("inf")
    for sample in reversed(samples):
        if not is_within(sample.said, terms.max_lag):
            break
        first_at = sample.asked_at
    return first_at <= samples[-1].asked_at - terms.stable_for_s - 1.0


def _is_full(world: World, stored: Stored) -> bool:
    """Tell whether as many of a wave are under way as may be."""
    wave = wave_of(world, stored)
    if wave is None:
        return False
    others = [one for one in world.objects.values() if wave_of(world, one) is wave]
    under_way = [one for one in others if one is not stored and _shows(one) in _UNDER_WAY]
    return len(under_way) >= wave.wave.under_way_max


def _acted_at(wave: StoredWave | None, stored: Stored) -> float:
    """Return when a person last did something that opens a cutover anew."""
    return max(stored.changed_at, wave.turned_at if wave and wave.wave.goes else 0.0)


def _said_since(stored: Stored) -> float:
    """Return since when a resource says what it says."""
    reason, since = _shows(stored), float("-inf")
    for at, status in reversed(stored.history):
        ready = status.condition(READY)
        if ready is None or ready.reason != reason:
            break
        since = at
    return since


def _shows(stored: Stored) -> str:
    ready = stored.status.condition(READY)
    return ready.reason if ready else ""


def _reason(wave: StoredWave) -> str:
    ready = wave.status.condition(READY)
    return ready.reason if ready else ""


def _is_fulfilled(ready: object) -> bool:
    return getattr(ready, "reason", "") in _FULFILLED
