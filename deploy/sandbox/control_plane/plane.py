"""Starts etcd and kube-apiserver on this machine, and ends them.

Owns the life cycle of one control plane: free ports, a temporary folder, readiness, failures on
demand (restart, crash, freeze), and the end of every process it started. There is no kubelet: pods
are stored and never run. `python -m sandbox.control_plane` keeps one running for use by hand.
"""

from __future__ import annotations

import contextlib
import functools
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from sandbox.api import REQUEST_TIMEOUT_S, Api
from sandbox.control_plane import identity, servers, toolchain
from sandbox.control_plane.gobuild import say
from sandbox.control_plane.processes import Server, free_port, loopback_environment
from sandbox.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

CRDS_DIR = Path(__file__).resolve().parents[3] / "crds"

READY_S_MAX = 60.0
"""From start to ready: 3 s on an idle machine, many times that on one that is building."""

PORT_ATTEMPTS_MAX = 3
"""How often to try other ports if one is taken between finding and using it."""

PORT_TAKEN = "address already in use"
"""The wording in both servers' logs."""

CONTROLLER_MANAGER = "kube-controller-manager"

KUBECTL_S_MAX = 120.0
"""Time limit of one kubectl command; `kubectl wait` has its own timeout."""


class ControlPlaneError(Exception):
    """The control plane did not start; the text ends with the last lines of the server's log."""


class KubectlError(Exception):
    """kubectl failed; the text is its output."""


