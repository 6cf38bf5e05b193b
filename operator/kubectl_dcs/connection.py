"""The way to the cluster, without its price as long as nobody goes it.

What speaks HTTP and reads kubeconfigs takes some tenths of a second to import; `--help` needs none.
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
