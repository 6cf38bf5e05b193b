"""A model of everything around the operator that may fail: the API server, its watch, its Lease.

Replicas (`replica.py`) live in it, users act on it (`deeds.py`). It keeps the true state, and notes
what an invariant may ask (`notes.py`).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from dcs_migration_operator.core.conditions import READY
from dcs_migration_operator.core.model import (
    Credentials,
    Instant,
    ObjectRef,
    Project,
    ProjectRef,
    Task,
    Wave,
    WaveRef,
    task_key,
)
from dcs_migration_operator.core.phases import PhaseClass, class_of
from dcs_migration_operator.core.status import Status, from_json
from dcs_migration_operator.engine.ports import SecretReadError
from dcs_migration_operator.kube.errors import ApiError, api_error
from simulation.cloud import Migration, dashed, task_id
from simulation.gateway import Gateway
from simulation.lags import Replication
from simulation.notes import Notes
from simulation.virtual import EPOCH, now

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from dcs_migration_operator.core.cutover import Cutover
    from simulation.drawing import Case
    from simulation.replica import Replica
    from simulation.wishes import WaveSpec

NAMESPACE: Final = "team-a"
LEASE: Final = "lease"
WRITE_S: Final = 0.01

NAMESAKES: Final = 1000
"""The n-th resource and the one so many further on name the same task, in two spellings."""

CLAIMS: Final = frozenset({"Terminated", "EndedBeforeStop", "TaskFailed", "TaskNotFound"})
"""What a status may only say of a wish after DCS was asked."""


@dataclass(slots=True)
class Stored:
    """One task resource on the server.

    Attributes:
        wished_at: When the wish to stop was made.
        changed_at: When its spec last changed.
        written_at: When the operator last wrote its status.
        forged: Phases that strangers wrote into its status.
        history: The statuses that the operator wrote.
    """

    task: Task
    version: int
    born_at: float
    wished_at: float = float("inf")
    changed_at: float = 0.0
    written_at: float = float("-inf")
    forged: set[str] = field(default_factory=set)
    status: Status = field(default_factory=Status)
    history: list[tuple[float, Status]] = field(default_factory=list)


@dataclass(slots=True)
class StoredProject:
    """One project resource on the server."""

    project: Project
    version: int
    changed_at: float
    status: Status = field(default_factory=Status)


@dataclass(slots=True)
class StoredWave:
    """One wave resource on the server.

    Attributes:
        turned_at: When it last began to hold or to go, was made or was removed.
        changed_at: When its spec last changed.
    """

    wave: Wave
    version: int
    turned_at: float
    changed_at: float
    status: Status = field(default_factory=Status)


News = tuple[Task | Project | Wave, Status, int]
"""What a line of the watch says of an object that is there."""


class World:
    """The state that outlives every replica."""

    def __init__(self, case: Case) -> None:
        self.case, self.weather = case, case.weather
        self.notes = Notes()
        self.objects: dict[str, Stored] = {}
        self.projects: dict[int, StoredProject] = {}
        self.waves: dict[int, StoredWave] = {}
        self.turned_at: dict[int, float] = {}
        """When each wave last turned between Go and anything else, also one that is gone."""
        self.secrets: dict[str, Credentials | None] = {}
        self.gateway = Gateway(
            {f"AK-{k}": f"SK-{k}" for k in range(case.keys)},
            case.refusal_s,
            self.weather.refuses_all,
        )
        self.fleets = {f"project-{p}": _fleet(case, p) for p in range(case.projects)}
        if case.decoys:
            self.fleets |= {f"wrong-{p}": _fleet(case, p) for p in range(case.projects)}
        self.version = 100
        self.lease: dict[str, Any] | None = None
        self.replicas: list[Replica] = []
        self._uids: dict[int, str] = {}
        self._births = 0
        self._deliveries: set[asyncio.Task[None]] = set()
        self._last_due: dict[tuple[str, str], float] = defaultdict(float)

    def wall(self, replica: int) -> datetime:
        """Return what the clock of a replica's node shows, in whole seconds."""
        return EPOCH + timedelta(seconds=int(now() + self.weather.set_off_s(replica)))

    def clock(self, replica: int) -> Instant:
        """Return the moment on both clocks of a replica."""
        return Instant(now(), self.wall(replica))

    def migration(self, task: Task) -> Migration | None:
        """Return the migration that a resource means, in the project that it should be in."""
        text = dashed(task.task_id)
        return self.fleets[self.home_of(task.key)].get(text)

    def home_of(self, key: str) -> str:
        """Return the cloud project in which a task is, if it is anywhere."""
        return f"project-{int(key[:8], 16) % self.case.projects}"

    def apply(self, number: int, *, stopped: bool, cutover: Cutover | None = None) -> str:
        """Create a task resource, or set the wish on the one that is there.

        An unconditional wish takes the place of a conditional one, and is never taken back.
        """
        uid = self._uids.get(number, "")
        stored = self.objects.get(uid)
        if stored is None:
            self._births += 1
            uid = self._uids[number] = f"uid-{number}-{self._births}"  # a namesake is another one
            text = task_id(number % NAMESAKES)
            task = Task(
                ref=ObjectRef("migrationtasks", NAMESPACE, uid, uid),
                generation=1,
                task_id=text if number < NAMESAKES else task_key(text),
                key=task_key(text),
                stopped=stopped,
                project=_ref(number % NAMESAKES % self.case.projects),
                cutover=cutover,
            )
            self.objects[uid] = stored = Stored(task, 0, now(), changed_at=now())
        elif not stored.task.stopped and (stopped or cutover):
            self._change(stored, stopped=stopped, cutover=cutover)
        if stopped or cutover:
            stored.wished_at = min(stored.wished_at, now())
        if cutover and uid not in self.notes.at_once:
            one = self.migration(stored.task)
            runs = one is not None and class_of(one.at(now())) is PhaseClass.ACTIVE
            if one and runs and isinstance(one.lag, Replication):
                self.notes.at_once[uid] = one.lag.behind(now())
        self._changed(uid)
        return uid

    def numbered(self) -> list[tuple[int, Stored]]:
        """Return the task resources with the numbers under which they were applied."""
        return [(n, self.objects[uid]) for n, uid in self._uids.items() if uid in self.objects]

    def give_up(self, number: int) -> None:
        """Remove the conditional wish from a task resource."""
        stored = self.objects.get(self._uids.get(number, ""))
        if stored and stored.task.cutover:
            self._change(stored, stopped=False, cutover=None)
            stored.wished_at = float("inf")
            self._changed(stored.task.ref.uid)

    def _change(self, stored: Stored, *, stopped: bool, cutover: Cutover | None) -> None:
        """Change the wish of a task resource; only what changes makes a new generation."""
        wish = stored.task.stopped, stored.task.cutover
        if wish != (stopped, cutover):
            generation = stored.task.generation + 1
            stored.task = replace(
                stored.task, stopped=stopped, cutover=cutover, generation=generation
            )
            stored.changed_at = now()

    def apply_wave(self, number: int, spec: WaveSpec) -> None:
        """Create a wave resource, or change the one that is there."""
        known = self.waves.get(number)
        self._births += 1
        uid = known.wave.object.uid if known else f"wave-{number}-{self._births}"
        ref = wave_ref(number)
        wave = Wave(
            ref=ref,
            object=ObjectRef("migrationwaves", NAMESPACE, ref.name, uid),
            generation=known.wave.generation + 1 if known else 1,
            goes=spec.goes,
            window=spec.window,
            under_way_max=spec.under_way_max,
            failures_max=spec.failures_max,
            said=spec.said,
        )
        turned = known is None or known.wave.goes != wave.goes
        if turned:
            self.turned_at[number] = now()
        status = known.status if known else Status()
        self.version += 1
        turned_at = self.turned_at[number]
        self.waves[number] = StoredWave(wave, self.version, turned_at, now(), status)
        self._spread(uid, (wave, status, self.version))

    def delete_wave(self, number: int) -> None:
        """Delete a wave resource."""
        gone = self.waves.pop(number, None)
        if gone:
            self.turned_at[number] = now()
            self.version += 1
            self._spread(gone.wave.object.uid, None)

    def delete(self, number: int) -> None:
        """Delete a task resource."""
        uid = self._uids.pop(number, "")
        if self.objects.pop(uid, None):
            self.version += 1
            self._spread(uid, None)

    def apply_project(self, number: int, *, wrong: bool = False, suspended: bool = False) -> None:
        """Create a project resource, or change the one that is there."""
        known = self.projects.get(number)
        self._births += 1
        uid = known.project.object.uid if known else f"project-{number}-{self._births}"
        project = Project(
            ref=_ref(number),
            object=ObjectRef("dcsprojects", NAMESPACE, f"p-{number}", uid),
            generation=known.project.generation + 1 if known else 1,
            endpoint="https://dcs.cn-north-4.myhuaweicloud.com",
            project_id=f"{'wrong' if wrong else 'project'}-{number}",
            secret=f"dcs-{number}",
            suspended=suspended,
        )
        status = known.status if known else Status()
        self.version += 1
        self.projects[number] = StoredProject(project, self.version, now(), status)
        self._spread(uid, (project, status, self.version))

    def delete_project(self, number: int) -> None:
        """Delete a project resource."""
        gone = self.projects.pop(number, None)
        if gone:
            self.version += 1
            self._spread(gone.project.object.uid, None)

    def forge(self, number: int, status: Status) -> None:
        """Let a stranger write the status of a task resource."""
        uid = self._uids.get(number, "")
        stored = self.objects.get(uid)
        if stored:
            stored.status = status
            stored.forged.add(status.phase)
            self._changed(uid)

    async def patch(self, replica: str, ref: ObjectRef, body: Mapping[str, Any]) -> int:
        """Replace a status; may fail before or after it had its effect."""
        await self.weather.api("before", "patch")
        await asyncio.sleep(WRITE_S)
        version = self._write(ref, from_json(dict(body)))
        await self.weather.api("after", "patch")
        if not self.holds_lease(replica):
            self.notes.writes_while_not_leading += 1
        return version

    def _write(self, ref: ObjectRef, status: Status) -> int:
        if ref.plural == "migrationwaves":
            return self._write_wave(ref, status)
        if ref.plural != "migrationtasks":
            return self._write_project(ref, status)
        stored = self.objects.get(ref.uid)
        if stored is None:
            self.notes.gone_writes += 1
            raise api_error(404, "not found")
        self._judge(stored, status)
        stored.status, stored.written_at = status, now()
        stored.history.append((now(), status))
        self._changed(ref.uid)
        return stored.version

    def _write_project(self, ref: ObjectRef, status: Status) -> int:
        for known in self.projects.values():
            if known.project.object.uid == ref.uid:
                self.version += 1
                known.version, known.status = self.version, status
                self.notes.shown[ref.uid].append((now(), status))
                self._spread(ref.uid, (known.project, status, self.version))
                return self.version
        self.notes.gone_writes += 1
        raise api_error(404, "not found")

    def _write_wave(self, ref: ObjectRef, status: Status) -> int:
        for known in self.waves.values():
            if known.wave.object.uid == ref.uid:
                self.version += 1
                known.version, known.status = self.version, status
                self.notes.shown[ref.uid].append((now(), status))
                self._spread(ref.uid, (known.wave, status, self.version))
                return self.version
        self.notes.gone_writes += 1
        raise api_error(404, "not found")

    def _judge(self, stored: Stored, status: Status) -> None:
        """Note a claim about a wish that nothing supports which DCS was asked after it."""
        ready, task = status.condition(READY), stored.task
        if ready is None or ready.reason not in CLAIMS or status.generation != task.generation:
            return
        if not task.wishes_stop or stored.forged:
            return
        asked = [at for (_, key), at in self.notes.over_at.items() if key == task.key]
        if max(asked, default=-1.0) < stored.wished_at:
            self.notes.early.append(f"{ready.reason} of {task.ref.uid} at {now()}")

    async def read_secret(self, name: str) -> Credentials:
        """Read a Secret as `kube.api` does."""
        try:
            await self.weather.api("before", "secret")
        except ApiError as error:
            raise SecretReadError(str(error), passing=True) from None
        await asyncio.sleep(WRITE_S)
        found = self.secrets.get(name)
        if found is None:
            raise SecretReadError(f"Secret {name} does not exist.")
        return found

    async def get_lease(self, _namespace: str, _name: str) -> dict[str, Any]:
        """Read the Lease."""
        await self.weather.api("before", "lease")
        await asyncio.sleep(WRITE_S)
        if self.lease is None:
            raise api_error(404, "not found")
        return {**self.lease, "spec": dict(self.lease["spec"])}

    async def create_lease(self, namespace: str, name: str, spec: Mapping[str, Any]) -> None:
        """Create the Lease, once."""
        await self.weather.api("before", "lease")
        await asyncio.sleep(WRITE_S)
        if self.lease is not None:
            raise api_error(409, "exists")
        metadata = {"namespace": namespace, "name": name, "resourceVersion": "1"}
        self.lease = {"metadata": metadata, "spec": dict(spec)}
        await self.weather.api("after", "lease")

    async def put_lease(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        """Replace the Lease if nobody else has."""
        await self.weather.api("before", "lease")
        await asyncio.sleep(WRITE_S)
        assert self.lease is not None
        held = self.lease["metadata"]["resourceVersion"]
        if lease["metadata"]["resourceVersion"] != held:
            raise api_error(409, "conflict")
        metadata = {**lease["metadata"], "resourceVersion": str(int(held) + 1)}
        self.lease = {"metadata": metadata, "spec": dict(lease["spec"])}
        await self.weather.api("after", "lease")
        return self.lease

    def holds_lease(self, replica: str) -> bool:
        """Tell whether the Lease names this replica at this moment."""
        return self.lease is not None and self.lease["spec"]["holderIdentity"] == replica

    def list_to(self, replica: Replica) -> None:
        """Let a new replica's watch list everything."""
        for known in self.projects.values():
            replica.hear(known.project.object.uid, (known.project, known.status, known.version))
        for one in self.waves.values():
            replica.hear(one.wave.object.uid, (one.wave, one.status, one.version))
        for uid, stored in self.objects.items():
            replica.hear(uid, (stored.task, stored.status, stored.version))

    def close(self) -> None:
        """End what is still on its way."""
        for delivery in self._deliveries:
            delivery.cancel()

    def _changed(self, uid: str) -> None:
        self.version += 1
        stored = self.objects[uid]
        stored.version = self.version
        self._spread(uid, (stored.task, stored.status, stored.version))

    def _spread(self, uid: str, news: News | None) -> None:
        """Let every watch tell of an object, each as late as the weather has it, in order."""
        for replica in self.replicas:
            due = max(now() + self.weather.watch_delay_s(), self._last_due[replica.name, uid])
            self._last_due[replica.name, uid] = due
            delivery = asyncio.create_task(_deliver(replica, uid, news, due))
            self._deliveries.add(delivery)
            delivery.add_done_callback(self._deliveries.discard)


async def _deliver(replica: Replica, uid: str, news: News | None, due: float) -> None:
    await asyncio.sleep(due - now())
    replica.hear(uid, news)


def _fleet(case: Case, project: int) -> dict[str, Migration]:
    """Return the migrations of one cloud project, with no past."""
    mine = list(case.fleet.items())[project :: case.projects]
    return {text: one.fresh() for text, one in mine}


def wave_ref(number: int) -> WaveRef:
    """Return the name of the n-th wave."""
    return WaveRef(NAMESPACE, f"w-{number}")


def _ref(number: int) -> ProjectRef:
    return ProjectRef("DCSProject", NAMESPACE, f"p-{number}")
