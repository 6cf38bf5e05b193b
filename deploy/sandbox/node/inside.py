"""The program in the enclosure: runs the walk, and saves the logs if a step fails.

Owns exit status and logs. Run only by `__main__.py`, which passes everything it needs as arguments.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.control_plane import ToolchainError
from sandbox.node import mounts, pods
from sandbox.node.node import Node, NodeError
from sandbox.node.show import Show
from sandbox.node.stage import StepError
from sandbox.node.walk import walk
from sandbox.shell import ShellError

if TYPE_CHECKING:
    from collections.abc import Sequence

FAILED = (
    LookupError,
    NodeError,
    OSError,
    RuntimeError,
    StepError,
    ToolchainError,
    mounts.NotEnclosedError,
    subprocess.SubprocessError,
)
"""What can go wrong; the text says it all. `OSError` includes what kubectl, helm and the API server
say, and time limits."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the walk and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.node.inside")
    parser.add_argument("--cgroup", required=True)
    parser.add_argument("--outside", required=True, help="the machine's mount namespace")
    parser.add_argument("--image", required=True, type=Path)
    parser.add_argument("--results", required=True, type=Path)
    options = parser.parse_args(arguments)
    os.environ["PATH"] = f"/usr/local/sbin:/usr/sbin:/sbin:{os.environ.get('PATH', '')}"
    show = Show()
    node: Node | None = None
    try:
        mounts.prepare(options.outside)
        os.environ["TMPDIR"] = str(mounts.FOLDER / "tmp")
        node = Node(mounts.FOLDER, options.cgroup)
        walk(node, show, options.image)
    except FAILED as error:
        sys.stderr.write(f"FAILED: {error}\n")
        save_logs(node, options.results / "logs")
        return 1
    show.write(options.results / "walk.json")
    return 0


def save_logs(node: Node | None, target: Path) -> None:
    """Keep the logs of programs and pods, since the node's folder ends with the enclosure."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for log in mounts.FOLDER.glob("*.log"):
        shutil.copy(log, target)
    for log in (mounts.FOLDER / "pod-logs").rglob("*.log"):
        shutil.copy(log, target / f"{log.parent.parent.name}-{log.name}")
    if node is not None and hasattr(node, "shell"):
        for name, command in {
            "pods.txt": ("describe", "pods", "--all-namespaces"),
            "events.txt": ("get", "events", "--all-namespaces"),
            "lease.yaml": ("get", "lease", f"--namespace={pods.NAMESPACE}", "--output=yaml"),
        }.items():
            try:
                text = node.shell.kubectl(*command)
            except (ShellError, subprocess.SubprocessError) as error:
                text = str(error)
            (target / name).write_text(text, encoding="utf-8")
    sys.stderr.write(f"Logs are kept in {target}.\n")


if __name__ == "__main__":
    raise SystemExit(main())
