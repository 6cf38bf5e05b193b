"""The store of all known resources: their specs, their statuses, the routes of their projects.

The store decides nothing. A part that learns a fact about a resource writes it here, and dependent
resources become due in a work queue. Only `may_stop` is answered at once, since no stop may be sent
without it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from dcs_migration_operator.core.admission import Access, judge
from dcs_migration_operator.core.cases import Pace
from dcs_migration_operator.core.cutover import (
    MAY_LEAVE,
    Conditional,
    Gate,
    Opening,
    Streak,
    WaveStanding,
    gate_of,
    terms_of,
)
from dcs_migration_operator.core.decide import OBSERVATION_AGE_S_MAX
from dcs_migration_operator.core.model import (
    CLUSTER_PROJECT_KIND,
    Outcome,
    ProjectRef,
    StopRequest,
    Trouble,
    TroubleKind,
    WaveRef,
)
from dcs_migration_operator.core.phases import PhaseClass, class_of
from dcs_migration_operator.core.waves import OUTSIDE, Member, may_have_turned
from dcs_migration_operator.engine.shadow import StatusShadow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from dcs_migration_operator.core.admission import NamespaceLabels
    from dcs_migration_operator.core.model import Instant, Project, Task, Wave
    from dcs_migration_operator.engine.channel import Channel
    from dcs_migration_operator.engine.facts import ChannelFacts, CloudTask
    from dcs_migration_operator.engine.ports import Clock
    from dcs_migration_operator.engine.workqueue import WorkQueue

N = TypeVar("N", "str", "ProjectRef")


@dataclass(frozen=True, slots=True)
class Route:
    """The route of a project: a channel, or the trouble that prevents one; neither if unknown."""

    channel: Channel | None = None
    trouble: Trouble | None = None


UNKNOWN: Final = Route()


@dataclass(slots=True, eq=False)
class Entry:
    """What is known about one task resource.

    Attributes:
        channel: The channel of its project when it was last processed.
        cloud: The facts about its task on that channel.
        blocked: Why its project could not be used at that time.
        recalled: What is known about earlier requests while it is on no channel.
        site: Endpoint and cloud project of the last channel.
        moved: Whether its status is about a different site.
        wished_at: Monotonic time in seconds at which the wish was first seen.
        wished: The same as wall time; None without a wish to stop.
        news_at: Monotonic time in seconds at which the wish last changed or a trouble ended.
        started_again: Whether it was reported that the task runs again after its end.
        troubled: Whether the last decision had a trouble.
        opening: When its cutover was opened; None while it is not open or not admitted.
        expired: Whether this opening has timed out.
        committed: Whether a request was sent for its conditional wish.
        lag_at_order: The offset of the newest sample at that time.
        left_anyway: Whether its request was sent on timeout and was not reported yet.
        was_incremental: Whether the newest valid sample was of the incremental phase.
        member: What its wave counts it as.
    """

    task: Task
    shadow: StatusShadow
    channel: Channel | None = None
    cloud: CloudTask | None = None
    blocked: Trouble | None = None
    recalled: StopRequest = field(default_factory=StopRequest)
    site: tuple[str, str] | None = None
    moved: bool = False
    wished_at: float = float("-inf")
    wished: datetime | None = None
    news_at: float = float("-inf")
    started_again: bool = False
    troubled: bool = False
    opening: Opening | None = None
    expired: bool = False
    committed: bool = False
    lag_at_order: int | None = None
    left_anyway: bool = False
    was_incremental: bool = False
    member: Member = OUTSIDE

    @property
    def wave(self) -> WaveRef | None:
        """The wave that the task names, None if it names none."""
        cutover = self.task.cutover
        return WaveRef(self.task.ref.namespace, cutover.wave) if cutover and cutover.wave else None

    def open(self, now: Instant) -> None:
        """Open the cutover at this moment."""
        self.opening, self.news_at = Opening(now.mono, now.wall), now.mono

    def reopen(self) -> None:
        """Close the cutover, so that it has to be opened again; a request that was sent stays."""
        self.opening, self.expired = None, False
        cloud = self.cloud
        left = cloud and (cloud.sent or cloud.request.outcome is Outcome.ACCEPTED)
        self.committed = bool(self.committed and left)


@dataclass(slots=True, eq=False)
class WaveEntry:
    """What is known about one wave that exists or is named by a task.

    Attributes:
        wave: The wave; None while it does not exist.
        members: Its tasks, by uid.
        forgiven: The uids whose failures a person has seen: they failed before the wave last went.
        paused: Its failures have paused it.
        begun: It was looked at since it went; until then nobody knows which failures are old.
        turned: It may have held and gone before this process acted; None until that was looked at.
        wrote_at: Monotonic seconds of its last status.
    """

    wave: Wave | None = None
    shadow: StatusShadow = field(default_factory=StatusShadow)
    members: dict[str, Entry] = field(default_factory=dict)
    forgiven: set[str] = field(default_factory=set)
    paused: bool = False
    begun: bool = False
    turned: bool | None = None
    wrote_at: float = float("-inf")

    def has_turned(self) -> bool:
        """Tell whether it may have held and gone unseen; the first look decides."""
        if self.turned is None:
            self.turned = self.wave is not None and may_have_turned(self.wave, self.shadow.shown)
        return self.turned


@dataclass(slots=True, eq=False)
class ProjectEntry:
    """What is known about one project that exists or is named by a task.

    Attributes:
        project: The project; None while it does not exist.
        changed_at: Monotonic time in seconds at which the admitted namespaces last changed.
    """

    project: Project | None = None
    shadow: StatusShadow = field(default_factory=StatusShadow)
    route: Route = UNKNOWN
    changed_at: float = float("-inf")


class Store:
    """The resources, by uid, by project and by namespace.

    Args:
        resources: The work queue of the task resources, by uid.
        projects: The work queue of the project resources.
        waves: The work queue of the wave resources.
        cluster_projects: Whether cluster-scoped projects are watched at all.
    """

    def __init__(
        self,
        resources: WorkQueue[str],
        projects: WorkQueue[ProjectRef],
        waves: WorkQueue[WaveRef],
        clock: Clock,
        *,
        cluster_projects: bool,
    ) -> None:
        self._resources, self._projects_due, self._clock = resources, projects, clock
        self._waves_due = waves
        self._cluster_projects = cluster_projects
        self._entries: dict[str, Entry] = {}
        self._by_project: dict[ProjectRef, dict[str, Entry]] = {}
        self._projects: dict[ProjectRef, ProjectEntry] = {}
        self._project_refs: dict[str, ProjectRef] = {}
        self._waves: dict[WaveRef, WaveEntry] = {}
        self._wave_refs: dict[str, WaveRef] = {}
        self._unreadable: dict[str, int] = {}
        self.labels: dict[str, NamespaceLabels] = {}
        """What is known about the labels of namespaces, by name."""
        self.labels_wanted = asyncio.Event()
        """Set when a task needs labels that were not read yet."""

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def get(self, uid: str) -> Entry | None:
        """Return the entry of a task resource."""
        return self._entries.get(uid)

    def add(self, entry: Entry) -> None:
        """Add a task resource whose uid is new."""
        uid, ref = entry.task.ref.uid, entry.task.project
        self._entries[uid] = entry
        self._unreadable.pop(uid, None)
        group = self._by_project.setdefault(ref, {})
        group[uid] = entry
        self._resources.add(uid)
        self.join_wave(entry)
        if len(group) == 1:
            self._projects.setdefault(ref, ProjectEntry())
            self._projects_due.add(ref)  # the project has to be kept usable from now on

    def remove(self, uid: str) -> Entry | None:
        """Remove a task resource and return its entry."""
        entry = self._entries.pop(uid, None)
        if entry:
            self.leave_wave(entry)
            group = self._by_project[entry.task.project]
            del group[uid]
            if not group:
                del self._by_project[entry.task.project]
                self._projects_due.add(entry.task.project)
        return entry

    def in_use(self, ref: ProjectRef) -> bool:
        """Tell whether a task names this project."""
        return ref in self._by_project

    def namespaces_of(self, ref: ProjectRef) -> set[str]:
        """Return the namespaces of the tasks that still need this project."""
        entries = self._by_project.get(ref, {}).values()
        return {e.task.ref.namespace for e in entries if not e.cloud or e.cloud.pace > Pace.SETTLED}

    def project(self, ref: ProjectRef) -> ProjectEntry | None:
        """Return the entry of a project."""
        return self._projects.get(ref)

    def projects(self) -> dict[ProjectRef, ProjectEntry]:
        """Return all projects that exist or are named by a task."""
        return dict(self._projects)

    def put_project(self, project: Project) -> ProjectEntry:
        """Store a project resource that is new, changed, or unchanged."""
        entry = self._projects.setdefault(project.ref, ProjectEntry())
        before, entry.project = entry.project, project
        if before and before.object.uid != project.object.uid:
            del self._project_refs[before.object.uid]
            entry.shadow = StatusShadow()
        self._project_refs[project.object.uid] = project.ref
        self._unreadable.pop(project.object.uid, None)
        if before != project:
            if before is None or before.allowed != project.allowed:
                entry.changed_at = self._clock().mono
            if before and before.suspended and not project.suspended:
                self._resume(project.ref)
            channel = entry.route.channel
            if channel and channel.site != (project.endpoint, project.project_id):
                self.lead(project.ref, UNKNOWN)  # no request is sent by the previous route
            self._projects_due.add(project.ref)
            self._wake(project.ref)
        return entry

    def _resume(self, ref: ProjectRef) -> None:
        """Restart the time limit of cutovers whose project was suspended."""
        for one in self._by_project.get(ref, {}).values():
            one.news_at = self._clock().mono
            if not one.expired:
                one.reopen()
            if one.wave:
                self._waves_due.add(one.wave)

    def remove_project(self, uid: str) -> Project | None:
        """Remove a project resource and return it."""
        ref = self._project_refs.pop(uid, None)
        entry = self._projects.get(ref) if ref else None
        if ref is None or entry is None:
            return None
        gone, entry.project, entry.shadow = entry.project, None, StatusShadow()
        if entry.route.channel:
            self.lead(ref, UNKNOWN)
        self._projects_due.add(ref)
        self._wake(ref)
        return gone

    def project_of(self, uid: str) -> ProjectEntry | None:
        """Return the project resource with this uid."""
        ref = self._project_refs.get(uid)
        return self._projects.get(ref) if ref else None

    def check_project(self, ref: ProjectRef) -> None:
        """Make a project due."""
        self._projects_due.add(ref)

    def forget_project(self, ref: ProjectRef) -> None:
        """Forget a project that neither exists nor is named by a task."""
        self._projects.pop(ref, None)

    def lead(self, ref: ProjectRef, route: Route) -> None:
        """Set the route of a project."""
        entry = self._projects[ref]
        before, entry.route = entry.route, route
        if before == route:
            return
        if before.channel is not route.channel:
            if before.channel:
                before.channel.facts.leading.discard(ref)
            if route.channel:
                route.channel.facts.leading.add(ref)
        self._wake(ref)

    def join_wave(self, entry: Entry) -> None:
        """Add a task to the wave that it names."""
        ref = entry.wave
        if ref:
            self._waves.setdefault(ref, WaveEntry()).members[entry.task.ref.uid] = entry
            self._waves_due.add(ref)

    def leave_wave(self, entry: Entry) -> None:
        """Remove a task from its wave."""
        ref = entry.wave
        known = self._waves.get(ref) if ref else None
        if ref and known:
            known.members.pop(entry.task.ref.uid, None)
            known.forgiven.discard(entry.task.ref.uid)
            self._waves_due.add(ref)

    def check_task(self, uid: str) -> None:
        """Make a task resource due."""
        self._resources.add(uid)

    def wave(self, ref: WaveRef) -> WaveEntry | None:
        """Return the entry of a wave."""
        return self._waves.get(ref)

    def check_wave(self, ref: WaveRef) -> None:
        """Make a wave due."""
        self._waves_due.add(ref)

    def put_wave(self, wave: Wave) -> WaveEntry:
        """Store a wave that is new, changed, or unchanged; at Hold no more requests are sent."""
        entry = self._waves.setdefault(wave.ref, WaveEntry())
        before, entry.wave = entry.wave, wave
        if before and before.object.uid != wave.object.uid:
            del self._wave_refs[before.object.uid]
            entry.shadow = StatusShadow()
        self._wave_refs[wave.object.uid] = wave.ref
        self._unreadable.pop(wave.object.uid, None)
        if before != wave:
            self._turn(wave.ref, entry, went=bool(before and before.goes) and wave.goes)
        return entry

    def remove_wave(self, uid: str) -> Wave | None:
        """Remove a wave and return it; its tasks hold."""
        ref = self._wave_refs.pop(uid, None)
        entry = self._waves.get(ref) if ref else None
        if ref is None or entry is None:
            return None
        gone, entry.wave, entry.shadow = entry.wave, None, StatusShadow()
        self._turn(ref, entry, went=False)
        return gone

    def forget_wave(self, ref: WaveRef) -> None:
        """Forget a wave that neither exists nor is named by a task."""
        self._waves.pop(ref, None)

    def wave_of(self, uid: str) -> WaveEntry | None:
        """Return the wave with this uid."""
        ref = self._wave_refs.get(uid)
        return self._waves.get(ref) if ref else None

    def _turn(self, ref: WaveRef, entry: WaveEntry, *, went: bool) -> None:
        """Make everything that depends on a wave due; reset the wave unless it was going."""
        now = self._clock().mono
        if not went:
            entry.begun = entry.paused = False
            entry.forgiven = {uid for uid, one in entry.members.items() if one.member.failed}
        for uid, one in entry.members.items():
            if not went:
                one.reopen()
                one.news_at = now
            self._resources.add(uid)
        self._waves_due.add(ref)

    def conditional(self, entry: Entry) -> Conditional | None:
        """Return everything that the conditional wish of a task depends on at this moment."""
        cutover, ref = entry.task.cutover, entry.wave
        if cutover is None or entry.task.stopped:
            return None
        known = self._waves.get(ref) if ref else None
        wave = known.wave if known else None
        standing, window, said = WaveStanding.NONE, cutover.window, None
        if ref:
            standing = WaveStanding.MISSING
            if wave and known:
                standing = WaveStanding.PAUSED if known.paused else WaveStanding.GOES
                standing = standing if wave.goes else WaveStanding.HOLDS
                window, said = wave.window, wave.said
        terms = terms_of(cutover.said, said)
        cloud = entry.cloud
        return Conditional(
            terms=terms,
            window=window,
            standing=standing,
            wave=cutover.wave,
            opening=entry.opening,
            lag=cloud.lag if cloud else None,
            streak=cloud.streak(entry.task.ref.uid, terms.max_lag)
            if cloud
            else Streak(terms.max_lag),
            expired=entry.expired,
            committed=entry.committed,
            lag_at_order=entry.lag_at_order,
        )

    def selecting_projects(self) -> list[ProjectRef]:
        """Return the projects that admit namespaces by their labels."""
        return [
            ref
            for ref, entry in self._projects.items()
            if entry.project and ref.kind == CLUSTER_PROJECT_KIND and entry.project.allowed.selector
        ]

    def keep_labels(self, namespaces: set[str]) -> None:
        """Forget the labels of all other namespaces."""
        for namespace in self.labels.keys() - namespaces:
            del self.labels[namespace]

    def learn_labels(self, namespace: str, labels: NamespaceLabels, *, news: bool = True) -> None:
        """Store the labels of a namespace; if they changed, dependent tasks become due."""
        self.labels[namespace] = labels
        if not news:
            return
        for ref in self.selecting_projects():
            for uid, entry in self._by_project.get(ref, {}).items():
                if entry.task.ref.namespace == namespace:
                    self._resources.add(uid)

    def unreadable(self, uid: str, version: int) -> bool:
        """Count an object that cannot be parsed as known; return whether it is its first time."""
        first = uid not in self._unreadable
        self._unreadable[uid] = version
        return first

    def versions(self) -> dict[str, int]:
        """Return the uid and newest `resourceVersion` of every resource that is known."""
        found = dict(self._unreadable)
        found |= {uid: entry.shadow.version for uid, entry in self._entries.items()}
        for uid, ref in self._project_refs.items():
            found[uid] = self._projects[ref].shadow.version
        for uid, wave_ref in self._wave_refs.items():
            found[uid] = self._waves[wave_ref].shadow.version
        return found

    def version_of(self, uid: str) -> int | None:
        """Return the newest `resourceVersion` of one resource, if it is known."""
        entry = self._entries.get(uid) or self.project_of(uid) or self.wave_of(uid)
        return entry.shadow.version if entry else self._unreadable.get(uid)

    def forget_unreadable(self, uid: str) -> None:
        """Forget an object that could not be parsed and is gone."""
        self._unreadable.pop(uid, None)

    def route_of(self, task: Task) -> Route:
        """Return the route of a task by its project.

        A task that is not admitted learns nothing about the project, not even its trouble.
        """
        known = self._projects.get(task.project)
        if known is None:
            return UNKNOWN
        if task.project.kind != CLUSTER_PROJECT_KIND:
            return known.route
        if not self._cluster_projects:
            return _denied(float("-inf"), _OFF.format(ref=task.project))
        if known.project is None:
            return Route(trouble=known.route.trouble)
        namespace = task.ref.namespace
        labels = self.labels.get(namespace)
        if labels is None and known.project.allowed.selector:
            self.labels_wanted.set()
        access, problem = judge(known.project.allowed, namespace, labels, self._clock().mono)
        if access is Access.ADMITTED:
            return known.route
        if access is Access.UNKNOWN:
            return UNKNOWN
        since = max(known.changed_at, labels.since if labels else known.changed_at)
        text = problem or _DENIED.format(ref=task.project, namespace=namespace)
        return _denied(since, text)

    def is_suspended(self, task: Task) -> bool:
        """Tell whether the task's project is suspended."""
        known = self._projects.get(task.project)
        return bool(known and known.project and known.project.suspended)

    def may_stop(self, facts: ChannelFacts, key: str) -> bool:
        """Tell whether a stop may be sent now: still wished, admitted, and lately observed to run.

        Args:
            facts: The facts of the channel that would send it.
            key: The key of the task.
        """
        return bool(self._wishing(facts, key))

    def commit(self, facts: ChannelFacts, key: str) -> bool:
        """Note that a stop is sent now, if it may be: from then on later lag changes nothing."""
        wishing = self._wishing(facts, key)
        for entry in wishing:
            if entry.task.cutover and not entry.committed:
                entry.left_anyway = self._gate(entry) is Gate.ANYWAY
                lag = entry.cloud.lag if entry.cloud else None
                entry.committed, entry.lag_at_order = True, lag.stats.offset if lag else None
                entry.wished = self._clock().wall
        cloud = facts.task(key)
        if wishing and cloud:
            cloud.sent = True
        return bool(wishing)

    def _wishing(self, facts: ChannelFacts, key: str) -> list[Entry]:
        """Return the resources for whose wish a stop may be sent now."""
        cloud = facts.task(key)
        if cloud is None or cloud.asked_at < self._clock().mono - OBSERVATION_AGE_S_MAX:
            return []
        if cloud.observed and class_of(cloud.observed.word) is not PhaseClass.ACTIVE:
            return []  # it has ended, or is being stopped, while the request waited
        entries = (self._entries.get(uid) for uid in list(cloud.paces))
        return [
            entry
            for entry in entries
            if entry
            and (entry.task.stopped or self._gate(entry) in MAY_LEAVE)
            and not self.is_suspended(entry.task)
            and self._leads_to(entry.task, facts)
        ]

    def _gate(self, entry: Entry) -> Gate | None:
        """Return the gate of a conditional wish at this moment; None without such a wish."""
        wish, now = self.conditional(entry), self._clock()
        observed = entry.cloud.observed if entry.cloud else None
        return gate_of(wish, observed, now.mono, now.wall) if wish and observed else None

    def _leads_to(self, task: Task, facts: ChannelFacts) -> bool:
        channel = self.route_of(task).channel
        return channel is not None and channel.facts is facts

    def _wake(self, ref: ProjectRef) -> None:
        for uid in self._by_project.get(ref, {}):
            self._resources.add(uid)


_OFF: Final = (
    "{ref} cannot be used: this operator does not watch cluster-scoped projects. Its administrator "
    "turns that on with --cluster-projects; or name a DCSProject in spec.projectRef."
)
_DENIED: Final = (
    "{ref} may not be used from namespace {namespace}. Its administrator allows that in "
    "spec.allowedNamespaces."
)


def _denied(since: float, message: str) -> Route:
    return Route(trouble=Trouble(TroubleKind.PROJECT, since, message))
