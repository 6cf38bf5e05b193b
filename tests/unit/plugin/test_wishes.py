"""Which tasks get a wish, and what is written."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from kubectl_dcs import kinds
from kubectl_dcs.tasks import task_view
from kubectl_dcs.wishes import Wish, patch_for_git, sort
from unit.plugin import bodies

FLUX = {"kustomize.toolkit.fluxcd.io/name": "a", "kustomize.toolkit.fluxcd.io/namespace": "b"}


@pytest.mark.parametrize(
    "spec, wish, made",
    [
        ({}, Wish(), False),
        ({}, Wish(now=True), False),
        ({"cutover": {}}, Wish(), True),
        ({"cutover": {"maxLag": 5}}, Wish(), True),
        ({"cutover": {"maxLag": 5}}, Wish(cutover={"maxLag": 5}), True),
        ({"cutover": {"maxLag": 5}}, Wish(cutover={"maxLag": 0}), False),
        ({"cutover": {}}, Wish(cutover={"maxLag": 0}), False),
        ({"cutover": {}}, Wish(now=True), False),
        ({"stopped": True}, Wish(), True),
        ({"stopped": True}, Wish(cutover={"maxLag": 5}), True),
        ({"stopped": True}, Wish(now=True), True),
    ],
)
def test_a_wish_that_is_there_is_not_written_again(
    spec: dict[str, Any], wish: Wish, *, made: bool
) -> None:
    """Neither is one that is weaker than what is there."""
    assert wish.is_made_of(task_view(bodies.task(spec=spec))) is made


@pytest.mark.parametrize(
    "there, wish, written",
    [
        ({}, Wish(), {"cutover": {}}),
        ({}, Wish(now=True), {"stopped": True}),
        (
            {"cutover": {"waveRef": {"name": "night"}}},
            Wish(cutover={"maxLag": 5}),
            {"cutover": {"waveRef": {"name": "night"}, "maxLag": 5}},
        ),
        (
            {"cutover": {"maxLag": 5, "timeout": "1h"}},
            Wish(cutover={"maxLag": 0}),
            {"cutover": {"maxLag": 0, "timeout": "1h"}},
        ),
    ],
)
def test_what_is_written_keeps_what_is_not_named(
    there: dict[str, Any], wish: Wish, written: dict[str, Any]
) -> None:
    """Above all a wave: without it the task would not wait for anybody."""
    assert wish.spec_for(task_view(bodies.task(spec=there))) == written


def test_what_git_manages_is_left_alone_unless_forced() -> None:
    """Also if it has the wish already, it is not written."""
    tasks = [
        task_view(bodies.task("free", spec={})),
        task_view(bodies.task("fluxed", spec={}, labels=FLUX)),
        task_view(bodies.task("done", spec={"cutover": {}}, labels=FLUX)),
    ]
    parts = sort(tasks, Wish(), force=False)
    assert [task.name for task in parts.to_wish] == ["free"]
    assert [(one.task.name, one.why) for one in parts.managed] == [
        ("fluxed", "Flux Kustomization b/a")
    ]
    assert [one.task.name for one in parts.already] == ["done"]
    forced = sort(tasks, Wish(), force=True)
    assert [task.name for task in forced.to_wish] == ["free", "fluxed"]


def test_the_patch_for_git_is_a_manifest() -> None:
    """With nothing but what has to be added."""
    text = patch_for_git(kinds.TASK, "shop", "orders", {"cutover": {"maxLag": 0}})
    assert yaml.safe_load(text) == {
        "apiVersion": "dcs.huaweicloud.com/v1alpha1",
        "kind": "MigrationTask",
        "metadata": {"name": "orders", "namespace": "shop"},
        "spec": {"cutover": {"maxLag": 0}},
    }
