"""`kubectl dcs plan`: prints what would happen, call by call, and changes nothing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from dcs_migration_operator.core.cloud import BATCH_IDS_MAX
from kubectl_dcs import kinds, moments, options, say, versions
from kubectl_dcs.connection import connect
from kubectl_dcs.forecasting import forecast
from kubectl_dcs.planning import as_json, as_lines, make
from kubectl_dcs.problems import WrongUsage
from kubectl_dcs.reading import read
from kubectl_dcs.selection import Selection, demand, namespace_of, select, wave_of
from kubectl_dcs.worlds import Applied, from_cluster, gathered, labels_of, with_files

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kubectl_dcs.cluster import Cluster
    from kubectl_dcs.forecasts import Key
    from kubectl_dcs.where import Where
    from kubectl_dcs.worlds import Gathered


@click.command()
@options.task_names
@options.selector
@options.wave_option
@options.everywhere
@options.cluster
@click.option(
    *("-f", "--filename"),
    "places",
    multiple=True,
    metavar="PLACE",
    help="Plan as if this were applied: a file, a folder, or - for standard input; repeatable.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(1, BATCH_IDS_MAX),
    default=BATCH_IDS_MAX,
    show_default=True,
    help="The most ids per call, if the operator runs with a --batch-size of its own.",
)
@click.option("-v", "--verbose", is_flag=True, help="List every task and every id.")
@options.as_json
def plan(
    where: Where,
    names: tuple[str, ...],
    labels: str,
    wave: str | None,
    *,
    places: tuple[str, ...],
    batch_size: int,
    verbose: bool,
    form: str | None,
) -> int:
    """Print what the operator would do next: which ids in which call, what would wait, and why.

    The operator's own code decides this from the current state of the resources; nothing is
    changed, and DCS is not called. With -f, plan as if those files were applied. The exit status is
    1 if a person is needed first.
    """
    selection = Selection(names, labels, wave or "")
    manifests = read(places)
    if manifests.foreign:
        kinds_told = ", ".join(f"{n:,} {kind}" for kind, n in sorted(manifests.foreign.items()))
        say.note(f"Left out, since they do not belong to this operator: {kinds_told}.")
    if places and not manifests.bodies:
        raise WrongUsage("the files contain nothing that belongs to this operator")
    cluster = connect(where)
    live, unknown = from_cluster(cluster, namespace_of(cluster, where))
    versions.check(cluster)
    applied = Applied(live, {}, {})
    if manifests.bodies:
        applied = with_files(live, manifests.bodies, cluster.namespace)
    namespaces = {namespace for kind, namespace, _ in applied.objects if kind == kinds.TASK.kind}
    shared = any(kind == kinds.CLUSTER_PROJECT.kind for kind, *_ in applied.objects)
    found = gathered(
        live,
        applied,
        moments.now(),
        unknown=unknown,
        namespaces=labels_of(cluster, sorted(namespaces)) if shared else None,
    )
    chosen = _chosen(cluster, where, selection, found)
    made = make(found, chosen, partial(forecast, batch_size=batch_size))
    if form == "json":
        say.document(as_json(made))
    else:
        for line in as_lines(made, verbose=verbose):
            say.result(line)
    return made.status


def _chosen(cluster: Cluster, where: Where, selection: Selection, found: Gathered) -> Iterable[Key]:
    """Return the selected tasks: those of the files if nothing but files was given.

    Raises:
        WrongUsage: A selection was given and selects nothing.
    """
    if not selection.is_said:
        return list(found.changes) or list(found.world.tasks)
    world = found.world
    if selection.labels:  # which the API server compares, so only its own objects can be selected
        listed = {task.key for task in select(cluster, where, selection)}
        return listed & set(world.tasks)
    selection.check()
    if selection.wave and (cluster.namespace, selection.wave) not in world.waves:
        wave_of(cluster, selection.wave)
    inside = [
        t for t in world.tasks.values() if where.everywhere or t.namespace == cluster.namespace
    ]
    wanted = [task for task in inside if selection.wants(task)]
    demand(cluster, where, selection, wanted)
    return [task.key for task in wanted]
