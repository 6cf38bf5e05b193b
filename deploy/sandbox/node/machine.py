"""What a machine needs for a node, checked before anything is started.

Owns the list and how each item is checked. Features are tried in namespaces that end with the
trial, so that the check leaves nothing behind either.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from sandbox.node import cgroups

PROGRAMS: Final = (
    "ip",
    "ipset",
    "iptables",
    "iptables-save",
    "mount",
    "nsenter",
    "runc",
    "unshare",
)

PLUGIN_FOLDERS: Final = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
PLUGINS: Final = ("bridge", "host-local", "loopback")

ENCLOSE: Final = ("unshare", "--net", "--mount", "--pid", "--uts", "--ipc", "--fork")

TRIALS: Final = {
    "a bridge (kernel module bridge)": "ip link add b0 type bridge",
    "pairs of links (kernel module veth)": "ip link add v0 type veth peer name v1",
    "firewall rules (iptables)": "iptables -A FORWARD -m comment --comment x -j ACCEPT",
    "marks and logs of the firewall": "iptables -A FORWARD -j MARK --set-mark 1"
    " && iptables -A FORWARD -j NFLOG --nflog-group 100",
    "sets of addresses (kernel modules ip_set, xt_set)": "ipset create s0 hash:ip"
    " && iptables -A FORWARD -m set --match-set s0 src -j ACCEPT",
    "a file system of layers (overlay)": "mount -t tmpfs tmpfs /run && mkdir /run/u /run/w"
    " && mount -t overlay -o lowerdir=/var,upperdir=/run/u,workdir=/run/w overlay /var",
}
"""The trials that run in an enclosure, by name."""

TRIAL_S_MAX: Final = 60.0


def missing() -> list[str]:
    """Return what this machine lacks; empty if a node can run."""
    if sys.platform != "linux":
        return ["Linux"]
    programs = [name for name in PROGRAMS if shutil.which(name) is None]
    if os.geteuid() != 0:
        return ["root", *programs]
    lacking = (
        programs + missing_plugins(PLUGIN_FOLDERS) + missing_controllers(cgroups.controllers())
    )
    return lacking or missing_features()


def missing_plugins(folders: tuple[Path, ...]) -> list[str]:
    """Return the missing CNI plugins: one folder must have all of them."""
    found = plugin_folder(folders)
    return [] if found else [f"CNI plugins {', '.join(PLUGINS)}"]


def plugin_folder(folders: tuple[Path, ...] = PLUGIN_FOLDERS) -> Path | None:
    """Return the folder that has all plugins."""
    for folder in folders:
        if all(os.access(folder / name, os.X_OK) for name in PLUGINS):
            return folder
    return None


def missing_controllers(found: set[str]) -> list[str]:
    """Return the missing cgroup controllers."""
    return [f"the cgroup controller {name}" for name in cgroups.NEEDED if name not in found]


def missing_features(trials: dict[str, str] | None = None) -> list[str]:
    """Return what the kernel, or a missing right, does not allow."""
    tried = TRIALS if trials is None else trials
    script = "\n".join(
        f"( {trial} ) >/dev/null 2>&1 || echo {number}"
        for number, trial in enumerate(tried.values())
    )
    answer = subprocess.run(  # noqa: S603 - the fixed trials above
        [*ENCLOSE, "--propagation=private", "/bin/sh", "-c", script],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TRIAL_S_MAX,
        check=False,
    )
    if answer.returncode != 0 and answer.stderr:
        return [f"namespaces ({answer.stderr.strip().splitlines()[-1]})"]
    names = list(tried)
    return [names[int(number)] for number in answer.stdout.split()]
