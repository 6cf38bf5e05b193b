"""Whatever is made in an enclosure is gone when it ends, in whatever way it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox.node import cgroups, remains
from sandbox.node.enclosure import Enclosure
from sandbox.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

MESS = Path(__file__).with_name("mess.py")

OUTSIDE = str(Path("/proc/self/ns/mnt").readlink())

SLEEPER = b"sleep\x00987654\x00"
"""The command line of the processes that the mess leaves to others."""

GONE_S_MAX = 60.0
"""For all of it to be gone after whoever made it was killed."""


def program(marker: Path, way: str) -> list[str]:
    """Return the command line of the mess."""
    return [sys.executable, str(MESS), OUTSIDE, "{cgroup}", str(marker), way]


def sleepers() -> list[int]:
    """Return the processes of any mess on this machine."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                if (folder / "cmdline").read_bytes().endswith(SLEEPER):
                    found.append(int(folder.name))
            except OSError:
                continue
    return found


@pytest.fixture(autouse=True)
def before() -> Iterator[remains.Snapshot]:
    """See that nothing of the machine has changed after the test, whatever was in it."""
    seen = remains.look()
    assert (sleepers(), cgroups.left()) == ([], [])
    yield seen
    eventually(lambda: not sleepers() and not cgroups.left(), GONE_S_MAX)
    assert remains.left_behind(seen, remains.look()) == []


@pytest.mark.parametrize("way,status", [("end", 0), ("fail", 3)])
def test_nothing_is_left_when_the_program_ends(tmp_path: Path, way: str, status: int) -> None:
    """Its status is told, and all that it made is gone at once."""
    marker = tmp_path / "made"
    with Enclosure(program(marker, way)) as enclosure:
        assert enclosure.wait() == status
    assert marker.exists()
    assert enclosure.left_behind == []
    assert sleepers() == []
    assert not Path("/var/lib/mess").exists()


def test_nothing_is_left_when_the_block_is_left(tmp_path: Path) -> None:
    """As after Ctrl-C: whoever waits goes, and the program had no chance to clean up."""
    marker = tmp_path / "made"
    enclosure = Enclosure(program(marker, "stay"))
    with enclosure:
        eventually(marker.exists)
        assert len(sleepers()) == 3
    assert enclosure.left_behind == []
    assert sleepers() == []


HOLDER = """
import sys
from sandbox.node.enclosure import Enclosure
with Enclosure(sys.argv[1:]) as enclosure:
    enclosure.wait()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_left_when_its_maker_is_killed(tmp_path: Path, number: signal.Signals) -> None:
    """Nobody is there to clean up then but the sweeper, which takes the cgroups away."""
    marker = tmp_path / "made"
    holder = subprocess.Popen(  # noqa: S603 - the text above
        [sys.executable, "-c", HOLDER, *program(marker, "stay")]
    )
    eventually(marker.exists)
    assert len(sleepers()) == 3
    holder.send_signal(number)
    holder.wait(GONE_S_MAX)
    eventually(lambda: not sleepers() and not cgroups.left(), GONE_S_MAX)


def test_what_is_left_is_told(tmp_path: Path) -> None:
    """The look at the end finds a cgroup that is not the enclosure's own."""
    stray = cgroups.new_name()
    (top, *_) = cgroups.hierarchies()
    text = f"import pathlib; pathlib.Path({str(top / stray)!r}).mkdir()"
    try:
        with Enclosure([sys.executable, "-c", text]) as enclosure:
            enclosure.wait()
        assert enclosure.left_behind == [f"cgroups: {top / stray}"]
    finally:
        cgroups.remove(stray)
    del tmp_path


def test_orphans_are_reaped(tmp_path: Path) -> None:
    """The first process collects whoever loses its parent, so that no zombie stays in a pod."""
    marker = tmp_path / "done"
    text = f"""
import os, pathlib, subprocess, time
subprocess.run(["/bin/sh", "-c", "( setsid /bin/true & )"], check=True)
def zombies():
    lines = [p.read_text() for p in pathlib.Path("/proc").glob("[0-9]*/stat")]
    return [line for line in lines if line.rpartition(")")[2].split()[0] == "Z"]
deadline = time.monotonic() + 20
while zombies() and time.monotonic() < deadline:
    time.sleep(0.05)
pathlib.Path({str(marker)!r}).write_text(str(len(zombies())))
"""
    with Enclosure([sys.executable, "-c", text]) as enclosure:
        assert enclosure.wait() == 0
    assert marker.read_text(encoding="ascii") == "0"


def test_a_program_that_is_killed_says_so(tmp_path: Path) -> None:
    """By a status above 128, as a shell would tell."""
    del tmp_path
    text = f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})"
    with Enclosure([sys.executable, "-c", text]) as enclosure:
        assert enclosure.wait() == 128 + signal.SIGKILL
    assert os.getpid() > 1
