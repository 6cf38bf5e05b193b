"""Finds the API server from inside a pod, by the files and variables that Kubernetes provides."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.kube.session import Cluster
from dcs_migration_operator.kube.tls import context

if TYPE_CHECKING:
    from pathlib import Path

TOKEN: Final = "token"  # noqa: S105 - the name of a file
CA: Final = "ca.crt"
NAMESPACE: Final = "namespace"

BY_NAME: Final = "https://kubernetes.default.svc"


def in_pod(folder: Path) -> bool:
    """Tell whether a ServiceAccount is mounted in this folder."""
    return (folder / TOKEN).exists()


def cluster_of_pod(folder: Path) -> Cluster:
    """Return how to reach the API server as the ServiceAccount that is mounted in a folder.

    The address comes from the environment, as in client-go, so that it needs no DNS.

    Raises:
        OSError: A file exists but cannot be read.
        CannotTrust: The certificate authority is invalid.
    """
    host = os.environ.get("KUBERNETES_SERVICE_HOST", "")
    port = os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    ca, namespace = folder / CA, folder / NAMESPACE
    return Cluster(
        server=server if host else BY_NAME,
        namespace=(namespace.read_text().strip() if namespace.exists() else "") or "default",
        ssl=context(authority=ca.read_text(errors="replace") if ca.exists() else ""),
        token_file=str(folder / TOKEN),
    )
