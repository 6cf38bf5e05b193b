"""The configuration files of containerd, the kubelet and the API server's audit log.

Owns their contents, with a reason for each setting that is not obvious; knows nothing of processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sandbox.node.network import NODE_ADDRESS

if TYPE_CHECKING:
    from pathlib import Path

PAUSE_IMAGE: Final = "localhost/pause:1"

CONTAINERD: Final = """\
version = 3
root = "{folder}/containerd/root"
state = "{folder}/containerd/state"
# There is no disk for them here, or they are not used.
disabled_plugins = [
  "io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.nri.v1.nri", "io.containerd.internal.v1.opt",
]
[grpc]
  address = "{folder}/containerd.sock"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{pause}"
[plugins.'io.containerd.cri.v1.runtime']
  # Root of an enclosure may lack CAP_SYS_RESOURCE, and the profiles of AppArmor are the machine's.
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["{plugins}"]
    conf_dir = "{folder}/cni"
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      BinaryName = "{runc}"
      SystemdCgroup = false
"""


def containerd(folder: Path, plugins: Path, runc: str) -> str:
    """Return containerd's configuration."""
    return CONTAINERD.format(folder=folder, plugins=plugins, runc=runc, pause=PAUSE_IMAGE)


def kubelet(folder: Path, cgroup: str) -> dict[str, Any]:
    """Return the kubelet's configuration."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_ADDRESS,
        "containerRuntimeEndpoint": f"unix://{folder}/containerd.sock",
        # Everything of the pods is below one name, so that it can be removed at the end.
        "cgroupRoot": f"/{cgroup}",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "enforceNodeAllocatable": [],
        # Only this walk is in its network.
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "readOnlyPort": 0,
        "healthzPort": 0,
        # A lower one than it has needs CAP_SYS_RESOURCE.
        "oomScoreAdj": 0,
        "failSwapOn": False,
        "resolvConf": "",
        "clusterDNS": [],
        "podLogsDir": f"{folder}/pod-logs",
        "volumePluginDir": f"{folder}/volume-plugins",
        # There is no kube-proxy that would need them.
        "makeIPTablesUtilChains": False,
        # A file system in memory has no quotas.
        "localStorageCapacityIsolation": False,
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "nodefs.inodesFree": "1%",
            "imagefs.available": "1%",
        },
    }


def audit_policy(namespace: str) -> dict[str, Any]:
    """Return the audit policy: all requests of the ServiceAccounts of one namespace.

    Each request is logged with the id of its token.
    """
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "Metadata", "userGroups": [f"system:serviceaccounts:{namespace}"]},
            {"level": "None"},
        ],
    }
