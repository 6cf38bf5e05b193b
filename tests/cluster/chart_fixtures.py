"""Fixtures of the tests that install the chart: helm, and a control plane of their own.

Each module has its own, with controllers, so that namespaces are really deleted, and since an
operator of the whole cluster would act on the resources of every other test.

A test module names this one in `pytest_plugins`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from chart.helm import Helm
from sandbox.control_plane import ControlPlane, ToolchainError, ensure

if TYPE_CHECKING:
    from collections.abc import Iterator

TOOLS = ("helm", "kube-controller-manager")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build what is missing before the first test, whose time limit is far too short for that."""
    wanted = any("ground" in getattr(item, "fixturenames", ()) for item in session.items)
    if session.config.option.collectonly or not wanted:
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")
    try:
        with capture.global_and_fixture_disabled():
            ensure(*TOOLS)
    except ToolchainError as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)


@pytest.fixture(scope="module")
def ground() -> Iterator[ControlPlane]:
    """Run a control plane for one module, without our CRDs."""
    with ControlPlane(controller_manager=True) as plane:
        yield plane


@pytest.fixture(scope="module")
def helm(ground: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Give helm with all rights on it."""
    return Helm(tmp_path_factory.mktemp("helm"), ground.kubeconfig)
