"""What other people do to the migrations of a fleet: in the console, with Terraform, by accident.

An `Act` is done at once or planned, once or repeatedly, for named tasks, for those whose name
matches a pattern, or for a share of them drawn by the seed.

| act | whom it concerns | what happens |
| --- | --- | --- |
| `stop` | whatever runs and is not being stopped | the way of a stop; counts as lost by `others` |
| `restart` | online tasks that ended | back to work, as with batch-restart |
| `delete` | all | DCS no longer knows it |
| `break` | whatever is in its incremental phase | the connection breaks, see `resume_mode` |
| `die` | the same | it passes nothing on anymore and says lag 0; its word stays |
| `revive` | what died | it passes on again |

An act leaves tasks alone that it does not concern at that moment.
"""

import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

from sandbox.dcs import lag, orders
from sandbox.dcs.fleet import Fleet
from sandbox.dcs.migration import Migration, Phase

DONE_MAX: Final = 10_000
"""Deeds remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """An act of another person: what, on which tasks, when, and how often."""

    act: Literal["stop", "restart", "delete", "break", "die", "revive"]
    task_ids: tuple[str, ...] = ()
    """Empty: all."""
    name: str = "*"
    """A pattern with `*` and `?` that the names of the tasks must match."""
    share: float = 1.0
    """Share of the matching tasks, each drawn independently."""
    after_s: float = 0.0
    times: int = 1
    every_s: float = 1.0
    """Seconds between repetitions."""

    def __post_init__(self) -> None:
        """Check the figures; raises `ValueError` for invalid ones."""
        if not 0 <= self.share <= 1:
            raise ValueError("share must be 0 to 1")
        if self.after_s < 0 or self.times < 1 or self.every_s <= 0:
            raise ValueError("after_s must be 0 or more, times 1 or more, every_s above 0")


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done to one task."""

    at_s: float
    act: str
    task_id: str


class Others:
    """The other people who work in one project.

    Args:
        fleet: Where they work.
        seed: Draws the tasks of an act with a share; equal seeds draw the same.
    """

    def __init__(self, fleet: Fleet, seed: int = 0) -> None:
        self._fleet = fleet
        self._chance = random.Random(seed)  # noqa: S311 - chance, not secrecy
        self._done: deque[Deed] = deque(maxlen=DONE_MAX)

    def do(self, act: Act) -> list[str]:
        """Do it now, or plan it; returns the ids of the tasks affected now.

        Raises `KeyError` for an id that was never added.
        """
        self._fleet.choose(task_ids=act.task_ids)
        now_s = self._fleet.clock()
        if act.after_s:
            self._fleet.plan(now_s + act.after_s, self._planned(act))
            return []
        done = self._do(act, now_s)
        self._fleet.advance()
        return done

    def to_json(self) -> dict[str, Any]:
        """Return what was done, oldest first."""
        return {"done": [asdict(deed) for deed in self._done]}

    def forget(self) -> None:
        """Forget what was done; plans are kept."""
        self._done.clear()

    def _planned(self, act: Act) -> Callable[[float], None]:
        def begin(at_s: float) -> None:
            self._do(act, at_s)

        return begin

    def _do(self, act: Act, at_s: float) -> list[str]:
        done = []
        for migration in self._fleet.present(act.name, act.task_ids):
            if act.share < 1 and self._chance.random() >= act.share:
                continue
            if _DEEDS[act.act](self._fleet, migration, at_s):
                done.append(migration.spec.task_id)
                self._done.append(Deed(at_s, act.act, migration.spec.task_id))
        if act.times > 1:
            again = replace(act, times=act.times - 1)
            self._fleet.plan(at_s + act.every_s, self._planned(again))
        return done


def _stop(fleet: Fleet, migration: Migration, at_s: float) -> bool:
    if migration.stopping or migration.is_ended:
        return False
    fleet.schedule_stop(migration, at_s, by="others")
    return True


def _restart(fleet: Fleet, migration: Migration, at_s: float) -> bool:
    if not orders.may_restart(migration):
        return False
    fleet.restart(migration, at_s)
    return True


def _delete(fleet: Fleet, migration: Migration, at_s: float) -> bool:
    fleet.delete(migration, at_s)
    return True


def _break(fleet: Fleet, migration: Migration, at_s: float) -> bool:
    return fleet.break_sync(migration, at_s)


def _die(_: Fleet, migration: Migration, at_s: float) -> bool:
    if migration.spec.dead or migration.sync.phase is not Phase.INCREMENTAL:
        return False
    return _set_dead(migration, at_s, dead=True)


def _revive(_: Fleet, migration: Migration, at_s: float) -> bool:
    return migration.spec.dead and _set_dead(migration, at_s, dead=False)


def _set_dead(migration: Migration, at_s: float, *, dead: bool) -> bool:
    lag.settle(migration, at_s)
    migration.spec = replace(migration.spec, dead=dead)
    return True


_DEEDS: Final[Mapping[str, Callable[[Fleet, Migration, float], bool]]] = {
    "stop": _stop,
    "restart": _restart,
    "delete": _delete,
    "break": _break,
    "die": _die,
    "revive": _revive,
}
