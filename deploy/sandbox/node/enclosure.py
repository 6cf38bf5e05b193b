"""Runs a program so that everything it starts, mounts or connects ends with it.

Owns the namespaces and the three processes around the program: `unshare`, which dies with this
process; `init.py`, with which the kernel ends all others; and `sweeper.py`, which removes the
cgroup even after this process was killed. So the end is the same whether the program has finished,
has failed, or was interrupted, and nothing has to keep track of what to undo.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from sandbox.control_plane.processes import guarded
from sandbox.node import cgroups, remains
from sandbox.node.machine import ENCLOSE
from sandbox.node.sweeper import SWEEP_S_MAX
from sandbox.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Sequence

INIT: Final = Path(__file__).with_name("init.py")

START_S_MAX: Final = 30.0
"""Time limit for the first process of the enclosure to start."""

ALREADY_ENDED: Final = frozenset({"ended before it was looked at"})
"""Stands for the namespaces of a program that ended before the first look at it."""

END_S_MAX: Final = 60.0
"""Time limit for the kernel to end everything inside after that process was killed."""


class Enclosure:
    """One enclosure; use it as a context manager.

    Args:
        program: Command line to run inside; it may contain `{cgroup}`.

    Attributes:
        cgroup: Name of the cgroup that is created for it, in every hierarchy.
        left_behind: After the end, what is left of it on the machine.
    """

    def __init__(self, program: Sequence[str]) -> None:
        self.cgroup = cgroups.new_name()
        self._program = [part.replace("{cgroup}", self.cgroup) for part in program]
        self._namespaces: frozenset[str] = frozenset()
        self._process: subprocess.Popen[bytes]
        self._sweeper: subprocess.Popen[bytes]
        self.left_behind: list[str] = []

    def __enter__(self) -> Self:
        self._before = remains.look()
        # Started first, so that everything that follows is cleaned up.
        self._sweeper = _start_sweeper(self.cgroup)
        try:
            cgroups.create(self.cgroup)
            self._process = subprocess.Popen(  # noqa: S603 - the caller's own program
                enclosed(self._program),
                stdin=subprocess.DEVNULL,
                # Ctrl-C in a terminal goes to this process, which ends the enclosure.
                start_new_session=True,
            )
            self._namespaces = eventually(self._inside, START_S_MAX)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def wait(self) -> int:
        """Wait until the program has ended and return its exit status."""
        return self._process.wait()

    def _inside(self) -> frozenset[str]:
        """Return the namespaces of the enclosure, which its first process has."""
        if self._process.poll() is not None:
            return ALREADY_ENDED
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        (first, *_) = children.read_text(encoding="ascii").split() or ["0"]
        found = remains.namespaces_of(int(first))
        return found if len(found) == len(remains.NAMESPACES) else frozenset()

    def _end(self) -> None:
        """End everything inside, and record what is left of it."""
        if hasattr(self, "_process"):
            self._process.kill()  # the kernel then kills its child and, with it, all others
            self._process.wait(END_S_MAX)
        with contextlib.suppress(TimeoutError):
            eventually(lambda: not remains.processes_in(self._namespaces), END_S_MAX)
        if self._sweeper.stdin:
            self._sweeper.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._sweeper.wait(SWEEP_S_MAX + 1)
        self.left_behind = [
            *remains.processes_in(self._namespaces),
            *remains.left_behind(self._before, remains.look()),
        ]


def enclosed(program: Sequence[str]) -> list[str]:
    """Return the command line that runs a program in an enclosure."""
    options = ["--kill-child=SIGKILL", "--mount-proc", "--propagation=private"]
    init = [sys.executable, "-I", "-S", str(INIT)]
    return guarded([*_absolute(ENCLOSE), *options, *init, *program])


def _absolute(command: Sequence[str]) -> list[str]:
    """Return a command with the full path of its program, which the guard needs."""
    name, *arguments = command
    for folder in os.get_exec_path():
        if os.access(Path(folder) / name, os.X_OK):
            return [str(Path(folder) / name), *arguments]
    return [name, *arguments]


def _start_sweeper(cgroup: str) -> subprocess.Popen[bytes]:
    """Start the process that outlives this one; no other process inherits its pipe."""
    return subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "sandbox.node.sweeper", cgroup],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
