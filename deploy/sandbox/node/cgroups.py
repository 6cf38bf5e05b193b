"""The cgroup below which the pods of one node live, made and removed by its name.

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
"""Controllers without which a kubelet does not start."""

INHERITED: Final = ("cpuset.cpus", "cpuset.mems")
"""What a new cgroup (v1) does not get from its parent, and without which it takes no process."""


def new_name() -> str:
    """Return a name that no other node has."""
    return f"{PREFIX}{os.getpid()}-{secrets.token_hex(3)}"


def unified(root: Path = ROOT) -> bool:
    """Tell whether there is one hierarchy for all controllers."""
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
    """Make the cgroup in every hierarchy, ready to have others below it."""
    for top in hierarchies(root):
        folder = top / name
        folder.mkdir()
        for file in INHERITED:
            if (top / file).exists():
                (folder / file).write_text((top / file).read_text(encoding="ascii"))
        if unified(root):
            for controller in sorted(controllers(root)):
                # One that cannot be delegated is missed by the kubelet, which says so.
                with contextlib.suppress(OSError):
                    (folder / "cgroup.subtree_control").write_text(f"+{controller}")


def remove(name: str, root: Path = ROOT) -> list[Path]:
    """Remove the cgroup and all below it; returns what is still there.

    One that has processes cannot be removed; they have to end before.
    """
    for top in hierarchies(root):
        for folder, _, _ in os.walk(top / name, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
    return left(name, root)


def left(name: str = PREFIX, root: Path = ROOT) -> list[Path]:
    """Return what there is of one node, or of any."""
    return [path for top in hierarchies(root) for path in sorted(top.glob(f"{name}*"))]
