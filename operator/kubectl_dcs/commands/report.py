"""`kubectl dcs report`: prints the outcome of a wave, for the change ticket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kubectl_dcs import moments, options, say
from kubectl_dcs.connection import connect
from kubectl_dcs.problems import WrongUsage
from kubectl_dcs.progress import Progress
from kubectl_dcs.reporting import as_markdown
from kubectl_dcs.reporting import report as made_report
from kubectl_dcs.selection import Selection, select, wave_of

if TYPE_CHECKING:
    from kubectl_dcs.where import Where


@click.command()
@click.argument("wave", metavar="[WAVE]", required=False, type=options.ObjectName("migrationwaves"))
@options.selector
@options.everywhere
@options.cluster
@click.option(
    *("-o", "--output"),
    "form",
    type=click.Choice(["md", "json"]),
    default="md",
    show_default=True,
    help="Markdown or JSON.",
)
def report(where: Where, wave: str | None, labels: str, form: str) -> int:
    """Print the outcome of a wave, or of the tasks with some labels.

    It has timings, the lag at each order, the request ids of DCS, and the tasks that need a person.
    """
    selection = Selection(labels=labels, wave=wave or "")
    if not selection.is_said:
        raise WrongUsage("choose what to report: a wave, or --selector")
    if wave and where.everywhere:
        raise WrongUsage("a wave is in one namespace: leave --all-namespaces out")
    cluster = connect(where)
    progress = Progress(selection.wants)
    progress.listed(select(cluster, where, selection))
    progress.wave = wave_of(cluster, wave) if wave else None
    made = made_report(progress, f"{moments.now():%Y-%m-%dT%H:%M:%SZ}")
    if form == "json":
        say.document(made)
    else:
        say.result(as_markdown(made))
    return 0
