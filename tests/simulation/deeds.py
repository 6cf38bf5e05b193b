"""What befalls the world in a case: users, people at the console, strangers, and what they undo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dcs_migration_operator.core.model import Credentials
from dcs_migration_operator.core.status import from_json
from simulation.cloud import task_id

if TYPE_CHECKING:
    from simulation.cloud import Migration
    from simulation.drawing import Deed
    from simulation.world import World

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
    n = deed.number
    match deed.what.split(": "):
        case ["stop" | "observe" as wish]:
            world.apply(n, stopped=wish == "stop")
        case ["delete"]:
            world.delete(n)
        case ["console", what]:
            _at_console(world, n, what)
        case ["project", what]:
            _to_project(world, n, what)
        case ["secret", what]:
            _to_secret(world, n, what)
        case ["key", _]:
            world.gateway.secrets[f"AK-{n}"] += " renewed"
        case ["forge", what]:
            world.forge(n, from_json(FORGERIES[what]))
        case _:
            raise AssertionError(deed)


def put_right(world: World) -> None:
    """Undo whatever only a person can undo: projects, Secrets and keys are as they should be."""
    for p in range(world.case.projects):
        known = world.projects.get(p)
        wrong = known is None or known.project.suspended
        if known is None or wrong or known.project.project_id != f"project-{p}":
            world.apply_project(p)
        _to_secret(world, p, "right")


def _at_console(world: World, number: int, what: str) -> None:
    fleet, key = _fleet_of(world, number), task_id(number)
    one = fleet.get(key)
    if one is None:
        return
    match what:
        case "start":
            one.start()
        case "stop":
            one.halt()
        case _:
            del fleet[key]


def _fleet_of(world: World, number: int) -> dict[str, Migration]:
    return world.fleets[f"project-{number % world.case.projects}"]


def _to_project(world: World, number: int, what: str) -> None:
    if what == "delete":
        world.delete_project(number)
    else:
        world.apply_project(number, wrong=what == "wrong", suspended=what == "suspend")


def _to_secret(world: World, number: int, what: str) -> None:
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
