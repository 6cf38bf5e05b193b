"""The ground moves: a namespace is deleted under the operator, a CRD disappears and comes back."""

from __future__ import annotations

import contextlib
import http
import re
import secrets
from typing import TYPE_CHECKING

import pytest

from sandbox.control_plane.plane import CRDS_DIR
from sandbox.dcs.migration import key_of
from sandbox.waiting import eventually
from support.operator.process import QUICK
from support.operator.records import Recorder
from support.operator.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sandbox.control_plane import ControlPlane
    from support.operator.cloud import Cloud
    from support.operator.fixtures import Launch

GONE_S_MAX = 60.0
"""For a namespace with all that is in it, on a busy machine."""


@pytest.fixture
def launch_there(
    ground: ControlPlane,
    launch_on: Callable[[ControlPlane], contextlib.AbstractContextManager[Launch]],
) -> Iterator[Launch]:
    """Make operators on a control plane that the tests of this module may turn upside down."""
    with launch_on(ground) as launch:
        yield launch


@pytest.fixture
def settle(
    ground: ControlPlane, cloud: Cloud, tmp_path: Path
) -> Iterator[Callable[..., Workspace]]:
    """Give a way to make connected workspaces there."""
    with contextlib.ExitStack() as cleanup:

        def settled(namespace: str) -> Workspace:
            ground.install_crds()
            recorder = Recorder(ground, tmp_path / f"events-{secrets.token_hex(2)}.jsonl")
            cleanup.callback(recorder.close)
            body = {"metadata": {"generateName": f"{namespace}-"}}
            name = ground.api.create("/api/v1/namespaces", body)["metadata"]["name"]
            workspace = Workspace(ground.api, cloud.open_project(), recorder, name)
            workspace.connect()
            return workspace

        yield settled


def test_a_namespace_deleted_under_us_is_forgotten(
    ground: ControlPlane, settle: Callable[..., Workspace], launch_there: Launch
) -> None:
    """Nothing hangs, nothing is ordered any more for what is gone, and the others go on."""
    doomed, other = settle("doomed"), settle("other")
    operator = launch_there(doomed.namespace, "--namespace", other.namespace, *QUICK)
    operator.start()
    doomed.create_many(doomed.dcs.add_many(30, stop_s=3600.0))
    doomed.until_all("False/Stopping")
    ground.kubectl("delete", "namespace", doomed.namespace, "--wait=false")
    other.create("one", other.dcs.add())
    other.until("one", "True/Terminated")
    gone = ["--for=delete", f"--timeout={GONE_S_MAX:.0f}s"]
    ground.kubectl("wait", f"namespace/{doomed.namespace}", *gone)
    eventually(lambda: operator.metric("dcs_operator_tasks") == 1)
    assert operator.page("/healthz")[0] == http.HTTPStatus.OK
    assert len(doomed.dcs.ordered()) == 30


def test_a_crd_that_disappears_ends_it_and_its_return_resumes(
    ground: ControlPlane, settle: Callable[..., Workspace], launch_there: Launch
) -> None:
    """It leaves with one line, says what to install when started anew, and then goes on."""
    place = settle("other")
    operator = launch_there(place.namespace, *QUICK)
    operator.pardoned = re.compile("has failed: 404 page not found")
    operator.start()
    before = place.dcs.add()
    place.create("before", before)
    place.until("before", "True/Terminated")
    ground.kubectl("delete", "-f", CRDS_DIR / "migrationtasks.yaml")
    assert operator.wait() == 1
    assert "\ndcs-migration-operator: the watch cannot go on" in operator.tail()
    operator.launch()
    assert operator.wait() == 1
    assert operator.tail().endswith("install the CRDs with kubectl apply -f crds/")
    ground.install_crds()
    operator.start()
    later = place.dcs.add()
    place.create("later", later)
    eventually(lambda: place.read("later")["status"]["phase"] == "TERMINATED", GONE_S_MAX)
    assert place.dcs.ordered() == [key_of(before), key_of(later)]
