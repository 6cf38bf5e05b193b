"""Command lines, configuration files and addresses of the node, which have to fit to each other."""

from __future__ import annotations

import ipaddress
import tomllib
from pathlib import Path

import pytest

from sandbox.control_plane.toolchain import PACKAGES
from sandbox.node import configs, network
from sandbox.node.enclosure import enclosed
from sandbox.node.mounts import NotEnclosedError, prepare
from sandbox.node.servers import TOOLS, Commands, layout
from sandbox.node.steps.rollout import filled_in, halves
from sandbox.node.walk import STEPS

PLACE = layout(Path("/run/node"))
COMMANDS = Commands({name: Path("/bin", name) for name in TOOLS}, PLACE)


def test_every_tool_can_be_built() -> None:
    """Each comes from a pinned Go module."""
    assert set(TOOLS) <= set(PACKAGES)


def test_the_api_server_is_the_service_kubernetes() -> None:
    """It listens on the first address of the service range, on the port of the Service."""
    services = ipaddress.ip_network(network.SERVICE_NETWORK)
    assert str(services[1]) == network.NODE_ADDRESS
    command = [str(part) for part in COMMANDS.apiserver()]
    assert f"--bind-address={services[1]}" in command
    assert "--secure-port=443" in command
    assert PLACE.url == f"https://{services[1]}:443"


def test_pods_get_addresses_that_nobody_else_has() -> None:
    """On the bridge's network, outside of the Services, and DCS is in another one."""
    pods, services = (
        ipaddress.IPv4Network(text) for text in (network.POD_NETWORK, network.SERVICE_NETWORK)
    )
    first, last = (ipaddress.IPv4Address(text) for text in network.POD_RANGE)
    assert first < last
    assert first in pods
    assert first not in services
    outside = ipaddress.IPv4Network(network.OUTSIDE_NETWORK)
    assert not outside.overlaps(pods)
    assert outside.prefixlen == network.OUTSIDE_PREFIX_BITS
    for text in (network.ROUTER_ADDRESS, network.OUTSIDE_ADDRESS):
        assert ipaddress.ip_address(text) in outside


def test_the_kubelet_and_containerd_meet() -> None:
    """At one socket, and with the same idea of cgroups; all pods are below the node's own."""
    kubelet = configs.kubelet(PLACE.folder, "dcs-node-1")
    containerd = tomllib.loads(configs.containerd(PLACE.folder, Path("/cni"), "/usr/sbin/runc"))
    assert kubelet["containerRuntimeEndpoint"] == f"unix://{containerd['grpc']['address']}"
    runtime = containerd["plugins"]["io.containerd.cri.v1.runtime"]
    options = runtime["containerd"]["runtimes"]["runc"]["options"]
    assert (kubelet["cgroupDriver"], options["SystemdCgroup"]) == ("cgroupfs", False)
    assert kubelet["cgroupRoot"] == "/dcs-node-1"
    assert f"--address={containerd['grpc']['address']}" in map(str, COMMANDS.ctr("version"))


def test_the_node_writes_into_its_folder_only() -> None:
    """Every path in a configuration or a command line that is written to is below it."""
    kubelet = configs.kubelet(PLACE.folder, "x")
    containerd = tomllib.loads(configs.containerd(PLACE.folder, Path("/cni"), "/usr/sbin/runc"))
    written = [kubelet["podLogsDir"], kubelet["volumePluginDir"]]
    written += [containerd["root"], containerd["state"]]
    written += [
        str(part).partition("=")[2]
        for part in COMMANDS.kubelet()
        if str(part).startswith(("--root-dir=", "--cert-dir="))
    ]
    assert len(written) == 6
    assert all(path.startswith("/run/node/") for path in written)


def test_only_the_operators_requests_are_written_down() -> None:
    """Without bodies: a Secret is in some."""
    policy = configs.audit_policy("dcs-system")
    levels = [rule["level"] for rule in policy["rules"]]
    assert levels == ["Metadata", "None"]
    assert policy["rules"][0]["userGroups"] == ["system:serviceaccounts:dcs-system"]


def test_an_enclosure_has_namespaces_of_its_own_and_ends_with_its_parent() -> None:
    """For network, mounts, processes, names and messages; nothing of it is seen outside."""
    command = enclosed(["/bin/true"])
    for option in ("--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "--mount-proc"):
        assert option in command
    assert "--kill-child=SIGKILL" in command
    assert "--propagation=private" in command
    assert command[-2].endswith("/init.py")
    assert command[-1] == "/bin/true"


def test_nothing_is_mounted_on_the_machine_itself() -> None:
    """Outside of an enclosure the mounts are refused before the first one."""
    own = str(Path("/proc/self/ns/mnt").readlink())
    with pytest.raises(NotEnclosedError, match="not on the machine itself"):
        prepare(own)


def test_the_page_is_followed_from_its_installation_on() -> None:
    """With the block that waits for pods, and with the reader's own names in the rest."""
    before, after = halves()
    assert before[-2].text.startswith("helm install dcs-migration-operator deploy/chart")
    assert " rollout status " in before[-1].text
    text = "".join(filled_in(block.text, "http://10.201.0.2:443") for block in after)
    assert "YOUR-" not in text
    assert "region:" not in text
    assert '"stopped": true' in text


def test_each_step_is_there_once_unless_it_prepares_another() -> None:
    """So that what the page of the walk says is what runs."""
    titles = [title for title, _ in STEPS]
    assert {title for title in titles if titles.count(title) > 1} == {"Install again"}
