"""Fixtures of the tests that run the operator: cloud, recorder, workspaces and processes.

One simulator and one recorder serve the session. Most tests share one operator, which watches one
namespace and polls quickly; each test has a separate cloud project, key and DCSProject there, so
that neither calls nor faults mix. Tests that end the operator or count calls start their own.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

import pytest

from support.operator.cloud import Cloud
from support.operator.gate import Gate
from support.operator.process import QUICK, SECRET, OperatorProcess
from support.operator.records import Recorder
from support.operator.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sandbox.api import Api
    from sandbox.control_plane import ControlPlane


class Launch(Protocol):
    """Makes an operator for one namespace, which is closed in the end."""

    def __call__(
        self,
        namespace: str,
        *options: str,
        leader_elect: bool = False,
        kubeconfig: Path | None = None,
        pod: Path | None = None,
    ) -> OperatorProcess:
        """Make it, in a pod if a folder with its ServiceAccount is given; the caller starts it."""


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """Run the simulated DCS."""
    with Cloud() as running:
        yield running


@pytest.fixture(scope="session")
def recorder(
    control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Recorder]:
    """Record every status of every MigrationTask."""
    recorder = Recorder(control_plane, tmp_path_factory.mktemp("recorder") / "events.jsonl")
    with contextlib.closing(recorder):
        yield recorder


@pytest.fixture(scope="session")
def shared_operator(
    control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[OperatorProcess, str]]:
    """Run the operator that most tests share; returns it with the namespace that it watches."""
    namespace = f"shared-{secrets.token_hex(4)}"
    control_plane.api.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
    log = tmp_path_factory.mktemp("operator") / "shared.log"
    options = ["--namespace", namespace, "--log-level", "debug", *QUICK]
    operator = OperatorProcess(control_plane.kubeconfig, log, options)
    with contextlib.closing(operator):
        operator.start()
        yield operator, namespace
        # After all that went wrong: neither the metrics nor any event hold a secret.
        events = control_plane.kubectl("get", "events", "--all-namespaces", "--output", "json")
        for text in (operator.page("/metrics")[1], events):
            assert not SECRET.search(text), "a secret is in the metrics or in an event"


@pytest.fixture(scope="session")
def open_workspace(
    api: Api, cloud: Cloud, recorder: Recorder, shared_operator: tuple[OperatorProcess, str]
) -> Callable[[], contextlib.AbstractContextManager[Workspace]]:
    """Give workspaces that the shared operator serves, to be used as context managers."""

    @contextlib.contextmanager
    def opened() -> Iterator[Workspace]:
        workspace = Workspace(api, cloud.open_project(), recorder, shared_operator[1])
        try:
            yield workspace
        finally:
            workspace.close()

    return opened


@pytest.fixture
def workspace(
    request: pytest.FixtureRequest,
    open_workspace: Callable[[], contextlib.AbstractContextManager[Workspace]],
) -> Iterator[Workspace]:
    """Give a connected workspace that the shared operator serves.

    The trials, if any test wants them, begin with the first workspace and go on beside it. Not so
    where workers share the tests: each collects all of them, and would begin the trials in vain.
    """
    wanted = any("trials" in getattr(item, "fixturenames", ()) for item in request.session.items)
    if wanted and "PYTEST_XDIST_WORKER" not in os.environ:
        request.getfixturevalue("trials")
    with open_workspace() as opened:
        opened.connect()
        yield opened


@pytest.fixture
def own(api: Api, cloud: Cloud, recorder: Recorder, namespace: str) -> Iterator[Workspace]:
    """Give a connected workspace in a namespace of its own, which no operator watches yet."""
    workspace = Workspace(api, cloud.open_project(), recorder, namespace)
    workspace.connect()
    yield workspace
    workspace.check()


def service_variables(url: str) -> dict[str, str]:
    """Return the variables by which a pod finds the API server."""
    address = urlsplit(url)
    return {
        "KUBERNETES_SERVICE_HOST": str(address.hostname),
        "KUBERNETES_SERVICE_PORT": str(address.port),
    }


@contextlib.contextmanager
def _launching(plane: ControlPlane, folder: Path) -> Iterator[Launch]:
    """Give a way to make operators, and close them all at the end."""
    with contextlib.ExitStack() as cleanup:

        def made(
            namespace: str,
            *options: str,
            leader_elect: bool = False,
            kubeconfig: Path | None = None,
            pod: Path | None = None,
        ) -> OperatorProcess:
            log = folder / f"operator-{secrets.token_hex(2)}.log"
            log.touch()
            mounted = ["--service-account-dir", str(pod)] if pod else []
            operator = OperatorProcess(
                None if pod else kubeconfig or plane.kubeconfig,
                log,
                ["--namespace", namespace, *mounted, *options],
                leader_elect=leader_elect,
                variables=service_variables(plane.url),
            )
            cleanup.callback(operator.close)
            return operator

        yield made


@pytest.fixture
def launch(control_plane: ControlPlane, tmp_path: Path) -> Iterator[Launch]:
    """Make operators that are closed, and whose logs are checked, at the end of the test."""
    with _launching(control_plane, tmp_path) as launch:
        yield launch


@pytest.fixture
def launch_on(
    tmp_path: Path,
) -> Callable[[ControlPlane], contextlib.AbstractContextManager[Launch]]:
    """Do the same on another control plane, as a context manager."""
    return lambda plane: _launching(plane, tmp_path)


@pytest.fixture(scope="module")
def launch_for_module(
    control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Launch]:
    """Do the same for a fixture that serves a whole module."""
    with _launching(control_plane, tmp_path_factory.mktemp("operators")) as launch:
        yield launch


@pytest.fixture
def gate(control_plane: ControlPlane, tmp_path: Path) -> Iterator[Gate]:
    """Give a gate to the API server of the session."""
    with Gate(control_plane.kubeconfig, tmp_path) as opened:
        yield opened
