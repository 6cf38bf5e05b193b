"""Requests to stop: which tasks get one, what is written, and the outcome of each write.

A task that Flux or Argo CD manages is not written unless forced: the change would be reverted from
git, or should at least be made there too. This module also makes the lines for git.
"""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import yaml

from kubectl_dcs import kinds, owners
from kubectl_dcs.kinds import FIELD_MANAGER
from kubectl_dcs.problems import ApiProblem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from kubectl_dcs.cluster import Cluster
    from kubectl_dcs.tasks import TaskView

WRITERS: Final = 16
"""Concurrent writes; more would load the API server without being faster."""

FOR_ALL: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, 422})
"""Answers that all other tasks would get too, so the first one ends the work."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is written.

    Attributes:
        now: Whether to write `stopped: true`; otherwise a cutover is written.
        cutover: The fields of the cutover given on the command line.
    """

    now: bool = False
    cutover: Mapping[str, Any] = field(default_factory=dict)

    def is_made_of(self, task: TaskView) -> bool:
        """Return whether a task already has this request, or a stronger one."""
        if self.now or task.stopped:
            return task.stopped
        there = task.cutover
        return there is not None and all(there.get(k) == v for k, v in self.cutover.items())

    def spec_for(self, task: TaskView) -> dict[str, Any]:
        """Return the fields of the spec to write.

        Existing fields of a cutover are kept, including those that the plugin wrote: a wave that
        was given earlier must not be lost because it is not given again.
        """
        if self.now:
            return {"stopped": True}
        return {"cutover": {**(task.cutover or {}), **self.cutover}}


class Outcome(Enum):
    """The outcome of the request for one task; the value is used in `-o json`."""

    WISHED = "wished"
    ALREADY = "already"
    MANAGED = "managed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome for one task; `why` is its manager, or the answer of the API server."""

    task: TaskView
    outcome: Outcome
    why: str = ""


@dataclass(frozen=True, slots=True)
class Sorted:
    """The selected tasks, by what is to be done with them."""

    to_wish: tuple[TaskView, ...]
    already: tuple[Result, ...]
    managed: tuple[Result, ...]


def sort(tasks: Iterable[TaskView], wish: Wish, *, force: bool) -> Sorted:
    """Separate the tasks to be written from the others."""
    to_wish: list[TaskView] = []
    already: list[Result] = []
    managed: list[Result] = []
    for task in tasks:
        owner = "" if force else owners.owner_of(task.body)
        if wish.is_made_of(task):
            already.append(Result(task, Outcome.ALREADY))
        elif owner:
            managed.append(Result(task, Outcome.MANAGED, owner))
        else:
            to_wish.append(task)
    return Sorted(tuple(to_wish), tuple(already), tuple(managed))


class Writer:
    """Writes one request to many tasks in parallel.

    Attributes:
        results: The results of finished tasks, in the order of completion; complete unless `write`
            was interrupted.
    """

    def __init__(self, cluster: Cluster, wish: Wish, *, dry_run: bool = False) -> None:
        self._cluster, self._wish, self._dry_run = cluster, wish, dry_run
        self._lock = threading.Lock()
        self.results: list[Result] = []

    def write(self, tasks: Sequence[TaskView], tell: Callable[[int], None]) -> None:
        """Write all; `tell` is called with the number of finished tasks.

        Raises:
            ApiProblem: The first was refused for a reason that applies to all; none was written.
        """
        if not tasks:
            return
        first, *others = tasks
        self._do(first)
        with ThreadPoolExecutor(WRITERS, "wish") as pool:
            futures: set[Future[None]] = {pool.submit(self._try, task) for task in others}
            try:
                while futures:
                    _, futures = wait(futures, timeout=0.5, return_when=FIRST_COMPLETED)
                    tell(len(self.results))
            except BaseException:
                # Running writes finish; the others are not started.
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _try(self, task: TaskView) -> None:
        try:
            self._do(task, first=False)
        except Exception as error:  # noqa: BLE001 - one failure must not hide the others
            self._add(Result(task, Outcome.FAILED, f"{type(error).__name__}: {error}"))

    def _do(self, task: TaskView, *, first: bool = True) -> None:
        try:
            self._put(task)
        except ApiProblem as problem:
            if first and problem.code in FOR_ALL:
                raise
            self._add(Result(task, Outcome.FAILED, str(problem)))
        else:
            self._add(Result(task, Outcome.WISHED))

    def _put(self, task: TaskView) -> None:
        # The uid: if the task has been deleted in the meantime, nothing may be created in its
        # place.
        body = {
            "metadata": {"name": task.name, "namespace": task.namespace, "uid": task.uid},
            "spec": self._wish.spec_for(task),
        }
        mine = owners.applied_by(task.body, FIELD_MANAGER, "spec", "cutover")
        if self._wish.now and task.cutover is not None and not mine:
            # A field that another manager applied is not removed by leaving it out of an apply.
            body["spec"]["cutover"] = None
            self._cluster.merge(kinds.TASK, task.namespace, task.name, body, dry_run=self._dry_run)
        else:
            self._cluster.apply(kinds.TASK, task.namespace, task.name, body, dry_run=self._dry_run)

    def _add(self, result: Result) -> None:
        with self._lock:
            self.results.append(result)


def patch_for_git(kind: kinds.Kind, namespace: str, name: str, spec: Mapping[str, Any]) -> str:
    """Return the lines to put into git for one object, as one YAML document."""
    body = {
        "apiVersion": kinds.GROUP_VERSION,
        "kind": kind.kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": dict(spec),
    }
    return "---\n" + yaml.safe_dump(body, sort_keys=False).rstrip()
