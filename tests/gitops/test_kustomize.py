"""kustomize renames our references too, with what the project ships for that.

Played by the kustomize in kubectl, on the case of `tests/cases/kust`: a generated Secret, whose
name gets a hash, and a prefix for all names.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from sandbox.control_plane import ensure
from support.checkout import CASES, ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CASE: Final = CASES / "kust"
SHIPPED: Final = ROOT / "deploy" / "kustomize"

RUN_S_MAX: Final = 60.0

GENERATED: Final = re.compile(r"blue-dcs-credentials-[a-z0-9]{10}")

MORE: Final = """
apiVersion: dcs.huaweicloud.com/v1alpha1
kind: ClusterDCSProject
metadata: {name: cache}
spec: {region: cn-north-4, projectId: p, credentials: {secretRef: {name: dcs-credentials}}}
---
apiVersion: dcs.huaweicloud.com/v1alpha1
kind: MigrationTask
metadata: {name: shared}
spec:
  taskId: 5130d57f-640a-435b-bc3a-0fb1860a5340
  projectRef: {kind: ClusterDCSProject, name: cache}
  cutover: {waveRef: {name: night}}
---
apiVersion: dcs.huaweicloud.com/v1alpha1
kind: MigrationWave
metadata: {name: night}
---
apiVersion: dcs.huaweicloud.com/v1alpha1
kind: MigrationTask
metadata: {name: elsewhere}
spec: {taskId: 5130d57f-640a-435b-bc3a-0fb1860a5341, projectRef: {name: not-of-this-folder}}
"""


def built(folder: Path, **fields: Any) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Return what kustomize makes of the case with these fields, by kind and name."""
    case = folder / "case"
    shutil.copytree(CASE, case)
    shutil.copytree(SHIPPED, case / "shipped")
    (case / "more.yaml").write_text(MORE, encoding="utf-8")
    file = case / "kustomization.yaml"
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    content["resources"].append("more.yaml")
    file.write_text(yaml.safe_dump(content | fields), encoding="utf-8")
    answer = subprocess.run(  # noqa: S603 - our own kubectl
        [ensure("kubectl")["kubectl"], "kustomize", case],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=RUN_S_MAX,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    bodies = [body for body in yaml.safe_load_all(answer.stdout) if body]
    return {(body["kind"], body["metadata"]["name"]): body.get("spec") or {} for body in bodies}


@pytest.mark.parametrize(
    "fields",
    [
        {"configurations": ["shipped/name-references.yaml"]},
        {"components": ["shipped"]},
        {"components": ["shipped"], "nameSuffix": "-x", "namePrefix": ""},
    ],
    ids=["configuration", "component", "suffix"],
)
def test_what_is_renamed_is_renamed_in_references(tmp_path: Path, fields: dict[str, Any]) -> None:
    """A Secret in projects of both kinds, projects and waves in tasks; strangers are left alone."""
    found = built(tmp_path, **fields)
    (secret,) = [name for kind, name in found if kind == "Secret"]
    suffix = "nameSuffix" in fields
    assert GENERATED.fullmatch(secret) or suffix
    cache, night = ("cache-x", "night-x") if suffix else ("blue-cache", "blue-night")
    orders, shared = ("orders-x", "shared-x") if suffix else ("blue-orders", "blue-shared")
    for kind in ("DCSProject", "ClusterDCSProject"):
        assert found[kind, cache]["credentials"]["secretRef"]["name"] == secret
    assert found["MigrationTask", orders]["projectRef"] == {"name": cache}
    task = found["MigrationTask", shared]
    assert task["projectRef"] == {"kind": "ClusterDCSProject", "name": cache}
    assert task["cutover"] == {"waveRef": {"name": night}}
    assert ("MigrationWave", night) in found
    elsewhere = "elsewhere-x" if suffix else "blue-elsewhere"
    assert found["MigrationTask", elsewhere]["projectRef"] == {"name": "not-of-this-folder"}


def test_without_it_references_keep_the_old_names(tmp_path: Path) -> None:
    """Which is what the configuration is for."""
    found = built(tmp_path)
    project = found["DCSProject", "blue-cache"]
    assert project["credentials"]["secretRef"]["name"] == "dcs-credentials"
    assert found["MigrationTask", "blue-orders"]["projectRef"] == {"name": "cache"}
