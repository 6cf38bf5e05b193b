"""Manifests from files and standard input, and what they would make of what is there."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from kubectl_dcs.problems import WrongUsage
from kubectl_dcs.reading import read
from kubectl_dcs.worlds import Change, with_files
from sandbox import manifests
from unit.plugin import bodies

if TYPE_CHECKING:
    from pathlib import Path

NOT_BEFORE = "2026-11-28T02:00:00+08:00"


def test_files_folders_lists_and_standard_input_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever `kubectl kustomize` prints or a folder holds; other kinds are only counted."""
    one, two, three, four = (manifests.migration_task(name) for name in ("a", "b", "c", "d"))
    (tmp_path / "one.yaml").write_text(f"# a comment\n---\n{yaml.safe_dump(one)}---\n")
    (tmp_path / "two.json").write_text(json.dumps(two))
    (tmp_path / "notes.txt").write_text("not a manifest")
    bundle = {"apiVersion": "v1", "kind": "List", "items": [three, manifests.secret()]}
    (tmp_path / "three.yml").write_text(yaml.safe_dump(bundle))
    monkeypatch.setattr(sys, "stdin", io.StringIO(yaml.safe_dump(four)))
    found = read((str(tmp_path), "-"))
    assert [body["metadata"]["name"] for body in found.bodies] == ["a", "c", "b", "d"]
    assert found.foreign == {"Secret": 1}


def test_a_kind_of_another_group_is_foreign(tmp_path: Path) -> None:
    """Another product may have a MigrationTask too."""
    body = manifests.migration_task("a") | {"apiVersion": "dms.example.com/v1"}
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(body))
    assert read((str(tmp_path),)).foreign == {"MigrationTask": 1}


def test_a_time_without_quotes_stays_a_text(tmp_path: Path) -> None:
    """As for kubectl; other readers of YAML would make another zone of it."""
    path = tmp_path / "a.yaml"
    path.write_text(
        "apiVersion: dcs.huaweicloud.com/v1alpha1\nkind: MigrationWave\nmetadata: {name: a}\n"
        f"spec: {{notBefore: {NOT_BEFORE}}}\n"
    )
    (body,) = read((str(path),)).bodies
    assert body["spec"]["notBefore"] == NOT_BEFORE


@pytest.mark.parametrize(
    "text, why",
    [
        ("a: [b", "is not YAML at line 1: "),
        ("- a\n- b", "contains something that is not a manifest: it has no kind"),
        ("just text", "contains something that is not a manifest"),
        ("a: 1", "contains something that is not a manifest"),
        ("{kind: List, items: [7]}", "contains something that is not a manifest"),
        (
            "{apiVersion: dcs.huaweicloud.com/v1alpha1, kind: MigrationTask, spec: {}}",
            "contains a MigrationTask without metadata.name",
        ),
        (
            (
                "{apiVersion: dcs.huaweicloud.com/v1alpha1, kind: MigrationTask,"
                " metadata: {name: 订单}}"
            ),
            "contains a MigrationTask called '订单', which is not a valid object name",
        ),
        ("a: !!python/object:os.system {}", "is not YAML at line 1"),
        ("a: \x00", "is not YAML"),
    ],
)
def test_what_is_no_manifest_is_named(tmp_path: Path, text: str, why: str) -> None:
    """With the file, and the line if it is known."""
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(WrongUsage, match=r".*") as problem:
        read((str(path),))
    assert str(problem.value).startswith(f"{path} {why}")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With the reason of the system."""
    with pytest.raises(WrongUsage, match=r"none\.yaml cannot be read: No such file"):
        read((f"{tmp_path}/none.yaml",))
    (tmp_path / "image.yaml").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(WrongUsage, match="cannot be read: it is not text"):
        read((f"{tmp_path}/image.yaml",))


LIVE = bodies.task("a", spec={"taskId": "0" * 32, "stopped": False, "projectRef": {}})
KEY = ("MigrationTask", "shop", "a")


def applied(spec: Any, live: dict[str, Any] | None = LIVE) -> Any:
    """Return what a file with this spec would make of the task."""
    body = manifests.migration_task("a") | {"spec": spec}
    return with_files({} if live is None else {KEY: live}, [body], "shop")


def test_a_new_task_gets_the_defaults() -> None:
    """It was never seen, so that nothing is known of it."""
    result = applied({"taskId": "0" * 32}, None)
    assert result.changes == {KEY[1:]: Change.NEW}
    made = result.objects[KEY]
    assert made["spec"] == {"taskId": "0" * 32, "stopped": False, "projectRef": {}}
    assert "status" not in made


def test_what_a_file_says_outweighs_the_cluster_and_keeps_the_rest() -> None:
    """Also what DCS was seen to say; the status then speaks of an older generation."""
    result = applied({"taskId": "0" * 32, "cutover": {"maxLag": 3}})
    assert result.changes == {KEY[1:]: Change.CHANGED}
    made = result.objects[KEY]
    assert made["spec"]["cutover"] == {"maxLag": 3}
    assert made["status"] == LIVE["status"]
    assert made["metadata"]["generation"] == LIVE["metadata"]["generation"] + 1
    assert "cutover" not in LIVE["spec"]


def test_a_file_that_says_the_same_changes_nothing() -> None:
    """Defaults need not be written out."""
    assert applied({"taskId": "0" * 32}).changes == {KEY[1:]: Change.NONE}


def test_what_an_apply_had_and_the_file_has_no_more_is_removed() -> None:
    """As kubectl does it, which notes what it applied last."""
    last = json.dumps({"spec": {"taskId": "0" * 32, "cutover": {}}})
    live = bodies.task("a", spec={"taskId": "0" * 32, "cutover": {}, "stopped": False})
    live["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": last}
    assert "cutover" not in applied({"taskId": "0" * 32}, live).objects[KEY]["spec"]
    live["metadata"]["annotations"] = {}
    assert "cutover" in applied({"taskId": "0" * 32}, live).objects[KEY]["spec"]


@pytest.mark.parametrize(
    "spec, why",
    [
        ({"taskId": 7}, "taskId must be a text: put it into quotes"),
        ({"taskId": "x"}, "taskId must be the id of a DCS migration task"),
        ({"taskId": "0" * 32, "stopped": True, "cutover": {}}, "set either stopped: true or"),
        (
            {"taskId": "0" * 32, "cutover": {"waveRef": {"name": "a"}, "notAfter": NOT_BEFORE}},
            "set either waveRef or a window",
        ),
        ({"taskId": "1" * 32}, "taskId cannot be changed"),
        ({"taskId": "0" * 32, "projectRef": {"name": "x"}}, "projectRef cannot be changed"),
        (None, "taskId must be"),
    ],
)
def test_what_would_be_refused_changes_nothing(spec: Any, why: str) -> None:
    """The object stays as it is, and the reason is told."""
    live = bodies.task("a", spec={"taskId": "0" * 32, "stopped": False, "projectRef": {}})
    if spec is None:
        del live["spec"]["taskId"]
    result = applied(spec, live)
    assert result.changes == {}
    assert result.objects[KEY] is live
    assert result.refusals[KEY[1:]].startswith(why)
