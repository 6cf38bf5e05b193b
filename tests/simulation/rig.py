"""The real engine on virtual time, between a model of DCS and a model of the API server."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from dcs_migration_operator.core.cloud import LIST_ROWS_MAX
from dcs_migration_operator.core.cutover import ALWAYS, Cutover, TermsSaid
from dcs_migration_operator.core.model import (
    Account,
    Ambient,
    Credentials,
    ExpiringCredentials,
    ObjectRef,
    Project,
    ProjectRef,
    Task,
    Wave,
    WaveRef,
    task_key,
)
from dcs_migration_operator.core.status import Status
from dcs_migration_operator.engine.build import Surroundings, build
from dcs_migration_operator.engine.ports import ClusterReads, SecretReadError
from dcs_migration_operator.settings import Settings
from simulation.cloud import Migration, ModelDcs, task_id
from simulation.gateway import Signer
from simulation.probe import NoProbe
from simulation.virtual import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dcs_migration_operator.core.admission import AllowedNamespaces
    from dcs_migration_operator.core.errors import ReadError
    from dcs_migration_operator.engine.build import Engine
    from simulation.gateway import Gateway

NAMESPACE = "team-a"
OPERATOR_NAMESPACE = "dcs-system"
SECRET_NAME = "dcs"
KEYS = Credentials("AK", "SK")


@dataclass(slots=True)
class Stored:
    """One object in the model of the API server."""

    task: Task
    version: int
    status: Status = field(default_factory=Status)
    history: list[Status] = field(default_factory=list)


@dataclass(slots=True)
class StoredProject:
    """One project in the model of the API server."""

    project: Project
    version: int
    status: Status = field(default_factory=Status)
    history: list[Status] = field(default_factory=list)


@dataclass(slots=True)
class StoredWave:
    """One wave in the model of the API server."""

    wave: Wave
    version: int
    status: Status = field(default_factory=Status)
    history: list[Status] = field(default_factory=list)


class ModelApi:
    """Keeps objects with versions, takes statuses and echoes every write to the watch.

    Implements the engine's `StatusSink`; a write takes `write_s` and the echo comes after it.
    """

    def __init__(self, write_s: float = 0.005) -> None:
        self.objects: dict[str, Stored] = {}
        self.projects: dict[str, StoredProject] = {}
        """By uid."""
        self.waves: dict[str, StoredWave] = {}
        """By uid."""
        self.write_s = write_s
        self.version = 100
        self.engine: Engine | None = None
        self._newest: dict[str, Status] = {}
        self._writing: dict[str, asyncio.Task[None]] = {}
        self.project_history: list[tuple[float, Status]] = []
        self.lost: list[ObjectRef] = []
        """Objects that were written although they are not there any more."""

    @property
    def project_statuses(self) -> list[Status]:
        """Every status of a project, in their order."""
        return [status for _, status in self.project_history]

    def want(self, ref: ObjectRef, status: Status) -> None:
        """Write a status soon; the newest wins."""
        if ref.plural in {"dcsprojects", "clusterdcsprojects"}:
            self.project_history.append((asyncio.get_running_loop().time(), status))
        self._newest[ref.uid] = status
        if ref.uid not in self._writing:
            self._writing[ref.uid] = asyncio.create_task(self._write(ref))

    def drop(self, ref: ObjectRef) -> None:
        """Forget what waits."""
        self._newest.pop(ref.uid, None)

    async def settle(self) -> None:
        """Wait for the writes under way."""
        while self._writing:
            await asyncio.gather(*self._writing.values())

    def tell(self, uid: str) -> None:
        """Let the watch deliver one object."""
        stored = self.objects[uid]
        if self.engine is None:
            return
        generation, version = stored.task.generation, stored.version
        if self.engine.intake.is_echo(uid, generation, version):
            self.engine.intake.echoed(uid, version)
        else:
            self.engine.intake.task_changed(stored.task, stored.status, version)

    def tell_project(self, uid: str) -> None:
        """Let the watch deliver one project."""
        stored = self.projects[uid]
        if self.engine:
            self.engine.intake.project_changed(stored.project, stored.status, stored.version)

    def tell_wave(self, uid: str) -> None:
        """Let the watch deliver one wave."""
        stored = self.waves[uid]
        if self.engine:
            self.engine.intake.wave_changed(stored.wave, stored.status, stored.version)

    def overwrite(self, uid: str, status: Status) -> None:
        """Let somebody else write the status of a task or a project, and the watch tell."""
        stored = self._stored(uid)
        assert stored is not None
        self.version += 1
        stored.version, stored.status = self.version, status
        self._tell(uid)

    def _stored(self, uid: str) -> Stored | StoredProject | StoredWave | None:
        return self.objects.get(uid) or self.projects.get(uid) or self.waves.get(uid)

    def _tell(self, uid: str) -> None:
        if uid in self.objects:
            self.tell(uid)
        elif uid in self.waves:
            self.tell_wave(uid)
        else:
            self.tell_project(uid)

    async def _write(self, ref: ObjectRef) -> None:
        uid = ref.uid
        while uid in self._newest:
            status = self._newest.pop(uid)
            await asyncio.sleep(self.write_s)
            stored = self._stored(uid)
            if stored is None:
                self.lost.append(ref)
                continue
            self.version += 1
            stored.version, stored.status = self.version, status
            stored.history.append(status)
            if self.engine:
                self.engine.intake.written(uid, stored.version, status)
                self._tell(uid)
        del self._writing[uid]


class Rig:
    """One engine between the models; use it as an async context manager."""

    def __init__(
        self,
        fleet: dict[str, Migration],
        *,
        api: ModelApi | None = None,
        settings: Settings | None = None,
        answer_s: float = 0.05,
    ) -> None:
        self.api = api or ModelApi()
        self.fleet = fleet
        self.fleets: dict[str, dict[str, Migration]] = {}
        """The part of the fleet that a cloud project has, where it has not all of it."""
        self.dcs: list[ModelDcs] = []
        self.secret: Credentials | SecretReadError = KEYS
        self.interfere: Callable[..., None] = lambda *_: None
        self.labels: dict[str, Mapping[str, str] | ReadError] = {}
        self.lent: ExpiringCredentials | ReadError = ExpiringCredentials(KEYS, None)
        self.reads: list[str] = []
        self.loans: list[Ambient] = []
        self.keys_of: dict[str, Credentials | SecretReadError] = {}
        """Credentials by the name of their Secret; others are `secret`."""
        self.read_s = 0.001
        """How long reading a Secret takes."""
        self.answer_s_of: Callable[[Account], float] = lambda _: answer_s
        self.gateway: Gateway | None = None
        self.page_rows = LIST_ROWS_MAX
        self.endless = ""
        """The cloud project whose list never ends."""
        self.connect_s: Callable[[], float] = lambda: 0.0
        self.events: list[tuple[str, str]] = []
        """The (uid, reason) of each event."""
        self.engine = build(
            Surroundings(
                sink=self.api,
                recorder=self,
                read_secret=self._read_secret,
                open_dcs=self._open,
                probe=NoProbe(),
                clock=clock,
                settings=replace(settings or Settings(), operator_namespace=OPERATOR_NAMESPACE),
                draw=lambda: 0.5,
                cluster_reads=ClusterReads(labels=self._read_labels, fetch=self._fetch),
            )
        )

    async def __aenter__(self) -> Self:
        self.api.engine = self.engine
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.engine.close(0.0)
        await self.api.settle()
        self.api.engine = None

    def warn(self, ref: ObjectRef, reason: str, _message: str) -> None:
        """Take note of a Warning (`engine.ports.EventRecorder`)."""
        self.events.append((ref.uid, reason))

    def tell(self, ref: ObjectRef, reason: str, _message: str) -> None:
        """Take note of a Normal event (`engine.ports.EventRecorder`)."""
        self.events.append((ref.uid, reason))

    @property
    def calls(self) -> dict[str, int]:
        """Calls of all accounts so far, by operation."""
        total: dict[str, int] = {}
        for dcs in self.dcs:
            for operation, count in dcs.counts.items():
                total[operation] = total.get(operation, 0) + count
        return total

    @property
    def batches(self) -> list[tuple[str, ...]]:
        """The orders of all accounts."""
        return [batch for dcs in self.dcs for batch in dcs.batches]

    def add_project(
        self,
        name: str = "default",
        *,
        project_id: str = "0123456789abcdef",
        secret: str = SECRET_NAME,
        suspended: bool = False,
        uid: str = "",
    ) -> str:
        """Apply a project, or change the one that is there; returns its uid."""
        uid = uid or f"project-{name}"
        known = self.api.projects.get(uid)
        project = Project(
            ref=ProjectRef("DCSProject", NAMESPACE, name),
            object=ObjectRef("dcsprojects", NAMESPACE, name, uid),
            generation=known.project.generation + 1 if known else 1,
            endpoint="https://dcs.cn-north-4.myhuaweicloud.com",
            project_id=project_id,
            secret=secret,
            suspended=suspended,
        )
        self.api.version += 1
        status = known.status if known else Status()
        self.api.projects[uid] = StoredProject(project, self.api.version, status)
        if known:
            self.api.projects[uid].history = known.history
        self.api.tell_project(uid)
        return uid

    def delete_project(self, uid: str = "project-default") -> None:
        """Delete a project."""
        del self.api.projects[uid]
        self.engine.intake.deleted(uid)

    def put_cluster_project(
        self, allowed: AllowedNamespaces, *, ambient: Ambient | None = None, generation: int = 1
    ) -> ProjectRef:
        """Apply the cluster-scoped project `shared`, or change it."""
        ref = ProjectRef("ClusterDCSProject", "", "shared")
        project = Project(
            ref=ref,
            object=ObjectRef("clusterdcsprojects", "", "shared", "project-shared"),
            generation=generation,
            endpoint="https://dcs.cn-north-4.myhuaweicloud.com",
            project_id="0123456789abcdef",
            secret="" if ambient else "dcs",
            ambient=ambient,
            allowed=allowed,
        )
        self.api.version += 1
        self.engine.intake.project_changed(project, Status(), self.api.version)
        return ref

    def add_wave(self, name: str = "wave", *, goes: bool = False, **changes: Any) -> str:
        """Apply a wave, or change the one that is there; returns its uid."""
        uid = f"wave-{name}"
        known = self.api.waves.get(uid)
        wave = Wave(
            ref=WaveRef(NAMESPACE, name),
            object=ObjectRef("migrationwaves", NAMESPACE, name, uid),
            generation=known.wave.generation + 1 if known else 1,
            goes=goes,
            window=changes.get("window", ALWAYS),
            under_way_max=changes.get("under_way_max", 50),
            failures_max=changes.get("failures_max", 1),
            said=changes.get("said", TermsSaid()),
        )
        self.api.version += 1
        status = known.status if known else Status()
        self.api.waves[uid] = StoredWave(wave, self.api.version, status)
        if known:
            self.api.waves[uid].history = known.history
        self.api.tell_wave(uid)
        return uid

    def delete_wave(self, uid: str = "wave-wave") -> None:
        """Delete a wave."""
        del self.api.waves[uid]
        self.engine.intake.deleted(uid)

    def cut_over(self, number: int, cutover: Cutover | None = None, *, wave: str = "wave") -> str:
        """Apply a task with a conditional wish; returns its uid."""
        uid = self.add_task(number, stopped=False, tell=False)
        stored = self.api.objects[uid]
        stored.task = replace(stored.task, cutover=cutover or Cutover(wave=wave))
        self.api.tell(uid)
        return uid

    def change_cutover(self, uid: str, cutover: Cutover | None) -> None:
        """Change or remove the conditional wish of a task."""
        stored = self.api.objects[uid]
        self.api.version += 1
        stored.version = self.api.version
        generation = stored.task.generation + 1
        stored.task = replace(stored.task, cutover=cutover, generation=generation)
        self.api.tell(uid)

    def wave_reason(self, uid: str = "wave-wave") -> str:
        """Return the reason of Ready that a wave shows."""
        ready = self.api.waves[uid].status.condition("Ready")
        return ready.reason if ready else ""

    def add_task(
        self, number: int, *, stopped: bool = True, uid: str = "", tell: bool = True, **ids: str
    ) -> str:
        """Apply a task for the n-th migration and let the watch tell; returns its uid."""
        uid = uid or f"uid-{number}"
        text = ids.get("task_id", task_id(number))
        task = Task(
            ref=ObjectRef("migrationtasks", ids.get("namespace", NAMESPACE), uid, uid),
            generation=1,
            task_id=text,
            key=task_key(text),
            stopped=stopped,
            project=ProjectRef("ClusterDCSProject", "", ids["shared"])
            if "shared" in ids
            else ProjectRef("DCSProject", NAMESPACE, ids.get("project", "default")),
        )
        self.api.version += 1
        self.api.objects[uid] = Stored(task, self.api.version)
        if tell:
            self.api.tell(uid)
        return uid

    def wish(self, uid: str) -> None:
        """Set `stopped: true` on a task that was only observed."""
        stored = self.api.objects[uid]
        self.api.version += 1
        stored.version = self.api.version
        stored.task = replace(stored.task, stopped=True, generation=stored.task.generation + 1)
        self.api.tell(uid)

    def delete(self, uid: str) -> None:
        """Delete a task."""
        del self.api.objects[uid]
        self.engine.intake.deleted(uid)

    def tell_all(self) -> None:
        """Let the watch list everything, as after a restart."""
        for uid in self.api.projects:
            self.api.tell_project(uid)
        for uid in self.api.waves:
            self.api.tell_wave(uid)
        for uid in self.api.objects:
            self.api.tell(uid)

    def phases(self, uid: str) -> list[str]:
        """Return the phases that were written, in order."""
        return [status.phase for status in self.api.objects[uid].history]

    def reason(self, uid: str) -> str:
        """Return the reason of Ready that a resource shows."""
        ready = self.api.objects[uid].status.condition("Ready")
        return ready.reason if ready else ""

    def _open(self, account: Account) -> ModelDcs:
        dcs = ModelDcs(
            self.fleets.get(account.project_id, self.fleet),
            answer_s=self.answer_s_of(account),
            interfere=lambda *call: self.interfere(account, *call),
            signer=Signer(self.gateway, account) if self.gateway else None,
            page_rows=self.page_rows,
            endless=account.project_id == self.endless,
            connect_s=self._connect_s,
        )
        self.dcs.append(dcs)
        return dcs

    def _connect_s(self) -> float:
        return self.connect_s()

    async def _read_secret(self, namespace: str, name: str) -> Credentials:
        assert namespace in {NAMESPACE, OPERATOR_NAMESPACE}
        self.reads.append(namespace)
        await asyncio.sleep(self.read_s)
        found = self.keys_of.get(name, self.secret)
        if isinstance(found, SecretReadError):
            raise found
        return found

    async def _read_labels(self, namespace: str) -> Mapping[str, str]:
        self.reads.append(f"labels of {namespace}")
        await asyncio.sleep(0.001)
        found = self.labels[namespace]
        if isinstance(found, Exception):
            raise found
        return found

    async def _fetch(self, ambient: Ambient) -> ExpiringCredentials:
        self.loans.append(ambient)
        await asyncio.sleep(0.5)
        if isinstance(self.lent, Exception):
            raise self.lent
        return self.lent
