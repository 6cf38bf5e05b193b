"""What becomes of migrations that no resource names yet: a manifest each, with a name that stays.

Pure. A name is made from what DCS calls the migration and depends on nothing but the project's
migrations and the names that are taken: not on filters, nor on the order in which DCS lists them.
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
"""The one in C, where there is one: ten thousand manifests take seconds."""

KEY_CHARS: Final = 8
"""Of an id, behind a name that would not be enough; the whole id if that is not either."""

FALLBACK: Final = "migration"
"""The name of what is called nothing, or nothing that Kubernetes can write."""

_OTHERS: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Filters:
    """Which migrations are wanted; empty means all.

    Attributes:
        running: Only those that run.
        words: Status words of DCS.
        name: A pattern with `*` and `?` for the name in DCS.
        target: The same for the name, id or address of the target.
    """

    running: bool = False
    words: tuple[str, ...] = ()
    name: str = ""
    target: str = ""

    def want(self, one: Observation) -> bool:
        """Tell whether a migration is wanted."""
        return (
            (not self.running or class_of(one.word) is PhaseClass.ACTIVE)
            and (not self.words or one.word.upper() in self.words)
            and (not self.name or fnmatchcase(one.name, self.name))
            and (not self.target or fnmatchcase(one.target, self.target))
        )


@dataclass(frozen=True, slots=True)
class Found:
    """What the project's migrations are to an import.

    Attributes:
        new: Those that are wanted and that no resource names, with their names.
        managed: Those that are wanted and named already, with who names them.
        others: How many are not wanted.
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
    """Tell what is new from what is managed already; `tasks` are those that can be seen."""
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
        migrations: All of the project.
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
        # A name that ends with its whole id is unlike all others of that kind, so this ends.
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
    """Return the nearest name that Kubernetes can have, and whether it is as good as the text.

    It is not if letters were lost: two Chinese names would be called the same.
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
    """Return the resource for one migration; it wishes nothing."""
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
    """Return a manifest as a file has it, with a comment that says what the migration is."""
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
