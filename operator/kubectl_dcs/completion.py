"""Completion through kubectl, as it asks its plugins for it.

kubectl itself completes `kubectl dcs`: it runs `kubectl_complete-dcs` with the words after `kubectl
dcs` and reads one candidate per line, then a line with a directive about files.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from click.shell_completion import ShellComplete

from kubectl_dcs.cli import PROGRAM, group

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

NO_FILES: Final = ":4"
FILES: Final = ":0"
"""Directives of cobra, the library behind kubectl: do not, or do, offer files instead."""


class Kubectl(ShellComplete):
    """Completes for kubectl."""

    name = "kubectl"

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the complete words and the word being typed."""
        *words, incomplete = sys.argv[1:] or [""]
        return words, incomplete

    def format_completion(self, item: CompletionItem) -> str:
        """Return a candidate with its help, in the form of cobra."""
        return f"{item.value}\t{item.help}" if item.help else str(item.value)

    def complete(self) -> str:
        """Return all candidates and the directive."""
        words, incomplete = self.get_completion_args()
        found = self.get_completions(words, incomplete)
        files = any(item.type in {"file", "dir"} for item in found)
        lines = [self.format_completion(item) for item in found if item.type == "plain"]
        return "\n".join([*lines, FILES if files else NO_FILES])


def main() -> int:
    """Answer kubectl; on any failure, offer and print nothing."""
    try:
        sys.stdout.write(Kubectl(group, {}, PROGRAM, "").complete() + "\n")
    except Exception:  # noqa: BLE001 - see above
        sys.stdout.write(f"{NO_FILES}\n")
    sys.stdout.flush()
    # The connection may hang; do not wait for its end.
    os._exit(0)
