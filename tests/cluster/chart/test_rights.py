"""Least privilege: with the chart's roles the operator does its whole job, with any less it fails.

And what it does not need is refused. Each proof is a real operator as the chart's ServiceAccount.
"""

from __future__ import annotations

import http
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import manifests
from sandbox.api import ApiError
from sandbox.waiting import eventually
from support.chart.helm import CHART, Helm
from support.chart.pod import local
from support.chart.proofs import PROOFS, Life, trouble_twice
from support.chart.rights import Release, Right, Team, rights_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox.control_plane import ControlPlane
    from support.operator.cloud import Cloud


@pytest.fixture(scope="module")
def plane(ground: ControlPlane) -> ControlPlane:
    """Give a control plane with the CRDs."""
    ground.install_crds()
    return ground


@pytest.fixture(scope="module")
def release(plane: ControlPlane, helm: Helm) -> Release:
    """Apply the roles of the default values."""
    return Release(plane, helm, {}, "dcs-system")


@pytest.fixture
def team(release: Release, cloud: Cloud) -> Iterator[Team]:
    """Give a namespace with a project and a task to be stopped."""
    made = Team(release, cloud)
    made.add_project()
    made.add_task("own")
    yield made
    made.close()


def test_with_the_roles_it_does_its_whole_job(release: Release, team: Team, tmp_path: Path) -> None:
    """Tasks of both kinds of projects end stopped; statuses, events and the Lease are written."""
    team.share()
    team.add_task("shared", shared=True)
    team.add_task("unknown", unknown=True)
    wave = team.add_wave("held")
    pod = release.pod(tmp_path)
    pod.start()
    team.until("Terminated", team.path("own"))
    team.until("Terminated", team.path("shared"))
    team.until("Holding", wave)
    team.until("TaskNotFound", team.path("unknown"))
    team.until("Configured", team.path(project="default"))
    team.until("Configured", team.path())
    eventually(lambda: team.events("unknown"))
    event = trouble_twice(team)
    eventually(lambda: team.events("default") != [event])
    assert len(team.events("default")) == 1
    assert pod.leads()
    pod.close()


def test_with_the_roles_it_notices_another_installation(
    release: Release, team: Team, tmp_path: Path
) -> None:
    """It counts it, says so where the other is, and goes on: whose Lease that is nobody knows."""
    pod = release.pod(tmp_path)
    with team.neighbor() as name:
        pod.start()
        eventually(lambda: pod.metric("dcs_operator_overlaps") == "1.0")
        (event,) = eventually(lambda: team.events(name))
        assert (event["type"], event["reason"]) == ("Warning", "ScopeOverlap")
        assert f"the Lease {release.home}/dcs-dcs-migration-operator" in event["message"]
        team.until("Terminated", team.path("own"))
        pod.close()


def test_every_right_has_a_proof(release: Release) -> None:
    """A right that is added to the chart needs one, and none is left of a right that is gone."""
    assert sorted(rights_of(release.rendered)) == sorted(PROOFS)


@pytest.mark.parametrize("right", PROOFS, ids=" ".join)
def test_without_it(release: Release, team: Team, right: Right, tmp_path: Path) -> None:
    """With a single right taken away, something fails and is told."""
    pod = release.pod(tmp_path)
    with release.lacking(right):
        try:
            PROOFS[right](Life(right, pod, team))
        finally:
            pod.close(in_order=False)


NOT_NEEDED = [
    ("GET", "/api/v1/secrets"),
    ("GET", "/api/v1/namespaces/{team}/secrets"),
    ("GET", "/api/v1/namespaces/{team}/secrets?watch=true"),
    ("GET", "/api/v1/namespaces"),
    ("GET", "/api/v1/namespaces/{team}/configmaps/any"),
    ("GET", "/api/v1/namespaces/{team}/pods"),
    ("GET", "/api/v1/namespaces/{team}/events"),
    ("GET", "/apis/{group}/namespaces/{team}/migrationtasks/own"),
    ("PATCH", "/apis/{group}/namespaces/{team}/migrationtasks/own"),
    ("PUT", "/apis/{group}/namespaces/{team}/migrationtasks/own"),
    ("POST", "/apis/{group}/namespaces/{team}/migrationtasks"),
    ("DELETE", "/apis/{group}/namespaces/{team}/migrationtasks/own"),
    ("GET", "/apis/{group}/namespaces/{team}/migrationwaves/any"),
    ("PATCH", "/apis/{group}/namespaces/{team}/migrationwaves/any"),
    ("PATCH", "/apis/{group}/namespaces/{team}/dcsprojects/default"),
    ("DELETE", "/apis/{group}/namespaces/{team}/dcsprojects"),
    ("PATCH", "/apis/{group}/clusterdcsprojects/{team}"),
    ("GET", "/apis/coordination.k8s.io/v1/namespaces/{home}/leases/of-somebody-else"),
    ("PUT", "/apis/coordination.k8s.io/v1/namespaces/{home}/leases/of-somebody-else"),
    ("POST", "/apis/coordination.k8s.io/v1/namespaces/{team}/leases"),
    ("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"),
    ("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles"),
]
"""Calls that must be refused with the default values."""

ELSEWHERE = [
    ("GET", "/api/v1/namespaces/{other}/secrets/any"),
    ("GET", "/api/v1/namespaces/{team}"),
    ("GET", "/apis/{group}/migrationtasks"),
    ("GET", "/apis/{group}/namespaces/{other}/migrationtasks"),
    ("GET", "/apis/{group}/namespaces/{other}/migrationwaves"),
    ("GET", "/apis/{group}/namespaces/{other}/dcsprojects"),
    ("GET", "/apis/{group}/clusterdcsprojects"),
    ("PATCH", "/apis/{group}/namespaces/{other}/migrationtasks/any/status"),
    ("POST", "/api/v1/namespaces/{other}/events"),
    ("GET", "/api/v1/namespaces/{home}/secrets/any"),
    ("GET", "/apis/coordination.k8s.io/v1/leases"),
    ("GET", "/apis/coordination.k8s.io/v1/namespaces/{other}/leases"),
]
"""Calls that must be refused too where only some namespaces are watched."""


