"""`kubectl dcs status`: shows the state of each migration."""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import click

from kubectl_dcs import moments, options, say
from kubectl_dcs.connection import connect
from kubectl_dcs.problems import DONE, PERSON_NEEDED, ApiProblem, Interrupted
from kubectl_dcs.progress import Progress
from kubectl_dcs.rows import TASK_HEADS, WAVE_HEADS, task_row, wave_row
from kubectl_dcs.selection import Selection, namespace_of, select, waves_in
from kubectl_dcs.shapes import counts_json, tasks_json, wave_json
from kubectl_dcs.shows import Lines
from kubectl_dcs.tasks import State
from kubectl_dcs.watching import Watching

if TYPE_CHECKING:
    from kubectl_dcs.cluster import Cluster
    from kubectl_dcs.waves import WaveView
    from kubectl_dcs.where import Where


@click.command()
@options.task_names
@options.selector
@options.wave_option
@options.everywhere
@options.cluster
@click.option("-w", "--watch", is_flag=True, help="Keep watching: a table, or a line per change.")
@options.as_json
def status(
    where: Where,
    names: tuple[str, ...],
    labels: str,
    wave: str | None,
    *,
    watch: bool,
    form: str | None,
) -> int:
    """Show the state of migrations: those that need a person first, then by lag.

    Names, -l or --wave select some; without them, all in the namespace are shown. The exit status
    is 1 if a person is needed.
    """
    selection = Selection(names, labels, wave or "")
    cluster = connect(where)
    if watch:
        return _watch(cluster, where, selection, as_json=form is not None)
    progress = Progress(selection.wants)
    progress.listed(select(cluster, where, selection))
    named = {(task.namespace, task.wave) for task in progress.tasks.values()}
    waves = [
        one
        for one in _waves(cluster, namespace_of(cluster, where))
        if not selection.is_said or (one.namespace, one.name) in named
    ]
    _print(progress, waves, as_json=form is not None)
    needed = progress.counts().get(State.TROUBLE) or any(one.stalled for one in waves)
    return PERSON_NEEDED if needed else DONE


def _waves(cluster: Cluster, namespace: str | None) -> list[WaveView]:
    """Return the waves; none, with a note, if the kind is unknown or may not be listed."""
    try:
        return waves_in(cluster, namespace)
    except ApiProblem as problem:
        if problem.code not in {HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN}:
            raise
        say.note(f"Waves are not shown: {problem}")
        return []


def _print(progress: Progress, waves: list[WaveView], *, as_json: bool) -> None:
    tasks, counts = progress.by_urgency(), progress.counts()
    if as_json:
        shown: dict[str, Any] = {"counts": counts_json(counts)}
        shown["waves"] = [wave_json(wave) for wave in waves]
        say.document(shown | {"tasks": tasks_json(tasks)})
        return
    if waves:
        say.table(WAVE_HEADS, map(wave_row, waves))
        say.result("")
    if tasks:
        now = moments.now()
        say.table(TASK_HEADS, [task_row(task, now) for task in tasks])
        words = ", ".join(f"{number:,} {state.value}" for state, number in counts.items())
        say.note(f"{say.count(len(tasks), 'task')}: {words}")


def _watch(cluster: Cluster, where: Where, selection: Selection, *, as_json: bool) -> int:
    selection.check()
    progress = Progress(selection.wants)
    subject = selection.subject(cluster, where)
    try:
        if say.is_terminal() and not as_json:
            from kubectl_dcs.screen import Screen  # noqa: PLC0415 - needed on a terminal only

            with Screen(None, heads=TASK_HEADS) as screen:
                watching = Watching(cluster, subject, progress, screen)
                with watching:
                    watching.until(None, math.inf)
        else:
            lines = Lines(everything=True, as_json=as_json)
            with Watching(cluster, subject, progress, lines) as watching:
                watching.until(None, math.inf)
    except KeyboardInterrupt:
        raise Interrupted("no longer watching; the operator continues by itself") from None
    return DONE
