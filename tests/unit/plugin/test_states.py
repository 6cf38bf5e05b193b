"""`kubectl dcs hold`, `go` and `report` against a fake API server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from unit.plugin import bodies

if TYPE_CHECKING:
    from unit.plugin.conftest import Run
    from unit.plugin.fake_api import FakeApi


@pytest.mark.parametrize("command, before, after", [("go", "Hold", "Go"), ("hold", "Go", "Hold")])
def test_the_state_of_a_wave_is_applied(
    api: FakeApi, run: Run, command: str, before: str, after: str
) -> None:
    """Nothing but the state, with the uid; what the operator counted is told."""
    body = bodies.wave(state=before)
    body["status"]["tasks"] = {"total": 60, "caughtUp": 58, "stopped": 0, "trouble": 1}
    api.put("migrationwaves", body)
    ran = run(command, "night")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == (
        f"Wave night is at {after}: 60 tasks, 58 caught up, 0 stopped, 1 in trouble.\n"
    )
    (write,) = api.patches()
    assert write.body["spec"] == {"state": after}
    assert write.body["metadata"] == {"name": "night", "namespace": "shop", "uid": "uid-night"}


def test_a_state_that_is_there_is_not_written(api: FakeApi, run: Run) -> None:
    """Saying it twice is no error."""
    api.put("migrationwaves", bodies.wave(state="Go"))
    ran = run("go", "night")
    assert (ran.status, ran.out) == (0, "Wave night was already at Go.\n")
    assert api.patches() == []


def test_a_wave_that_failures_have_paused_is_not_just_told_to_go(api: FakeApi, run: Run) -> None:
    """It is at Go already; the line says what makes it go on."""
    paused = bodies.wave(ready="False/PausedByFailures", standing="Stalled", state="Go")
    api.put("migrationwaves", paused)
    ran = run("go", "night")
    assert ran.status == 1
    assert "failures have paused it" in ran.err
    assert "then `kubectl dcs hold night` and `kubectl dcs go night`" in ran.err
    assert run("hold", "night").status == 0
    assert run("go", "night").status == 0


def argo() -> dict[str, Any]:
    """Return a wave that Argo CD manages."""
    body = bodies.wave()
    tracking = "fleet:dcs.huaweicloud.com/MigrationWave:shop/night"
    body["metadata"]["annotations"] = {"argocd.argoproj.io/tracking-id": tracking}
    return body


def test_a_wave_that_git_manages_gets_a_patch_for_git(api: FakeApi, run: Run) -> None:
    """Argo CD would put it back within minutes, in the middle of the night."""
    api.put("migrationwaves", argo())
    ran = run("go", "night")
    assert ran.status == 1
    assert "Argo CD Application fleet would undo the change" in ran.err
    assert yaml.safe_load(ran.out)["spec"] == {"state": "Go"}
    assert api.patches() == []
    assert run("go", "night", "--force").status == 0


def test_the_wave_as_json(api: FakeApi, run: Run) -> None:
    """As it is now."""
    api.put("migrationwaves", bodies.wave())
    said = json.loads(run("go", "night", "-o", "json").out)
    assert (said["name"], said["state"]) == ("night", "Go")


def test_a_wave_that_is_not_there_is_named_with_the_others(api: FakeApi, run: Run) -> None:
    """As wrong usage."""
    for name in ("noon", "day"):
        api.put("migrationwaves", bodies.wave(name))
    ran = run("go", "night")
    assert ran.status == 2
    assert "no MigrationWave in namespace shop is called night; there are day, noon" in ran.err


def test_older_and_newer_crds_are_told_before_anything_is_written(api: FakeApi, run: Run) -> None:
    """In one line each."""
    api.put("migrationwaves", bodies.wave())
    spec: dict[str, Any] = {"properties": {"state": {}, "delay": {}}}
    name = "com.huaweicloud.dcs.v1alpha1.MigrationWave"
    api.schema = {"components": {"schemas": {name: {"properties": {"spec": spec}}}}}
    ran = run("go", "night")
    assert ran.status == 0
    assert "older than this plugin" in ran.err
    assert "MigrationWave.spec.delay; upgrade the plugin." in ran.err


IN_NIGHT = {"cutover": {"waveRef": {"name": "night"}}}


def test_the_report_of_a_wave_is_a_page_or_data(api: FakeApi, run: Run) -> None:
    """Of its tasks alone."""
    api.put("migrationwaves", bodies.wave(ready="True/Complete", state="Go"))
    api.put("migrationtasks", bodies.stopped("a", spec=IN_NIGHT, stop={"requestId": "f0e1"}))
    api.put("migrationtasks", bodies.stopped("b"))
    page = run("report", "night")
    assert page.status == 0
    assert page.out.startswith("# Wave night\n")
    assert "f0e1" in page.out
    assert "shop/b" not in page.out
    said = json.loads(run("report", "night", "-o", "json").out)
    assert [one["name"] for one in said["tasks"]] == ["a"]
    assert said["wave"]["reason"] == "Complete"


def test_a_selector_can_be_reported_too(api: FakeApi, run: Run) -> None:
    """Where there is no wave."""
    api.put("migrationtasks", bodies.stopped("a", labels={"g": "1"}))
    ran = run("report", "-l", "g=1")
    assert ran.out.startswith("# Migrations\n")
