"""What the tests of the image share: its build stage, done once, and the control plane."""

from __future__ import annotations

import pytest

from image.buildfile import Build, stages
from support.control_plane import api, control_plane, namespace

__all__ = ["api", "control_plane", "namespace"]


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Do what the Dockerfile's first stage does."""
    made = Build(tmp_path_factory.mktemp("image"))
    made.run(stages()[0])
    return made
