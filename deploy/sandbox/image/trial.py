"""Runs the image as the chart runs it, until one task is TERMINATED, and ends it as a kubelet does.

Owns the stage: the sandbox's control plane with the chart installed by helm, the simulated DCS, and
one container with the user, the rights, the variables and the arguments of the Deployment there.
"""

from __future__ import annotations

import contextlib
import http.client
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import yaml

from sandbox import manifests
from sandbox.control_plane import ControlPlane
from sandbox.control_plane.processes import LOOPBACK, Server, free_port
from sandbox.image.build import CHART, TAG
from sandbox.image.container import Place, run_command
from sandbox.image.engines import EngineError
from sandbox.pages import read_page
from sandbox.shell import Shell
from sandbox.simulated import SimulatedDcs, account, mismatches
from sandbox.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.image.build import Built

NAMESPACE, NAME = "dcs-system", "dcs-migration-operator"

TASK: Final = "first"

STOP_S: Final = 2.0
"""How long the simulated DCS takes for a stop."""

READY_S_MAX: Final = 60.0
"""Time limit from start to ready: 2 s on an idle machine."""

DONE_S_MAX: Final = 60.0
"""Time limit from the request to TERMINATED, which takes 4 s."""

END_S_MAX: Final = 10.0
"""Time limit from SIGTERM to the end: the kubelet would kill the operator after 15 s."""


class TrialError(Exception):
    """The image does not work as intended; the text ends with its output."""


def run(built: Built, say: Callable[[str], None]) -> None:
    """Run the image until a task is TERMINATED and it has ended by itself with status 0.

    Raises:
        TrialError: It did not get there.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="dcs-image-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        plane = stack.enter_context(ControlPlane())
        cloud = SimulatedDcs(folder / "dcs.log", running=1, stop_s=STOP_S)
        stack.callback(cloud.close)
        cloud.start()
        cloud.wait()
        template = _install(plane, cloud, folder)
        begun = time.monotonic()
        with _container(built, template, plane, folder) as operator:
            _until(operator, lambda: _ready(operator.listen), READY_S_MAX, "ready")
            say(f"Run: ready after {time.monotonic() - begun:.1f} s as {_described(template)}")
            task_id = cloud.migrations()[0]["task_id"]
            begun = time.monotonic()
            body = manifests.migration_task(TASK, task_id, stopped=True)
            plane.api.create(manifests.path("default", manifests.TASKS), body)
            done = lambda: _phase(plane) == cloud.word(task_id) == "TERMINATED"  # noqa: E731
            _until(operator, done, DONE_S_MAX, "done with its first task")
            say(f"Run: the first task is TERMINATED after {time.monotonic() - begun:.1f} s")
            wrong = mismatches(cloud.sum(), [task_id])
            if wrong:
                raise TrialError("; ".join(wrong))
            begun = time.monotonic()
            status = operator.end()
            say(f"Run: SIGTERM, status {status} after {time.monotonic() - begun:.1f} s")
            if status != 0:
                raise TrialError(f"It ended with status {status}:\n{operator.server.tail()}")


class _Operator:
    """The container while it runs."""

    def __init__(self, server: Server, listen: str) -> None:
        self.server, self.listen = server, listen

    def end(self) -> int:
        """Send SIGTERM, as a kubelet does, and return the exit status."""
        status = self.server.end(signal.SIGTERM, END_S_MAX)
        if status is None:
            raise TrialError(f"It did not end within {END_S_MAX:g} s:\n{self.server.tail()}")
        return status


def _install(plane: ControlPlane, cloud: SimulatedDcs, folder: Path) -> dict[str, Any]:
    """Install the chart and a user's resources; return the Deployment's pod template."""
    shell = Shell(plane.kubeconfig, folder)
    allowed = f"--set=operator.allowEndpoint={{{cloud.endpoint}}}"
    shell.helm("install", NAME, CHART, f"--namespace={NAMESPACE}", "--create-namespace", allowed)
    crds = ["crd/migrationtasks.dcs.huaweicloud.com", "crd/dcsprojects.dcs.huaweicloud.com"]
    shell.kubectl("wait", "--for=condition=Established", "--timeout=30s", *crds)
    text = yaml.safe_dump_all(account(cloud.endpoint))
    eventually(lambda: shell.kubectl("apply", "--filename=-", stdin=text), READY_S_MAX)
    manifest = yaml.safe_load_all(shell.helm("get", "manifest", NAME, f"--namespace={NAMESPACE}"))
    (deployment,) = (one for one in manifest if one and one["kind"] == "Deployment")
    template: dict[str, Any] = deployment["spec"]["template"]
    return template


@contextlib.contextmanager
def _container(
    built: Built, template: dict[str, Any], plane: ControlPlane, folder: Path
) -> Iterator[_Operator]:
    """Run the container for the duration of the block; it is removed afterwards in any case."""
    address = urlsplit(plane.url)
    place = Place(
        name=f"{NAME}-{folder.name}",
        account=_account_folder(plane, template["spec"]["serviceAccountName"], folder / "account"),
        api_host=str(address.hostname),
        api_port=int(address.port or 0),
        listen=f"{LOOPBACK}:{free_port()}",
    )
    command = run_command(built.engine, template, TAG, place)
    server = Server([shutil.which(command[0]) or command[0], *command[1:]], folder / "operator.log")
    try:
        server.start()
        yield _Operator(server, place.listen)
    finally:
        server.close()
        # The process that ran it is gone; the container itself may still exist.
        with contextlib.suppress(EngineError):
            built.engine.call("rm", "--force", place.name)


def _account_folder(plane: ControlPlane, name: str, folder: Path) -> Path:
    """Write what a kubelet projects into a pod: a token, the CA and the namespace."""
    folder.mkdir()
    token = plane.kubectl("create", "token", name, f"--namespace={NAMESPACE}").strip()
    (folder / "token").write_text(token, encoding="utf-8")
    (folder / "namespace").write_text(NAMESPACE, encoding="utf-8")
    shutil.copyfile(plane.ca_file, folder / "ca.crt")
    return folder


def _until(operator: _Operator, fact: Callable[[], bool], limit_s: float, what: str) -> None:
    """Wait for a condition while the container runs."""

    def look() -> bool:
        if not operator.server.running:
            raise TrialError(f"The container ended by itself:\n{operator.server.tail()}")
        return fact()

    try:
        eventually(look, limit_s)
    except TimeoutError as error:
        tail = operator.server.tail()
        raise TrialError(f"It is not {what} after {limit_s:g} s. {error}\n{tail}") from None


def _ready(address: str) -> bool:
    return read_page(address, "/readyz")[0] == http.HTTPStatus.OK


def _phase(plane: ControlPlane) -> str:
    task = plane.api.get(manifests.path("default", manifests.TASKS, TASK))
    return str(task.get("status", {}).get("phase", ""))


def _described(template: dict[str, Any]) -> str:
    """Describe how it runs."""
    user = template["spec"]["securityContext"]["runAsUser"]
    (container,) = template["spec"]["containers"]
    memory = container["resources"]["limits"]["memory"]
    return f"uid {user}, read-only root, no capabilities, no passwd entry, {memory}"
