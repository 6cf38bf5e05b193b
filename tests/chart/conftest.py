"""What all rendering tests share: helm, built before the first of them; no cluster."""

from __future__ import annotations

import pytest

from support.chart.helm import Helm


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Give helm without a cluster."""
    return Helm(tmp_path_factory.mktemp("helm"))
