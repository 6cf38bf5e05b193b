"""What a machine lacks for a node is said in one line, with the exit status for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.image.tools import CANNOT
from sandbox.node import __main__, machine

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_who_is_not_root_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Together with the programs that are missing; nothing is tried then."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.missing() == ["root", *machine.PROGRAMS]


def test_another_system_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else is asked then."""
    monkeypatch.setattr("sys.platform", "darwin")
    assert machine.missing() == ["Linux"]


def test_one_line_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the exit status is the one for "not on this machine"."""
    monkeypatch.setattr(machine, "missing", lambda: ["root", "ipset"])
    assert __main__.main([]) == CANNOT == 77
    assert capsys.readouterr().out == (
        "make node cannot run here: this machine lacks root, ipset (see `make image-tools`).\n"
    )


def test_controllers_that_are_missing_are_named() -> None:
    """Each that a kubelet does not start without."""
    assert machine.missing_controllers({"cpu", "cpuset", "pids"}) == [
        "the cgroup controller memory"
    ]
    assert machine.missing_controllers({"cpu", "cpuset", "memory", "pids", "io"}) == []


def test_the_plugins_have_to_be_in_one_folder(tmp_path: Path) -> None:
    """The first that has them all is used."""
    folders = (tmp_path / "some", tmp_path / "all")
    for folder, names in zip(folders, (machine.PLUGINS[:1], machine.PLUGINS), strict=True):
        folder.mkdir()
        for name in names:
            (folder / name).touch(mode=0o755)
    assert machine.plugin_folder(folders) == tmp_path / "all"
    assert machine.missing_plugins(folders[:1]) == ["CNI plugins bridge, host-local, loopback"]
