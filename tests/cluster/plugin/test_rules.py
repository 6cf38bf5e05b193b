"""What a plan calls refused without asking is what a real API server refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kubectl_dcs.worlds import with_files
from sandbox import manifests
from sandbox.api import ApiError

if TYPE_CHECKING:
    from support.shop import Shop

TASK_ID = "01234567-89ab-cdef-0123-456789abcdef"
LATER = "2026-11-28T02:00:00+08:00"

SPECS: list[dict[str, Any]] = [
    {},
    {"stopped": True},
    {"cutover": {}},
    {"cutover": {"waveRef": {"name": "night"}}},
    {"cutover": {"notBefore": LATER}},
    {"cutover": {"waveRef": {"name": "night"}, "notAfter": LATER}},
    {"stopped": True, "cutover": {}},
    {"projectRef": {"name": "other"}},
    {"taskId": "0" * 32},
    {"taskId": "not an id"},
    {"taskId": 7},
]


def refused(shop: Shop, body: dict[str, Any]) -> bool:
    """Tell whether the API server refuses to apply an object; nothing is stored."""
    path = f"{shop.path('a')}?fieldManager=kubectl&force=true&dryRun=All"
    try:
        shop.api.request("PATCH", path, body, "application/apply-patch+yaml")
    except ApiError:
        return True
    return False


@pytest.mark.parametrize("after", SPECS, ids=str)
@pytest.mark.parametrize("before", [None, *SPECS[:5]], ids=str)
def test_a_plan_and_the_api_server_refuse_the_same(
    shop: Shop, before: dict[str, Any] | None, after: dict[str, Any]
) -> None:
    """New objects and changes of each kind: what can be known beforehand is known right."""
    live = {}
    if before is not None:
        first = manifests.migration_task("a", TASK_ID) | {"spec": {"taskId": TASK_ID} | before}
        path = f"{shop.path('a')}?fieldManager=kubectl&force=true"
        body = shop.api.request("PATCH", path, first, "application/apply-patch+yaml")
        noted = {"spec": first["spec"]}
        body["metadata"]["annotations"] = {
            "kubectl.kubernetes.io/last-applied-configuration": json.dumps(noted)
        }
        live["MigrationTask", shop.namespace, "a"] = body
    wanted = manifests.migration_task("a", TASK_ID) | {"spec": {"taskId": TASK_ID} | after}
    applied = with_files(live, [wanted], shop.namespace)
    assert bool(applied.refusals) is refused(shop, wanted), applied.refusals


WAVES: list[dict[str, Any]] = [
    {},
    {"state": "Go"},
    {"state": "go"},
    {"maxUnderWay": 1},
    {"maxUnderWay": 0},
    {"maxUnderWay": "many"},
    {"notBefore": LATER},
    {"notBefore": "tonight"},
    {"cutover": {"stableFor": "20s"}},
    {"cutover": {"stableFor": "soon"}},
    {"cutover": {"onTimeout": "Perhaps"}},
]


@pytest.mark.parametrize("spec", WAVES, ids=str)
def test_a_plan_and_the_api_server_refuse_the_same_waves(shop: Shop, spec: dict[str, Any]) -> None:
    """What an operator could not read, or would read otherwise, is never planned with."""
    wanted = manifests.migration_wave("a", **spec)
    path = f"{shop.path('a', manifests.WAVES)}?fieldManager=kubectl&force=true&dryRun=All"
    try:
        shop.api.request("PATCH", path, wanted, "application/apply-patch+yaml")
        refused_there = False
    except ApiError:
        refused_there = True
    applied = with_files({}, [wanted], shop.namespace)
    assert bool(applied.refusals) is refused_there, applied.refusals
