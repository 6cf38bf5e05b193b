"""What every test needs, whichever folder it is in: the shared fixtures, and the tools they use.

The fixtures of `tests/support` are known everywhere, so that a process has one of each: one control
plane serves the tests of the cluster, of GitOps tools, of monitoring and of the image.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from sandbox.control_plane import ToolchainError, ensure
from sandbox.control_plane.toolchain import CORE

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.register_assert_rewrite("support")

pytest_plugins = ["support.control_plane", "support.operator.fixtures", "support.chart.fixtures"]

settings.register_profile("busy", deadline=None)
settings.load_profile("busy")  # these machines are noisy, and no test asserts wall-clock times

NODE = Path(__file__).parent / "node"
"""Tests that need root and a machine of their own; only `make node` runs them, by this name."""

TOOLS_OF_FIXTURES = {
    "control_plane": CORE,
    "ground": (*CORE, "helm", "kube-controller-manager"),
    "helm": ("helm",),
}
TOOLS_OF_FOLDERS = {"gitops": ("kstatus",), "monitoring": ("promtool", "prometheus")}
"""What tests need that is built from source, by their fixtures and by their folder."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the tests on a real node out unless they are named."""
    named = any(Path(one.partition("::")[0]).resolve().is_relative_to(NODE) for one in config.args)
    return True if collection_path == NODE and not named else None


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build what is missing before the first test, whose time limit is far too short for that."""
    needed: dict[str, None] = {}
    for item in session.items:
        for fixture in getattr(item, "fixturenames", ()):
            needed |= dict.fromkeys(TOOLS_OF_FIXTURES.get(fixture, ()))
        needed |= dict.fromkeys(TOOLS_OF_FOLDERS.get(item.path.parent.name, ()))
    if session.config.option.collectonly or not needed:
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")
    try:
        with capture.global_and_fixture_disabled():
            ensure(*needed)
    except ToolchainError as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)


@pytest.fixture(scope="session", autouse=True)
def outer_event_loop() -> Iterator[None]:
    """Own the event loop that is current between asynchronous tests, and close it at the end.

    pytest-asyncio remembers the current loop around each test. Where there is none, Python 3.11
    makes one for it that nobody closes, and that warning would fail a test at random.
    """
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()
