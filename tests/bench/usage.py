"""What a process uses, as the kernel counts it: CPU, memory, threads, open files.

Owns the reading of /proc (Linux only). A process is read together with its children, so that a
program that forks does not look cheaper than it is. CPU has the kernel's resolution of 10 ms.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sandbox.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PROC: Final = Path("/proc")
TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
KIB: Final = 1024

QUIET_S: Final = 0.5
"""How long a process has to do nothing until it counts as quiet."""
QUIET_CPU_S: Final = 0.03
"""What still counts as nothing: 3 ticks, a Lease or a timer."""
QUIET_S_MAX: Final = 120.0
"""After this it will not become quiet."""

UTIME: Final = 11
"""Place of utime in /proc/PID/stat after the name; stime, cutime and cstime follow."""


@dataclass(frozen=True, slots=True)
class Usage:
    """One moment of one process and its children."""

    cpu_s: float
    rss_bytes: int
    rss_peak_bytes: int
    threads: int
    open_files: int


def usage(pid: int) -> Usage:
    """Read a process with its children; raises `OSError` if it is gone."""
    pids = [pid, *_children(pid)]
    lines = [_status(one) for one in pids]
    return Usage(
        cpu_s=sum(_cpu_s(one) for one in pids),
        rss_bytes=sum(_kib(one, "VmRSS") for one in lines),
        rss_peak_bytes=sum(_kib(one, "VmHWM") for one in lines),
        threads=sum(int(one["Threads"]) for one in lines),
        open_files=sum(1 for one in pids for _ in (PROC / str(one) / "fd").iterdir()),
    )


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process and its children so far."""
    return sum(_cpu_s(one) for one in (pid, *_children(pid)))


def until_quiet(pid: int) -> float:
    """Wait until a process does nothing, and return its CPU seconds so far."""
    last_s = float("-inf")

    def look() -> bool:
        nonlocal last_s
        before_s, last_s = last_s, cpu_s(pid)
        return last_s - before_s <= QUIET_CPU_S

    eventually(look, QUIET_S_MAX, QUIET_S)
    return last_s


def machine() -> dict[str, str]:
    """Describe this machine, without anything that names it."""
    return {
        "cpu": _first_value(PROC / "cpuinfo", "model name"),
        "cores": str(os.cpu_count()),
        "memory": f"{int(_first_value(PROC / 'meminfo', 'MemTotal').split()[0]) / KIB**2:.1f} GiB",
        "kernel": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
    }


def _children(pid: int) -> Iterator[int]:
    for children in (PROC / str(pid) / "task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            yield child
            yield from _children(child)


def _cpu_s(pid: int) -> float:
    fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[UTIME : UTIME + 4])) / TICKS_PER_S


def _status(pid: int) -> dict[str, str]:
    lines = (PROC / str(pid) / "status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _kib(status: dict[str, str], name: str) -> int:
    return int(status[name].split()[0]) * KIB


def _first_value(path: Path, name: str) -> str:
    lines: Sequence[str] = path.read_text().splitlines()
    found = (line.partition(":")[2].strip() for line in lines if line.startswith(name))
    return next(found, "unknown")