class ControlPlane:
    """An etcd and a kube-apiserver, reachable on loopback only.

    Use it as a context manager, or call `start` and `stop`. Every method blocks: from a coroutine,
    call it through `asyncio.to_thread`.

    Args:
        users: Additional users and the groups they are in. They have no rights until a role
            binding gives them some.
        apiserver_flags: Additional flags of kube-apiserver, as `--name=value`.
        controller_manager: Whether to run kube-controller-manager too; only then does deleting a
            namespace or an owner delete what belongs to it.
        announce: Called with the progress of a build.

    Attributes:
        api: A client with all rights.
        apiserver: The process of the API server, to be paused or killed.
        etcd: The process of etcd.
    """

    def __init__(
        self,
        *,
        users: Mapping[str, Sequence[str]] | None = None,
        apiserver_flags: Sequence[str] = (),
        controller_manager: bool = False,
        announce: Callable[[str], None] = say,
    ) -> None:
        self._groups = {**(users or {}), identity.ADMIN: [identity.ADMIN_GROUP]}
        self._flags = list(apiserver_flags)
        self._with_controllers = controller_manager
        self._announce = announce
        self._cleanup = contextlib.ExitStack()
        self._servers: list[Server] = []
        self._layout: servers.Layout
        self._tokens: dict[str, str]
        self.binaries: dict[str, Path] = {}
        self.api: Api
        self.etcd: Server
        self.apiserver: Server

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The address of the API server."""
        return self._layout.url

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig of a user who may do everything."""
        return self._layout.kubeconfig

    @property
    def ca_file(self) -> Path:
        """The CA that clients of the API server trust."""
        return self._layout.ca_file

    @property
    def folder(self) -> Path:
        """The folder of everything, including logs; removed by `stop`."""
        return self._layout.folder

    def start(self) -> None:
        """Start the servers and wait until they are ready, building them first if necessary.

        Raises:
            ToolchainError: A binary is missing and cannot be built.
            ControlPlaneError: A server did not start.
        """
        names = [*toolchain.CORE]
        if self._with_controllers:
            names.append(CONTROLLER_MANAGER)
        self.binaries = toolchain.ensure(*names, announce=self._announce)
        for attempt in range(1, PORT_ATTEMPTS_MAX + 1):
            try:
                self._start_servers()
            except ControlPlaneError as error:
                self.stop()
                if PORT_TAKEN not in str(error) or attempt == PORT_ATTEMPTS_MAX:
                    raise
            except BaseException:
                self.stop()
                raise
            else:
                return

    def stop(self) -> None:
        """End every process that was started and remove the folder. Harmless if not started."""
        # In reverse order, so that no server loses what it depends on.
        self._cleanup.close()
        self._servers.clear()

    def _start_servers(self) -> None:
        """Make the folder and bring everything up, once."""
        folder = Path(tempfile.mkdtemp(prefix="dcs-control-plane-"))
        self._cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
        layout = self._layout = servers.Layout(folder, free_port(), free_port())
        self._tokens = {user: secrets.token_hex(16) for user in self._groups}
        identity.write_private(layout.signing_key, identity.new_signing_key())
        identity.write_private(layout.tokens, identity.token_file(self._tokens, self._groups))
        self.kubeconfig_for(identity.ADMIN)
        # Both at once: the API server retries until etcd is available.
        self.etcd = self._serve(servers.etcd(self.binaries["etcd"], layout))
        self.apiserver = self._serve(self._apiserver_command(self._flags))
        self._wait_for(lambda: bool(layout.ca_file.read_bytes()))
        self.api = self.api_for(identity.ADMIN)
        self.wait_until_ready()
        if self._with_controllers:
            binary = self.binaries[CONTROLLER_MANAGER]
            self._serve(servers.controller_manager(binary, layout))

    def _serve(self, command: list[str | Path]) -> Server:
        """Start one server, to be ended by `stop`."""
        server = Server(command, self.folder / f"{Path(command[0]).name}.log")
        self._cleanup.callback(server.close)
        self._servers.append(server)
        server.start()
        return server

    def _apiserver_command(self, flags: Sequence[str]) -> list[str | Path]:
        return servers.apiserver(self.binaries["kube-apiserver"], self._layout, flags)

    def wait_until_ready(self, timeout_s: float = READY_S_MAX) -> None:
        """Wait until the API server reports that it is ready.

        Raises:
            ControlPlaneError: A server ended instead, or it takes too long.
        """
        self._wait_for(lambda: self.api.get("/readyz") == "ok", timeout_s)

    def _wait_for(self, fact: Callable[[], bool], timeout_s: float = READY_S_MAX) -> None:
        try:
            eventually(lambda: self.check_alive() and fact(), timeout_s)
        except TimeoutError as error:
            tail = self.apiserver.tail()
            raise ControlPlaneError(f"kube-apiserver is not ready. {error}\n{tail}") from error

    def check_alive(self) -> bool:
        """Return True, or raise with the end of the log of a server that has ended."""
        for server in self._servers:
            if not server.running:
                raise ControlPlaneError(f"{server.name} ended:\n{server.tail()}")
        return True

    def restart_apiserver(self, flags: Sequence[str] | None = None) -> None:
        """Restart the API server in place: same port, same data; with other flags if given."""
        with self.apiserver_down():
            if flags is not None:
                self.apiserver.command = [str(part) for part in self._apiserver_command(flags)]

    @contextlib.contextmanager
    def apiserver_down(self) -> Iterator[None]:
        """Stop the API server for the duration of the block: connections are refused."""
        self.apiserver.stop()
        try:
            yield
        finally:
            self.apiserver.start()
            self.wait_until_ready()

    @contextlib.contextmanager
    def apiserver_paused(self) -> Iterator[None]:
        """Freeze the API server for the duration of the block: it accepts and never answers."""
        self.apiserver.pause()
        try:
            yield
        finally:
            self.apiserver.resume()

    def kubectl(
        self, *arguments: str | Path, stdin: str | None = None, kubeconfig: Path | None = None
    ) -> str:
        """Run kubectl, by default with all rights, and return its output.

        Raises:
            KubectlError: It failed.
        """
        environment = loopback_environment() | {
            "KUBECONFIG": str(kubeconfig or self.kubeconfig),
            # Not in the home folder: the next control plane may have the same port.
            "KUBECACHEDIR": str(self.folder / "kubectl-cache"),
        }
        answer = subprocess.run(  # noqa: S603 - our own kubectl with the caller's arguments
            [self.binaries["kubectl"], *arguments],
            env=environment,
            input=stdin,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=KUBECTL_S_MAX,
            check=False,
        )
        if answer.returncode != 0:
            raise KubectlError(answer.stderr.strip() or answer.stdout.strip())
        return answer.stdout

    @property
    def minor(self) -> int:
        """The minor version of the API server: 31 for v1.31.13."""
        return int(self.api.get("/version")["minor"])

    @property
    def crd_validation(self) -> str:
        """The option with which kubectl may apply the project's CRDs to this API server."""
        return f"--validate={'strict' if self.minor >= toolchain.CRD_MINOR_MIN else 'warn'}"

    def install_crds(self) -> None:
        """Apply the project's CRDs and wait until they can be listed, shortly afterwards."""
        self.kubectl("apply", self.crd_validation, "--filename", CRDS_DIR)
        self.kubectl("wait", "--for=condition=Established", "--filename", CRDS_DIR)
        for crd in sorted(CRDS_DIR.glob("*.yaml")):
            eventually(functools.partial(self._lists, crd.stem), READY_S_MAX)

    def _lists(self, plural: str) -> bool:
        try:
            self.kubectl("get", plural, "--all-namespaces")
        except KubectlError:
            return False
        return True

    def api_for(self, user: str, timeout_s: float = REQUEST_TIMEOUT_S) -> Api:
        """Return a client of one user; it is closed with the control plane."""
        layout = self._layout
        client = Api(layout.url, layout.ca_file, self._tokens[user], timeout_s)
        return self._cleanup.enter_context(client)

    def kubeconfig_for(self, user: str, namespace: str = "default") -> Path:
        """Write a kubeconfig for one user and return its path."""
        return self._write_kubeconfig(user, self._tokens[user], namespace)

    def kubeconfig_for_service_account(self, name: str, namespace: str) -> Path:
        """Request a token for an existing service account and return a kubeconfig with it."""
        token = self.kubectl("create", "token", name, "--namespace", namespace).strip()
        return self._write_kubeconfig(f"{namespace}.{name}", token, namespace)

    def _write_kubeconfig(self, user: str, token: str, namespace: str) -> Path:
        layout = self._layout
        suffix = "" if user == identity.ADMIN else f".{user}"
        path = layout.kubeconfig.with_name(f"{layout.kubeconfig.name}{suffix}")
        text = identity.kubeconfig(layout.url, layout.ca_file, user, token, namespace)
        return identity.write_private(path, text)
