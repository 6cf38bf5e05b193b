"""What needs care before a migration is stopped, although nothing prevents the stop.

Pure. Each care is a sentence about one task that a person should read before a wave is set to Go.
"""

from __future__ import annotations

import ipaddress
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.admission import allowed_from_json
from dcs_migration_operator.core.model import task_key
from dcs_migration_operator.core.phases import PhaseClass, class_of
from kubectl_dcs import kinds
from kubectl_dcs.tasks import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kubectl_dcs.forecasts import Key, World
    from kubectl_dcs.tasks import TaskView

FULL_WORDS: Final = frozenset({"FULLMIGRATING", "CREATING"})
FULL_METHOD: Final = "full_amount_migration"
DONE_PERCENT: Final = 100

NAMES_MAX: Final = 5
"""The most tasks that one sentence names."""

_HOST: Final = re.compile(r"[\w.-]+:\d+")


@dataclass(frozen=True, slots=True)
class Care:
    """One sentence about one task; `what` is a keyword that scripts can compare."""

    task: Key
    what: str
    text: str


def cares(world: World, about: Iterable[Key]) -> list[Care]:
    """Return what needs care about these tasks, all of which have a pending stop request."""
    chosen = [world.tasks[key] for key in about]
    by_id: dict[str, list[TaskView]] = defaultdict(list)
    by_target: dict[tuple[str, str, str], list[TaskView]] = defaultdict(list)
    for task in world.tasks.values():
        by_id[task_key(task.task_id)].append(task)
        target = _about(task).get("targetInstance")
        if target and _runs(task):
            by_target[_project(task)[1], task.project, str(target)].append(task)
    found: list[Care] = []
    for task in chosen:
        found += _full_phase(task)
        found += _switch_ip(task)
        found += _shared_target(task, by_target)
        found += _same_id(task, by_id[task_key(task.task_id)])
        found += _not_admitted(task, world)
    return found


def _full_phase(task: TaskView) -> Iterator[Care]:
    """Yield a care if a stop would leave the target half filled."""
    progress = task.part("lag").get("fullProgress")
    full = _about(task).get("method") == FULL_METHOD or task.phase in FULL_WORDS
    partly = isinstance(progress, int | float) and progress < DONE_PERCENT
    if _runs(task) and (full or partly):
        percent = f" ({progress:g} %)" if isinstance(progress, int | float) else ""
        yield Care(
            task.key,
            "FullPhase",
            f"it is in its full phase{percent}: a stop now leaves the target half filled",
        )


def _switch_ip(task: TaskView) -> Iterator[Care]:
    """Yield a care if the source is a DCS instance, whose address could be taken over."""
    source = str(_about(task).get("sourceInstance") or "")
    if source and _runs(task) and not _is_address(source):
        yield Care(
            task.key,
            "SwitchIP",
            f"its source {source} is a DCS instance: Switch IP needs a running task, so do it"
            " before the stop or not at all",
        )


def _shared_target(
    task: TaskView, by_target: Mapping[tuple[str, str, str], list[TaskView]]
) -> Iterator[Care]:
    target = str(_about(task).get("targetInstance") or "")
    others = [
        one
        for one in by_target.get((_project(task)[1], task.project, target), ())
        if task_key(one.task_id) != task_key(task.task_id)
    ]
    if target and others and _runs(task):
        yield Care(
            task.key,
            "SharedTarget",
            f"its target {target} is written by others too: {_names(others)}",
        )


def _same_id(task: TaskView, same: list[TaskView]) -> Iterator[Care]:
    others = [one for one in same if one.key != task.key]
    if others:
        what = (
            "also to be stopped" if all(one.wished for one in others) else "not all to be stopped"
        )
        yield Care(
            task.key,
            "SameId",
            f"its migration has other resources, which are {what}: {_names(others)}",
        )


def _not_admitted(task: TaskView, world: World) -> Iterator[Care]:
    """Yield a care if the project does not exist or does not admit the task's namespace."""
    kind, namespace, name = _project(task)
    project = world.projects.get((kind, namespace, name))
    if project is None:
        if kind not in world.unknown:
            yield Care(task.key, "NoProject", f"{kind} {name} does not exist: nothing is ordered")
        return
    if kind != kinds.CLUSTER_PROJECT.kind:
        return
    allowed = allowed_from_json((project.get("spec") or {}).get("allowedNamespaces"))
    if task.namespace in allowed.names:
        return
    labels = world.namespaces.get(task.namespace)
    if allowed.selector and (labels is None or allowed.selector.matches(labels)):
        return
    yield Care(
        task.key,
        "NotAdmitted",
        f"{kind} {name} does not admit the namespace {task.namespace}: nothing is ordered",
    )


def _project(task: TaskView) -> tuple[str, str, str]:
    kind, _, name = task.project.rpartition(" ")
    if kind:
        return kind, "", name
    return kinds.PROJECT.kind, task.namespace, name


def _about(task: TaskView) -> Mapping[str, object]:
    return task.part("task")


def _runs(task: TaskView) -> bool:
    seen = task.phase not in {"", "PENDING"}
    return seen and class_of(task.phase) is PhaseClass.ACTIVE and task.state is not State.STOPPED


def _is_address(text: str) -> bool:
    """Return whether this is an address, as of a self-hosted Redis, and not an instance."""
    hosts = [part.strip() for part in text.split(",")]
    for host in hosts:
        try:
            ipaddress.ip_address(host.strip("[]"))
        except ValueError:
            if not _HOST.fullmatch(host) and "]:" not in host:
                return False
    return True


def _names(tasks: list[TaskView]) -> str:
    shown = sorted(f"{one.namespace}/{one.name}" for one in tasks)
    more = len(shown) - NAMES_MAX
    return ", ".join(shown[:NAMES_MAX]) + (f" and {more} more" if more > 0 else "")
