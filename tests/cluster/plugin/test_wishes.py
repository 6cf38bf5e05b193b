"""Wishes on a real API server: server-side apply, field ownership, rules and sentences."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from sandbox import manifests

if TYPE_CHECKING:
    from cluster.plugin.conftest import Run
    from sandbox.api import Api
    from support.control_plane import Kubectl
    from support.shop import Shop


def test_a_wish_is_applied_by_the_plugins_own_field_manager(run: Run, shop: Shop) -> None:
    """It owns the cutover and nothing else; the task can still be applied by whoever made it."""
    shop.task("a", labels={"g": "1"})
    shop.task("b")
    ran = run("stop", "-l", "g=1", stdin="1\n")
    assert (ran.status, ran.out) == (
        0,
        "1 migration will be stopped once the target has caught up.\n",
    )
    assert shop.get("a")["spec"]["cutover"] == {}
    assert "cutover" not in shop.get("b")["spec"]
    assert shop.managers("a")["kubectl-dcs/Apply"] == {"f:cutover": {}}


def test_a_wish_now_takes_the_default_over(run: Run, shop: Shop) -> None:
    """`stopped: false` belongs to whoever made the task, since the API server fills it in."""
    shop.task("a")
    assert run("stop", "a", "--now", "--yes").status == 0
    assert shop.get("a")["spec"]["stopped"] is True
    assert shop.managers("a")["kubectl-dcs/Apply"] == {"f:stopped": {}}


def test_a_cutover_becomes_a_stop(run: Run, shop: Shop) -> None:
    """One that the plugin applied goes by not applying it any more."""
    shop.task("a")
    run("stop", "a", "--yes", "--max-lag", "5")
    assert run("stop", "a", "--now", "--yes").status == 0
    assert "cutover" not in shop.get("a")["spec"]
    assert shop.get("a")["spec"]["stopped"] is True


@pytest.mark.parametrize("also", [False, True], ids=["theirs", "of both"])
def test_a_cutover_of_somebody_else_becomes_a_stop(run: Run, shop: Shop, *, also: bool) -> None:
    """It is removed in the same write, since both at once are refused."""
    shop.task("a", cutover={"maxLag": 5})
    if also:
        run("stop", "a", "--yes", "--stable-for", "20s")
    assert run("stop", "a", "--now", "--yes").status == 0
    spec = shop.get("a")["spec"]
    assert spec["stopped"] is True
    assert "cutover" not in spec


def test_options_are_added_to_what_is_there(run: Run, shop: Shop) -> None:
    """Whoever wrote it: a wave that was named once stays."""
    shop.task("a", cutover={"waveRef": {"name": "night"}})
    run("stop", "a", "--yes", "--max-lag", "5")
    run("stop", "a", "--yes", "--on-timeout", "StopAnyway")
    assert shop.get("a")["spec"]["cutover"] == {
        "waveRef": {"name": "night"},
        "maxLag": 5,
        "onTimeout": "StopAnyway",
    }


@pytest.mark.parametrize(
    "options, sentence",
    [
        (["--cutover-timeout", "1s"], "timeout must be a duration from 1m to 24h"),
        (["--stable-for", "soon"], "stableFor must be a duration from 0s to 10m"),
        (["--max-lag", "-1"], "maxLag must be 0 or more"),
        (["--not-before", "tonight"], "notBefore must be a time with its zone"),
        (
            ["--in-wave", "night", "--not-after", "2026-11-28T02:00:00Z"],
            "set either waveRef or a window",
        ),
    ],
)
def test_what_the_crd_refuses_is_told_once_in_its_words(
    run: Run, shop: Shop, options: list[str], sentence: str
) -> None:
    """And nothing is written to any of the tasks."""
    for name in ("a", "b", "c"):
        shop.task(name, labels={"g": "1"})
    ran = run("stop", "-l", "g=1", "--yes", *options)
    assert ran.status == 1
    assert ran.err.count("\n") == 1
    assert sentence in ran.err
    assert not any("cutover" in shop.get(name)["spec"] for name in ("a", "b", "c"))


def test_a_task_that_was_deleted_meanwhile_is_not_made_again(
    run: Run, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Applying creates what is not there; the uid prevents that."""
    for name in ("a", "b"):
        shop.task(name, labels={"g": "1"})

    def delete_first(*_: object, **__: object) -> None:
        shop.api.delete(shop.path("b"))

    monkeypatch.setattr("kubectl_dcs.versions.check", delete_first)
    ran = run("stop", "-l", "g=1", "--yes", "-o", "json")
    assert ran.status == 1
    outcomes = {one["name"]: one["outcome"] for one in json.loads(ran.out)["tasks"]}
    assert outcomes == {"a": "wished", "b": "failed"}
    listed = shop.api.get(manifests.path(shop.namespace, manifests.TASKS))["items"]
    assert [one["metadata"]["name"] for one in listed] == ["a"]


