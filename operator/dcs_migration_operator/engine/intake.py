"""Turns watch events into facts in the store, without deciding anything.

An event that is older than the known version is ignored, and so is the echo of our own write. An
object that cannot be parsed affects no other: it counts as known, and is reported once.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from dcs_migration_operator.engine.shadow import StatusShadow
from dcs_migration_operator.engine.store import Entry

if TYPE_CHECKING:
    from dcs_migration_operator.core.model import ObjectRef, Project, Task, Wave
    from dcs_migration_operator.core.status import Status
    from dcs_migration_operator.engine.ports import Clock, EventRecorder, Probe, StatusSink
    from dcs_migration_operator.engine.pump import Pump
    from dcs_migration_operator.engine.reconciler import Reconciler
    from dcs_migration_operator.engine.store import Store

_log = logging.getLogger(__name__)

OVERWRITTEN = "StatusOverwritten"
UNREADABLE = "Unreadable"


class Intake:
    """Receives watch events.

    Args:
        store: Receives the facts.
        reconciler: Releases everything in progress for a deleted task.
        resources: Forgets the uid of a deleted task.
        sink: Drops the waiting status of a deleted object.
    """

    def __init__(
        self,
        store: Store,
        reconciler: Reconciler,
        resources: Pump[str],
        *,
        sink: StatusSink,
        recorder: EventRecorder,
        probe: Probe,
        clock: Clock,
    ) -> None:
        self._store, self._reconciler, self._resources = store, reconciler, resources
        self._sink, self._recorder, self._probe, self._clock = sink, recorder, probe, clock

    def renew(self) -> None:
        """Treat all known objects as received now: a standby may have known them for long."""
        now = self._clock()
        for entry in self._store:
            entry.news_at = now.mono

    def is_echo(self, uid: str, generation: int, version: int) -> bool:
        """Tell whether an event of a task resource is only the echo of our own status write."""
        entry = self._store.get(uid)
        return (
            entry is not None
            and generation == entry.task.generation
            and entry.shadow.is_echo(version)
        )

    def echoed(self, uid: str, version: int) -> None:
        """Record the version of an event that was filtered as an echo."""
        entry = self._store.get(uid)
        if entry:
            entry.shadow.version = max(entry.shadow.version, version)

    def task_changed(self, task: Task, status: Status, version: int) -> None:
        """Store a new or changed task resource."""
        uid = task.ref.uid
        entry = self._store.get(uid)
        if entry and version <= entry.shadow.version:
            return
        if self.is_echo(uid, task.generation, version):
            self.echoed(uid, version)
            return
        if entry and (entry.task.key, entry.task.project) != (task.key, task.project):
            self.gone(uid)  # the schema forbids such a change, but the CRD may have been replaced
            entry = None
        now = self._clock()
        if entry is None:
            entry = Entry(task, StatusShadow(version=version, shown=status))
            entry.wished_at, entry.news_at = now.mono, now.mono
            entry.wished = now.wall if task.stopped else None  # for a cutover, set at its request
            self._store.add(entry)
            return
        if task.generation != entry.task.generation:
            entry.news_at = now.mono
            self._change_wish(entry, task)
        entry.task = task
        self._store.join_wave(entry)
        if entry.shadow.told(version, status):
            self._overwritten(task.ref)
        self._resources.queue.add(uid)

    def project_changed(self, project: Project, status: Status, version: int) -> None:
        """Store a new or changed project resource."""
        known = self._store.project(project.ref)
        same = known and known.project and known.project.object.uid == project.object.uid
        if known and same and version <= known.shadow.version:
            return
        entry = self._store.put_project(project)
        if not same:
            entry.shadow = StatusShadow(version=version, shown=status)
        elif entry.shadow.told(version, status):
            self._overwritten(project.object)
            self._store.check_project(project.ref)

    def _change_wish(self, entry: Entry, task: Task) -> None:
        """Apply a changed spec: a cutover has to be opened again."""
        now = self._clock()
        if (task.stopped, task.wishes_stop) > (entry.task.stopped, entry.task.wishes_stop):
            entry.wished_at = now.mono
            entry.wished = now.wall if task.stopped else None
        if task.cutover != entry.task.cutover:
            entry.reopen()
            self._store.leave_wave(entry)

    def wave_changed(self, wave: Wave, status: Status, version: int) -> None:
        """Store a new or changed wave resource."""
        known = self._store.wave(wave.ref)
        same = known and known.wave and known.wave.object.uid == wave.object.uid
        if known and same and version <= known.shadow.version:
            return
        entry = self._store.put_wave(wave)
        if not same:
            entry.shadow = StatusShadow(version=version, shown=status)
        elif entry.shadow.told(version, status):
            self._overwritten(wave.object)
            self._store.check_wave(wave.ref)

    def gone(self, uid: str) -> None:
        """Remove the resource with this uid, of whatever kind, after it has disappeared."""
        entry = self._store.remove(uid)
        if entry:
            self._reconciler.release(entry)
            self._resources.forget(uid)
        project = self._store.remove_project(uid)
        if project:
            self._sink.drop(project.object)
        wave = self._store.remove_wave(uid)
        if wave:
            self._sink.drop(wave.object)

    def deleted(self, uid: str) -> None:
        """Handle the deletion of a resource."""
        self.gone(uid)
        self._store.forget_unreadable(uid)

    def unreadable(self, ref: ObjectRef, version: int, reason: str) -> None:
        """Handle an object that cannot be parsed: it counts as known, and is reported once."""
        self.gone(ref.uid)
        if self._store.unreadable(ref.uid, version):
            _log.error("an object cannot be read", extra={"object": str(ref), "reason": reason})
            self._probe.unreadable()
            self._recorder.warn(ref, UNREADABLE, reason)

    def written(self, uid: str, version: int, status: Status) -> None:
        """Note that a status was written to the server."""
        entry = self._store.get(uid)
        if entry and entry.shadow.confirm(version, status):
            self._sink.want(entry.task.ref, entry.shadow.shown)
        project = self._store.project_of(uid)
        if project and project.project and project.shadow.confirm(version, status):
            self._sink.want(project.project.object, project.shadow.shown)
        wave = self._store.wave_of(uid)
        if wave and wave.wave and wave.shadow.confirm(version, status):
            self._sink.want(wave.wave.object, wave.shadow.shown)

    def _overwritten(self, ref: ObjectRef) -> None:
        """Report that another client writes statuses of ours."""
        self._probe.overwritten()
        self._recorder.warn(
            ref,
            OVERWRITTEN,
            "Somebody else writes this status. Look for a second operator that covers the same "
            "namespace, or for a tool that restores statuses.",
        )
