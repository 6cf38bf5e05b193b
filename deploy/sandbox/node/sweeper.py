"""Removes the cgroup of a node once all of the node has ended, even if that was by `kill -9`.

Run as `python -m sandbox.node.sweeper NAME`, with a pipe as standard input, whose other end is held
only by the process that made the node. The closing of the pipe is the signal to begin.
"""

from __future__ import annotations

import signal
import sys
import time

from sandbox.node import cgroups

SWEEP_S_MAX = 60.0
"""Time limit for killed processes of a node to be gone: a second, or more on a busy machine."""

PAUSE_S = 0.1


def main(name: str) -> int:
    """Wait for the end of the pipe, remove the cgroup, and return 1 if it could not be removed."""
    # It continues when a terminal sends a signal to all processes.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    deadline = time.monotonic() + SWEEP_S_MAX
    while cgroups.remove(name):
        if time.monotonic() > deadline:
            return 1
        time.sleep(PAUSE_S)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
