"""`kubectl dcs stop` against a fake API server: what is asked, written, told and waited for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from unit.plugin import bodies
from unit.plugin.fake_api import refusal

if TYPE_CHECKING:
    from unit.plugin.conftest import Run
    from unit.plugin.fake_api import Asked, FakeApi, Reply

FLUX = {"kustomize.toolkit.fluxcd.io/name": "a", "kustomize.toolkit.fluxcd.io/namespace": "b"}


def fill(api: FakeApi, count: int, **fields: Any) -> None:
    """Store tasks of a group without a wish."""
    for number in range(count):
        body = bodies.task(f"t{number}", "True/Observed", spec={}, labels={"group": "1"}, **fields)
        api.put("migrationtasks", body)


def specs(api: FakeApi) -> dict[str, Any]:
    """Return what was written, by name; dry runs included."""
    return {one.path.rpartition("/")[2]: one.body["spec"] for one in api.patches()}


def test_the_number_is_asked_for_and_then_each_is_written(api: FakeApi, run: Run) -> None:
    """With a field manager of its own, the uid, and nothing but the wish."""
    fill(api, 3)
    ran = run("stop", "-l", "group=1", stdin="3\n")
    assert ran.status == 0
    assert "This stops 3 migrations, each once its target has caught up." in ran.err
    assert ran.out == "3 migrations will be stopped once the target has caught up.\n"
    assert specs(api) == {key: {"cutover": {}} for key in ("t0", "t1", "t2")}
    for one in api.patches():
        assert one.query["fieldManager"] == "kubectl-dcs"
        assert one.headers["Content-Type"] == "application/apply-patch+yaml"
        assert one.body["metadata"].keys() == {"name", "namespace", "uid"}


@pytest.mark.parametrize(
    "typed, status, line",
    [
        ("2\n", 1, "3 was not typed; nothing was changed"),
        ("yes\n", 1, "3 was not typed; nothing was changed"),
        ("\n", 1, "3 was not typed; nothing was changed"),
        ("", 2, "the number was not typed; in a script, use --yes. Nothing was changed"),
    ],
)
def test_anything_but_the_number_changes_nothing(
    api: FakeApi, run: Run, typed: str, status: int, line: str
) -> None:
    """Neither does a script that says nothing."""
    fill(api, 3)
    ran = run("stop", "-l", "group=1", stdin=typed)
    assert ran.status == status
    assert line in ran.err
    assert api.patches() == []


def test_yes_is_for_scripts(api: FakeApi, run: Run) -> None:
    """It asks nothing."""
    fill(api, 2)
    assert run("stop", "-l", "group=1", "--yes", "--now").status == 0
    assert specs(api) == {key: {"stopped": True} for key in ("t0", "t1")}


def test_options_become_the_cutover(api: FakeApi, run: Run) -> None:
    """As they were typed: what is out of bounds is for the API server to say."""
    fill(api, 1)
    options = ["--in-wave", "night", "--max-lag", "5", "--stable-for", "30s"]
    options += ["--cutover-timeout", "1h", "--on-timeout", "StopAnyway"]
    ran = run("stop", "t0", "--yes", *options)
    assert ran.status == 0
    assert specs(api)["t0"]["cutover"] == {
        "waveRef": {"name": "night"},
        "maxLag": 5,
        "stableFor": "30s",
        "timeout": "1h",
        "onTimeout": "StopAnyway",
    }


def test_what_has_the_wish_is_not_written_again(api: FakeApi, run: Run) -> None:
    """And not counted in the question."""
    fill(api, 1)
    api.put("migrationtasks", bodies.task("t9", labels={"group": "1"}))
    ran = run("stop", "-l", "group=1", stdin="1\n")
    assert ran.status == 0
    assert "1 task already had that request." in ran.out
    assert list(specs(api)) == ["t0"]
    api.asked.clear()
    again = run("stop", "-l", "group=1")
    assert again.status == 0
    assert "Type" not in again.err
    assert api.patches() == []


def test_what_git_manages_gets_a_patch_for_git(api: FakeApi, run: Run) -> None:
    """The others are written; the exit status says that a person is needed."""
    fill(api, 1)
    api.put("migrationtasks", bodies.task("fluxed", spec={}, labels={"group": "1", **FLUX}))
    ran = run("stop", "-l", "group=1", stdin="1\n")
    assert ran.status == 1
    assert list(specs(api)) == ["t0"]
    assert "Flux Kustomization b/a would undo the change, so make it in git" in ran.err
    patch = yaml.safe_load(ran.out.partition("---\n")[2])
    assert patch["metadata"] == {"name": "fluxed", "namespace": "shop"}
    assert patch["spec"] == {"cutover": {}}


def test_force_writes_what_git_manages(api: FakeApi, run: Run) -> None:
    """Somebody has said so."""
    api.put("migrationtasks", bodies.task("fluxed", spec={}, labels=FLUX))
    assert run("stop", "fluxed", "--yes", "--force").status == 0
    assert list(specs(api)) == ["fluxed"]


def test_a_dry_run_writes_nothing_and_asks_nothing(api: FakeApi, run: Run) -> None:
    """The API server checks it all the same."""
    fill(api, 2)
    ran = run("stop", "-l", "group=1", "--dry-run", "--wait")
    assert ran.status == 0
    assert ran.out == "2 migrations would be stopped once the target has caught up.\n"
    assert {one.query["dryRun"] for one in api.patches()} == {"All"}
    assert not [one for one in api.asked if one.query.get("watch")]


def refusing(code: int, message: str, *names: str) -> Any:
    """Return a fault that refuses writes, of some tasks if they are named."""

    def fault(asked: Asked) -> Reply | None:
        if asked.method == "PATCH" and (not names or asked.path.endswith(names)):
            return refusal(code, message)
        return None

    return fault


def test_what_is_refused_for_all_is_told_once(api: FakeApi, run: Run) -> None:
    """A right that is missing, or a bound that is exceeded: after the first nothing is tried."""
    fill(api, 50)
    api.faults.append(refusing(422, "timeout must be a duration from 1m to 24h"))
    ran = run("stop", "-l", "group=1", "--yes", "--cutover-timeout", "1s")
    assert ran.status == 1
    assert ran.err == "kubectl dcs: timeout must be a duration from 1m to 24h\n"
    assert len(api.patches()) == 1


def test_what_fails_for_some_is_listed(api: FakeApi, run: Run) -> None:
    """The others have the wish; the exit status says that a person is needed."""
    fill(api, 30)
    api.faults.append(refusing(409, "uid mismatch", "t7", "t9"))
    ran = run("stop", "-l", "group=1", "--yes")
    assert ran.status == 1
    assert "28 migrations will be stopped" in ran.out
    assert "2 tasks could not be written:\n  shop/t7: uid mismatch\n  shop/t9: uid mismatch" in (
        ran.err
    )


def test_the_result_as_json(api: FakeApi, run: Run) -> None:
    """Each task with what became of it, and the patch where git has to say it."""
    fill(api, 2)
    api.put("migrationtasks", bodies.task("done", spec={"stopped": True}, labels={"group": "1"}))
    api.put("migrationtasks", bodies.task("fluxed", spec={}, labels={"group": "1", **FLUX}))
    api.faults.append(refusing(409, "uid mismatch", "t1"))
    ran = run("stop", "-l", "group=1", "--yes", "--now", "-o", "json")
    assert ran.status == 1
    said = json.loads(ran.out)
    assert said["wish"] == "stop"
    assert said["counts"] == {"wished": 1, "already": 1, "managed": 1, "failed": 1}
    found = {one["name"]: one for one in said["tasks"]}
    assert found["fluxed"]["spec"] == {"stopped": True}
    assert found["t1"]["why"] == "uid mismatch"


def test_a_cutover_that_somebody_else_applied_is_removed_by_now(api: FakeApi, run: Run) -> None:
    """Leaving it out of what is applied would keep it, and both at once are refused."""
    api.put("migrationtasks", bodies.task("a", spec={"cutover": {"maxLag": 5}}))
    assert run("stop", "a", "--yes", "--now").status == 0
    (write,) = api.patches()
    assert write.headers["Content-Type"] == "application/merge-patch+json"
    assert write.body["spec"] == {"stopped": True, "cutover": None}
    assert write.body["metadata"]["uid"]


def test_waves_that_hold_are_mentioned(api: FakeApi, run: Run) -> None:
    """Nothing happens before they go, which the line says."""
    spec = {"cutover": {"waveRef": {"name": "night"}}}
    api.put("migrationtasks", bodies.task("a", "True/Holding", spec=spec))
    api.put("migrationwaves", bodies.wave("night"))
    ran = run("stop", "--wave", "night", "--yes")
    assert "Orders are sent only while their wave is at Go: night." in ran.err


@pytest.mark.parametrize(
    "arguments, line",
    [
        (["-l", "group=9"], "no MigrationTask in namespace shop has 'group=9'"),
        (["-l", "group=9", "-A"], "no MigrationTask in any namespace has 'group=9'"),
        (["t0", "t8", "t9"], "no MigrationTask in namespace shop is called t8, t9"),
        (["--wave", "none"], "no MigrationWave in namespace shop is called none; there are night"),
        (["--wave", "night"], "no MigrationTask in namespace shop names the wave night"),
        (["t0", "-l", "group=1"], "choose tasks in one way only"),
    ],
)
def test_what_selects_nothing_is_wrong_usage(
    api: FakeApi, run: Run, arguments: list[str], line: str
) -> None:
    """A typing error must not look like a success."""
    fill(api, 1)
    api.put("migrationwaves", bodies.wave("night"))
    ran = run("stop", "--yes", *arguments)
    assert ran.status == 2
    assert line in ran.err
    assert api.patches() == []


def test_a_selector_that_is_none_is_wrong_usage(api: FakeApi, run: Run) -> None:
    """In the API server's words."""
    api.faults.append(lambda _: refusal(400, "unable to parse requirement"))
    ran = run("stop", "-l", "a in (", "--yes")
    assert ran.status == 2
    assert "the selector 'a in (' is none: unable to parse requirement" in ran.err
