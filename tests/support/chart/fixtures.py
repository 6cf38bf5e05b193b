"""Fixtures of the tests that install the chart: helm, and a separate control plane.

Each module has its own control plane, with controllers so that namespaces are really deleted. It is
separate because an operator of the whole cluster would act on the resources of every other test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox.control_plane import ControlPlane
from support.chart.helm import Helm

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def ground() -> Iterator[ControlPlane]:
    """Run a control plane for one module, without our CRDs."""
    with ControlPlane(controller_manager=True) as plane:
        yield plane


@pytest.fixture(scope="module")
def helm(ground: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Give helm with all rights on that control plane."""
    return Helm(tmp_path_factory.mktemp("helm"), ground.kubeconfig)
