"""Command lines of the control plane's servers.

Owns the flags, with reasons where needed; knows nothing of processes. `Layout` says
where files and ports are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.control_plane.processes import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CONTROLLERS = ("namespace-controller", "garbage-collector-controller")
"""What tests need of kube-controller-manager: deleting namespaces, and what an owner owned."""


@dataclass(frozen=True)
class Layout:
    """Where one control plane keeps its files and listens. All ports are on loopback."""

    folder: Path
    etcd_port: int
    apiserver_port: int

    @property
    def url(self) -> str:
        """The address of the API server."""
        return f"https://{LOOPBACK}:{self.apiserver_port}"

    @property
    def etcd_url(self) -> str:
        """The address of etcd."""
        return f"http://{LOOPBACK}:{self.etcd_port}"

    @property
    def certificates(self) -> Path:
        """Where the API server writes the certificate it makes for itself."""
        return self.folder / "certificates"

    @property
    def ca_file(self) -> Path:
        """What clients trust: the API server's certificate together with its issuer."""
        return self.certificates / "apiserver.crt"

    @property
    def signing_key(self) -> Path:
        """The key for service account tokens."""
        return self.folder / "service-account.key"

    @property
    def tokens(self) -> Path:
        """The file of static tokens."""
        return self.folder / "tokens.csv"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.folder / "kubeconfig"


def etcd(binary: Path, layout: Layout) -> list[str | Path]:
    """Return the command line of etcd."""
    # A single member talks to no peer, so any port will do for peers.
    peer_url = f"http://{LOOPBACK}:0"
    return [
        binary,
        f"--data-dir={layout.folder / 'etcd'}",
        f"--listen-client-urls={layout.etcd_url}",
        f"--advertise-client-urls={layout.etcd_url}",
        f"--listen-peer-urls={peer_url}",
        f"--initial-advertise-peer-urls={peer_url}",
        f"--initial-cluster=default={peer_url}",
        "--unsafe-no-fsync",  # the data need not outlive the machine's next crash
        "--log-level=warn",
    ]


def apiserver(binary: Path, layout: Layout, extra: Sequence[str]) -> list[str | Path]:
    """Return the command line of kube-apiserver; a flag in `extra` wins over the same one here."""
    return [
        binary,
        f"--etcd-servers={layout.etcd_url}",
        f"--cert-dir={layout.certificates}",
        f"--bind-address={LOOPBACK}",
        f"--secure-port={layout.apiserver_port}",
        # Without these two the server searches for a network to be reached from, and a machine
        # without one is exactly where a sandbox is wanted.
        f"--advertise-address={LOOPBACK}",
        "--endpoint-reconciler-type=none",
        f"--service-account-key-file={layout.signing_key}",
        f"--service-account-signing-key-file={layout.signing_key}",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-cluster-ip-range=10.0.0.0/24",
        f"--token-auth-file={layout.tokens}",
        "--authorization-mode=RBAC",
        # Pods may be created though no controller makes their service account.
        "--disable-admission-plugins=ServiceAccount",
        *extra,
    ]


def controller_manager(binary: Path, layout: Layout) -> list[str | Path]:
    """Return the command line of kube-controller-manager."""
    return [
        binary,
        f"--kubeconfig={layout.kubeconfig}",
        f"--controllers={','.join(CONTROLLERS)}",
        "--leader-elect=false",  # there is only this one
        "--secure-port=0",  # its metrics are not used
    ]
