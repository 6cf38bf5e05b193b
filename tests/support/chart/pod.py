"""Runs the pod of a rendered Deployment as a process, because there is no kubelet.

Owns what a kubelet and a container runtime provide: the command found on the image's PATH, only the
variables of image, kubelet and Deployment, the mounted ServiceAccount, and the image's user, which
has no database entry and no writable folder (`boxing.py`). It differs from a pod in one thing that
an option of the operator sets: its listen address, because all pods share one network here.
"""

from __future__ import annotations

import http.client
import re
import secrets
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import yaml

from sandbox.control_plane.processes import LOOPBACK, free_port, guarded
from sandbox.pages import read_page
from sandbox.waiting import eventually
from support.chart.boxing import boxed
from support.operator.process import END_S_MAX, PROBLEM, SECRET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.control_plane import ControlPlane
    from support.chart.helm import Manifest

READY_S_MAX: Final = 60.0
"""From start to ready: 2 s on an idle machine."""

WAIT_S_MAX: Final = 60.0
"""Time limit for a process that has a reason to end by itself."""

BIN: Final = Path(sys.executable).parent
"""Where the package is installed; an image has it on its PATH as well."""

IMAGE: Final = MappingProxyType({"PATH": str(BIN), "PYTHONDONTWRITEBYTECODE": "1"})
"""What the Dockerfile sets; a test compares the names."""


class Pod:
    """One pod; close it at the end.

    Args:
        plane: Its cluster.
        deployment: Its owner; its ServiceAccount has to exist.
        folder: The folder of its log and of its mounts.
        variables: Further variables, as another container runtime would set them.
        limits: Name of `RLIMIT_…` → value, as another node would set them.

    Attributes:
        template: The pod template of the Deployment.
    """

    def __init__(
        self,
        plane: ControlPlane,
        deployment: Manifest,
        folder: Path,
        *,
        variables: Mapping[str, str] = MappingProxyType({}),
        limits: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self.name = f"{deployment['metadata']['name']}-{secrets.token_hex(3)}"
        self.log = folder / f"{self.name}.log"
        self.log.touch()
        self.template = deployment["spec"]["template"]
        self._spec = self.template["spec"]
        (self._container,) = self._spec["containers"]
        self._port = free_port()
        self._limits = limits
        self._account = self._account_of(plane, deployment["metadata"]["namespace"], folder)
        address = urlsplit(plane.url)
        self._environment = {
            **IMAGE,
            "KUBERNETES_SERVICE_HOST": str(address.hostname),
            "KUBERNETES_SERVICE_PORT": str(address.port),
            **{one["name"]: one["value"] for one in self._container.get("env", ())},
            **variables,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def _account_of(self, plane: ControlPlane, namespace: str, folder: Path) -> Path:
        """Write what the kubelet projects: a token, the CA and the namespace."""
        account = self._spec["serviceAccountName"]
        kubeconfig = plane.kubeconfig_for_service_account(account, namespace)
        config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        ca_file = kubeconfig.parent / config["clusters"][0]["cluster"]["certificate-authority"]
        mounted = folder / f"{self.name}.account"
        mounted.mkdir()
        shutil.copy(ca_file, mounted / "ca.crt")
        (mounted / "namespace").write_text(namespace, encoding="utf-8")
        token = mounted / "token"
        token.touch(mode=0o600)
        token.write_text(config["users"][0]["user"]["token"], encoding="utf-8")
        return mounted

    def start(self) -> None:
        """Start it and wait until the readiness probe of the Deployment succeeds."""
        self.launch()

        def look() -> bool:
            if not self.running:
                raise RuntimeError(f"The operator ended: {self.tail()}")
            return self.probe("readinessProbe")

        eventually(look, READY_S_MAX)

    def launch(self) -> None:
        """Start it without waiting for anything."""
        (program,) = self._container["command"]
        found = shutil.which(program, path=self._environment["PATH"])
        assert found, f"{program} is not installed"
        command = [found, *self._container["args"], f"--listen={LOOPBACK}:{self._port}"]
        boxes = boxed(command, account=self._account, hostname=self.name, limits=self._limits)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - the chart's own command line
                guarded(boxes),
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def probe(self, name: str) -> bool:
        """Do what the kubelet does for a probe of the Deployment."""
        get = self._container[name]["httpGet"]
        ports = {port["name"] for port in self._container["ports"]}
        assert get["port"] in ports, get
        try:
            return self.page(get["path"])[0] == http.HTTPStatus.OK
        except OSError:
            return False

    def page(self, path: str) -> tuple[int, str]:
        """Return the HTTP status and the text of one of its pages."""
        return read_page(f"{LOOPBACK}:{self._port}", path)

    def metric(self, name: str) -> str:
        """Return the value of a metric without labels, as it is written."""
        found = re.search(rf"(?m)^{name} (\S+)$", self.page("/metrics")[1])
        return found[1] if found else ""

    def leads(self) -> bool:
        """Tell whether it holds the Lease, as its metrics say."""
        return self.metric("dcs_operator_leader") == "1.0"

    def wait(self) -> int:
        """Wait until it ends by itself; return its exit status."""
        return self._started().wait(WAIT_S_MAX)

    def terminate(self) -> None:
        """End it as the kubelet does; it has to be gone before it would be killed."""
        process = self._started()
        process.send_signal(signal.SIGTERM)
        assert self._spec["terminationGracePeriodSeconds"] > END_S_MAX
        status = process.wait(END_S_MAX)
        assert status == 0, self.tail()

    def kill(self) -> None:
        """End it as a crash of its node would."""
        process = self._started()
        process.kill()
        process.wait()

    def close(self, *, in_order: bool = True) -> None:
        """End it if it runs, and check what it left behind.

        Args:
            in_order: Whether its log may hold no problem.
        """
        if self.running:
            self.terminate()
        sys.stdout.write(self.tail())
        log = self.log.read_text(encoding="utf-8")
        assert not SECRET.search(log), "a secret is in the log of the operator"
        assert not in_order or not PROBLEM.search(log), self.tail()

    def tail(self) -> str:
        """Return the end of its log."""
        return "\n".join(self.log.read_text(encoding="utf-8").splitlines()[-12:])

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the pod was not started")
        return self._process


def local(values: dict[str, Any]) -> dict[str, Any]:
    """Return values with which the operator calls a DCS on this machine, and polls quickly."""
    quick = {"batchIdleS": 0.1, "pollMinS": 0.2, "pollMaxS": 0.5, "pollObserveS": 1}
    given = {f"operator.{key}": value for key, value in quick.items()}
    return given | {"operator.allowEndpoint": [f"http://{LOOPBACK}:*"]} | values
