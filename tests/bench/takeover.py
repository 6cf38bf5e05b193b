"""How long nobody leads: from the end of the leader until the other replica acts.

    PYTHONPATH=deploy:tests python -m bench.takeover --runs 20

Two replicas on a real API server; the leader ends by SIGKILL or by SIGTERM, the other one is asked
for its `dcs_operator_leader` every 50 ms, and the one that ended is started anew.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import signal
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from sandbox.control_plane import ControlPlane
from sandbox.pages import read_page
from sandbox.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Sequence

ASK_S = 0.05
PORTS = (18191, 18192)
PATIENCE_S = 60.0

ANSWER_S_MAX = 2.0
"""For one page; what takes longer counts as not leading."""


class Replica:
    """One process of the operator."""

    def __init__(self, kubeconfig: str, port: int) -> None:
        self._kubeconfig, self._port = kubeconfig, port
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dcs_migration_operator", "run"]
        command += ["--kubeconfig", self._kubeconfig, "--listen", f"127.0.0.1:{self._port}"]
        return subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603 - our own command

    def again(self) -> None:
        """Start anew and wait until ready."""
        self.process = self._start()
        eventually(lambda: self.page("/readyz") is not None, PATIENCE_S)

    def page(self, path: str) -> str | None:
        """Return a page, or nothing if it does not answer with 200."""
        with contextlib.suppress(OSError):
            status, text = read_page(f"127.0.0.1:{self._port}", path, ANSWER_S_MAX)
            return text if status == http.HTTPStatus.OK else None
        return None

    def leads(self) -> bool:
        """Tell whether it says that it leads."""
        return "dcs_operator_leader 1.0" in (self.page("/metrics") or "")


def measure(replicas: Sequence[Replica], how: signal.Signals) -> float:
    """End the leader and return the seconds until the other one leads."""
    eventually(lambda: any(one.leads() for one in replicas), PATIENCE_S)
    leader = next(one for one in replicas if one.leads())
    other = next(one for one in replicas if one is not leader)
    eventually(lambda: other.page("/readyz") is not None, PATIENCE_S)
    began = time.monotonic()
    leader.process.send_signal(how)
    while not other.leads():
        time.sleep(ASK_S)
    seconds = time.monotonic() - began
    leader.process.wait()
    leader.again()
    return seconds


def main() -> None:
    """Run the measurement and print minimum, median and maximum."""
    parser = argparse.ArgumentParser(prog="python -m bench.takeover")
    parser.add_argument("--runs", type=int, default=20, help="of each kind (default: 20)")
    runs = parser.parse_args().runs
    with ControlPlane() as plane:
        plane.install_crds()
        replicas = [Replica(str(plane.kubeconfig), port) for port in PORTS]
        try:
            for how in (signal.SIGTERM, signal.SIGKILL):
                found = [measure(replicas, how) for _ in range(runs)]
                low, middle, high = min(found), statistics.median(found), max(found)
                sys.stdout.write(
                    f"{how.name}: {runs} runs, min {low:.1f} s, median {middle:.1f} s, "
                    f"max {high:.1f} s\n"
                )
                sys.stdout.flush()
        finally:
            for one in replicas:
                one.process.kill()
                one.process.wait()


if __name__ == "__main__":
    main()
