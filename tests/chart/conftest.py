"""What all rendering tests share: helm, built before the first of them; no cluster."""

from __future__ import annotations

import pytest

from chart.helm import Helm
from sandbox.control_plane import ToolchainError, ensure


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build helm before the first test, whose time limit is far too short for that."""
    wanted = any("helm" in getattr(item, "fixturenames", ()) for item in session.items)
    if session.config.option.collectonly or not wanted:
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")
    try:
        with capture.global_and_fixture_disabled():
            ensure("helm")
    except ToolchainError as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Give helm without a cluster."""
    return Helm(tmp_path_factory.mktemp("helm"))
