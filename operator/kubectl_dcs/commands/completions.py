"""`kubectl dcs completion`: prints the script that a shell loads."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from kubectl_dcs import say
from kubectl_dcs.options import COMPLETE
from kubectl_dcs.problems import Problem

COMMAND = "kubectl-dcs"
"""The program that the script completes; for `kubectl dcs` see `completion.py`."""


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    r"""Print the completion script of kubectl-dcs for a shell.

    \b
    bash: source <(kubectl-dcs completion bash)
    zsh:  source <(kubectl-dcs completion zsh)
    fish: kubectl-dcs completion fish | source

    For `kubectl dcs`, kubectl's own completion runs kubectl_complete-dcs, which is installed next
    to kubectl-dcs; nothing else is needed.
    """
    made = get_completion_class(shell)
    if made is None:
        raise Problem(f"there is no completion for {shell}")
    say.result(
        made(click.get_current_context().find_root().command, {}, COMMAND, COMPLETE).source()
    )
    return 0
