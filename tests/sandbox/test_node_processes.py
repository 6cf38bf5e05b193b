"""The two small programs around an enclosure, and what the walk prints; nothing needs root."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from sandbox.node import cgroups, sweeper
from sandbox.node.enclosure import INIT
from sandbox.node.show import Show
from sandbox.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

WAIT_S_MAX = 60.0


def init(*command: str) -> subprocess.Popen[bytes]:
    """Start a command below the first process of an enclosure, without one."""
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-I", "-S", str(INIT), *command]
    )


@pytest.mark.parametrize(
    "script,status", [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137), ("kill -15 $$", 143)]
)
def test_the_status_is_the_programs(script: str, status: int) -> None:
    """Or what a shell would say of the signal that ended it."""
    assert init("/bin/sh", "-c", script).wait(WAIT_S_MAX) == status


def test_signals_are_handed_on(tmp_path: Path) -> None:
    """So that the program can end in its own way."""
    ready = tmp_path / "ready"
    script = f"trap 'exit 7' TERM; touch {ready}; while :; do sleep 0.05; done"
    process = init("/bin/sh", "-c", script)
    eventually(ready.exists)
    process.send_signal(signal.SIGTERM)
    assert process.wait(WAIT_S_MAX) == 7


def test_the_sweeper_waits_for_the_end_of_its_maker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is removed before the pipe is closed; all of it is gone afterwards."""
    (tmp_path / "memory" / "dcs-node-1" / "pod").mkdir(parents=True)
    (tmp_path / "memory" / "cgroup.procs").touch()
    seen: list[bool] = []

    class Pipe(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            seen.append((tmp_path / "memory" / "dcs-node-1").exists())
            return super().read(size)

    remove = cgroups.remove
    monkeypatch.setattr(cgroups, "remove", lambda name: remove(name, tmp_path))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=Pipe()))
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        assert sweeper.main("dcs-node-1") == 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    assert seen == [True]
    assert cgroups.left(root=tmp_path) == []


def test_the_sweeper_gives_up_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When somebody holds the cgroup for longer than any end takes."""
    monkeypatch.setattr(sweeper, "SWEEP_S_MAX", 0.0)
    monkeypatch.setattr(sweeper, "PAUSE_S", 0.0)
    monkeypatch.setattr(cgroups, "remove", lambda _: [tmp_path])
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO()))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert sweeper.main("dcs-node-1") == 1


def test_each_step_is_printed_with_its_seconds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """When it begins and when it is done, with what was seen between; and kept for pages."""
    show = Show()
    with show.step("First"):
        show.fact("one line\nand another\n")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith(" s] First")
    assert [line.strip() for line in lines[1:3]] == ["one line", "and another"]
    assert lines[3].strip().startswith("done in 0.")
    show.write(tmp_path / "walk.json")
    (row,) = json.loads((tmp_path / "walk.json").read_text(encoding="utf-8"))
    assert row["step"] == "First"


def test_a_step_that_fails_is_not_done(capsys: pytest.CaptureFixture[str]) -> None:
    """It is the last one that was printed, and not in the record."""
    show = Show()
    with pytest.raises(OSError, match="no"), show.step("Broken"):
        raise OSError("no")
    assert "done in" not in capsys.readouterr().out
    assert show.steps == []
