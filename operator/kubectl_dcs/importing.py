"""Makes manifests, with stable names, for the migrations that no resource names yet.

Pure. A name is derived from the name in DCS and depends only on the project's migrations and the
names in use: not on filters, nor on the order in which DCS lists them.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

import yaml

from dcs_migration_operator.core.model import task_key
from dcs_migration_operator.core.phases import PhaseClass, class_of
from kubectl_dcs import kinds
from kubectl_dcs.kinds import NAME_CHARS_MAX
from kubectl_dcs.problems import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dcs_migration_operator.core.model import Observation
    from kubectl_dcs.tasks import TaskView
    from kubectl_dcs.where import ProjectName

DUMPER: Final = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""The dumper in C, if available: otherwise ten thousand manifests take seconds."""

KEY_CHARS: Final = 8
"""Digits of an id appended to an ambiguous name; the whole id if these are not enough."""

FALLBACK: Final = "migration"
"""The name of a migration without a name, or without one that Kubernetes allows."""

_OTHERS: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Filters:
    """Which migrations to import; empty means all.

    Attributes:
        running: Only running ones.
        words: Statuses of DCS.
        name: A pattern with `*` and `?` for the name in DCS.
        target: A pattern for the name, id or address of the target.
    """

    running: bool = False
    words: tuple[str, ...] = ()
    name: str = ""
    target: str = ""

    def want(self, one: Observation) -> bool:
        """Return whether a migration passes the filters."""
        return (
            (not self.running or class_of(one.word) is PhaseClass.ACTIVE)
            and (not self.words or one.word.upper() in self.words)
            and (not self.name or fnmatchcase(one.name, self.name))
            and (not self.target or fnmatchcase(one.target, self.target))
        )


@dataclass(frozen=True, slots=True)
class Found:
    """The project's migrations, sorted for an import.

    Attributes:
        new: Migrations that pass the filters and that no resource names, with their new names.
        managed: Migrations that pass the filters and are already named, with the resources that
            name them.
        others: How many do not pass the filters.
    """

    new: tuple[tuple[str, Observation], ...]
    managed: tuple[tuple[Observation, tuple[TaskView, ...]], ...]
    others: int


def sort(
    migrations: Iterable[Observation],
    tasks: Sequence[TaskView],
    filters: Filters,
    namespace: str,
) -> Found:
    """Separate new migrations from managed ones; `tasks` are the resources that can be seen."""
    everything = sorted(migrations, key=lambda one: task_key(one.task_id))
    by_id: dict[str, list[TaskView]] = {}
    for task in tasks:
        by_id.setdefault(task_key(task.task_id), []).append(task)
    taken = {t.name: task_key(t.task_id) for t in tasks if t.namespace == namespace}
    names = named(everything, taken)
    new, managed, others = [], [], 0
    for one in everything:
        key = task_key(one.task_id)
        if not filters.want(one):
            others += 1
        elif key in by_id:
            managed.append((one, tuple(by_id[key])))
        else:
            new.append((names[key], one))
    return Found(tuple(sorted(new, key=lambda pair: pair[0])), tuple(managed), others)


def named(migrations: Sequence[Observation], taken: Mapping[str, str]) -> dict[str, str]:
    """Return a name for each migration, by the key of its id.

    Args:
        migrations: All migrations of the project.
        taken: The names in use, with the keys of the ids of their resources.
    """
    plain = {task_key(one.task_id): plain_name(one.name) for one in migrations}
    uses = Counter(name for name, _ in plain.values())
    made = {}
    for key, (name, exact) in plain.items():
        clear = exact and uses[name] == 1 and taken.get(name, key) == key
        made[key] = name if clear else _longer(name, key[:KEY_CHARS])
    while True:
        again = Counter(made.values())
        # A name that ends with its whole id is unique among such names, so this terminates.
        clashes = {
            key: longest
            for key, name in made.items()
            if (again[name] > 1 or taken.get(name, key) != key)
            and (longest := _longer(plain[key][0], key)) != name
        }
        if not clashes:
            return made
        made |= clashes


def plain_name(text: str) -> tuple[str, bool]:
    """Return the closest name that Kubernetes allows, and whether it is as good as the text.

    It is not if letters were lost: two Chinese names would become the same.
    """
    lower = text.lower()
    name = _OTHERS.sub("-", lower).strip("-")
    if not name:
        return FALLBACK, False
    cut = name[:NAME_CHARS_MAX].strip("-")
    return cut, cut == name and lower.isascii()


def _longer(name: str, suffix: str) -> str:
    return f"{name[: NAME_CHARS_MAX - len(suffix) - 1].rstrip('-')}-{suffix}"


def manifest(
    name: str, one: Observation, project: ProjectName, namespace: str, labels: Mapping[str, str]
) -> dict[str, Any]:
    """Return the resource for one migration; it requests nothing."""
    metadata: dict[str, Any] = {"name": name, "namespace": namespace}
    spec: dict[str, Any] = {"taskId": one.task_id}
    if project.shared:
        spec["projectRef"] = {"kind": kinds.CLUSTER_PROJECT.kind, "name": project.name}
    elif project.name != "default":
        spec["projectRef"] = {"name": project.name}
    return {
        "apiVersion": kinds.GROUP_VERSION,
        "kind": kinds.TASK.kind,
        "metadata": metadata | ({"labels": dict(sorted(labels.items()))} if labels else {}),
        "spec": spec,
    }


def as_yaml(one: Observation, body: Mapping[str, Any]) -> str:
    """Return the text of a manifest file, with a comment that describes the migration."""
    about = [one.name or "without a name", one.method, " → ".join(filter(None, _ends(one)))]
    comment = one_line(" · ".join(part for part in about if part))
    return f"# {comment}\n" + _dumped(dict(body))


def _ends(one: Observation) -> tuple[str, str]:
    return one.source, one.target


def kustomization(files: Iterable[str]) -> str:
    """Return a kustomization of these files."""
    return _dumped(
        {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": sorted(files),
        }
    )


def _dumped(value: dict[str, Any]) -> str:
    text: str = yaml.dump(value, Dumper=DUMPER, sort_keys=False)
    return text
