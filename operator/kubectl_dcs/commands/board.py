"""`kubectl dcs board`: a page for the night of a cutover, live or from a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from kubectl_dcs import options
from kubectl_dcs.problems import Interrupted, WrongUsage
from kubectl_dcs.where import Where

PORT_MAX: Final = 65535


@click.command()
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
@options.selector
@options.everywhere
@options.cluster
@click.option(
    "--port",
    type=click.IntRange(0, PORT_MAX),
    default=0,
    help="The port on 127.0.0.1 to listen on; any free one if not given.",
)
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@click.option("--actions", is_flag=True, help="Offer Hold and Go; never a stop.")
@click.option(
    "--record",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Record what is seen, for replay with `board FILE`.",
)
def board(
    where: Where,
    file: Path | None,
    labels: str,
    port: int,
    *,
    no_browser: bool,
    actions: bool,
    record: Path | None,
) -> int:
    """Show waves, phases and lags on a local page, with whatever needs a person first.

    With FILE, replay a recording of another night. The page is served to this machine only; it
    queries the API server with your rights, by one watch per kind, and never calls DCS.
    """
    if file and (labels or where.words() or actions or record):
        raise WrongUsage("with a recording, give no options but --port and --no-browser")
    # The server is slow to import.
    from kubectl_dcs.board import running  # noqa: PLC0415

    wish = running.Wish(port, not no_browser, actions, record)
    if file:
        running.run_recording(file, wish)
        raise Interrupted("the board has ended")
    from kubectl_dcs.board import access, live  # noqa: PLC0415

    cluster = access.connect(where)
    namespace = None if where.everywhere else cluster.namespace
    context = Where(where.kubeconfig, where.context).words()
    scope = live.Scope(namespace, labels, cluster.host, context)
    running.run_live(cluster, scope, wish)
    raise Interrupted("the board has ended; the operator continues by itself")
