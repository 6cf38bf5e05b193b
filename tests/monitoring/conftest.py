"""The control plane of the cluster tests, for the tests of alerts and dashboard."""

from __future__ import annotations

from cluster.conftest import api, control_plane

__all__ = ["api", "control_plane"]
