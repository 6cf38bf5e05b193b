"""Gathers a world: what is in the cluster, and what it would be if files were applied.

The `spec` in a file takes precedence over the cluster's; what DCS reported is always taken from the
cluster.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from kubectl_dcs import kinds, say
from kubectl_dcs.forecasts import Key, World
from kubectl_dcs.problems import ApiProblem
from kubectl_dcs.rules import breach
from kubectl_dcs.tasks import TaskView, task_view
from kubectl_dcs.waves import wave_view

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from kubectl_dcs.cluster import Body, Cluster
    from kubectl_dcs.kinds import Kind

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"

HIDDEN: Final = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})

DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    kinds.TASK.kind: {"stopped": False, "projectRef": {}},
    kinds.WAVE.kind: {"state": "Hold", "maxUnderWay": 50, "pauseAfterFailures": 1},
}
"""The defaults that the API server fills in, as far as they matter to a plan."""


class Change(Enum):
    """What applying the files would do to an object; the value is used in `-o json`."""

    NONE = "none"
    NEW = "new"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Gathered:
    """A world, with what the files would change in it.

    Attributes:
        world: The world as it would be.
        changes: What would happen to each task.
        before: The current state of the tasks that the files change.
        refusals: The objects in the files that the API server would refuse, with the reason; such
            an object keeps its current state.
    """

    world: World
    changes: Mapping[Key, Change]
    before: Mapping[Key, TaskView]
    refusals: Mapping[Key, str]


Objects = dict[tuple[str, str, str], "Body"]


def from_cluster(cluster: Cluster, namespace: str | None) -> tuple[Objects, frozenset[str]]:
    """Return the objects of one namespace, or of all, and the cluster-scoped projects.

    All tasks are included, whatever the selector: those that are not selected may share a call, an
    id or a target with those that are. The kinds that may not be read are returned separately.
    """
    found: Objects = {}
    unknown: set[str] = set()
    for kind in (kinds.TASK, kinds.WAVE, kinds.PROJECT, kinds.CLUSTER_PROJECT):
        try:
            items = cluster.everything(kind, namespace if kind.namespaced else None).items
        except ApiProblem as problem:
            if kind is kinds.TASK or problem.code not in HIDDEN:
                raise
            say.note(f"{kind.kind}s cannot be read, so the plan leaves them out: {problem}")
            unknown.add(kind.kind)
            continue
        for body in items:
            found[_key(kind, body, "")] = body
    return found, frozenset(unknown)


@dataclass(frozen=True, slots=True)
class Applied:
    """What the objects would be after applying files; see `Gathered`."""

    objects: Objects
    changes: Mapping[Key, Change]
    refusals: Mapping[Key, str]


def with_files(objects: Objects, bodies: Iterable[Mapping[str, Any]], namespace: str) -> Applied:
    """Return the objects after applying the files; `namespace` is for those without one."""
    merged = dict(objects)
    changes: dict[Key, Change] = {}
    refusals: dict[Key, str] = {}
    for given in bodies:
        kind = kinds.BY_KIND[given["kind"]]
        key = _key(kind, given, namespace)
        there = merged.get(key)
        made = _applied(kind, there, given, key[1])
        before = None if there is None else there.get("spec") or {}
        if why := breach(kind, made["spec"], before):
            refusals[key[1:]] = why
            continue
        merged[key] = made
        if kind is kinds.TASK:
            changes[key[1:]] = _change(before, made["spec"])
    return Applied(merged, changes, refusals)


def _change(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Change:
    if before is None:
        return Change.NEW
    return Change.NONE if before == after else Change.CHANGED


def gathered(
    live: Objects,
    applied: Applied,
    now: datetime,
    *,
    unknown: frozenset[str] = frozenset(),
    namespaces: Mapping[str, Mapping[str, str]] | None = None,
) -> Gathered:
    """Return the world as it would be, and what the files change in it."""
    before = {
        key: task_view(live[kinds.TASK.kind, *key])
        for key, change in applied.changes.items()
        if change is Change.CHANGED
    }
    objects = applied.objects
    tasks = [task_view(body) for (kind, *_), body in objects.items() if kind == kinds.TASK.kind]
    waves = [wave_view(body) for (kind, *_), body in objects.items() if kind == kinds.WAVE.kind]
    projects = {
        key: body
        for key, body in objects.items()
        if key[0] in {kinds.PROJECT.kind, kinds.CLUSTER_PROJECT.kind}
    }
    world = World(
        tasks={task.key: task for task in tasks},
        waves={(wave.namespace, wave.name): wave for wave in waves},
        projects=projects,
        now=now,
        unknown=unknown,
        namespaces=namespaces or {},
    )
    return Gathered(world, applied.changes, before, applied.refusals)


def labels_of(cluster: Cluster, names: Iterable[str]) -> dict[str, Mapping[str, str]]:
    """Return the labels of those namespaces that may be read."""
    found: dict[str, Mapping[str, str]] = {}
    for name in names:
        try:
            body = cluster.get(kinds.NAMESPACE, "", name)
        except ApiProblem as problem:
            if problem.code not in HIDDEN:
                raise
            continue
        found[name] = body["metadata"].get("labels") or {}
    return found


def _key(kind: Kind, body: Mapping[str, Any], namespace: str) -> tuple[str, str, str]:
    metadata = body["metadata"]
    own = str(metadata.get("namespace") or namespace) if kind.namespaced else ""
    return kind.kind, own, str(metadata["name"])


def _applied(
    kind: Kind, there: Body | None, given: Mapping[str, Any], namespace: str
) -> dict[str, Any]:
    """Return an object as it would be: fields of a file replace or add, and remove nothing.

    Fields that an earlier `kubectl apply` of the file set and that are no longer in it are removed.
    """
    merged: dict[str, Any] = copy.deepcopy(dict(there or {}))
    metadata = merged.setdefault("metadata", {})
    metadata |= {"name": given["metadata"]["name"], "generation": metadata.get("generation", 0)}
    if kind.namespaced:
        metadata["namespace"] = namespace
    wanted = given.get("spec")
    wanted = wanted if isinstance(wanted, dict) else {}
    before = merged.get("spec") or {}
    spec = _merged(_without_dropped(before, metadata, wanted), wanted)
    merged["spec"] = dict(DEFAULTS.get(kind.kind, {})) | spec
    merged |= {"kind": kind.kind, "apiVersion": kinds.GROUP_VERSION}
    if there is not None and merged["spec"] != before:
        metadata["generation"] += 1
    return merged


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = _merged(old if isinstance(old, dict) else {}, value)
        else:
            result[key] = value
    return result


def _without_dropped(
    spec: Mapping[str, Any], metadata: Mapping[str, Any], wanted: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a spec without the fields that kubectl would remove as no longer in the file."""
    noted = (metadata.get("annotations") or {}).get(LAST_APPLIED)
    try:
        last = json.loads(noted)["spec"] if noted else {}
    except (ValueError, KeyError, TypeError):
        last = {}
    return _without(spec, last if isinstance(last, dict) else {}, wanted)


def _without(
    spec: Mapping[str, Any], last: Mapping[str, Any], wanted: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a spec without the fields that are in `last` and no longer in `wanted`."""
    kept = {key: value for key, value in spec.items() if key in wanted or key not in last}
    for key, value in kept.items():
        before, after = last.get(key), wanted.get(key)
        if isinstance(value, dict) and isinstance(before, dict) and isinstance(after, dict):
            kept[key] = _without(value, before, after)
    return kept
