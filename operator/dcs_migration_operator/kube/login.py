"""Finds the cluster to work with, from a named kubeconfig, the pod's account or the home folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from dcs_migration_operator.kube.kubeconfig import VARIABLE, KubeconfigError, cluster_of, files
from dcs_migration_operator.kube.pod import cluster_of_pod, in_pod
from dcs_migration_operator.kube.tls import CannotTrust

if TYPE_CHECKING:
    from dcs_migration_operator.kube.session import Cluster


class NoCluster(Exception):
    """There is no cluster to log in to; the text is one line that says what to do."""


def login(kubeconfig: str, service_account_dir: str) -> Cluster:
    """Return how to reach the API server.

    The sources are tried in this order: the given kubeconfig or `KUBECONFIG`, the pod's
    ServiceAccount, `~/.kube/config`.

    Raises:
        NoCluster: None of them exists, or the first that exists cannot be used.
    """
    mounted = Path(service_account_dir)
    if not kubeconfig and not os.environ.get(VARIABLE) and in_pod(mounted):
        return _of_pod(mounted)
    try:
        if paths := files(kubeconfig, os.environ):
            return cluster_of(paths)
    except KubeconfigError as error:
        raise NoCluster(
            f"the kubeconfig cannot be used ({error}); name another with --kubeconfig"
        ) from None
    raise NoCluster("no cluster: name a kubeconfig with --kubeconfig or KUBECONFIG")


def _of_pod(mounted: Path) -> Cluster:
    try:
        return cluster_of_pod(mounted)
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}"
    except CannotTrust as error:
        reason = f"ca.crt {error}"
    raise NoCluster(f"the ServiceAccount of the pod cannot be used ({reason})")
