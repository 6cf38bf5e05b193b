"""Runs the operator as a process, started as people start it.

Owns its command line, its log and its end. When it is closed, its log is checked for the rules of
every log: no traceback, no error, and none of the planted secrets.
"""

from __future__ import annotations

import http.client
import re
import signal
import subprocess
import sys
import time
from types import MappingProxyType
from typing import TYPE_CHECKING

from sandbox.control_plane.processes import (
    LOOPBACK,
    free_port,
    guarded,
    loopback_environment,
)
from sandbox.dcs import REDIS_PASSWORD
from sandbox.pages import read_page
from sandbox.waiting import eventually
from support.operator.cloud import PLANTED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

COMMAND = (sys.executable, "-m", "dcs_migration_operator")

QUICK = (
    *("--batch-idle-s", "0.1", "--poll-min-s", "0.2", "--poll-max-s", "0.5"),
    *("--poll-observe-s", "1", "--request-timeout-s", "3"),
)
"""Options for tests of what the operator does; tests of how often it does it keep the defaults."""

READY_S_MAX = 60.0
"""From start to ready: 2 s on an idle machine."""

END_S_MAX = 10.0
"""From SIGTERM to the end: the contract's figure."""

RUN_S_MAX = 60.0
"""Time limit of a command that ends by itself."""

SECRET = re.compile(f"{PLANTED}|{REDIS_PASSWORD}|Signature=|SDK-HMAC-SHA256")
"""Texts that must never be published: keys, tokens, passwords of show bodies, and signatures."""

PROBLEM = re.compile(r'Traceback|"level": "error"|"level": "critical"')
"""Texts that no log may hold, whatever goes wrong outside the operator."""


class OperatorProcess:
    """One operator process; close it at the end.

    Args:
        kubeconfig: Which cluster, and as whom; nothing to be found as in a pod.
        log: Where its log goes; appended to when it is started again.
        options: Additional options of `run`.
        leader_elect: Whether to keep the default and wait for a Lease.
        variables: More of its environment.
    """

    def __init__(
        self,
        kubeconfig: Path | None,
        log: Path,
        options: Sequence[str],
        *,
        leader_elect: bool = False,
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._port = free_port()
        self.log = log
        self._variables = variables
        self.pardoned = re.compile("(?!)")
        """Lines of the log that a test expects, though they are problems elsewhere."""
        self._command = [*COMMAND, "run"]
        self._command += ["--kubeconfig", str(kubeconfig)] if kubeconfig else []
        self._command += ["--listen", self.address]
        self._command += ["--allow-endpoint", f"http://{LOOPBACK}:*", "--log-format", "json"]
        self._command += [*options, *([] if leader_elect else ["--no-leader-elect"])]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        self.launch()
        eventually(self._is_ready, READY_S_MAX)

    def launch(self) -> None:
        """Start it without waiting for anything."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                guarded(self._command),
                cwd=self.log.parent,
                env={**environment(), **self._variables},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    @property
    def address(self) -> str:
        """Where its pages are, as `--listen` says it."""
        return f"{LOOPBACK}:{self._port}"

    def terminate(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Send a signal and wait; returns the exit status and the seconds it took."""
        process, started = self._running(), time.monotonic()
        process.send_signal(number)
        return process.wait(READY_S_MAX), time.monotonic() - started

    def signal(self, number: signal.Signals) -> None:
        """Send a signal and go on."""
        self._running().send_signal(number)

    def wait(self) -> int:
        """Wait until it ends by itself; returns the exit status."""
        return self._running().wait(RUN_S_MAX)

    def kill(self) -> None:
        """End it as a crash would."""
        process = self._running()
        process.kill()
        process.wait()

    def close(self) -> None:
        """End it if it still runs, and check its log; pytest shows its end when a test fails."""
        if self._process and self._process.poll() is None:
            status, seconds = self.terminate()
            assert (status, seconds < END_S_MAX) == (0, True), f"{seconds:.1f} s, {self.tail()}"
        sys.stdout.write(self.tail())
        for line in self.log.read_text(encoding="utf-8").splitlines():
            assert not PROBLEM.search(line) or self.pardoned.search(line), line
            # The line itself is not shown: it would only spread the secret.
            assert not SECRET.search(line), "a secret is in the log of the operator"

    def page(self, path: str) -> tuple[int, str]:
        """Return the HTTP status and the text of one of its pages."""
        return read_page(self.address, path)

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that have these labels."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        _, text = self.page("/metrics")
        samples = re.findall(rf"^{name}(\{{.*\}})? (\S+)$", text, re.MULTILINE)
        return sum(float(value) for found, value in samples if all(one in found for one in wanted))

    def tail(self) -> str:
        """Return the end of its log."""
        return "\n".join(self.log.read_text(encoding="utf-8").splitlines()[-12:])

    def _is_ready(self) -> bool:
        if self._running().poll() is not None:
            raise RuntimeError(f"The operator ended: {self.tail()}")
        return self.page("/readyz")[0] == http.HTTPStatus.OK

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the operator was not started")
        return self._process


def environment() -> dict[str, str]:
    """Return an environment that says nothing about clusters or options."""
    inherited = loopback_environment()
    return {
        key: value
        for key, value in inherited.items()
        if key != "KUBECONFIG" and not key.startswith("DCS_OPERATOR_")
    }


def run_command(
    *arguments: str | Path, cwd: Path, command: Sequence[str] = COMMAND, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the operator's command line until it ends by itself."""
    return subprocess.run(  # noqa: S603 - our own command line
        [*command, *map(str, arguments)],
        cwd=cwd,
        env=environment() | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=RUN_S_MAX,
        check=False,
    )