def refused(release: Release, calls: list[tuple[str, str]], team: str) -> list[tuple[str, str]]:
    """Make each call as the operator; return those that were refused for lack of a right."""
    names = {"group": manifests.GROUP_VERSION, "team": team, "home": release.home}
    found = []
    with release.as_operator() as api:
        for method, path in calls:
            body: dict[str, Any] | None = None if method in {"GET", "DELETE"} else {}
            kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
            try:
                api.request(method, path.format(**names, other="default"), body, kind)
            except ApiError as error:
                if error.status == http.HTTPStatus.FORBIDDEN:
                    found.append((method, path))
    return found


def test_what_it_does_not_need_is_refused(release: Release, team: Team) -> None:
    """No Secret is listed, no resource itself is changed, nothing is created or deleted."""
    assert refused(release, NOT_NEEDED, team.namespace) == NOT_NEEDED


USERS: dict[str, set[str]] = {
    "view": {"get migrationtasks", "watch migrationwaves", "list dcsprojects"},
    "edit": {
        *("create migrationtasks", "delete migrationtasks", "patch migrationwaves"),
        "patch dcsprojects",
    },
    "admin": set(),
}
"""What a RoleBinding to each user role allows in its namespace, of what is asked below; what is
cluster-wide needs a ClusterRoleBinding."""


@pytest.mark.parametrize("role", USERS)
def test_a_user_role_allows_what_it_says(release: Release, team: Team, role: str) -> None:
    """Within the namespace; none gives a right on statuses, Secrets or what is cluster-wide."""
    kubectl, name = release.plane.kubectl, f"dcs-dcs-migration-operator-dcs-system-{role}"
    (body,) = [body for body in release.rendered if body["metadata"]["name"] == name]
    assert body["metadata"]["labels"][f"rbac.authorization.k8s.io/aggregate-to-{role}"]
    where = ("--namespace", team.namespace)
    kubectl("create", "rolebinding", role, f"--clusterrole={name}", f"--user={role}", *where)
    asked = {right for rights in USERS.values() for right in rights}
    asked |= {"get secrets", "patch migrationtasks/status", "patch migrationwaves/status"}
    asked |= {"get clusterdcsprojects", "patch clusterdcsprojects"}

    def allowed() -> set[str]:
        return {one for one in asked if can(release, role, team.namespace, one)}

    eventually(lambda: allowed() == USERS[role])
    assert not can(release, role, "default", "get migrationtasks")


def can(release: Release, user: str, namespace: str, right: str) -> bool:
    """Tell whether a user has a right in a namespace."""
    verb, _, resource = right.partition(" ")
    resource, _, subresource = resource.partition("/")
    where = "" if resource == "clusterdcsprojects" else namespace
    attributes = {"namespace": where, "verb": verb, "resource": resource}
    group = "" if resource == "secrets" else "dcs.huaweicloud.com"
    attributes |= {"group": group, "subresource": subresource}
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    spec = {"user": user, "resourceAttributes": attributes}
    return bool(release.plane.api.create(path, {"spec": spec})["status"]["allowed"])


def test_secrets_may_be_limited_to_namespaces(
    plane: ControlPlane, helm: Helm, cloud: Cloud, tmp_path: Path
) -> None:
    """In the whole cluster it reads only those of the namespaces named, and says so elsewhere."""
    plane.api.create("/api/v1/namespaces", {"metadata": {"name": "limited"}})
    release = Release(plane, helm, {"secrets.namespaces": ["limited"]}, "limited-system")
    teams = [Team(release, cloud, "limited"), Team(release, cloud)]
    for team in teams:
        team.add_project()
        team.add_task("own")
    pod = release.pod(tmp_path)
    pod.start()
    teams[0].until("Terminated", teams[0].path("own"))
    assert "may not read Secret" in teams[1].until("ProjectNotReady", teams[1].path("own"))
    pod.close()
    for team in teams:
        team.close()


def test_in_namespaces_it_does_its_job_and_sees_no_other(
    plane: ControlPlane, helm: Helm, cloud: Cloud, tmp_path: Path
) -> None:
    """With Roles only: its namespace is served, and every call outside of it is refused."""
    plane.api.create("/api/v1/namespaces", {"metadata": {"name": "watched"}})
    release = Release(plane, helm, {"scope": ["watched"]}, "watched-system")
    team = Team(release, cloud, "watched")
    team.add_project()
    team.add_task("own")
    team.add_task("unknown", unknown=True)
    pod = release.pod(tmp_path)
    pod.start()
    team.until("Terminated", team.path("own"))
    team.until("Configured", team.path(project="default"))
    eventually(lambda: team.events("unknown"))
    pod.close()
    calls = [*NOT_NEEDED, *ELSEWHERE]
    assert refused(release, calls, "watched") == calls
    team.close()


def test_rights_in_namespaces_are_among_those_in_the_cluster(release: Release, helm: Helm) -> None:
    """So each of them is proven too; and none is left over that only the cluster needs."""
    values = CHART / "ci" / "namespaced-values.yaml"
    scoped = rights_of(helm.template("--values", values, values=local({})))
    only_in_cluster = set(rights_of(release.rendered)) - set(scoped)
    assert set(scoped) <= set(PROOFS)
    assert {resource for _, resource in only_in_cluster} == {
        "clusterdcsprojects",
        "clusterdcsprojects/status",
        "namespaces",
    }
