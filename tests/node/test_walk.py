"""`python -m sandbox.node` itself: interrupted, killed, and failing in the middle of its walk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from sandbox.node import cgroups, remains
from sandbox.node.__main__ import RESULTS
from sandbox.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIDDLE = "helm install with default values"
"""The step in which it is disturbed: everything runs then, and pods are being started."""

MIDDLE_S_MAX = 120.0
GONE_S_MAX = 120.0

PODS = "kubepods"

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(autouse=True)
def before() -> Iterator[None]:
    """See that nothing of the machine has changed after the test, whatever was in it."""
    seen = remains.look()
    assert cgroups.left() == []
    yield
    eventually(lambda: not cgroups.left(), GONE_S_MAX)
    assert remains.left_behind(seen, remains.look()) == []


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Give the file that the walk prints into."""
    return tmp_path / "output"


def start(archive: Path, output: Path) -> subprocess.Popen[bytes]:
    """Start the walk."""
    command = [sys.executable, "-m", "sandbox.node", f"--archive={archive}"]
    with output.open("wb") as file:
        return subprocess.Popen(command, stdout=file, stderr=file)  # noqa: S603 - our own module


def until_pods_start(output: Path) -> frozenset[str]:
    """Wait until containers of pods run, and return the namespaces of the walk."""

    def look() -> frozenset[str]:
        assert MIDDLE in output.read_text(encoding="utf-8")
        (name,) = {path.name for path in cgroups.left()}
        for top in cgroups.hierarchies():
            for file in (top / name / PODS).rglob("cgroup.procs"):
                for pid in file.read_text(encoding="ascii").split():
                    found = remains.namespaces_of(int(pid))
                    if found:
                        return found
        return frozenset()

    return eventually(look, MIDDLE_S_MAX)


@pytest.mark.parametrize("number,status", [(signal.SIGINT, 130), (signal.SIGTERM, 130)])
def test_an_interruption_ends_everything(
    archive: Path, output: Path, number: signal.Signals, status: int
) -> None:
    """Within seconds, with the status that a shell expects, and it says that nothing is left."""
    walk = start(archive, output)
    inside = until_pods_start(output)
    walk.send_signal(number)
    assert walk.wait(GONE_S_MAX) == status
    assert remains.processes_in(inside) == []
    said = output.read_text(encoding="utf-8")
    assert "Left behind on this machine: nothing." in said
    assert said.endswith("Interrupted.\n")


def test_a_kill_ends_everything(archive: Path, output: Path) -> None:
    """Also without anybody who could clean up."""
    walk = start(archive, output)
    inside = until_pods_start(output)
    walk.kill()
    walk.wait(GONE_S_MAX)
    eventually(lambda: not remains.processes_in(inside), GONE_S_MAX)


def test_a_failure_keeps_the_logs_and_nothing_else(tmp_path: Path, output: Path) -> None:
    """An image that is none ends the walk with status 1, one line, and logs to look at."""
    broken = tmp_path / "broken.tar"
    broken.write_bytes(os.urandom(1024))
    walk = start(broken, output)
    assert walk.wait(MIDDLE_S_MAX) == 1
    said = output.read_text(encoding="utf-8")
    assert "FAILED: ctr images import: " in said
    assert "Left behind on this machine: nothing." in said
    logs = {path.name for path in (RESULTS / "logs").iterdir()}
    assert {"apiserver.log", "containerd.log", "kubelet.log", "events.txt"} <= logs
