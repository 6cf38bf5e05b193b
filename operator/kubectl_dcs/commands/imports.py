"""`kubectl dcs import`: writes manifests for the migrations that no resource names yet."""

from __future__ import annotations

from collections import Counter
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from kubectl_dcs import files, importing, kinds, options, owners, say
from kubectl_dcs.connection import connect
from kubectl_dcs.problems import DONE, ApiProblem, WrongUsage
from kubectl_dcs.tasks import task_view

if TYPE_CHECKING:
    from kubectl_dcs.cluster import Cluster
    from kubectl_dcs.importing import Found
    from kubectl_dcs.tasks import TaskView
    from kubectl_dcs.where import ProjectName, Where

STDOUT: Final = "-"
JSON: Final = "json"


@click.command("import")
@options.project
@options.cluster
@click.option("--running", is_flag=True, help="Only migrations that are running.")
@click.option(
    "--status", "words", multiple=True, metavar="WORD", help="Only those with this status."
)
@click.option(
    "--name", "pattern", default="", metavar="GLOB", help="Only those with a matching name in DCS."
)
@click.option("--target", default="", metavar="GLOB", help="Only those with a matching target.")
@click.option(
    "--label", "labels", multiple=True, metavar="KEY=VALUE", help="A label for each manifest."
)
@click.option(
    *("-o", "--output"),
    metavar="PLACE",
    required=True,
    help="A folder, a file (.yaml), - for standard output, or json.",
)
@click.option("--kustomize", is_flag=True, help="Write a kustomization.yaml into the folder too.")
@click.option("--force", is_flag=True, help="Overwrite files that have other contents.")
def import_(  # noqa: PLR0913 - the options of a command
    where: Where,
    project: ProjectName,
    *,
    running: bool,
    words: tuple[str, ...],
    pattern: str,
    target: str,
    labels: tuple[str, ...],
    output: str,
    kustomize: bool,
    force: bool,
) -> int:
    """Write a manifest for each migration of a project that no resource names yet.

    The manifests request nothing: once applied, they only show what DCS reports. Names are derived
    from those in DCS and stay the same however often this runs. DCS is called with the key in the
    project's Secret, which you must be allowed to read, or with HUAWEICLOUD_SDK_AK and
    HUAWEICLOUD_SDK_SK.
    """
    one_file = output in {STDOUT, JSON} or output.endswith((".yaml", ".yml"))
    if kustomize and one_file:
        raise WrongUsage("--kustomize needs a folder: -o DIR")
    marks = dict(_label(text) for text in labels)
    filters = importing.Filters(running, tuple(word.upper() for word in words), pattern, target)
    cluster = connect(where)
    from kubectl_dcs import cloud  # noqa: PLC0415 - slow, and --help does not need it

    with cloud.dcs(cloud.account_of(cluster, project)) as client:
        migrations, calls = cloud.migrations(client)
    say.note(f"{say.count(len(migrations), 'migration')} in DCS, by {say.count(calls, 'call')}.")
    found = importing.sort(migrations, _tasks(cluster), filters, cluster.namespace)
    bodies = [
        (one, importing.manifest(name, one, project, cluster.namespace, marks))
        for name, one in found.new
    ]
    if output == JSON:
        say.document({"apiVersion": "v1", "kind": "List", "items": [body for _, body in bodies]})
    elif one_file:
        text = "---\n".join(importing.as_yaml(one, body) for one, body in bodies)
        _write_text(output, text, force=force)
    else:
        texts = {
            f"{body['metadata']['name']}.yaml": importing.as_yaml(one, body) for one, body in bodies
        }
        _write_folder(Path(output), texts, kustomize=kustomize, force=force)
    _tell(found)
    return DONE


def _label(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise WrongUsage(f"{text!r} is not a label such as wave=1")
    return key, value


def _tasks(cluster: Cluster) -> list[TaskView]:
    """Return the resources of all namespaces, or only of this one if more may not be listed."""
    try:
        found = cluster.everything(kinds.TASK, managers=True).items
    except ApiProblem as problem:
        if problem.code != HTTPStatus.FORBIDDEN:
            raise
        say.note(
            f"You may not list tasks in all namespaces: what is managed outside {cluster.namespace}"
            " is not known."
        )
        found = cluster.everything(kinds.TASK, cluster.namespace, managers=True).items
    return [task_view(body) for body in found]


def _write_text(output: str, text: str, *, force: bool) -> None:
    if output == STDOUT:
        say.result(text.rstrip("\n"))
    elif text:
        files.write_file(Path(output), text, force=force)
        say.note(f"Written: {output}")


def _write_folder(folder: Path, texts: dict[str, str], *, kustomize: bool, force: bool) -> None:
    written, kept = files.write_folder(folder, texts, force=force)
    if kustomize:
        every = sorted({*files.manifests_in(folder), *texts})
        files.write_folder(
            folder, {files.KUSTOMIZATION: importing.kustomization(every)}, force=True
        )
    say.note(f"Written to {folder}: {say.count(written, 'manifest')}.")
    if kept:
        say.note(
            "Kept, because their contents differ (--force overwrites them):\n" + say.listing(kept)
        )


def _tell(found: Found) -> None:
    """Print what was not written, and why."""
    managed: list[str] = []
    by: Counter[str] = Counter()
    for one, tasks in found.managed:
        first: Any = tasks[0]
        owner = owners.owner_of(first.body)
        by[f"namespace {first.namespace}" + (f" ({owner})" if owner else "")] += 1
        names = ", ".join(f"{task.namespace}/{task.name}" for task in tasks)
        if len(tasks) > 1:
            managed.append(f"{one.task_id} by {names}")
    if by:
        words = ", ".join(f"{number:,} by {place}" for place, number in sorted(by.items()))
        say.note(f"Managed already: {sum(by.values()):,}: {words}.")
    if managed:
        say.note(f"Named by more than one resource:\n{say.listing(managed)}")
    if found.others:
        say.note(f"Excluded by the filters: {found.others:,}.")
