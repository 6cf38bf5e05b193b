"""Connects to the cluster, and imports what that takes only when it is needed.

The libraries for HTTP and kubeconfigs take some tenths of a second to import, and `--help` needs
none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kubectl_dcs.cluster import Cluster
    from kubectl_dcs.where import Where


def connect(where: Where) -> Cluster:
    """Return the cluster that the command line names, without contacting it yet.

    Raises:
        Problem: There is no kubeconfig, or it cannot be used.
    """
    from kubectl_dcs import cluster  # noqa: PLC0415 - see the head of this file

    return cluster.connect(where)
