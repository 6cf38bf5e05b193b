"""`kubectl dcs wait`: waits, in scripts, for a wave or for some tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kubectl_dcs import options, say
from kubectl_dcs.connection import connect
from kubectl_dcs.problems import WrongUsage
from kubectl_dcs.progress import Goal, Progress
from kubectl_dcs.selection import Selection, demand, wave_of
from kubectl_dcs.waits import wait_for, wait_words

if TYPE_CHECKING:
    from kubectl_dcs.where import Where

GOALS = {goal.value: goal for goal in Goal}


@click.command()
@click.argument("wave", metavar="[WAVE]", required=False, type=options.ObjectName("migrationwaves"))
@options.selector
@click.option("--name", "names", multiple=True, metavar="NAME", help="A task; may be repeated.")
@options.everywhere
@options.cluster
@click.option(
    "--until",
    type=click.Choice(list(GOALS)),
    default="stopped",
    show_default=True,
    help="The goal.",
)
@options.timeout("1h")
@options.as_json
def wait(
    where: Where,
    wave: str | None,
    labels: str,
    names: tuple[str, ...],
    *,
    until: str,
    timeout_s: float,
    form: str | None,
) -> int:
    """Wait until all tasks of a wave, or of a selector, have caught up or are stopped.

    The exit status is then 0; it is 1 if only a person can get them there, and 3 if time is up. A
    task in trouble does not end the wait for the others. Tasks applied in the meantime count too.
    """
    selection = Selection(names, labels, wave or "")
    if not selection.is_said:
        raise WrongUsage("choose what to wait for: a wave, --selector or --name")
    if wave and where.everywhere:
        raise WrongUsage("a wave is in one namespace: leave --all-namespaces out")
    cluster = connect(where)
    selection.check()
    if wave:
        wave_of(cluster, wave)

    def check(progress: Progress) -> None:
        tasks = progress.tasks.values()
        demand(cluster, where, selection, tasks)
        if unwished := sum(not task.wished for task in tasks):
            say.note(f"No stop is requested for {unwished:,} of them; they count too.")

    again = f"kubectl dcs wait{wait_words(selection)}{where.words()} --until {until}"
    waited = wait_for(
        cluster,
        selection.subject(cluster, where),
        Progress(selection.wants),
        GOALS[until],
        timeout_s,
        quiet=form is not None,
        again=again,
        check=check,
    )
    if form:
        say.document(waited.as_json())
    else:
        say.result(waited.sentence)
    return waited.status
