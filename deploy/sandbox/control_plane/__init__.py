"""A Kubernetes control plane on this machine: etcd and kube-apiserver, built from source.

`ControlPlane` is what tests and the demo use; `ensure` gives the path of one tool, such as helm.
`python -m sandbox.control_plane` keeps one running for use by hand.
"""

from sandbox.control_plane.gobuild import ToolchainError
from sandbox.control_plane.plane import ControlPlane, ControlPlaneError, KubectlError
from sandbox.control_plane.toolchain import ensure

__all__ = ["ControlPlane", "ControlPlaneError", "KubectlError", "ToolchainError", "ensure"]
