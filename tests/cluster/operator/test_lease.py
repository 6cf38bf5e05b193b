"""What keeps leadership, and what ends it, beside an API server that answers little or nothing."""

from __future__ import annotations

import asyncio
import http
import secrets
from typing import TYPE_CHECKING, Final

import pytest

from dcs_migration_operator.engine.projects import READS_PARALLEL_MAX
from dcs_migration_operator.kube.api import KubeApi
from dcs_migration_operator.kube.lease import SILENT_S, Elector
from dcs_migration_operator.kube.login import login
from sandbox import manifests
from sandbox.dcs.migration import key_of
from sandbox.waiting import eventually
from support.operator.process import QUICK

if TYPE_CHECKING:
    from sandbox.api import Api
    from sandbox.control_plane import ControlPlane
    from support.operator.fixtures import Launch
    from support.operator.gate import Gate
    from support.operator.process import OperatorProcess
    from support.operator.workspace import Workspace

LEASES: Final = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
LEASE: Final = f"{LEASES}/dcs-migration-operator"

TOLD_S_MAX: Final = 60.0
"""For what is told within 30 s, and what a busy machine adds."""

PROJECTS: Final = 30
"""More than the operator has connections for reading Secrets."""

RENEWALS: Final = 8
"""Every 2 s: more than the 10 s for which one of them lasts."""


def leads(operator: OperatorProcess) -> bool:
    """Tell whether it says that it leads."""
    return operator.metric("dcs_operator_leader") == 1


def test_secrets_that_hang_do_not_cost_the_lease(
    own: Workspace, api: Api, gate: Gate, launch: Launch
) -> None:
    """An outage behind the API server's encryption: only reads of Secrets are not answered."""
    operator = launch(own.namespace, *QUICK, leader_elect=True, kubeconfig=gate.kubeconfig)
    operator.start()
    eventually(lambda: leads(operator))
    with gate.holding_back(r"^GET .*/secrets/"):
        path = manifests.path(own.namespace, manifests.PROJECTS)
        endpoint = own.dcs.cloud.endpoint
        bodies = [
            manifests.dcs_project(f"p{number}", endpoint=endpoint, projectId=secrets.token_hex(16))
            for number in range(PROJECTS)
        ]
        api.create_many(path, bodies)
        tasks = manifests.path(own.namespace, manifests.TASKS)
        for number in range(PROJECTS):
            body = manifests.migration_task(f"t{number}", "")
            body["spec"]["projectRef"] = {"name": f"p{number}"}
            api.create(tasks, body)
        eventually(lambda: gate.holding >= READS_PARALLEL_MAX)
        renewed = {api.get(LEASE)["spec"]["renewTime"]}

        def look() -> bool:
            renewed.add(api.get(LEASE)["spec"]["renewTime"])
            return len(renewed) > RENEWALS

        eventually(look, TOLD_S_MAX)
        assert leads(operator)


def test_a_frozen_api_server_is_told_by_a_replica_that_waits(
    own: Workspace, gate: Gate, launch: Launch
) -> None:
    """It is not ready any more, names the reason, stays alive, and comes back by itself."""
    leader = launch(own.namespace, *QUICK, leader_elect=True)
    leader.start()
    eventually(lambda: leads(leader))
    operator = launch(own.namespace, *QUICK, leader_elect=True, kubeconfig=gate.kubeconfig)
    operator.start()
    with gate.frozen():
        eventually(lambda: operator.page("/readyz")[0] != http.HTTPStatus.OK, TOLD_S_MAX)
        assert "the API server has not answered the watch for" in operator.page("/readyz")[1]
        assert operator.page("/healthz")[0] == http.HTTPStatus.OK
        own.create("meanwhile", own.dcs.add())
        own.until("meanwhile", "True/Terminated")
    eventually(lambda: operator.page("/readyz")[0] == http.HTTPStatus.OK, TOLD_S_MAX)
    eventually(lambda: operator.metric("dcs_operator_tasks") == 1, TOLD_S_MAX)


def test_a_leader_beside_a_frozen_api_server_leaves(
    own: Workspace, gate: Gate, launch: Launch
) -> None:
    """Its calls hang, and it does not wait for them: another one leads as soon as it may."""
    operator = launch(own.namespace, *QUICK, leader_elect=True, kubeconfig=gate.kubeconfig)
    operator.start()
    eventually(lambda: leads(operator))
    with gate.frozen():
        assert operator.wait() == 1
    assert "the Lease cannot go on" in operator.tail().splitlines()[-1]
    assert "no answer while it was held" in operator.tail()


@pytest.mark.parametrize("ahead_s, at_once", [(SILENT_S + 5.0, True), (0.0, False)])
async def test_a_lease_that_was_left_is_taken_at_once(
    control_plane: ControlPlane, api: Api, ahead_s: float, *, at_once: bool
) -> None:
    """As soon as the API server's own clock says that nobody has written it for a minute."""
    name = f"left-{secrets.token_hex(3)}"
    spec = {"holderIdentity": "gone", "leaseDurationSeconds": 15}
    api.create(LEASES, {"metadata": {"name": name}, "spec": spec})
    async with KubeApi(login(str(control_plane.kubeconfig), "/nowhere"), 2) as calls:
        elector = Elector(
            calls,
            namespace="default",
            name=name,
            identity="new",
            monotonic=asyncio.get_running_loop().time,
            server_now=lambda: (calls.server_now() or 0.0) + ahead_s,
        )
        await elector._attempt()  # noqa: SLF001 - the first one alone is what is tested
    assert elector.leads() is at_once
    assert (api.get(f"{LEASES}/{name}")["spec"]["holderIdentity"] == "new") is at_once


def test_of_two_installations_in_one_namespace_the_younger_waits(
    own: Workspace, launch: Launch
) -> None:
    """It is ready, acts on nothing and says for whom it waits; when the other ends it goes on."""
    names = [f"release-{number}-{secrets.token_hex(2)}" for number in (1, 2)]
    older, younger = (
        launch(own.namespace, *QUICK, "--lease-name", name, leader_elect=True) for name in names
    )
    older.start()
    eventually(lambda: leads(older))
    younger.start()
    eventually(lambda: younger.metric("dcs_operator_overlaps") == 1)
    first = own.dcs.add()
    own.create("first", first)
    own.until("first", "True/Terminated")
    assert not leads(younger)
    assert own.dcs.ordered() == [key_of(first)]
    assert f"with the Lease default/{names[0]}, watches the namespaces" in younger.tail()
    assert older.terminate()[0] == 0
    own.create("second", own.dcs.add())
    own.until("second", "True/Terminated", TOLD_S_MAX)
    assert leads(younger)


def test_who_could_not_wait_does_not_begin_beside_another(own: Workspace, launch: Launch) -> None:
    """Without a Lease there is no turn to wait for: exit status 1, and one line that says why."""
    name = f"release-{secrets.token_hex(2)}"
    first = launch(own.namespace, *QUICK, "--lease-name", name, leader_elect=True)
    first.start()
    eventually(lambda: leads(first))
    second = launch(own.namespace, *QUICK)
    second.launch()
    assert second.wait() == 1
    last = second.tail().splitlines()[-1]
    assert last.startswith(
        "dcs-migration-operator: another installation of the operator, with the Lease "
        f"default/{name}, watches the namespaces {own.namespace} too: uninstall one of them"
    )
