"""Plugin and CRDs of different versions, in both directions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from dcs_migration_operator import settings
from kubectl_dcs import cloud, kinds, versions

CRDS = Path(__file__).resolve().parents[3] / "crds"


def spec_of(plural: str) -> dict[str, Any]:
    """Return the schema of a spec, from the CRD."""
    version = yaml.safe_load((CRDS / f"{plural}.yaml").read_text())["spec"]["versions"][0]
    found: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return found


def document(**specs: Any) -> dict[str, Any]:
    """Return an OpenAPI document of these kinds, as the API server writes it."""
    return {
        "components": {
            "schemas": {
                f"com.huaweicloud.dcs.v1alpha1.{kind}": {"properties": {"spec": spec}}
                for kind, spec in specs.items()
            }
        }
    }


@pytest.mark.parametrize("kind", [kinds.TASK, kinds.WAVE])
def test_the_plugin_knows_the_crds_of_its_own_version(kind: kinds.Kind) -> None:
    """A field that is added to a CRD has to be considered here, or it is told as unknown."""
    assert versions.KNOWN[kind.kind] == spec_of(kind.plural)["properties"].keys()


def test_nothing_is_said_if_both_are_of_one_version() -> None:
    """Nor if the API server does not tell."""
    today = document(
        MigrationTask=spec_of("migrationtasks"), MigrationWave=spec_of("migrationwaves")
    )
    assert list(versions.differences(today)) == []
    assert list(versions.differences({})) == []


def test_older_crds_are_told_with_what_they_lack() -> None:
    """A kind that is missing is named once, not field by field."""
    old = spec_of("migrationtasks")
    del old["properties"]["cutover"]
    (line,) = versions.differences(document(MigrationTask=old))
    assert "older than this plugin" in line
    assert "they lack MigrationTask.spec.cutover, MigrationWave; apply crds/" in line


def test_newer_crds_are_told_with_what_is_not_considered() -> None:
    """In one line, with what to do."""
    new = spec_of("migrationtasks")
    new["properties"] |= {"restart": {}, "after": {}}
    wave = spec_of("migrationwaves")
    (line,) = versions.differences(document(MigrationTask=new, MigrationWave=wave))
    assert line.endswith(
        "ignores MigrationTask.spec.after, MigrationTask.spec.restart; upgrade the plugin."
    )


@pytest.mark.parametrize("kind", kinds.BY_KIND.values(), ids=lambda kind: kind.kind)
def test_the_kinds_are_those_of_the_crds(kind: kinds.Kind) -> None:
    """Their names, and whether they live in namespaces."""
    crd = yaml.safe_load((CRDS / f"{kind.plural}.yaml").read_text())["spec"]
    assert crd["names"]["kind"] == kind.kind
    assert (crd["scope"] == "Namespaced") is kind.namespaced
    assert crd["group"] == kinds.GROUP


def test_the_endpoints_that_may_be_called_are_those_of_the_operator() -> None:
    """Unless somebody says otherwise."""
    assert cloud.DEFAULT_ENDPOINTS == settings.DEFAULT_ENDPOINTS
