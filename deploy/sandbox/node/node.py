"""The node while it runs: network, control plane, containerd, kubelet and kube-router.

Owns the order in which they start, and when each is ready. Nothing here ends anything: the
enclosure ends all of it at once.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml

from sandbox.api import Api
from sandbox.control_plane import ensure, identity
from sandbox.control_plane.processes import Server
from sandbox.node import configs, images, machine, network, servers
from sandbox.shell import Shell
from sandbox.simulated import SimulatedDcs
from sandbox.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

READY_S_MAX: Final = 120.0
"""For each part, on a machine that is busy with something else too; together they take 10 s."""

IMPORT_S_MAX: Final = 300.0

CTR_S_MAX: Final = 60.0
"""Time limit of a query to containerd."""

DCS_PORT, CLOSED_PORT, ADMIN_PORT = 443, 9443, 8081
"""Where DCS is: on a port that the chart's NetworkPolicy lets through, and on one that it does not.
"""

RUNNING: Final = 1500
"""Migrations in the simulated DCS; the walk takes from them."""

STOP_S: Final = 6.0
"""How long DCS takes for a stop: long enough to act in the meantime."""


class NodeError(Exception):
    """Something did not start or ended by itself; the text has the last lines of its log."""


class Node:
    """One node and the world around it.

    Args:
        folder: Where everything is kept.
        cgroup: The parent cgroup of its pods.

    Attributes:
        api: A client with all rights.
        shell: kubectl and helm, with all rights.
        cloud: DCS, on a port that pods may reach.
        other_cloud: Another one, on a port that they may not reach.
    """

    def __init__(self, folder: Path, cgroup: str) -> None:
        self._cgroup = cgroup
        self._place = servers.layout(folder)
        self._commands = servers.Commands(ensure(*servers.TOOLS), self._place)
        self._servers: dict[str, Server] = {}
        self.api: Api
        self.shell: Shell
        self.cloud: SimulatedDcs
        self.other_cloud: SimulatedDcs

    @property
    def folder(self) -> Path:
        """Where everything is kept, logs included."""
        return self._place.folder

    @property
    def audit_log(self) -> Path:
        """The audit log of the API server."""
        return self._place.audit_log

    def start(self) -> None:
        """Bring up everything but the pods, and wait until the node is ready.

        Raises:
            NodeError: Something did not start.
        """
        self._start_network()
        self._start_control_plane()
        self._start_containerd()
        self._start_kubelet()

    def load(self, archive: Path, source: str, target: str) -> None:
        """Load an image from a file into containerd, under another name.

        Args:
            archive: As `docker save` writes it.
            source: The name of the image in the file.
            target: The name that pods use.
        """
        self.ctr("images", "import", "--local", archive, timeout_s=IMPORT_S_MAX)
        if source != target:
            self.ctr("images", "tag", "--force", source, target)

    def start_kube_router(self) -> None:
        """Enforce NetworkPolicies from now on."""
        self._serve("kube-router", self._commands.kube_router())

    def restart_kubelet(self) -> None:
        """Restart the kubelet, as an upgrade of the node does; pods are not touched."""
        kubelet = self._servers["kubelet"]
        kubelet.stop()
        kubelet.start()

    @contextlib.contextmanager
    def apiserver_frozen(self) -> Iterator[None]:
        """Freeze the API server for the duration of the block: it accepts and never answers."""
        self._servers["apiserver"].pause()
        try:
            yield
        finally:
            self._servers["apiserver"].resume()

    def ctr(self, *arguments: str | Path, timeout_s: float = CTR_S_MAX) -> str:
        """Run containerd's client and return its output.

        Raises:
            NodeError: It failed.
        """
        command = [str(part) for part in self._commands.ctr(*arguments)]
        answer = subprocess.run(  # noqa: S603 - our own ctr
            command, capture_output=True, text=True, timeout=timeout_s, check=False
        )
        if answer.returncode != 0:
            raise NodeError(f"ctr {arguments[0]} {arguments[1]}: {answer.stderr.strip()}")
        return answer.stdout

    def check_alive(self) -> bool:
        """Return True, or raise with the end of the log of whatever has ended.

        Raises:
            NodeError: A program has ended.
        """
        for name, server in self._servers.items():
            if not server.running:
                raise NodeError(f"{name} ended by itself. The end of its log:\n{server.tail()}")
        return True

    def _start_network(self) -> None:
        """Make the links, and DCS in the world behind them."""
        network.FORWARDING.write_text("1\n", encoding="ascii")
        network.run(network.node_links())
        holder = self._serve(
            "outside", [_program("unshare"), "--net", self._commands.binaries["pause"]]
        )
        pid = holder.pid
        if pid is None:
            raise NodeError(f"The outside network ended:\n{holder.tail()}")
        own = Path("/proc/self/ns/net").readlink()
        eventually(lambda: Path(f"/proc/{pid}/ns/net").readlink() != own, READY_S_MAX)
        network.run(network.outside_links(pid))
        self.cloud = self._start_cloud(pid, "dcs", DCS_PORT, ADMIN_PORT)
        self.other_cloud = self._start_cloud(pid, "other-dcs", CLOSED_PORT, ADMIN_PORT + 1)
        self.cloud.wait()
        self.other_cloud.wait()

    def _start_cloud(self, pid: int, name: str, port: int, admin_port: int) -> SimulatedDcs:
        enter, *rest = network.in_network(pid)
        cloud = SimulatedDcs(
            self.folder / f"{name}.log",
            running=RUNNING,
            stop_s=STOP_S,
            listen=f"{network.OUTSIDE_ADDRESS}:{port}",
            admin=f"{network.OUTSIDE_ADDRESS}:{admin_port}",
            prefix=[_program(enter), *rest],
        )
        cloud.start()
        self._servers[name] = cloud.server
        return cloud

    def _start_control_plane(self) -> None:
        place, token = self._place, secrets.token_hex(16)
        identity.write_private(place.signing_key, identity.new_signing_key())
        tokens = identity.token_file(
            {identity.ADMIN: token}, {identity.ADMIN: [identity.ADMIN_GROUP]}
        )
        identity.write_private(place.tokens, tokens)
        kubeconfig = identity.kubeconfig(place.url, place.ca_file, identity.ADMIN, token)
        identity.write_private(place.kubeconfig, kubeconfig)
        self._write("audit-policy.yaml", yaml.safe_dump(configs.audit_policy("dcs-system")))
        self._serve("etcd", self._commands.etcd())
        self._serve("apiserver", self._commands.apiserver())
        self._until("apiserver", lambda: bool(place.ca_file.read_bytes()))
        self.api = Api(place.url, place.ca_file, token)
        self._until("apiserver", lambda: self.api.get("/readyz") == "ok")
        self._serve("controller-manager", self._commands.controller_manager())
        self._serve("scheduler", self._commands.scheduler())
        self.shell = Shell(place.kubeconfig, self.folder / "home")

    def _start_containerd(self) -> None:
        plugins = machine.plugin_folder()
        if plugins is None:
            raise NodeError("There are no CNI plugins.")  # was asked for before
        config = network.plugin_config(self.folder / "cni-addresses")
        (self.folder / "cni").mkdir()
        self._write("cni/10-bridge.conflist", json.dumps(config))
        self._write("containerd.toml", configs.containerd(self.folder, plugins, _program("runc")))
        self._serve("containerd", self._commands.containerd())
        self._until("containerd", self._containerd_answers)
        archive = self.folder / "pause.tar"
        images.single_program(self._commands.binaries["pause"], configs.PAUSE_IMAGE, archive)
        self.load(archive, configs.PAUSE_IMAGE, configs.PAUSE_IMAGE)

    def _containerd_answers(self) -> bool:
        try:
            return bool(self.ctr("images", "list", "--quiet") or True)
        except NodeError:
            return False

    def _start_kubelet(self) -> None:
        self._write("kubelet.yaml", yaml.safe_dump(configs.kubelet(self.folder, self._cgroup)))
        self._serve("kubelet", self._commands.kubelet())
        self._until("kubelet", self.ready)

    def ready(self) -> bool:
        """Return whether the node can run pods."""
        conditions = self.api.get(f"/api/v1/nodes/{servers.NODE}")["status"]["conditions"]
        return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

    def _serve(self, name: str, command: Sequence[str | Path]) -> Server:
        server = Server(command, self.folder / f"{name}.log")
        self._servers[name] = server
        server.start()
        return server

    def _until(self, name: str, fact: Callable[[], bool]) -> None:
        try:
            eventually(lambda: self.check_alive() and fact(), READY_S_MAX)
        except TimeoutError as error:
            tail = self._servers[name].tail()
            raise NodeError(f"{name} is not ready. {error}\n{tail}") from None

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")


def _program(name: str) -> str:
    """Return the path of a program of this machine."""
    found = shutil.which(name)
    if found is None:
        raise NodeError(f"There is no {name}.")  # was asked for before
    return found
