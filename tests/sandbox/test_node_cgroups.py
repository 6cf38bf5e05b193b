"""The cgroup of a node, in both layouts of the file system, on folders that play it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox.node import cgroups

if TYPE_CHECKING:
    from pathlib import Path

NAME = "dcs-node-1-abc"


@pytest.fixture
def separate(tmp_path: Path) -> Path:
    """Make what v1 looks like: a hierarchy for each controller, some with two names."""
    for name in ("cpu", "cpuset", "memory", "pids", "systemd"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cgroup.procs").touch()
    (tmp_path / "cpuset" / "cpuset.cpus").write_text("0-1\n", encoding="ascii")
    (tmp_path / "cpuset" / "cpuset.mems").write_text("0\n", encoding="ascii")
    (tmp_path / "cpuacct").symlink_to("cpu")
    (tmp_path / "no-hierarchy").mkdir()
    return tmp_path


@pytest.fixture
def unified(tmp_path: Path) -> Path:
    """Make what v2 looks like: one hierarchy for all controllers."""
    (tmp_path / "cgroup.controllers").write_text("cpu cpuset memory pids\n", encoding="ascii")
    (tmp_path / "cgroup.procs").touch()
    return tmp_path


def test_each_hierarchy_gets_the_cgroup_once(separate: Path) -> None:
    """By its first name; what a new one needs to take processes is copied from its parent."""
    cgroups.create(NAME, separate)
    found = {str(path.relative_to(separate)) for path in cgroups.left(NAME, separate)}
    assert found == {f"{one}/{NAME}" for one in ("cpu", "cpuset", "memory", "pids", "systemd")}
    assert (separate / "cpuset" / NAME / "cpuset.cpus").read_text(encoding="ascii") == "0-1\n"


def test_one_hierarchy_delegates_its_controllers(unified: Path) -> None:
    """Each that there is, so that the kubelet finds it below."""
    cgroups.create(NAME, unified)
    written = (unified / NAME / "cgroup.subtree_control").read_text(encoding="ascii")
    assert written == "+pids"  # the last of four writes; the kernel would add them up
    assert cgroups.hierarchies(unified) == [unified]


def test_all_below_is_removed_too(separate: Path) -> None:
    """From the bottom up; another node's cgroup stays."""
    for name in ("cpu", "memory"):
        (separate / name / NAME / "kubepods" / "pod1" / "container").mkdir(parents=True)
        (separate / name / "dcs-node-2-abc").mkdir()
    assert cgroups.remove(NAME, separate) == []
    assert [path.name for path in cgroups.left(root=separate)] == ["dcs-node-2-abc"] * 2


def test_what_cannot_be_removed_is_told(separate: Path) -> None:
    """As long as there are processes in it, which a file plays here."""
    busy = separate / "memory" / NAME / "kubepods"
    busy.mkdir(parents=True)
    (busy / "process").touch()
    assert cgroups.remove(NAME, separate) == [separate / "memory" / NAME]


def test_controllers_are_known_by_all_their_names(separate: Path) -> None:
    """Also where one is only another name of a hierarchy."""
    assert cgroups.controllers(separate) == {
        *("cpu", "cpuacct", "cpuset", "memory", "pids", "systemd"),
    }
    assert set(cgroups.NEEDED) <= cgroups.controllers(separate)


def test_without_cgroups_there_are_none(tmp_path: Path) -> None:
    """As where nothing is mounted, and that is no crash."""
    nowhere = tmp_path / "nowhere"
    assert (cgroups.hierarchies(nowhere), cgroups.controllers(nowhere)) == ([], set())


def test_no_two_nodes_have_the_same_name() -> None:
    """Two nodes of one process differ as well."""
    names = {cgroups.new_name() for _ in range(20)}
    assert len(names) == 20
    assert all(name.startswith(cgroups.PREFIX) for name in names)
