"""Starts, pauses and ends one server process, and keeps its log.

Owns the rules for child processes: only a process started here is ever signaled, by its id; none
outlives its parent; and its output goes to a file whose end is shown when something goes wrong.
`plane.py` owns what the servers are.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

GUARD = Path(__file__).with_name("guard.py")

STOP_S_MAX = 10.0
"""How long a server may take to end after SIGTERM; then it is killed. Its data is temporary."""

TAIL_LINES_MAX = 12
"""How much of a log is shown on failure: the cause is in the last lines."""

LOOPBACK = "127.0.0.1"


class Server:
    """One server process with its log file; can be started again after it was stopped.

    The kernel's parent-death signal is tied to the thread that started the child, so each server
    has a separate thread for that. `start` may be called from any short-lived thread.
    """

    def __init__(self, command: Sequence[str | Path], log: Path) -> None:
        self.command = [str(part) for part in command]
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix=self.name)

    @property
    def name(self) -> str:
        """The program's name, for messages."""
        return Path(self.command[0]).name

    @property
    def pid(self) -> int | None:
        """The process id while it runs, else None."""
        return self._process.pid if self._process and self.running else None

    @property
    def running(self) -> bool:
        """Whether the process exists; a paused one does."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process; its output is appended to the log."""
        if self.running:
            raise RuntimeError(f"{self.name} is already running.")
        self._process = self._starter.submit(self._spawn).result()

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603 - the command line is built by servers.py
                guarded(self.command),
                env=loopback_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Ctrl-C in a terminal must not reach the servers before they are ended in order.
                start_new_session=True,
            )

    def pause(self) -> None:
        """Freeze the process: connections stay open and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Resume a paused process."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the process at once, as a crash would."""
        self._signal(signal.SIGKILL)
        if self._process:
            self._process.wait()

    def stop(self) -> None:
        """End the process, by force if it does not end by itself. Harmless if it does not run."""
        if self._process is None or not self.running:
            return
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)  # a paused process receives nothing else before this
        try:
            self._process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self.kill()

    def end(self, number: signal.Signals, timeout_s: float) -> int | None:
        """Send one signal and return the exit status, or None if it still runs after that time."""
        self._signal(number)
        try:
            return self._process.wait(timeout_s) if self._process else None
        except subprocess.TimeoutExpired:
            return None

    def close(self) -> None:
        """Stop the process and the thread that started it."""
        self.stop()
        self._starter.shutdown()

    def tail(self) -> str:
        """Return the last lines of the log."""
        if not self.log.exists():
            return ""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-TAIL_LINES_MAX:])

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)


def guarded(command: Sequence[str]) -> list[str]:
    """Return a command line under which the program dies with the thread that starts it."""
    return [sys.executable, "-I", "-S", str(GUARD), str(os.getpid()), *command]


def free_port() -> int:
    """Return a TCP port that is free on loopback now; another process may still take it."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def loopback_environment() -> dict[str, str]:
    """Return the environment without proxies: everything the sandbox calls is on loopback."""
    proxies = {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}
    return {key: value for key, value in os.environ.items() if key.lower() not in proxies}
