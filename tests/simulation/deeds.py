"""What befalls the world in a case: users, people at the console, strangers, and what they undo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dcs_migration_operator.core.cutover import ALWAYS, Cutover, TermsSaid
from dcs_migration_operator.core.model import Credentials
from dcs_migration_operator.core.phases import PhaseClass, class_of
from dcs_migration_operator.core.status import from_json
from simulation.cloud import task_id
from simulation.lags import Replication
from simulation.virtual import now
from simulation.wishes import WaveSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulation.cloud import Migration
    from simulation.wishes import Deed
    from simulation.world import World

LAST_STABLE_S: Final = 11.0

_DONE: Final = [
    {"type": "Ready", "status": "True", "reason": "Terminated", "message": "It is done."},
    {"type": "Stopped", "status": "True", "reason": "Terminated", "message": "It is done."},
]
FORGERIES: Final[dict[str, dict[str, Any]]] = {
    "nothing": {},
    "an end": {
        "phase": "TERMINATED",
        "observedGeneration": 1,
        "conditions": _DONE,
        "stop": {"attempts": 1, "terminatedAt": "2026-03-01T11:00:00Z"},
    },
    "a later end": {"phase": "SUCCESS", "observedGeneration": 2, "conditions": _DONE},
    "times": {
        "phase": "TERMINATING",
        "observedGeneration": 2**63 - 1,
        "stop": {"acceptedAt": "0001-01-01T00:00:00+14:00", "attempts": 2**31 - 1},
    },
    "the future": {
        "phase": "TERMINATING",
        "stop": {"acceptedAt": "9999-12-31T23:59:59-14:00", "attempts": -1},
        "conditions": [{"type": "Ready", "status": "False", "reason": "StopNotEffective"}],
    },
    "shapes": {
        "phase": ["MIGRATING"],
        "observedGeneration": "1",
        "conditions": [7, {"type": None, "status": {}}, []],
        "stop": "now",
        "task": [],
        "lastError": {"code": 5},
    },
}
"""Statuses that strangers write; the API server would not take all of them."""


def do(world: World, deed: Deed) -> None:
    """Let one deed befall the world."""
    kind, _, what = deed.what.partition(": ")
    _DO[kind](world, deed, what)


def _stop(world: World, deed: Deed, _: str) -> None:
    world.apply(deed.number, stopped=True)


def _observe(world: World, deed: Deed, _: str) -> None:
    world.apply(deed.number, stopped=False)


def _delete(world: World, deed: Deed, _: str) -> None:
    world.delete(deed.number)


def _cut_over(world: World, deed: Deed, what: str) -> None:
    """Wish a stop on a condition, or never mind."""
    if what:
        world.give_up(deed.number)
    else:
        assert isinstance(deed.value, Cutover)
        world.apply(deed.number, stopped=False, cutover=deed.value)


def _wave(world: World, deed: Deed, what: str) -> None:
    if what == "delete":
        world.delete_wave(deed.number)
    else:
        assert isinstance(deed.value, WaveSpec)
        world.apply_wave(deed.number, deed.value)


def _forge(world: World, deed: Deed, what: str) -> None:
    world.forge(deed.number, from_json(FORGERIES[what]))


def _renew(world: World, deed: Deed, _: str) -> None:
    world.gateway.secrets[f"AK-{deed.number}"] += " renewed"


def put_right(world: World) -> None:
    """Undo whatever only a person can undo: projects, Secrets and keys are as they should be."""
    for p in range(world.case.projects):
        known = world.projects.get(p)
        wrong = known is None or known.project.suspended
        if known is None or wrong or known.project.project_id != f"project-{p}":
            world.apply_project(p)
        _write_secret(world, p, "right")


def bring_home(world: World) -> None:
    """Let people finish what waits for a condition: writers stop, what is broken heals, waves hold.

    `let_go` follows a moment later, so that all of it is opened anew.
    """
    for fleet in world.fleets.values():
        for one in fleet.values():
            if isinstance(one.lag, Replication):
                one.lag.heal(now())
                one.refuses = ""
    for number in _waves_named(world):
        world.apply_wave(number, WaveSpec())


def let_go(world: World) -> None:
    """Let all waves go, and wish for what has no wave once more, each on terms that can be met."""
    for number in _waves_named(world):
        world.apply_wave(number, WaveSpec(goes=True, failures_max=0))
    for number, stored in world.numbered():
        cutover = stored.task.cutover
        if cutover and not cutover.wave:
            world.apply(number, stopped=False, cutover=LAST_WISH)


LAST_WISH: Final = Cutover(TermsSaid(stable_for_s=LAST_STABLE_S), "", ALWAYS)
"""Nobody draws it, so that it changes whatever was wished before."""


def _waves_named(world: World) -> list[int]:
    """Return the numbers of all waves that exist or are named."""
    named = {
        int(one.task.cutover.wave.removeprefix("w-"))
        for one in world.objects.values()
        if one.task.cutover and one.task.cutover.wave
    }
    return sorted(named | set(world.waves))


def _break_sync(world: World, deed: Deed, _: str) -> None:
    one = _fleet_of(world, deed.number).get(task_id(deed.number))
    if one and isinstance(one.lag, Replication) and class_of(one.word) is PhaseClass.ACTIVE:
        one.lag.break_off(now())


def _to_writers(world: World, deed: Deed, switch: str) -> None:
    one = _fleet_of(world, deed.number).get(task_id(deed.number))
    if one and isinstance(one.lag, Replication):
        one.lag.write(now(), on=switch == "on")


def _at_console(world: World, deed: Deed, what: str) -> None:
    fleet, key = _fleet_of(world, deed.number), task_id(deed.number)
    one = fleet.get(key)
    if one is None:
        return
    match what:
        case "start":
            one.start()
            if isinstance(one.lag, Replication):
                one.lag.restart(now())
        case "stop":
            one.halt()
        case _:
            del fleet[key]


def _fleet_of(world: World, number: int) -> dict[str, Migration]:
    return world.fleets[f"project-{number % world.case.projects}"]


def _to_project(world: World, deed: Deed, what: str) -> None:
    number = deed.number
    if number >= world.case.projects:
        return
    if what == "delete":
        world.delete_project(number)
    else:
        world.apply_project(number, wrong=what == "wrong", suspended=what == "suspend")


def _to_secret(world: World, deed: Deed, what: str) -> None:
    _write_secret(world, deed.number, what)


def _write_secret(world: World, number: int, what: str) -> None:
    """Write the Secret of a project; what is guessed is another secret key each time."""
    access_key = f"AK-{number % world.case.keys}"
    name, right = f"dcs-{number}", world.gateway.secrets[access_key]
    match what:
        case "right":
            world.secrets[name] = Credentials(access_key, right)
        case "missing":
            world.secrets[name] = None
        case _:
            world.secrets[name] = Credentials(access_key, what)


_DO: Final[Mapping[str, Callable[[World, Deed, str], None]]] = {
    "stop": _stop,
    "observe": _observe,
    "delete": _delete,
    "cut over": _cut_over,
    "wave": _wave,
    "writers": _to_writers,
    "sync": _break_sync,
    "console": _at_console,
    "project": _to_project,
    "secret": _to_secret,
    "key": _renew,
    "forge": _forge,
}
"""What is done, by its first word."""
