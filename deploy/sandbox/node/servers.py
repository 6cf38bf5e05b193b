"""Command lines of the node's programs, and the places of their files.

Owns the flags, with reasons where needed; knows nothing of processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandbox.control_plane import servers
from sandbox.node.network import NODE_ADDRESS, SERVICE_NETWORK

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    Command = list[str | Path]

NODE: Final = "node-1"

ETCD_PORT, API_PORT = 2379, 443

TOOLS: Final = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-router",
    "containerd",
    "containerd-shim-runc-v2",
    "ctr",
    "pause",
    "kubectl",
    "helm",
)


class Layout(servers.Layout):
    """The files and addresses of the node."""

    @property
    def url(self) -> str:
        """The address of the API server, which is the same from a pod."""
        return f"https://{NODE_ADDRESS}:{self.apiserver_port}"

    @property
    def audit_log(self) -> Path:
        """The audit log of the API server."""
        return self.folder / "audit.log"


def layout(folder: Path) -> Layout:
    """Return the layout of a folder."""
    return Layout(folder, ETCD_PORT, API_PORT)


@dataclass(frozen=True)
class Commands:
    """The command lines of one node."""

    binaries: Mapping[str, Path]
    place: Layout

    def etcd(self) -> Command:
        """Return etcd's command line."""
        return servers.etcd(self.binaries["etcd"], self.place)

    def apiserver(self) -> Command:
        """Return the API server's command line."""
        place = self.place
        return [
            self.binaries["kube-apiserver"],
            f"--etcd-servers={place.etcd_url}",
            f"--cert-dir={place.certificates}",
            f"--bind-address={NODE_ADDRESS}",
            f"--advertise-address={NODE_ADDRESS}",
            f"--secure-port={place.apiserver_port}",
            f"--service-cluster-ip-range={SERVICE_NETWORK}",
            f"--service-account-key-file={place.signing_key}",
            f"--service-account-signing-key-file={place.signing_key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--token-auth-file={place.tokens}",
            "--authorization-mode=RBAC",
            "--kubelet-preferred-address-types=InternalIP",
            f"--audit-policy-file={place.folder / 'audit-policy.yaml'}",
            f"--audit-log-path={place.audit_log}",
        ]

    def controller_manager(self) -> Command:
        """Return the controller manager's command line, with all controllers."""
        return [
            self.binaries["kube-controller-manager"],
            *self._alone(),
            f"--root-ca-file={self.place.ca_file}",
            f"--service-account-private-key-file={self.place.signing_key}",
        ]

    def scheduler(self) -> Command:
        """Return the scheduler's command line."""
        return [self.binaries["kube-scheduler"], *self._alone()]

    def containerd(self) -> Command:
        """Return containerd's command line."""
        return [self.binaries["containerd"], f"--config={self.place.folder / 'containerd.toml'}"]

    def ctr(self, *arguments: str | Path) -> Command:
        """Return a command line of containerd's own client."""
        socket = self.place.folder / "containerd.sock"
        return [self.binaries["ctr"], f"--address={socket}", "--namespace=k8s.io", *arguments]

    def kubelet(self) -> Command:
        """Return the kubelet's command line."""
        folder = self.place.folder
        return [
            self.binaries["kubelet"],
            f"--config={folder / 'kubelet.yaml'}",
            f"--kubeconfig={self.place.kubeconfig}",
            f"--root-dir={folder / 'kubelet'}",
            f"--cert-dir={folder / 'kubelet-certificates'}",
            f"--hostname-override={NODE}",
            f"--node-ip={NODE_ADDRESS}",
        ]

    def kube_router(self) -> Command:
        """Return kube-router's command line; here it only enforces NetworkPolicies."""
        return [
            self.binaries["kube-router"],
            "--run-firewall=true",
            "--run-router=false",
            "--run-service-proxy=false",
            f"--kubeconfig={self.place.kubeconfig}",
            f"--hostname-override={NODE}",
            f"--service-cluster-ip-range={SERVICE_NETWORK}",
            "--health-port=0",
            "--metrics-port=0",
        ]

    def _alone(self) -> list[str]:
        """Return the flags of a controller without leader election and without used metrics."""
        kubeconfig = f"--kubeconfig={self.place.kubeconfig}"
        return [kubeconfig, "--leader-elect=false", "--secure-port=0"]
