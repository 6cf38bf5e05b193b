"""Every file of values in `deploy/chart/ci`: linted, rendered, compared with what was reviewed.

After a wanted change, `RENEW=1 pytest tests/chart/test_snapshots.py` writes the snapshots anew;
read their diff before it is committed. What has a source of its own is left out of them and
compared with that source elsewhere: CRDs, alerts and the version.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from dcs_migration_operator import __version__
from support.chart.helm import CHART, Helm, Manifest

CASES = sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").iterdir())
SNAPSHOTS = Path(__file__).with_name("snapshots")


def snapshot_of(manifests: list[Manifest]) -> str:
    """Return objects as text, without what has a source of its own."""
    kept = [body for body in manifests if body["kind"] != "CustomResourceDefinition"]
    for body in kept:
        if body["kind"] == "PrometheusRule":
            body["spec"] = {"groups": "those of deploy/alerts"}
    text = yaml.safe_dump_all(kept, sort_keys=False, width=160)
    return text.replace(__version__, "VERSION")


@pytest.mark.parametrize("case", CASES)
def test_it_renders_what_was_reviewed(helm: Helm, case: str) -> None:
    """The objects equal the committed snapshot."""
    values = CHART / "ci" / f"{case}-values.yaml"
    rendered = snapshot_of(helm.template("--values", values))
    path = SNAPSHOTS / f"{case}.yaml"
    if os.environ.get("RENEW"):
        path.write_text(rendered, encoding="utf-8")
    assert rendered == path.read_text(encoding="utf-8"), "see the head of this file"


@pytest.mark.parametrize("case", CASES)
def test_it_passes_the_strict_lint(helm: Helm, case: str) -> None:
    """Helm finds nothing, although its warnings count as errors."""
    values = CHART / "ci" / f"{case}-values.yaml"
    assert "0 chart(s) failed" in helm("lint", "--strict", CHART, "--values", values)


def test_each_snapshot_has_its_values() -> None:
    """None is left of values that are gone."""
    assert sorted(path.stem for path in SNAPSHOTS.glob("*")) == CASES
