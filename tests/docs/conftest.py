"""What the tests of the pages need built before the first of them."""

from __future__ import annotations

import pytest

from sandbox.control_plane import ToolchainError, ensure
from sandbox.control_plane.toolchain import CORE


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build missing binaries first: a test's time limit is far too short for that."""
    wanted = any("walk" in getattr(item, "fixturenames", ()) for item in session.items)
    if session.config.option.collectonly or not wanted:
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")
    try:
        with capture.global_and_fixture_disabled():
            ensure(*CORE, "helm", "kube-controller-manager")
    except ToolchainError as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)
