"""`kubectl dcs plan` as it is typed: files, selections, and what may not be read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kubectl_dcs import versions
from sandbox import manifests
from unit.plugin import bodies

if TYPE_CHECKING:
    from pathlib import Path

    from unit.plugin.conftest import Run
    from unit.plugin.fake_api import FakeApi

IDS = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(9)]


@pytest.fixture(autouse=True)
def project(api: FakeApi) -> None:
    """Give the project of the tasks."""
    body = manifests.dcs_project("default", region="cn-north-4")
    body["metadata"] |= {"namespace": "shop", "uid": "p", "generation": 1}
    api.put("dcsprojects", body)


def file(folder: Path, *objects: dict[str, Any]) -> str:
    """Write manifests as somebody has them in a folder."""
    path = folder / "wish.json"
    path.write_text(json.dumps({"kind": "List", "items": objects}))
    return str(path)


def test_a_task_that_is_only_in_a_file_is_planned(run: Run, tmp_path: Path) -> None:
    """It has no uid and no status yet; DCS has to be asked before anything is ordered."""
    wish = manifests.migration_task("new", IDS[0], stopped=True)
    ran = run("plan", "-f", file(tmp_path, wish))
    assert "The files add 1, change 0 and leave 0 as they are." in ran.out
    assert "Would wait: 1\n  Pending: 1\n" in ran.out
    assert ran.status == 0


def test_what_somebody_wishes_is_planned_call_by_call(run: Run, api: FakeApi) -> None:
    """With the calls of two ids that an operator with that batch size makes."""
    for number in range(5):
        stops = {"taskId": IDS[number], "stopped": True}
        api.put("migrationtasks", bodies.task(f"t-{number}", "False/Stopping", spec=stops))
    ran = run("plan", "--batch-size", "2")
    assert "Would stop: 5 by 3 calls to DCS\n  call 1: 2 ids," in ran.out
    assert ran.status == 0
    assert run("plan", "--batch-size", "51").status == 2


@pytest.mark.parametrize(
    "kind, spec, why",
    [
        ("MigrationWave", {"state": "go"}, "state must be Hold or Go"),
        ("MigrationWave", {"maxUnderWay": "many"}, "spec.maxUnderWay"),
        ("MigrationWave", {"notBefore": "tonight"}, "spec.notBefore"),
        ("MigrationTask", {"taskId": IDS[0], "cutover": {"stableFor": "soon"}}, "stableFor"),
        ("MigrationTask", {"taskId": IDS[0], "cutover": {"waveRef": 5}}, "waveRef"),
        ("MigrationTask", {"taskId": IDS[0], "cutover": 5}, "cutover"),
        ("MigrationTask", [], "taskId"),
        ("DCSProject", {"region": "cn-north-4", "caBundle": "?"}, "caBundle"),
    ],
)
def test_what_cannot_be_understood_is_refused(
    run: Run, tmp_path: Path, kind: str, spec: Any, why: str
) -> None:
    """With the field that it is about; nothing of it counts."""
    body = {"apiVersion": manifests.GROUP_VERSION, "kind": kind, "metadata": {"name": "odd"}}
    ran = run("plan", "-f", file(tmp_path, body | {"spec": spec}))
    assert ran.status == 1
    told = [line for line in ran.out.splitlines() if line.startswith("  shop/odd: ")]
    assert len(told) == 1
    assert why in told[0]
    assert "unexpected error" not in ran.err


def test_another_version_of_the_resources_is_told(run: Run, tmp_path: Path) -> None:
    """Nothing is guessed about what its fields mean."""
    body = manifests.migration_task("a", IDS[0]) | {"apiVersion": "dcs.huaweicloud.com/v1"}
    ran = run("plan", "-f", file(tmp_path, body))
    assert ran.status == 2
    assert (
        "contains a MigrationTask of dcs.huaweicloud.com/v1; this plugin supports v1alpha1"
        in ran.err
    )
    assert ran.err.count("\n") == 1


def test_crds_that_are_newer_are_told(run: Run, api: FakeApi) -> None:
    """Since a wish may have a condition that the plan does not know."""
    fields: dict[str, Any] = {field: {} for field in [*versions.KNOWN["MigrationTask"], "after"]}
    wave: dict[str, Any] = {field: {} for field in versions.KNOWN["MigrationWave"]}
    api.schema = {
        "components": {
            "schemas": {
                f"com.huaweicloud.dcs.v1alpha1.{kind}": {
                    "properties": {"spec": {"properties": properties}}
                }
                for kind, properties in {"MigrationTask": fields, "MigrationWave": wave}.items()
            }
        }
    }
    api.put("migrationtasks", bodies.task())
    ran = run("plan")
    assert "ignores MigrationTask.spec.after; upgrade the plugin." in ran.err
    assert ran.status == 0


def test_a_plan_costs_a_page_per_five_hundred_tasks(run: Run, api: FakeApi) -> None:
    """And one list of each other kind, and the API's own description; nothing is written."""
    for number in range(1_200):
        spec = {"taskId": f"{number:08x}-0000-4000-8000-000000000000", "stopped": True}
        api.put("migrationtasks", bodies.task(f"t-{number:04}", "False/Stopping", spec=spec))
    api.asked.clear()
    ran = run("plan", "-A")
    assert "Would stop: 1,200 by 24 calls to DCS" in ran.out
    kinds = [one.path.rpartition("/")[2] for one in api.asked]
    assert sorted(kinds) == [
        "clusterdcsprojects",
        "dcsprojects",
        *["migrationtasks"] * 3,
        "migrationwaves",
        "v1alpha1",
    ]
    assert {one.method for one in api.asked} == {"GET"}


def test_what_is_only_in_a_file_can_be_chosen(run: Run, tmp_path: Path) -> None:
    """By its name, and by a wave that is only there too; what is in neither is wrong usage."""
    wave = manifests.migration_wave("night", state="Go")
    named = {"cutover": {"waveRef": {"name": "night"}}}
    tasks = [manifests.migration_task(f"t-{n}", IDS[n], **named) for n in range(2)]
    files = file(tmp_path, wave, *tasks)
    assert "Would wait: 2\n" in run("plan", "--wave", "night", "-f", files).out
    assert "Would wait: 1\n" in run("plan", "t-1", "-f", files).out
    for arguments, line in (
        (["t-2"], "no MigrationTask in namespace shop is called t-2"),
        (["--wave", "noon"], "no MigrationWave in namespace shop is called noon"),
    ):
        ran = run("plan", *arguments, "-f", files)
        assert (ran.status, ran.out) == (2, "")
        assert line in ran.err
