"""`kubectl dcs logs`: prints DCS's own log of one migration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kubectl_dcs import kinds, options, say
from kubectl_dcs.connection import connect
from kubectl_dcs.problems import DONE
from kubectl_dcs.tasks import task_view
from kubectl_dcs.where import ProjectName

if TYPE_CHECKING:
    from kubectl_dcs.where import Where


@click.command()
@click.argument("name", metavar="NAME", type=options.ObjectName("migrationtasks"))
@options.cluster
@options.reach
@options.as_json
def logs(
    where: Where, name: str, *, secret_namespace: str, allowed: tuple[str, ...], form: str | None
) -> int:
    """Print DCS's own log of one migration, the oldest line first.

    DCS is called with the key in the Secret of the task's project, which you must be allowed to
    read, or with HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK.
    """
    cluster = connect(where)
    task = task_view(cluster.get(kinds.TASK, cluster.namespace, name))
    kind, _, project = task.project.rpartition(" ")
    from kubectl_dcs import cloud  # noqa: PLC0415 - slow, and --help does not need it

    named = ProjectName(project, bool(kind), secret_namespace, allowed)
    with cloud.dcs(cloud.account_of(cluster, named)) as client:
        lines = cloud.log_lines(client, task.task_id)
    if form == "json":
        say.document(
            [{"at": o.at, "level": o.level, "code": o.code, "message": o.message} for o in lines]
        )
        return DONE
    if not lines:
        say.note(f"DCS has no log of {name}.")
    for one in sorted(lines, key=lambda line: line.at):
        code = f" {one.code}" if one.code else ""
        say.result(f"{one.at} {one.level}{code} {one.message}")
    return DONE
