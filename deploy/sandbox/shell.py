"""Runs kubectl, helm and whole blocks of commands, isolated from the user's own clusters.

Owns their environment: which binaries are found, which cluster is used, and that nothing is stored
in a home folder. The caller decides what is run.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.control_plane import ensure
from sandbox.control_plane.processes import loopback_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]
"""The checkout, where the pages' commands are run."""

COMMAND_S_MAX = 120.0
"""Time limit of one command; commands that wait have a shorter timeout of their own."""


class ShellError(OSError):
    """A command failed; the text names it and ends with its output."""


class Shell:
    """One person's terminal in the checkout.

    Args:
        kubeconfig: The cluster, and the person's identity there.
        folder: Where kubectl and helm keep their caches.
        path: Folders to find further programs in.
    """

    def __init__(self, kubeconfig: Path, folder: Path, path: tuple[Path, ...] = ()) -> None:
        tools = ensure("kubectl", "helm")
        folders = [*dict.fromkeys(str(tool.parent) for tool in tools.values()), *map(str, path)]
        homes = {f"HELM_{kind}_HOME": str(folder / kind) for kind in ("CACHE", "CONFIG", "DATA")}
        self._binaries = tools
        self.environment: Mapping[str, str] = {
            **loopback_environment(),
            **homes,
            "PATH": ":".join([*folders, "/usr/sbin", "/usr/bin", "/sbin", "/bin"]),
            "KUBECONFIG": str(kubeconfig),
            "KUBECACHEDIR": str(folder / "kubectl-cache"),
            "HOME": str(folder),
        }

    def kubectl(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """Run kubectl and return what it printed.

        Raises:
            ShellError: It failed.
        """
        return self._run([self._binaries["kubectl"], *arguments], stdin)

    def helm(self, *arguments: str | Path) -> str:
        """Run helm and return what it printed.

        Raises:
            ShellError: It failed.
        """
        return self._run([self._binaries["helm"], *arguments], None)

    def block(self, text: str) -> str:
        """Run a block of commands as a page shows it, and return what it printed.

        Raises:
            ShellError: One of them failed.
        """
        return self._run(["/bin/sh", "-eu", "-c", text], None)

    def _run(self, command: list[str | Path], stdin: str | None) -> str:
        answer = subprocess.run(  # noqa: S603 - the caller's own command line
            command,
            cwd=ROOT,
            env=self.environment,
            input=stdin,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_S_MAX,
            check=False,
        )
        if answer.returncode != 0:
            shown = " ".join(str(part) for part in command[1:])
            said = answer.stderr.strip() or answer.stdout.strip()
            raise ShellError(f"{Path(command[0]).name} {shown}: {said}")
        return answer.stdout
