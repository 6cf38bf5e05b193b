"""Which tasks are selected: by names, by labels, by their wave, or all of a namespace."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubectl_dcs import say
from kubectl_dcs.kinds import TASK, WAVE
from kubectl_dcs.problems import ApiProblem, NotFound, WrongUsage, about_selector
from kubectl_dcs.tasks import task_view
from kubectl_dcs.watching import Subject
from kubectl_dcs.waves import wave_view

if TYPE_CHECKING:
    from collections.abc import Collection

    from kubectl_dcs.cluster import Cluster, Listing
    from kubectl_dcs.tasks import TaskView
    from kubectl_dcs.waves import WaveView
    from kubectl_dcs.where import Where


@dataclass(frozen=True, slots=True)
class Selection:
    """What was typed to select tasks. If it is empty, all tasks of the namespace are selected."""

    names: tuple[str, ...] = ()
    labels: str = ""
    wave: str = ""

    @property
    def is_said(self) -> bool:
        """Whether anything was typed."""
        return bool(self.names or self.labels or self.wave)

    def check(self) -> None:
        """Refuse combinations that exclude each other.

        Raises:
            WrongUsage: Tasks were selected in more than one way.
        """
        if bool(self.names) + bool(self.labels) + bool(self.wave) > 1:
            raise WrongUsage("choose tasks in one way only: by names, by --selector or by a wave")

    def wants(self, task: TaskView) -> bool:
        """Return whether a task is selected; the API server has already compared the labels."""
        if self.names:
            return task.name in self.names
        return not self.wave or task.wave == self.wave

    def subject(self, cluster: Cluster, where: Where) -> Subject:
        """Return what to follow."""
        return Subject(namespace_of(cluster, where), self.labels, self.wave)

    def words(self) -> str:
        """Return the options for the same selection, each after a space, ready to be copied."""
        parts = [shlex.quote(name) for name in self.names]
        parts += ["-l", shlex.quote(self.labels)] if self.labels else []
        parts += ["--wave", self.wave] if self.wave else []
        return "".join(f" {part}" for part in parts)


def namespace_of(cluster: Cluster, where: Where) -> str | None:
    """Return the selected namespace; None for all."""
    return None if where.everywhere else cluster.namespace


def select(
    cluster: Cluster, where: Where, selection: Selection, *, managers: bool = False
) -> list[TaskView]:
    """Return the selected tasks, in the order of the API server.

    With `managers`, the tasks include their managed fields.

    Raises:
        WrongUsage: A selection was given and selects nothing, or a name does not exist.
    """
    selection.check()
    if selection.wave:
        wave_of(cluster, selection.wave)
    listing = _list(cluster, where, selection, managers=managers)
    found = [task for task in map(task_view, listing.items) if selection.wants(task)]
    demand(cluster, where, selection, found)
    return found


def demand(
    cluster: Cluster, where: Where, selection: Selection, found: Collection[TaskView]
) -> None:
    """Require that a given selection selects something; without one, only print a note.

    Raises:
        WrongUsage: A selection was given and selects nothing, or a name does not exist.
    """
    missing = sorted(set(selection.names) - {task.name for task in found})
    place = "any namespace" if where.everywhere else f"namespace {cluster.namespace}"
    if missing:
        raise WrongUsage(f"no MigrationTask in {place} is called {', '.join(missing)}")
    if not found and selection.is_said:
        by = f"names the wave {selection.wave}" if selection.wave else f"has {selection.labels!r}"
        raise WrongUsage(f"no MigrationTask in {place} {by}")
    if not found:
        say.note(f"No MigrationTask in {place}.")


def _list(cluster: Cluster, where: Where, selection: Selection, *, managers: bool) -> Listing:
    try:
        return cluster.everything(
            TASK, namespace_of(cluster, where), labels=selection.labels, managers=managers
        )
    except ApiProblem as problem:
        raise about_selector(problem, selection.labels) from None


def wave_of(cluster: Cluster, name: str) -> WaveView:
    """Return a wave of the current namespace.

    Raises:
        WrongUsage: None has this name; the message lists those that exist, if they may be listed.
    """
    try:
        return wave_view(cluster.get(WAVE, cluster.namespace, name))
    except NotFound:
        others = _other_waves(cluster)
    raise WrongUsage(f"no MigrationWave in namespace {cluster.namespace} is called {name}{others}")


def _other_waves(cluster: Cluster) -> str:
    try:
        there = sorted(wave.name for wave in waves_in(cluster, cluster.namespace))
    except ApiProblem:
        return ""
    return f"; there are {', '.join(there)}" if there else ""


def waves_in(cluster: Cluster, namespace: str | None) -> list[WaveView]:
    """Return the waves of a namespace, or of all."""
    return [wave_view(body) for body in cluster.everything(WAVE, namespace).items]
