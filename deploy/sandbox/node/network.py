"""The node's network: a bridge for pods, and an outside world with DCS behind a router.

Owns addresses and the commands that make the links. All of it is in the enclosure's own network,
which has no way to any other.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

BRIDGE: Final = "dcsbr0"

NODE_ADDRESS: Final = "10.200.0.1"
POD_NETWORK: Final = "10.200.0.0/16"
POD_RANGE: Final = ("10.200.1.10", "10.200.1.250")

SERVICE_NETWORK: Final = "10.200.0.0/24"
"""Its first address is that of the Service `kubernetes`, and that of the node too: there the API
server listens on 443, and pods reach it with no kube-proxy."""

ROUTER_ADDRESS, OUTSIDE_ADDRESS = "10.201.0.1", "10.201.0.2"
OUTSIDE_NETWORK: Final = "10.201.0.0/24"
OUTSIDE_PREFIX_BITS: Final = 24

FORWARDING: Final = Path("/proc/sys/net/ipv4/ip_forward")

COMMAND_S_MAX: Final = 30.0


def node_links() -> list[list[str]]:
    """Return the commands that make the node's own links."""
    prefix = POD_NETWORK.partition("/")[2]
    return [
        ["ip", "link", "set", "lo", "up"],
        ["ip", "link", "add", BRIDGE, "type", "bridge"],
        ["ip", "address", "add", f"{NODE_ADDRESS}/{prefix}", "dev", BRIDGE],
        ["ip", "link", "set", BRIDGE, "up"],
    ]


def outside_links(pid: int) -> list[list[str]]:
    """Return the commands that connect the outside world, the network of a process."""
    there = in_network(pid)
    return [
        ["ip", "link", "add", "outside0", "type", "veth", "peer", "name", "outside1"],
        ["ip", "link", "set", "outside1", "netns", str(pid)],
        ["ip", "address", "add", f"{ROUTER_ADDRESS}/{OUTSIDE_PREFIX_BITS}", "dev", "outside0"],
        ["ip", "link", "set", "outside0", "up"],
        [*there, "ip", "link", "set", "lo", "up"],
        [
            *there,
            "ip",
            "address",
            "add",
            f"{OUTSIDE_ADDRESS}/{OUTSIDE_PREFIX_BITS}",
            "dev",
            "outside1",
        ],
        [*there, "ip", "link", "set", "outside1", "up"],
        [*there, "ip", "route", "add", "default", "via", ROUTER_ADDRESS],
    ]


def in_network(pid: int) -> list[str]:
    """Return the prefix of a command that is to run in the network of a process."""
    return ["nsenter", f"--net=/proc/{pid}/ns/net"]


def plugin_config(state: Path) -> dict[str, Any]:
    """Return the CNI configuration: pods on the bridge, their addresses kept in a folder."""
    first, last = POD_RANGE
    subnet = {"subnet": POD_NETWORK, "rangeStart": first, "rangeEnd": last, "gateway": NODE_ADDRESS}
    addresses = {
        "type": "host-local",
        "dataDir": str(state),
        "ranges": [[subnet]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": BRIDGE, "isGateway": False, "ipMasq": False}
    return {"cniVersion": "0.4.0", "name": "dcs", "plugins": [{**bridge, "ipam": addresses}]}


def run(commands: Sequence[Sequence[str]]) -> None:
    """Run commands one after the other.

    Raises:
        RuntimeError: One failed; the text is its output.
    """
    for command in commands:
        answer = subprocess.run(  # noqa: S603 - the commands above
            list(command), capture_output=True, text=True, timeout=COMMAND_S_MAX, check=False
        )
        if answer.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {answer.stderr.strip()}")
