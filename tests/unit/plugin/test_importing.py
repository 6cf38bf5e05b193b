"""Names and manifests of migrations that are taken over, and what becomes of odd names."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dcs_migration_operator.core.model import Observation, task_key
from kubectl_dcs.importing import (
    FALLBACK,
    Filters,
    as_yaml,
    kustomization,
    manifest,
    named,
    plain_name,
    sort,
)
from kubectl_dcs.kinds import NAME_CHARS_MAX
from kubectl_dcs.tasks import task_view
from kubectl_dcs.where import ProjectName
from unit.plugin import bodies

if TYPE_CHECKING:
    import random

VALID = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")

DEFAULT = ProjectName("default")

NAMES = st.one_of(
    st.sampled_from(
        ["orders", "Orders", "orders-", "订单缓存", "库存", "", "-", "a" * 400, "x" * 253]
    ),
    st.text(max_size=20),
    st.from_regex(r"orders-[0-9a-f]{8}", fullmatch=True),
)


def seen(name: str, word: str = "INCRMIGEATING", task_id: str = "", **fields: str) -> Observation:
    """Return a migration as DCS lists it."""
    return Observation(word, task_id or str(uuid.uuid4()), name, "incremental_migration", **fields)


@st.composite
def projects(draw: st.DrawFn) -> list[Observation]:
    """Draw all migrations of a project."""
    names = draw(st.lists(NAMES, max_size=12))
    keys = draw(st.lists(st.uuids(), min_size=len(names), max_size=len(names), unique=True))
    words = st.sampled_from(["INCRMIGEATING", "FAILED"])
    return [
        seen(name, draw(words), task_id=str(key)) for name, key in zip(names, keys, strict=True)
    ]


@settings(deadline=None)  # how long it takes is up to the machine
@given(projects())
def test_each_migration_gets_a_name_of_its_own(migrations: list[Observation]) -> None:
    """For all names in DCS: valid, unlike each other, and within what Kubernetes takes."""
    names = named(migrations, {})
    assert len(names) == len({task_key(one.task_id) for one in migrations})
    assert len(set(names.values())) == len(names)
    for name in names.values():
        assert VALID.fullmatch(name)
        assert len(name) <= NAME_CHARS_MAX


@settings(deadline=None)  # how long it takes is up to the machine
@given(projects(), st.randoms(use_true_random=False))
def test_names_do_not_depend_on_the_order_of_the_list(
    migrations: list[Observation], chance: random.Random
) -> None:
    """DCS does not say in which order it lists."""
    mixed = list(migrations)
    chance.shuffle(mixed)
    assert named(mixed, {}) == named(migrations, {})


@settings(deadline=None)  # how long it takes is up to the machine
@given(projects(), st.data())
def test_a_name_that_is_taken_is_not_used(
    migrations: list[Observation], data: st.DataObject
) -> None:
    """A resource of another migration keeps its name, also if it looks like one of ours."""
    free = sorted(named(migrations, {}).values())
    names = data.draw(st.lists(st.sampled_from(free), unique=True)) if free else []
    taken = dict.fromkeys(names, "f" * 32)
    assert not set(named(migrations, taken).values()) & taken.keys()


@settings(deadline=None)  # how long it takes is up to the machine
@given(projects(), st.data())
def test_names_do_not_depend_on_filters(migrations: list[Observation], data: st.DataObject) -> None:
    """Whoever imports a part today and the rest tomorrow gets the same files."""
    word = data.draw(st.sampled_from(["INCRMIGEATING", "FAILED"]))
    everything = dict(sort(migrations, [], Filters(), "shop").new)
    some = dict(sort(migrations, [], Filters(words=(word,)), "shop").new)
    assert some.items() <= everything.items()


@pytest.mark.parametrize(
    "text, name, exact",
    [
        ("orders-cache", "orders-cache", True),
        ("Orders Cache (2)", "orders-cache-2", True),
        ("a.b_c", "a-b-c", True),
        ("订单缓存", FALLBACK, False),
        ("订单-cache", "cache", False),
        ("", FALLBACK, False),
        ("--", FALLBACK, False),
        ("a" * 300, "a" * 253, False),
    ],
)
def test_the_nearest_name_that_kubernetes_can_have(text: str, name: str, *, exact: bool) -> None:
    """Whether it is good enough alone depends on what was lost."""
    assert plain_name(text) == (name, exact)


def test_equal_names_are_told_apart_by_their_ids() -> None:
    """Both, so that neither changes its name when the other goes."""
    ids = ["aaaaaaaa" + "0" * 24, "bbbbbbbb" + "0" * 24]
    names = named([seen("orders", task_id=one) for one in ids], {})
    assert list(names.values()) == ["orders-aaaaaaaa", "orders-bbbbbbbb"]


def test_what_a_resource_names_is_managed_wherever_it_is() -> None:
    """In either spelling of the id, in any namespace, and by whom."""
    mine, other, free = seen("a"), seen("b"), seen("c")
    spec = {"taskId": mine.task_id.replace("-", "").upper()}
    tasks = [
        task_view(bodies.task("x", spec=spec)),
        task_view(bodies.task("y", namespace="elsewhere", spec={"taskId": other.task_id})),
    ]
    found = sort([mine, other, free], tasks, Filters(), "shop")
    assert [one for _, one in found.new] == [free]
    assert {one.name: by[0].key for one, by in found.managed} == {
        "a": ("shop", "x"),
        "b": ("elsewhere", "y"),
    }


@pytest.mark.parametrize(
    "filters, names",
    [
        (Filters(), ["ended", "full", "odd", "orders"]),
        (Filters(running=True), ["full", "odd", "orders"]),
        (Filters(words=("FAILED", "SUCCESS")), ["ended"]),
        (Filters(name="o*"), ["odd", "orders"]),
        (Filters(target="dcs-?"), ["full"]),
        (Filters(running=True, name="*d*", target="*"), ["odd", "orders"]),
    ],
)
def test_filters(filters: Filters, names: list[str]) -> None:
    """All parts of a filter have to hold; an unknown status word counts as running."""
    migrations = [
        seen("orders"),
        seen("full", "FULLMIGRATING", target="dcs-7"),
        seen("odd", "REBALANCING"),
        seen("ended", "SUCCESS"),
    ]
    found = sort(migrations, [], filters, "shop")
    assert sorted(one.name for _, one in found.new) == names
    assert found.others == len(migrations) - len(names)


@pytest.mark.parametrize(
    "project, ref",
    [
        (DEFAULT, None),
        (ProjectName("other"), {"name": "other"}),
        (ProjectName("shared", shared=True), {"kind": "ClusterDCSProject", "name": "shared"}),
    ],
)
def test_a_manifest_wishes_nothing(project: ProjectName, ref: dict[str, str] | None) -> None:
    """It names the migration and its project, if that is not the default."""
    one = seen("orders")
    body = manifest("orders", one, project, "shop", {"wave": "1"})
    assert body["spec"] == {"taskId": one.task_id} | ({"projectRef": ref} if ref else {})
    assert body["metadata"] == {"name": "orders", "namespace": "shop", "labels": {"wave": "1"}}


@settings(deadline=None)  # how long it takes is up to the machine
@given(st.text(), st.text(), st.text())
def test_a_file_is_read_back_as_it_was_meant(name: str, source: str, target: str) -> None:
    """For all names in DCS: what a comment quotes never becomes a part of the manifest."""
    one = seen(name, source=source, target=target)
    body = manifest("orders", one, DEFAULT, "shop", {})
    assert yaml.safe_load(as_yaml(one, body)) == body


def test_ids_that_look_like_numbers_stay_texts() -> None:
    """YAML would read 1e… and only digits as numbers."""
    for task_id in ("1" * 32, "0123456789" * 3 + "01", "1e" + "1" * 30):
        body = manifest("orders", seen("x", task_id=task_id), DEFAULT, "shop", {})
        assert yaml.safe_load(as_yaml(seen("x"), body))["spec"]["taskId"] == task_id


def test_a_kustomization_lists_its_files_in_order() -> None:
    """So that the same files give the same text."""
    body = yaml.safe_load(kustomization(["b.yaml", "a.yaml"]))
    assert body["resources"] == ["a.yaml", "b.yaml"]
