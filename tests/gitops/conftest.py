"""The control plane of the cluster tests, for the tests of GitOps tools."""

from __future__ import annotations

from cluster.conftest import control_plane

__all__ = ["control_plane"]
