"""What happens to a fleet during a soak: tasks come, are to be stopped, go; DCS has bad moments.

Owns the drawing, all of it from one seed, and the knowledge of what was wished. Migrations that are
no longer named by a resource are taken out of DCS too, so that neither side grows by itself.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bench.stand import NAMESPACE
from sandbox import manifests

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.stand import Stand

FLEET: Final = 500
"""Resources at any moment: ten full orders."""
STEP_MAX: Final = 8
"""Tasks that come, are wished to be stopped or go in one step of a second, at most."""
BURST: Final = 120
"""Now and then so many come at once: more than two full orders."""
BURST_SHARE: Final = 0.02
FAULT_SHARE: Final = 0.08
"""Of the steps in which a fault begins: one every 12 s, so that there is good weather between."""

FAULTS: Final[tuple[dict[str, Any], ...]] = (
    {"kind": "throttle", "retry_after": "2"},
    {"kind": "error", "status": 500},
    {"kind": "error", "status": 503},
    {"kind": "error", "status": 504, "executes": True, "operation": "batch_stop"},
    {"kind": "html"},
    {"kind": "empty"},
    {"kind": "hang", "seconds": 5.0},
    {"kind": "drop"},
    {"kind": "drop", "executes": True},
    {"kind": "truncate"},
    {"kind": "slow", "seconds": 2.0},
    {"kind": "drip", "seconds": 2.0},
    {"kind": "oversize", "size_bytes": 4 * 1024 * 1024},
    {"kind": "null_list", "operation": "list"},
    {"kind": "wrong_types", "variant": "items", "operation": "list"},
    {"kind": "omit_ids", "ids": 3},
    {"kind": "duplicate_ids", "ids": 3},
    {"kind": "stale_list", "operation": "list", "age_s": 5.0},
)
"""All but 401 and 403: after those the operator rests for minutes, and nothing would happen."""
FAULT_S: Final = (1.0, 6.0)
"""How long a fault lasts."""

WAYS: Final[tuple[dict[str, Any], ...]] = (
    *({},) * 12,
    {"refuse_code": "DCS.4017", "refuse_times": 1},
    {"ignore_stops": 1},
    {"lag_s": 4.0},
    {"ends_after_s": 20.0},
    {"word": "TERMINATED"},
)
"""How a migration behaves; most just stop."""


@dataclass(slots=True)
class Task:
    """One resource and its migration."""

    name: str
    task_id: str
    wished: bool


class Churn:
    """The fleet; call `step` once a second, then `calm`."""

    def __init__(self, stand: Stand, seed: int) -> None:
        self._stand = stand
        self._random = random.Random(seed)  # noqa: S311 - chance, not secrecy
        self._number = 0
        self.tasks: list[Task] = []
        self.created = self.wished = self.deleted = self.faults = 0

    def fill(self) -> None:
        """Begin with a whole fleet."""
        self._create(FLEET)

    def step(self) -> None:
        """Let a second's worth happen."""
        draw = self._random
        self._create(BURST if draw.random() < BURST_SHARE else draw.randint(0, STEP_MAX))
        open_ = [one for one in self.tasks if not one.wished]
        self._wish(draw.sample(open_, min(len(open_), draw.randint(0, STEP_MAX))))
        excess = max(0, len(self.tasks) - FLEET)
        # The oldest have mostly ended; a few go at any moment of their lives.
        gone = self.tasks[:excess] + draw.sample(self.tasks[excess:], draw.randint(0, 2))
        self._delete(gone)
        if draw.random() < FAULT_SHARE:
            fault = draw.choice(FAULTS) | {"for_s": draw.uniform(*FAULT_S)}
            self._stand.cloud.ask("POST", "/faults", fault)
            self.faults += 1

    def calm(self) -> None:
        """Switch all faults off, and wish for every task that is left that it be stopped."""
        self._stand.cloud.ask("DELETE", "/faults")
        self._wish([one for one in self.tasks if not one.wished])

    def lost(self) -> list[str]:
        """Return the names of tasks whose wish is not fulfilled: as their resource says, or DCS."""
        path = manifests.path(NAMESPACE, manifests.TASKS)
        items = {one["metadata"]["name"]: one for one in self._stand.plane.api.get(path)["items"]}
        words = {
            one["task_id"]: one["word"]
            for one in self._stand.cloud.ask("GET", "/migrations")["migrations"]
        }
        return [
            one.name
            for one in self.tasks
            if not (_is_ready(items[one.name]) and words[one.task_id] in {"TERMINATED", "SUCCESS"})
        ]

    def _create(self, count: int) -> None:
        if not count:
            return
        made = []
        for _ in range(count):
            self._number += 1
            task_id = str(uuid.UUID(int=self._random.getrandbits(128)))
            wished = self._random.random() < 1 / 2
            made.append(Task(f"task-{self._number:07}", task_id, wished))
        migrations = [self._random.choice(WAYS) | {"task_id": one.task_id} for one in made]
        self._stand.cloud.ask("POST", "/migrations", migrations)
        self._stand.create(
            manifests.migration_task(one.name, one.task_id, stopped=one.wished) for one in made
        )
        self.tasks += made
        self.created += count
        self.wished += sum(one.wished for one in made)

    def _wish(self, tasks: Iterable[Task]) -> None:
        for one in tasks:
            self._stand.plane.api.patch(_path(one), {"spec": {"stopped": True}})
            one.wished = True
            self.wished += 1

    def _delete(self, tasks: Iterable[Task]) -> None:
        for one in tasks:
            self._stand.plane.api.delete(_path(one))
            self._stand.cloud.ask("DELETE", f"/migrations/{one.task_id}")
            self.tasks.remove(one)
            self.deleted += 1


def _path(task: Task) -> str:
    return manifests.path(NAMESPACE, manifests.TASKS, task.name)


def _is_ready(resource: dict[str, Any]) -> bool:
    conditions = resource.get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
