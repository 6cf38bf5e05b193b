"""`kubectl dcs stop`: requests that migrations stop, and waits for it on request."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from kubectl_dcs import kinds, options, say, versions
from kubectl_dcs.connection import connect
from kubectl_dcs.problems import DONE, PERSON_NEEDED, Interrupted, Problem, WrongUsage
from kubectl_dcs.progress import Goal, Progress
from kubectl_dcs.selection import Selection, select
from kubectl_dcs.waits import Waited, wait_for, wait_words
from kubectl_dcs.wishes import Outcome, Result, Wish, Writer, patch_for_git, sort

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubectl_dcs.cluster import Cluster
    from kubectl_dcs.tasks import TaskView
    from kubectl_dcs.where import Where


@click.command()
@options.task_names
@options.selector
@options.wave_option
@options.everywhere
@options.cluster
@click.option("--now", is_flag=True, help="Stop at once, whatever the lag; cannot be undone.")
@options.cutover
@click.option("-y", "--yes", is_flag=True, help="Do not ask to confirm the number of tasks.")
@click.option("--force", is_flag=True, help="Also write what Flux or Argo CD manages.")
@click.option(
    "--dry-run", is_flag=True, help="Have the API server check the change; write nothing."
)
@click.option("--wait", "waits", is_flag=True, help="Wait until all of them are stopped.")
@options.timeout("1h")
@options.as_json
def stop(  # noqa: PLR0913 - the options of a command
    where: Where,
    names: tuple[str, ...],
    labels: str,
    wave: str | None,
    *,
    now: bool,
    cutover: dict[str, Any],
    yes: bool,
    force: bool,
    dry_run: bool,
    waits: bool,
    timeout_s: float,
    form: str | None,
) -> int:
    """Request that migrations stop once their targets have caught up.

    Names, -l or --wave select them. The operator then orders the stops, many per call; with --now
    it does so at once. Stop writing to the sources first: while writers are active, a lag of 0
    proves nothing.
    """
    selection = Selection(names, labels, wave or "")
    if not selection.is_said:
        raise WrongUsage("choose which migrations to stop: names, --selector or --wave")
    if now and cutover:
        raise WrongUsage("--now stops whatever the lag, so it takes no option of a cutover")
    wish = Wish(now=now, cutover=cutover)
    cluster = connect(where)
    tasks = select(cluster, where, selection, managers=True)
    versions.check(cluster)
    parts = sort(tasks, wish, force=force)
    if parts.to_wish and not (yes or dry_run):
        _ask(len(parts.to_wish), wish)
    writer = Writer(cluster, wish, dry_run=dry_run)
    _write(writer, parts.to_wish)
    results = [
        *sorted(writer.results, key=lambda one: one.task.key),
        *parts.already,
        *parts.managed,
    ]
    if not form:
        _tell(results, wish, dry_run=dry_run)
    waited = None
    if waits and not dry_run:
        waited = _wait(cluster, where, selection, results, timeout_s, quiet=form is not None)
    if form:
        say.document(_json(results, wish, waited))
    elif waited:
        say.result(waited.sentence)
    if waited and waited.status != DONE:
        return waited.status
    done = {Outcome.WISHED, Outcome.ALREADY}
    return DONE if all(one.outcome in done for one in results) else PERSON_NEEDED


def _ask(number: int, wish: Wish) -> None:
    """Ask the user to type the number of tasks.

    Raises:
        Problem: Something else was typed.
        WrongUsage: Nothing was typed, as in a script.
    """
    each = "each " if number > 1 else ""
    what = "now, whatever the lag" if wish.now else f"{each}once its target has caught up"
    sys.stderr.write(
        f"This stops {say.count(number, 'migration')}, {what}. The operator never starts one"
        f" again.\nType {number} to continue: "
    )
    sys.stderr.flush()
    typed = sys.stdin.readline()
    if not typed:
        raise WrongUsage("the number was not typed; in a script, use --yes. Nothing was changed")
    if typed.strip() != str(number):
        raise Problem(f"{number} was not typed; nothing was changed")


def _write(writer: Writer, tasks: Sequence[TaskView]) -> None:
    def tell(number: int) -> None:
        if sys.stderr.isatty() and len(tasks) > 1:
            end = "\n" if number == len(tasks) else ""
            sys.stderr.write(f"\r{number:,} of {len(tasks):,} written{end}")
            sys.stderr.flush()

    try:
        writer.write(tasks, tell)
    except KeyboardInterrupt:
        wished = sum(one.outcome is Outcome.WISHED for one in writer.results)
        raise Interrupted(
            f"interrupted: {wished:,} of {say.count(len(tasks), 'task')} have the request, which"
            " stays in effect without this command; the others are unchanged"
        ) from None


def _wait(
    cluster: Cluster,
    where: Where,
    selection: Selection,
    results: Sequence[Result],
    timeout_s: float,
    *,
    quiet: bool,
) -> Waited | None:
    wished = {Outcome.WISHED, Outcome.ALREADY}
    keys = {one.task.key for one in results if one.outcome in wished}
    if not keys:
        return None
    progress = Progress(lambda task: task.key in keys)
    subject = selection.subject(cluster, where)
    again = f"kubectl dcs wait{wait_words(selection)}{where.words()} --until stopped"
    return wait_for(cluster, subject, progress, Goal.STOPPED, timeout_s, quiet=quiet, again=again)


def _tell(results: Sequence[Result], wish: Wish, *, dry_run: bool) -> None:
    """Print the outcome: the patch for git on standard output, the rest in sentences."""
    counts = Counter(one.outcome for one in results)
    would = "would be" if dry_run else "will be"
    how = "stopped now" if wish.now else "stopped once the target has caught up"
    if counts[Outcome.WISHED]:
        say.result(f"{say.count(counts[Outcome.WISHED], 'migration')} {would} {how}.")
    if counts[Outcome.ALREADY]:
        say.result(f"{say.count(counts[Outcome.ALREADY], 'task')} already had that request.")
    named = (wish.cutover.get("waveRef") or {}).get("name")
    waves = sorted({wave for one in results if (wave := named or one.task.wave)})
    if waves and not wish.now:
        say.note(f"Orders are sent only while their wave is at Go: {', '.join(waves)}.")
    failed = [one for one in results if one.outcome is Outcome.FAILED]
    if failed:
        lines = [f"{one.task.namespace}/{one.task.name}: {one.why}" for one in failed]
        say.note(f"{say.count(len(failed), 'task')} could not be written:\n{say.listing(lines)}")
    managed = [one for one in results if one.outcome is Outcome.MANAGED]
    if managed:
        by = ", ".join(sorted({one.why for one in managed}))
        say.note(
            f"Not changed: {say.count(len(managed), 'task')}. {by} would undo the change, so make"
            " it in git (--force writes it anyway):"
        )
        for one in managed:
            task = one.task
            spec = wish.spec_for(task)
            say.result(patch_for_git(kinds.TASK, task.namespace, task.name, spec))


def _json(results: Sequence[Result], wish: Wish, waited: Waited | None) -> dict[str, Any]:
    counts = Counter(one.outcome for one in results)
    return {
        "wish": "stop" if wish.now else "cutover",
        "counts": {outcome.value: counts[outcome] for outcome in Outcome},
        "tasks": [
            {
                "namespace": one.task.namespace,
                "name": one.task.name,
                "taskId": one.task.task_id,
                "outcome": one.outcome.value,
                "why": one.why,
                **({"spec": wish.spec_for(one.task)} if one.outcome is Outcome.MANAGED else {}),
            }
            for one in results
        ],
        **({"wait": waited.as_json()} if waited else {}),
    }
