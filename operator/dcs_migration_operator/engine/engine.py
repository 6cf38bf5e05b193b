"""The engine as one thing: wires the reconciler and the projects to each other.

What the watch says goes in here; statuses come out at the sink and calls at the channels.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from dcs_migration_operator.core.cases import Pace
from dcs_migration_operator.engine.ambient import AmbientKeys
from dcs_migration_operator.engine.channel import Channel
from dcs_migration_operator.engine.governor import Key
from dcs_migration_operator.engine.permits import Permits
from dcs_migration_operator.engine.ports import NO_CLUSTER_READS
from dcs_migration_operator.engine.projects import Projects
from dcs_migration_operator.engine.reconciler import Reconciler

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcs_migration_operator.core.model import (
        Account,
        Credentials,
        ErrorDetail,
        Observation,
        Project,
        ProjectRef,
        Task,
        Trouble,
    )
    from dcs_migration_operator.core.status import Status
    from dcs_migration_operator.engine.ports import (
        Clock,
        ClusterReads,
        Dcs,
        Probe,
        SecretReader,
        StatusSink,
    )
    from dcs_migration_operator.settings import Settings


class Engine:
    """Reconciler, projects, permits and channels.

    Args:
        cluster_reads: What cluster-scoped projects need besides.
        open_dcs: Makes the calls for an account.
        draw: Returns a number in [0, 1), for jitter.
        allowed: Tells whether this process may act; asked right before each call.
    """

    def __init__(
        self,
        *,
        sink: StatusSink,
        read_secret: SecretReader,
        open_dcs: Callable[[Account], Dcs],
        probe: Probe,
        clock: Clock,
        settings: Settings,
        draw: Callable[[], float] = random.random,
        allowed: Callable[[], bool] = lambda: True,
        cluster_reads: ClusterReads = NO_CLUSTER_READS,
    ) -> None:
        self._open_dcs, self._probe, self._draw = open_dcs, probe, draw
        self._settings, self._allowed = settings, allowed
        self._keys: WeakValueDictionary[tuple[str, Credentials], Key] = WeakValueDictionary()
        self._ambient = AmbientKeys(cluster_reads.lend, clock)
        self.permits = Permits(
            project_of=self._project,
            read_labels=cluster_reads.labels,
            users=self._users,
            rebind=lambda ref: self.reconciler.bind(ref, self.projects.where(ref)),
            clock=clock,
            watched=settings.cluster_projects,
        )
        self.reconciler = Reconciler(
            resolve=self._where, admit=self.permits.admit, sink=sink, probe=probe, clock=clock
        )
        self.projects = Projects(
            read_secret=read_secret,
            read_ambient=self._ambient.read,
            open_channel=self._open_channel,
            bind=self.reconciler.bind,
            in_use=lambda ref: bool(self.reconciler.table.of_project(ref)),
            sink=sink,
            clock=clock,
            settings=settings,
        )

    def activate(self) -> None:
        """Begin to act; until then the table only fills."""
        self.reconciler.activate()
        self.projects.activate()
        self.permits.activate()

    async def close(self, drain_s: float) -> None:
        """Order nothing more: what waits is sent within `drain_s` or given up."""
        self.reconciler.retire()
        await self.projects.close(drain_s)
        await self.permits.close()
        await self._ambient.close()

    def task_changed(self, task: Task, status: Status, version: int) -> None:
        """Take in a task resource."""
        self.reconciler.changed(task, status, version)

    def is_echo(self, uid: str, generation: int, version: int) -> bool:
        """Tell whether an event of a task resource is only an echo of a status of ours."""
        return self.reconciler.table.is_echo(uid, generation, version)

    def versions(self) -> dict[str, int]:
        """Return the uid and newest `resourceVersion` of every resource that is known."""
        tasks = {entry.task.ref.uid: entry.version for entry in self.reconciler.table}
        return tasks | self.projects.versions()

    def version_of(self, uid: str) -> int | None:
        """Return the newest `resourceVersion` of one resource, if it is known."""
        return self.reconciler.table.version_of(uid) or self.projects.version_of(uid)

    def task_gone(self, uid: str) -> None:
        """Take in the deletion of a task resource."""
        self.reconciler.gone(uid)

    def project_changed(self, project: Project, status: Status, version: int) -> None:
        """Take in a project resource."""
        self.projects.changed(project, status, version)
        self.permits.changed(project.ref)

    def project_gone(self, ref: ProjectRef, uid: str) -> None:
        """Take in the deletion of a project resource."""
        self.projects.gone(ref, uid)
        self.permits.changed(ref)

    def gone(self, uid: str) -> None:
        """Take in that the resource with this uid, whatever it was, is not there any more."""
        self.reconciler.gone(uid)
        ref = self.projects.ref_of(uid)
        if ref:
            self.project_gone(ref, uid)

    def written(self, uid: str, version: int, status: Status) -> None:
        """Take in that a status is on the server."""
        if not self.reconciler.written(uid, version, status):
            self.projects.written(uid, version, status)

    def seen(
        self, channel: Channel, key: str, seen: Observation, asked_at: float, *, confirmed: bool
    ) -> None:
        """Hand a sighting on (`channel.Listener`)."""
        self.reconciler.seen(channel, key, seen, asked_at, confirmed=confirmed)

    def unanswered(self, channel: Channel, key: str, detail: ErrorDetail) -> None:
        """Hand a refusal to show one task on (`channel.Listener`)."""
        self.reconciler.unanswered(channel, key, detail)

    def troubled(self, channel: Channel) -> None:
        """Tell tasks and projects of a channel's trouble (`channel.Listener`)."""
        self.reconciler.troubled(channel)
        self.projects.troubled(channel)

    def works(self, channel: Channel) -> None:
        """Let the projects say that the channel's first call succeeded (`channel.Listener`)."""
        self.projects.troubled(channel)

    def wished(self, channel: Channel, key: str) -> bool:
        """Tell whether a stop may leave now (`channel.Listener`)."""
        return self.reconciler.wished(channel, key)

    def _project(self, ref: ProjectRef) -> Project | None:
        return self.projects.project(ref)

    def _users(self, ref: ProjectRef) -> set[str]:
        """Return the namespaces of the tasks that still need their project."""
        entries = self.reconciler.table.of_project(ref)
        return {e.task.ref.namespace for e in entries if e.pace is not Pace.NONE}

    def _where(self, ref: ProjectRef) -> Channel | Trouble | None:
        return self.projects.wanted(ref)

    def _open_channel(self, account: Account) -> Channel:
        key = self._keys.setdefault((account.endpoint, account.credentials), Key())
        return Channel(
            account,
            dcs=self._open_dcs(account),
            listener=self,
            settings=self._settings.channel,
            probe=self._probe,
            draw=self._draw,
            key=key,
            allowed=self._allowed,
        )
