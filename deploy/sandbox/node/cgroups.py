"""The parent cgroup of the pods of one node, created and removed by its name.

Owns both layouts of `/sys/fs/cgroup`: one hierarchy (v2), or one for each controller (v1).
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

ROOT: Final = Path("/sys/fs/cgroup")

PREFIX: Final = "dcs-node-"

NEEDED: Final = ("cpu", "cpuset", "memory", "pids")
"""The controllers that a kubelet needs to start."""

INHERITED: Final = ("cpuset.cpus", "cpuset.mems")
"""Settings that a new cgroup (v1) does not inherit, and without which it accepts no process."""


def new_name() -> str:
    """Return a name that no other node has."""
    return f"{PREFIX}{os.getpid()}-{secrets.token_hex(3)}"


def unified(root: Path = ROOT) -> bool:
    """Return whether there is one hierarchy for all controllers."""
    return (root / "cgroup.controllers").exists()


def hierarchies(root: Path = ROOT) -> list[Path]:
    """Return the top of each hierarchy; other names of the same one are left out."""
    if unified(root):
        return [root]
    if not root.is_dir():
        return []
    folders = (path for path in sorted(root.iterdir()) if not path.is_symlink())
    return [path for path in folders if (path / "cgroup.procs").exists()]


def controllers(root: Path = ROOT) -> set[str]:
    """Return the controllers that can be used."""
    if unified(root):
        return set((root / "cgroup.controllers").read_text(encoding="ascii").split())
    links = root.iterdir() if root.is_dir() else ()
    return {path.name for path in links if (path / "cgroup.procs").exists()}


def create(name: str, root: Path = ROOT) -> None:
    """Create the cgroup in every hierarchy, ready for child cgroups."""
    for top in hierarchies(root):
        folder = top / name
        folder.mkdir()
        for file in INHERITED:
            if (top / file).exists():
                (folder / file).write_text((top / file).read_text(encoding="ascii"))
        if unified(root):
            for controller in sorted(controllers(root)):
                # If one cannot be delegated, the kubelet notices and reports it.
                with contextlib.suppress(OSError):
                    (folder / "cgroup.subtree_control").write_text(f"+{controller}")


def remove(name: str, root: Path = ROOT) -> list[Path]:
    """Remove the cgroup and all below it; returns what still exists.

    A cgroup with processes cannot be removed; they must end first.
    """
    for top in hierarchies(root):
        for folder, _, _ in os.walk(top / name, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
    return left(name, root)


def left(name: str = PREFIX, root: Path = ROOT) -> list[Path]:
    """Return what remains of one node, or of any."""
    return [path for top in hierarchies(root) for path in sorted(top.glob(f"{name}*"))]
