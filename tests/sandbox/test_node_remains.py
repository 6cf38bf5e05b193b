"""What is left behind on a machine is told by the difference of two looks; nothing is real here."""

from __future__ import annotations

import os
from dataclasses import fields, replace

import pytest

from sandbox.node.remains import (
    Snapshot,
    left_behind,
    look,
    mount_points,
    namespaces_of,
    processes_in,
)

EMPTY = Snapshot(*(frozenset[str]() for _ in fields(Snapshot)))


@pytest.mark.parametrize("kind", [field.name for field in fields(Snapshot)])
def test_what_is_new_is_told_by_its_kind(kind: str) -> None:
    """Whatever the kind is; what was there before is not told."""
    before = replace(EMPTY, **{kind: frozenset({"old"})})
    after = replace(EMPTY, **{kind: frozenset({"old", "new"})})
    assert left_behind(before, after) == [f"{kind}: new"]
    assert left_behind(after, before) == []


def test_a_setting_that_changed_is_told() -> None:
    """It is told with its new value."""
    before = replace(EMPTY, settings=frozenset({"kernel/panic = 1"}))
    after = replace(EMPTY, settings=frozenset({"kernel/panic = 10"}))
    assert left_behind(before, after) == ["settings: kernel/panic = 10"]


def test_mounts_of_container_engines_are_their_own() -> None:
    """They come and go meanwhile, with images that somebody builds."""
    lines = (
        "22 1 254:0 / / rw - ext4 /dev/vda rw\n"
        "90 22 0:50 / /var/lib/containers/storage/overlay/abc/merged rw - overlay overlay rw\n"
        "91 22 0:51 / /run/dcs-node rw - tmpfs tmpfs rw\n"
    )
    assert mount_points(lines) == ["/", "/run/dcs-node"]


def test_two_looks_in_a_row_are_equal() -> None:
    """A machine on which nothing happens has nothing left behind."""
    assert left_behind(look(), look()) == []


def test_a_process_is_found_by_its_namespaces() -> None:
    """And this one, which is in no namespace of its own, has none to be found by."""
    assert namespaces_of(os.getpid()) == frozenset()
    assert namespaces_of(2**30) == frozenset()
    assert processes_in(frozenset({"net:[1]"})) == []
    own = str(os.readlink("/proc/self/ns/net"))  # noqa: PTH115 - as the module under test says it
    assert any(
        line.startswith(f"process {os.getpid()} ") for line in processes_in(frozenset({own}))
    )
