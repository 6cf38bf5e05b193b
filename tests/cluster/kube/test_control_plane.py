"""The control plane itself: users, bad days on demand, and that nothing of it is left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox import manifests
from sandbox.api import ApiError
from sandbox.control_plane import ControlPlane, KubectlError, toolchain
from sandbox.waiting import eventually
from support.checkout import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMESPACES = "/api/v1/namespaces"


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """Run a control plane that the tests here may treat badly."""
    with ControlPlane(users={"reader": ["readers"]}, apiserver_flags=["--v=1"]) as plane:
        yield plane


def test_a_restart_keeps_address_and_data(plane: ControlPlane) -> None:
    """Clients reconnect by themselves, and find what was there before."""
    url = plane.url
    plane.api.create(NAMESPACES, {"metadata": {"name": "kept"}})
    plane.restart_apiserver(flags=["--v=0"])
    assert plane.url == url
    assert plane.api.get(f"{NAMESPACES}/kept")["metadata"]["name"] == "kept"


def test_a_crash_is_survived(plane: ControlPlane) -> None:
    """After a kill, the API server starts again with the same data."""
    plane.api.create(NAMESPACES, {"metadata": {"name": "survivor"}})
    plane.apiserver.kill()
    plane.apiserver.start()
    plane.wait_until_ready()
    assert plane.api.get(f"{NAMESPACES}/survivor")


def test_a_stopped_api_server_refuses_connections(plane: ControlPlane) -> None:
    """While it is down, a client is told at once."""
    with plane.apiserver_down(), pytest.raises(OSError, match="Connection refused"):
        plane.api.get("/readyz")
    assert plane.api.get("/readyz") == "ok"


def test_a_paused_api_server_does_not_answer(plane: ControlPlane) -> None:
    """While it is frozen, a client runs into its own timeout."""
    hasty = plane.api_for("admin", timeout_s=0.3)
    with plane.apiserver_paused(), pytest.raises(OSError, match="Read timed out"):
        hasty.get("/readyz")
    assert eventually(lambda: hasty.get("/readyz")) == "ok"


def test_an_additional_user_has_no_rights(plane: ControlPlane) -> None:
    """A user named at the start is known and may do nothing."""
    with pytest.raises(ApiError, match='User "reader" cannot list') as refusal:
        plane.api_for("reader").get(NAMESPACES)
    assert refusal.value.status == 403
    shown = plane.kubectl("auth", "whoami", kubeconfig=plane.kubeconfig_for("reader"))
    assert "readers" in shown


def test_a_service_account_has_the_rights_it_was_given(plane: ControlPlane) -> None:
    """A token of a service account works, with exactly the rights that are bound to it."""
    plane.kubectl("create", "serviceaccount", "lister")
    plane.kubectl("create", "role", "lister", "--verb=list", "--resource=configmaps")
    plane.kubectl(
        "create", "rolebinding", "lister", "--role=lister", "--serviceaccount=default:lister"
    )
    kubeconfig = plane.kubeconfig_for_service_account("lister", "default")
    plane.kubectl("get", "configmaps", kubeconfig=kubeconfig)
    with pytest.raises(KubectlError, match="system:serviceaccount:default:lister"):
        plane.kubectl("get", "secrets", kubeconfig=kubeconfig)


def test_proxies_in_the_environment_do_not_matter(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is on loopback, so a company's proxy is never asked."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://192.0.2.1:9")  # an address that leads nowhere
    assert plane.api.get("/readyz") == "ok"
    assert plane.kubectl("get", "--raw", "/readyz") == "ok"


def test_a_thousand_objects_are_made_in_order(plane: ControlPlane) -> None:
    """The fast client creates in parallel and answers in the order given."""
    names = [f"thing-{number}" for number in range(1000)]
    bodies = [{"metadata": {"name": name}} for name in names]
    made = plane.api.create_many(manifests.core_path("default", "configmaps"), bodies)
    assert [item["metadata"]["name"] for item in made] == names


@pytest.mark.skipif(
    toolchain.find("kube-controller-manager") is None,
    reason="needs kube-controller-manager; build it with --build-only --tool",
)
def test_with_the_controller_manager_namespaces_go_away() -> None:
    """Deleting a namespace then deletes what is in it, and itself."""
    with ControlPlane(controller_manager=True) as plane:
        plane.api.create(NAMESPACES, {"metadata": {"name": "short-lived"}})
        plane.api.create(
            manifests.core_path("short-lived", "configmaps"), {"metadata": {"name": "inside"}}
        )
        plane.kubectl("delete", "namespace", "short-lived", "--wait", "--timeout=60s")
        with pytest.raises(ApiError, match="not found"):
            plane.api.get(f"{NAMESPACES}/short-lived")


@pytest.fixture
def command() -> Iterator[subprocess.Popen[str]]:
    """Start the command line and wait until it has said where the kubeconfig is."""
    arguments = [sys.executable, "-m", "sandbox.control_plane"]
    with subprocess.Popen(  # noqa: S603 - this very Python
        arguments,
        env=os.environ | {"PYTHONPATH": str(ROOT / "deploy")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def kubeconfig_of(command: subprocess.Popen[str]) -> Path:
    """Return the path in the line that the command prints for the shell."""
    assert command.stdout is not None
    variable, _, path = command.stdout.readline().strip().partition("=")
    assert variable == "export KUBECONFIG"
    return Path(path)


def children_of(pid: int) -> list[int]:
    """Return the ids of a process's children, whichever of its threads started them."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for children in lists for child in children.read_text().split()]


def is_running(pid: int) -> bool:
    """Tell whether a process exists and has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_ends_cleanly(command: subprocess.Popen[str], number: signal.Signals) -> None:
    """On Ctrl-C or SIGTERM every process ends and the folder is gone."""
    kubeconfig = kubeconfig_of(command)
    children = children_of(command.pid)
    assert len(children) == 2
    command.send_signal(number)
    assert command.wait(timeout=30) == 0
    assert not any(is_running(pid) for pid in children)
    assert not kubeconfig.parent.exists()


def test_the_servers_do_not_outlive_a_killed_command(command: subprocess.Popen[str]) -> None:
    """Even `kill -9` leaves no server behind."""
    kubeconfig = kubeconfig_of(command)
    children = children_of(command.pid)
    assert len(children) == 2
    command.kill()
    command.wait(timeout=30)
    assert eventually(lambda: not any(is_running(pid) for pid in children))
    shutil.rmtree(kubeconfig.parent)  # the one thing that a killed process cannot take with it
