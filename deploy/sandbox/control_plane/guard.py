"""Turns into another program that the kernel ends when its parent dies, even by `kill -9`.

Run as `python guard.py PARENT_PID PROGRAM [ARGUMENT ...]`, with nothing but the standard library.
A wrapper and not a `preexec_fn`, because that runs Python in a forked child and may deadlock where
the parent has threads. The process id stays the same, so the parent signals the program itself.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""From <sys/prctl.h>: sets the signal for the parent's death. It survives exec."""


def main() -> None:
    """Ask for the signal, then become the program."""
    parent = int(sys.argv[1])
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("The parent process has ended already.")
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - the caller's own command line


if __name__ == "__main__":
    main()
