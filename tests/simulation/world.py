"""A model of everything around the operator that may fail: the API server, its watch, its Lease.

Replicas (`replica.py`) live in it. It keeps the true state and records what an invariant may ask:
who wrote which status, which orders were sent for which wishes, who held the Lease at that moment.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from dcs_migration_operator.core.model import ObjectRef, Project, ProjectRef, Task, task_key
from dcs_migration_operator.core.phases import TERMINATING
from dcs_migration_operator.core.status import Status, from_json, parse_time
from dcs_migration_operator.kube.errors import api_error
from simulation.cloud import task_id
from simulation.virtual import clock, now

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulation.cloud import Migration
    from simulation.faults import Weather
    from simulation.replica import Replica

NAMESPACE: Final = "team-a"
LEASE: Final = "lease"
WRITE_S: Final = 0.01

HEARD_S: Final = 16.0
"""The latest that any watch delivers, in any weather."""

PATIENCE_S: Final = 59.0
"""So long nothing is ordered again after an acceptance; a second for the status's coarse times."""


@dataclass(slots=True)
class Stored:
    """One task resource on the server."""

    task: Task
    version: int
    born_at: float
    status: Status = field(default_factory=Status)
    history: list[tuple[float, Status]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SentOrder:
    """One stop order as it left a replica."""

    at: float
    replica: str
    task_ids: tuple[str, ...]
    led: bool
    unwished: tuple[str, ...]
    unlooked: tuple[str, ...]
    hasty: tuple[str, ...]


class World:
    """The state that outlives every replica."""

    def __init__(self, fleet: dict[str, Migration], weather: Weather) -> None:
        self.fleet, self.weather = fleet, weather
        self.objects: dict[str, Stored] = {}
        self._uids: dict[int, str] = {}
        self._births = 0
        self.version = 100
        self.lease: dict[str, Any] | None = None
        self.replicas: list[Replica] = []
        self.orders: list[SentOrder] = []
        self.writes_while_not_leading = 0
        self.project = _project()
        self._deliveries: set[asyncio.Task[None]] = set()
        self._last_due: dict[tuple[str, str], float] = defaultdict(float)

    def apply(self, number: int, *, stopped: bool) -> str:
        """Create a task resource, or set the wish on the one that is there."""
        uid = self._uids.get(number, "")
        stored = self.objects.get(uid)
        if stored is None:
            self._births += 1
            uid = self._uids[number] = f"uid-{number}-{self._births}"  # a namesake is another one
            task = Task(
                ref=ObjectRef("migrationtasks", NAMESPACE, uid, uid),
                generation=1,
                task_id=task_id(number),
                key=task_key(task_id(number)),
                stopped=stopped,
                project=ProjectRef("DCSProject", NAMESPACE, "default"),
            )
            self.objects[uid] = stored = Stored(task, 0, now())
        elif stopped and not stored.task.stopped:
            generation = stored.task.generation + 1
            stored.task = replace(stored.task, stopped=True, generation=generation)
        self._changed(uid)
        return uid

    def delete(self, number: int) -> None:
        """Delete a task resource."""
        uid = self._uids.pop(number, "")
        if self.objects.pop(uid, None):
            self.version += 1
            self._spread(uid)

    async def patch(self, replica: str, ref: ObjectRef, body: Mapping[str, Any]) -> int:
        """Replace a status; may fail before or after it had its effect."""
        self.weather.api("before")
        await asyncio.sleep(WRITE_S)
        if ref.plural != "migrationtasks":
            return self.version
        stored = self.objects.get(ref.uid)
        if stored is None:
            raise api_error(404, "not found")
        stored.status = from_json(dict(body))
        stored.history.append((now(), stored.status))
        self._changed(ref.uid)
        version = stored.version
        self.weather.api("after")
        if not self.holds_lease(replica):
            self.writes_while_not_leading += 1
        return version

    async def get_lease(self, _namespace: str, _name: str) -> dict[str, Any]:
        """Read the Lease."""
        self.weather.api("before")
        await asyncio.sleep(WRITE_S)
        if self.lease is None:
            raise api_error(404, "not found")
        return {**self.lease, "spec": dict(self.lease["spec"])}

    async def create_lease(self, namespace: str, name: str, spec: Mapping[str, Any]) -> None:
        """Create the Lease, once."""
        self.weather.api("before")
        await asyncio.sleep(WRITE_S)
        if self.lease is not None:
            raise api_error(409, "exists")
        metadata = {"namespace": namespace, "name": name, "resourceVersion": "1"}
        self.lease = {"metadata": metadata, "spec": dict(spec)}
        self.weather.api("after")

    async def put_lease(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        """Replace the Lease if nobody else has."""
        self.weather.api("before")
        await asyncio.sleep(WRITE_S)
        assert self.lease is not None
        held = self.lease["metadata"]["resourceVersion"]
        if lease["metadata"]["resourceVersion"] != held:
            raise api_error(409, "conflict")
        metadata = {**lease["metadata"], "resourceVersion": str(int(held) + 1)}
        self.lease = {"metadata": metadata, "spec": dict(lease["spec"])}
        self.weather.api("after")
        return self.lease

    def holds_lease(self, replica: str) -> bool:
        """Tell whether the Lease names this replica at this moment."""
        return self.lease is not None and self.lease["spec"]["holderIdentity"] == replica

    def sent(self, replica: Replica, task_ids: tuple[str, ...]) -> None:
        """Take note of an order, and of what its replica knew and was at that moment."""
        unwished = tuple(one for one in task_ids if not replica.knows_wish(one))
        unlooked = tuple(
            one for one in task_ids if replica.doubts.get(one, -1.0) > replica.looked_at
        )
        led = self.holds_lease(replica.name)
        hasty = tuple(one for one in task_ids if self._accepted_lately(one))
        self.orders.append(SentOrder(now(), replica.name, task_ids, led, unwished, unlooked, hasty))

    def _accepted_lately(self, one: str) -> bool:
        """Tell whether every watch has heard that a stop was accepted less than a minute ago."""
        tasks = [stored for stored in self.objects.values() if stored.task.task_id == one]
        for stored in tasks:
            stop = stored.status.stop
            accepted_at = parse_time(stop.accepted_at) if stop else None
            heard = stored.history and stored.history[-1][0] < now() - HEARD_S
            if stored.status.phase == TERMINATING and accepted_at and heard:
                age_s = (clock().wall - accepted_at).total_seconds()
                return age_s < PATIENCE_S
        return False

    def list_to(self, replica: Replica) -> None:
        """Let a new replica's watch list everything."""
        replica.hear_project(self.project)
        for uid, stored in self.objects.items():
            replica.hear(uid, (stored.task, stored.status, stored.version))

    def close(self) -> None:
        """End what is still on its way."""
        for delivery in self._deliveries:
            delivery.cancel()

    def _changed(self, uid: str) -> None:
        self.version += 1
        self.objects[uid].version = self.version
        self._spread(uid)

    def _spread(self, uid: str) -> None:
        """Let every watch tell of an object, each as late as the weather has it, in order."""
        stored = self.objects.get(uid)
        news = (stored.task, stored.status, stored.version) if stored else None
        for replica in self.replicas:
            due = max(now() + self.weather.watch_delay_s(), self._last_due[replica.name, uid])
            self._last_due[replica.name, uid] = due
            delivery = asyncio.create_task(_deliver(replica, uid, news, due))
            self._deliveries.add(delivery)
            delivery.add_done_callback(self._deliveries.discard)


async def _deliver(
    replica: Replica, uid: str, news: tuple[Task, Status, int] | None, due: float
) -> None:
    await asyncio.sleep(due - now())
    replica.hear(uid, news)


def _project() -> Project:
    return Project(
        ref=ProjectRef("DCSProject", NAMESPACE, "default"),
        object=ObjectRef("dcsprojects", NAMESPACE, "default", "uid-project"),
        generation=1,
        endpoint="https://dcs.cn-north-4.myhuaweicloud.com",
        project_id="0123456789abcdef",
        secret="dcs",
    )
