"""A chart that has ours as a dependency, with a condition and values of its own for all charts."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

import pytest
import yaml

from support.chart.helm import CHART, Helm, HelmError, Manifest, only
from support.checkout import CASES

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

CASE: Final = CASES / "umbrella"

NAME: Final = "dcs-migration-operator"


@pytest.fixture(scope="module")
def umbrella(helm: Helm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the case, with our chart where its dependency says that it is."""
    folder = tmp_path_factory.mktemp("umbrella") / "platform"
    shutil.copytree(CASE, folder)
    file = folder / "Chart.yaml"
    chart = yaml.safe_load(file.read_text(encoding="utf-8"))
    chart["dependencies"][0]["repository"] = f"file://{CHART}"
    file.write_text(yaml.safe_dump(chart), encoding="utf-8")
    helm("dependency", "update", folder)
    return folder


def rendered(helm: Helm, umbrella: Path, **values: Any) -> list[Manifest]:
    """Return what the umbrella renders with these values for our chart."""
    return helm.template(chart=umbrella, values={f"{NAME}.{key}": v for key, v in values.items()})


def test_it_is_installed_by_its_condition(helm: Helm, umbrella: Path) -> None:
    """With the umbrella's values, and whatever is meant for all charts."""
    deployment = only(rendered(helm, umbrella), "Deployment")
    assert deployment["spec"]["replicas"] == 2
    assert deployment["metadata"]["name"] == f"dcs-{NAME}"


def test_it_is_left_out_by_its_condition(helm: Helm, umbrella: Path) -> None:
    """Nothing of it is rendered, CRDs neither."""
    assert rendered(helm, umbrella, enabled=False) == []


def test_a_typo_is_refused_there_too(helm: Helm, umbrella: Path) -> None:
    """With the name of the chart."""
    with pytest.raises(HelmError, match="additional properties 'replicas' not allowed"):
        rendered(helm, umbrella, replicas=3)