def apply_as(api: Api, shop: Shop, manager: str, body: dict[str, Any]) -> None:
    """Apply on the server as a tool does."""
    path = shop.path(body["metadata"]["name"])
    full = f"{path}?fieldManager={manager}&force=true"
    api.request("PATCH", full, body, "application/apply-patch+yaml")


@pytest.mark.parametrize("manager", ["kustomize-controller", "argocd-controller"])
def test_what_a_tool_applies_from_git_is_left_alone(
    run: Run, shop: Shop, api: Api, kubectl: Kubectl, manager: str
) -> None:
    """Known by its field manager alone; the patch that is printed is what git has to say."""
    body = manifests.migration_task("a")
    apply_as(api, shop, manager, body)
    before = shop.get("a")["metadata"]["resourceVersion"]
    ran = run("stop", "a", "--yes", "--max-lag", "5")
    assert ran.status == 1
    assert shop.get("a")["metadata"]["resourceVersion"] == before
    patch = yaml.safe_load(ran.out)
    body["spec"] |= patch["spec"]
    apply_as(api, shop, manager, body)
    assert shop.get("a")["spec"]["cutover"] == {"maxLag": 5}
    assert run("stop", "a", "--yes", "--max-lag", "5").status == 0
    kubectl("delete", "dcsmt", "a")


def test_force_is_not_put_back_by_the_next_apply_of_another_field(
    run: Run, shop: Shop, api: Api
) -> None:
    """Git that says nothing of the wish leaves it as it is."""
    body = manifests.migration_task("a")
    apply_as(api, shop, "kustomize-controller", body)
    assert run("stop", "a", "--yes", "--force").status == 0
    apply_as(api, shop, "kustomize-controller", body)
    assert shop.get("a")["spec"]["cutover"] == {}


def test_a_dry_run_is_judged_by_the_api_server(run: Run, shop: Shop) -> None:
    """And changes nothing."""
    shop.task("a")
    assert run("stop", "a", "--dry-run").status == 0
    assert run("stop", "a", "--dry-run", "--stable-for", "1h").status == 1
    assert "cutover" not in shop.get("a")["spec"]


def test_waves_go_and_hold(run: Run, shop: Shop) -> None:
    """As often as somebody likes."""
    shop.wave("night")
    for command, state in [("go", "Go"), ("go", "Go"), ("hold", "Hold"), ("go", "Go")]:
        assert run(command, "night").status == 0
        assert shop.get("night", manifests.WAVES)["spec"]["state"] == state
    assert shop.get("night", manifests.WAVES)["metadata"]["generation"] == 4


def test_thousands_of_tasks_are_written(run: Run, shop: Shop, api: Api) -> None:
    """Page by page, and each of them once."""
    count = 1200
    path = manifests.path(shop.namespace, manifests.TASKS)
    made = [manifests.migration_task(f"t{number:04}") for number in range(count)]
    for body in made:
        body["metadata"]["labels"] = {"g": "1"}
    api.create_many(path, made)
    ran = run("stop", "-l", "g=1", stdin=f"{count}\n")
    assert ran.status == 0
    assert ran.out.startswith("1,200 migrations will be stopped")
    generations = {one["metadata"]["generation"] for one in api.get(path)["items"]}
    assert generations == {2}
