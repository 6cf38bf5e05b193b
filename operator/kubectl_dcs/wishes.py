"""Wishes to stop: which tasks get one, what is written, and what became of each write.

Nothing that Flux or Argo CD manages is written unless forced: git would put it back, or should at
least say the same. What git should say is made here too.
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
"""Writes at once; more keep an API server busy without making it faster."""

FOR_ALL: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, 422})
"""Answers that every other task would get too, so that one is enough."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is written.

    Attributes:
        now: `stopped: true`; otherwise a cutover.
        cutover: The fields of the cutover that were given.
    """

    now: bool = False
    cutover: Mapping[str, Any] = field(default_factory=dict)

    def is_made_of(self, task: TaskView) -> bool:
        """Tell whether a task has this wish already, or a stronger one."""
        if self.now or task.stopped:
            return task.stopped
        there = task.cutover
        return there is not None and all(there.get(k) == v for k, v in self.cutover.items())

    def spec_for(self, task: TaskView) -> dict[str, Any]:
        """Return what the spec shall say.

        Fields of a cutover that are there already stay, also those that the plugin wrote: a wave
        that was named before must not be lost because it is not named again.
        """
        if self.now:
            return {"stopped": True}
        return {"cutover": {**(task.cutover or {}), **self.cutover}}


class Outcome(Enum):
    """What became of the wish for one task; the value is the word in `-o json`."""

    WISHED = "wished"
    ALREADY = "already"
    MANAGED = "managed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one task; `why` says who manages it, or what the API server said."""

    task: TaskView
    outcome: Outcome
    why: str = ""


@dataclass(frozen=True, slots=True)
class Sorted:
    """The tasks that are meant, by what is to be done."""

    to_wish: tuple[TaskView, ...]
    already: tuple[Result, ...]
    managed: tuple[Result, ...]


def sort(tasks: Iterable[TaskView], wish: Wish, *, force: bool) -> Sorted:
    """Tell the tasks to be written from those that are not."""
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
    """Writes one wish to many tasks in parallel.

    Attributes:
        results: Of the tasks that are done, in the order in which they were; complete unless
            `write` was interrupted.
    """

    def __init__(self, cluster: Cluster, wish: Wish, *, dry_run: bool = False) -> None:
        self._cluster, self._wish, self._dry_run = cluster, wish, dry_run
        self._lock = threading.Lock()
        self.results: list[Result] = []

    def write(self, tasks: Sequence[TaskView], tell: Callable[[int], None]) -> None:
        """Write all; `tell` is told how many are done.

        Raises:
            ApiProblem: The first was refused for a reason that holds for all; none was written.
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
                # Those under way end; the others are not begun.
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
        # The uid: if the task was deleted meanwhile, nothing may be created under its name.
        body = {
            "metadata": {"name": task.name, "namespace": task.namespace, "uid": task.uid},
            "spec": self._wish.spec_for(task),
        }
        mine = owners.applied_by(task.body, FIELD_MANAGER, "spec", "cutover")
        if self._wish.now and task.cutover is not None and not mine:
            # What another manager applied does not go by not applying it.
            body["spec"]["cutover"] = None
            self._cluster.merge(kinds.TASK, task.namespace, task.name, body, dry_run=self._dry_run)
        else:
            self._cluster.apply(kinds.TASK, task.namespace, task.name, body, dry_run=self._dry_run)

    def _add(self, result: Result) -> None:
        with self._lock:
            self.results.append(result)


def patch_for_git(kind: kinds.Kind, namespace: str, name: str, spec: Mapping[str, Any]) -> str:
    """Return the lines that git should have of one object, as one YAML document."""
    body = {
        "apiVersion": kinds.GROUP_VERSION,
        "kind": kind.kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": dict(spec),
    }
    return "---\n" + yaml.safe_dump(body, sort_keys=False).rstrip()
