"""Compares a machine before and after a node ran, and reports what the node left behind.

Owns the list of places: links and named networks, firewall rules and their sets, mounts, cgroups,
settings of the kernel, and processes in namespaces of the node.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from sandbox.node import cgroups

PROC: Final = Path("/proc")

TUNABLES: Final = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
"""Settings of the whole machine that a kubelet writes, below /proc/sys, with its values."""

ENGINES: Final = ("/var/lib/containers", "/var/lib/docker", "/run/containers", "/run/docker")
"""Where container engines mount; their mounts in the meantime are not the node's."""

ANSWER_S_MAX: Final = 30.0

NAMESPACES: Final = ("ipc", "mnt", "net", "pid", "uts")


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of the machine; each entry is a line that people can read."""

    links: frozenset[str]
    networks: frozenset[str]
    rules: frozenset[str]
    sets: frozenset[str]
    mounts: frozenset[str]
    cgroups: frozenset[str]
    settings: frozenset[str]


def look() -> Snapshot:
    """Take a snapshot of the machine."""
    return Snapshot(
        links=frozenset(_links()),
        networks=frozenset(_names(Path("/run/netns"))),
        rules=frozenset(_lines("iptables-save") + _lines("ip6tables-save")),
        sets=frozenset(_lines("ipset", "save")),
        mounts=frozenset(mount_points((PROC / "self" / "mountinfo").read_text(encoding="utf-8"))),
        cgroups=frozenset(map(str, cgroups.left())),
        settings=frozenset(
            f"{name} = {(PROC / 'sys' / name).read_text(encoding='ascii').strip()}"
            for name in TUNABLES
            if (PROC / "sys" / name).exists()
        ),
    )


def left_behind(before: Snapshot, after: Snapshot) -> list[str]:
    """Return what exists now and did not before, each with its kind."""
    return [
        f"{field.name}: {line}"
        for field in fields(Snapshot)
        for line in sorted(getattr(after, field.name) - getattr(before, field.name))
    ]


def namespaces_of(pid: int) -> frozenset[str]:
    """Return the namespaces of a process that are not this process's own, as `net:[4026532281]`."""
    found = set()
    for kind in NAMESPACES:
        theirs = _namespace(pid, kind)
        if theirs and theirs != _namespace(os.getpid(), kind):
            found.add(theirs)
    return frozenset(found)


def processes_in(namespaces: frozenset[str]) -> list[str]:
    """Return the processes that are in any of these namespaces."""
    found = []
    for folder in PROC.iterdir():
        if folder.name.isdecimal():
            pid = int(folder.name)
            if any(_namespace(pid, kind) in namespaces for kind in NAMESPACES):
                found.append(f"process {pid} {_title(pid)}")
    return found


def mount_points(mountinfo: str) -> list[str]:
    """Return all mount points, by the kernel's list, without the engines' own."""
    points = [line.split(" ")[4] for line in mountinfo.splitlines()]
    return [one for one in points if not one.startswith(ENGINES)]


def _namespace(pid: int, kind: str) -> str:
    try:
        return str((PROC / str(pid) / "ns" / kind).readlink())
    except OSError:
        return ""


def _title(pid: int) -> str:
    try:
        return (PROC / str(pid) / "comm").read_text(encoding="utf-8").strip()
    except OSError:
        return "?"


def _links() -> list[str]:
    return _names(Path("/sys/class/net"))


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()] if folder.is_dir() else []


def _lines(*command: str) -> list[str]:
    """Return what a command lists, without comments, counters and the order of its lines."""
    if shutil.which(command[0]) is None:
        return []
    answer = subprocess.run(  # noqa: S603 - the fixed commands above
        command, capture_output=True, text=True, timeout=ANSWER_S_MAX, check=False
    )
    lines = (line.partition(" [")[0] for line in answer.stdout.splitlines())
    return [f"{command[0]} {line}" for line in lines if line and not line.startswith("#")]
