"""What the tests on a real node share. They run after the walk, by `make node`, and need root."""

from __future__ import annotations

from pathlib import Path

import pytest

import sandbox
from sandbox.image.build import FOLDER
from sandbox.node import machine

ARCHIVE = FOLDER / "operator.tar"
"""What the walk before has built."""


def pytest_collection_finish(session: pytest.Session) -> None:
    """Say in one line what the machine lacks, instead of failing a dozen times."""
    lacking = [] if session.config.option.collectonly else machine.missing()
    if lacking:
        pytest.exit(f"A node cannot run here: this machine lacks {', '.join(lacking)}.", 77)


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the processes that are started find the sandbox, wherever pytest was started."""
    monkeypatch.setenv("PYTHONPATH", str(Path(sandbox.__file__).parents[1]))


@pytest.fixture
def archive() -> Path:
    """Give the operator's image as a file."""
    assert ARCHIVE.exists(), "make image builds it"
    return ARCHIVE
