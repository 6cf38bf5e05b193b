"""What the tests of GitOps tools need: kstatus, built before the first, and a control plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluster.conftest import control_plane
from sandbox.control_plane import ToolchainError, ensure
from sandbox.control_plane.toolchain import CORE

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["control_plane"]

HERE = "gitops"


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build missing binaries before the first test, whose time limit is far too short for that."""
    if session.config.option.collectonly or not any(_is_here(item.path) for item in session.items):
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")
    try:
        with capture.global_and_fixture_disabled():
            ensure(*CORE, "kstatus")
    except ToolchainError as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)


def _is_here(path: Path) -> bool:
    return path.parent.name == HERE
