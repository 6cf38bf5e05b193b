"""Which tasks may use which cluster-scoped projects: asked before a task gets its channel.

And again right before an order leaves (`Reconciler.wished`), so that what is no longer allowed is
not ordered. Labels of namespaces are read by name, and only for tasks that still have something to
do in a project with a selector; they hold for a minute. What is not known is not allowed.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.errors import ReadError
from dcs_migration_operator.core.model import CLUSTER_PROJECT_KIND, Trouble, TroubleKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dcs_migration_operator.core.admission import AllowedNamespaces, Selector
    from dcs_migration_operator.core.model import Project, ProjectRef, Task
    from dcs_migration_operator.engine.channel import Channel
    from dcs_migration_operator.engine.ports import Clock, LabelsReader

LABELS_S_MAX: Final = 60.0
"""Labels that were read longer ago allow nothing any more."""

READ_S: Final = 30.0
"""Labels are read again after so long: early enough for some attempts before they are too old."""

RETRY_S: Final = 5.0
"""Pause after an attempt that got no answer."""

SCAN_S: Final = 5.0
"""How often it is looked for what has to be read; only while there are projects with selectors."""

READS_PARALLEL_MAX: Final = 8

NAMESPACES_MAX: Final = 10_000
"""Namespaces whose labels are kept; far above what clusters have, and a bound on memory."""

_FAR_PAST: Final = float("-inf")

_OFF: Final = (
    "{ref} cannot be used: this operator does not watch cluster-scoped projects. Its administrator "
    "turns that on with --cluster-projects; or name a DCSProject in spec.projectRef."
)
_DENIED: Final = (
    "{ref} may not be used from namespace {namespace}. Its administrator allows that in "
    "spec.allowedNamespaces."
)
_TOO_MANY: Final = (
    "{ref} selects namespaces by labels, and more than {limit} use such projects. "
    "Its administrator names them in spec.allowedNamespaces instead."
)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of one namespace; times are monotonic seconds.

    Attributes:
        labels: Nothing if they cannot be had at all.
        read_at: When they were last read.
        asked_at: The last attempt.
        since: When labels or problem last changed.
        problem: What the last attempt met.
    """

    labels: Mapping[str, str] | None = None
    read_at: float = _FAR_PAST
    asked_at: float = _FAR_PAST
    since: float = _FAR_PAST
    problem: str = ""


class Permits:
    """Judges, and keeps the labels it needs for that.

    Args:
        project_of: The project behind a reference, if it exists.
        read_labels: Reads the labels of one namespace.
        users: The namespaces of the tasks that still need this project.
        rebind: Told which project's tasks have to be judged anew.
        watched: Whether cluster-scoped projects are watched at all.
    """

    def __init__(
        self,
        *,
        project_of: Callable[[ProjectRef], Project | None],
        read_labels: LabelsReader,
        users: Callable[[ProjectRef], set[str]],
        rebind: Callable[[ProjectRef], None],
        clock: Clock,
        watched: bool,
    ) -> None:
        self._project_of, self._read_labels = project_of, read_labels
        self._users, self._rebind, self._clock = users, rebind, clock
        self._watched = watched
        self._allowed: dict[ProjectRef, tuple[AllowedNamespaces, float]] = {}
        self._namespaces: dict[str, _Known] = {}
        self._wake = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None

    def activate(self) -> None:
        """Begin to read labels."""
        if self._watched and self._runner is None:
            self._runner = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Read no more."""
        if self._runner:
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)

    def changed(self, ref: ProjectRef) -> None:
        """Take in that a project changed, appeared or is gone."""
        if ref.kind != CLUSTER_PROJECT_KIND:
            return
        project = self._project_of(ref)
        known, _ = self._allowed.get(ref, (None, 0.0))
        if project is None:
            self._allowed.pop(ref, None)
        elif project.allowed != known:
            self._allowed[ref] = project.allowed, self._clock().mono
        else:
            return
        self._rebind(ref)
        self._wake.set()

    def admit(self, task: Task, where: Channel | Trouble | None) -> Channel | Trouble | None:
        """Return where the project of a task leads for this task; nothing means not known yet.

        Whoever is not allowed learns nothing of the project, not even what is wrong with it.
        """
        ref, namespace = task.project, task.ref.namespace
        if ref.kind != CLUSTER_PROJECT_KIND:
            return where
        if not self._watched:
            return _trouble(_FAR_PAST, _OFF.format(ref=ref))
        if ref not in self._allowed:
            return where if isinstance(where, Trouble) else None
        allowed, since = self._allowed[ref]
        if allowed.selector:
            return self._select(task, allowed.selector, since, where)
        if namespace in allowed.names:
            return where
        return _trouble(since, _DENIED.format(ref=ref, namespace=namespace))

    def _select(
        self, task: Task, selector: Selector, since: float, where: Channel | Trouble | None
    ) -> Channel | Trouble | None:
        ref, namespace = task.project, task.ref.namespace
        known = self._namespaces.get(namespace)
        if known is None:
            self._wake.set()
            if len(self._namespaces) < NAMESPACES_MAX:
                return None
            return _trouble(since, _TOO_MANY.format(ref=ref, limit=NAMESPACES_MAX))
        fresh = self._clock().mono < known.read_at + LABELS_S_MAX
        if known.labels is None or not fresh:
            return _trouble(max(since, known.since), known.problem) if known.problem else None
        if selector.matches(known.labels):
            return where
        message = _DENIED.format(ref=ref, namespace=namespace)
        return _trouble(max(since, known.since), message)

    async def _run(self) -> None:
        """Read what is needed and due, again and again."""
        while True:
            self._wake.clear()
            selecting = [ref for ref, (allowed, _) in self._allowed.items() if allowed.selector]
            needed = set[str]().union(*map(self._users, selecting))
            self._namespaces = {n: k for n, k in self._namespaces.items() if n in needed}
            due = [namespace for namespace in sorted(needed) if self._is_due(namespace)]
            for first in range(0, len(due), READS_PARALLEL_MAX):
                some = due[first : first + READS_PARALLEL_MAX]
                if any(await asyncio.gather(*map(self._read, some))):
                    for ref in selecting:
                        self._rebind(ref)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SCAN_S if selecting else None):
                    await self._wake.wait()

    def _is_due(self, namespace: str) -> bool:
        known = self._namespaces.get(namespace, _Known())
        pause_s = RETRY_S if known.problem else READ_S
        return self._clock().mono >= known.asked_at + pause_s

    async def _read(self, namespace: str) -> bool:
        """Read the labels of one namespace; returns whether that may change a verdict."""
        if namespace not in self._namespaces and len(self._namespaces) >= NAMESPACES_MAX:
            return False
        before = self._namespaces.setdefault(namespace, _Known())
        asked_at = self._clock().mono
        try:
            labels = dict(await self._read_labels(namespace))
            after = _Known(labels, read_at=asked_at, asked_at=asked_at)
        except ReadError as problem:
            after = replace(before, asked_at=asked_at, problem=str(problem))
            if not problem.passing:
                after = replace(after, labels=None)
        news = (before.labels, before.problem) != (after.labels, after.problem)
        since = self._clock().mono if news else before.since
        self._namespaces[namespace] = replace(after, since=since)
        fresh = asked_at < before.read_at + LABELS_S_MAX
        return news or not fresh


def _trouble(since: float, message: str) -> Trouble:
    return Trouble(TroubleKind.PROJECT, since, message)
