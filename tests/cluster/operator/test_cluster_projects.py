"""Cluster-scoped projects through a real API server: who may use them, and as whom DCS is called.

Each test has a project, an operator's namespace and operators of its own; what it makes outside of
a namespace is deleted at its end.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import manifests
from sandbox.dcs.migration import key_of
from sandbox.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sandbox.api import Api
    from sandbox.control_plane import ControlPlane
    from support.operator.cloud import Cloud
    from support.operator.fixtures import Launch
    from support.operator.process import OperatorProcess

PATIENCE_S = 60.0
"""For everything that happens by itself; on an idle machine most of it takes a second or two."""

QUICK = ("--batch-idle-s", "0.1", "--poll-min-s", "0.2", "--poll-max-s", "0.5")
"""The tests ask what the operator does, not how often."""

COLLECTION = f"/apis/{manifests.GROUP_VERSION}/clusterdcsprojects"
RBAC = "/apis/rbac.authorization.k8s.io/v1"

OURS = ("migrationtasks", "dcsprojects", "migrationwaves")
WRITE = {"resources": [f"{plural}/status" for plural in OURS], "verbs": ["patch"]}
READ = {"resources": [*OURS], "verbs": ["list", "watch"]}
GROUP = {"apiGroups": ["dcs.huaweicloud.com"]}
CLUSTER_RULES = [
    GROUP | {"resources": ["clusterdcsprojects"], "verbs": ["list", "watch"]},
    GROUP | {"resources": ["clusterdcsprojects/status"], "verbs": ["patch"]},
]
NAMESPACE_RULE = {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}
SECRET_RULE = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}


class Shared:
    """One cluster-scoped project, the namespace of its operator, and namespaces that use it.

    Attributes:
        name: Of the project and of its Secret.
        home: The operator's namespace.
    """

    def __init__(self, api: Api, cloud: Cloud) -> None:
        self._api, self._cloud = api, cloud
        self.dcs = cloud.open_project()
        self.name = f"s{secrets.token_hex(4)}"
        self.home = self.namespace()
        self._made: list[str] = []

    def namespace(self, **labels: str) -> str:
        """Make a namespace with these labels."""
        name = f"test-{secrets.token_hex(4)}"
        metadata = {"name": name, "labels": labels}
        self._api.create("/api/v1/namespaces", {"metadata": metadata})
        return name

    def label(self, namespace: str, **labels: str | None) -> None:
        """Change labels of a namespace."""
        self._api.patch(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": labels}})

    def put_secret(self) -> None:
        """Create the Secret where the operator lives."""
        body = manifests.secret(self.name, **self.dcs.credentials)
        self._api.create(manifests.core_path(self.home, "secrets"), body)

    def put_project(self, allowed: Any = None, credentials: Any = None) -> None:
        """Create the project."""
        spec: dict[str, Any] = {
            "endpoint": self._cloud.endpoint,
            "projectId": self.dcs.project_id,
            "credentials": credentials or {"secretRef": {"name": self.name}},
        }
        if allowed is not None:
            spec["allowedNamespaces"] = allowed
        self.create(COLLECTION, manifests.dcs_project(self.name, **spec), "ClusterDCSProject")

    def allow(self, allowed: Any) -> None:
        """Replace allowedNamespaces."""
        patch = [{"op": "add", "path": "/spec/allowedNamespaces", "value": allowed}]
        self._api.patch(f"{COLLECTION}/{self.name}", patch, "json")

    def create(self, path: str, body: dict[str, Any], kind: str) -> None:
        """Create something outside of a namespace, to be deleted at the end."""
        self._api.create(path, body | {"kind": kind})
        self._made.append(f"{path}/{body['metadata']['name']}")

    def delete(self, name: str = "") -> None:
        """Delete the project."""
        self._made.remove(f"{COLLECTION}/{name or self.name}")
        self._api.delete(f"{COLLECTION}/{name or self.name}")

    def task(self, namespace: str, *, stopped: bool = True) -> Task:
        """Create a migration in the cloud and a task for it in a namespace."""
        task_id = self.dcs.add()
        ref = {"kind": "ClusterDCSProject", "name": self.name}
        body = manifests.migration_task("one", task_id, stopped=stopped, projectRef=ref)
        self._api.create(manifests.path(namespace, manifests.TASKS), body)
        return Task(self._api, manifests.path(namespace, manifests.TASKS, "one"), task_id)

    def status(self) -> dict[str, Any]:
        """Return the Ready condition of the project; raises `LookupError` before there is one."""
        return ready(self._api.get(f"{COLLECTION}/{self.name}"))

    def account(self, rules: list[Any], namespaces: list[str], plane: ControlPlane) -> Path:
        """Make a ServiceAccount with the least rights and these; returns its kubeconfig."""
        path = manifests.core_path(self.home, "serviceaccounts")
        self._api.create(path, {"metadata": {"name": self.name}})
        self._grant("", rules)
        self._grant(self.home, [SECRET_RULE | {"resourceNames": [self.name]}])
        for namespace in namespaces:
            self._grant(namespace, [GROUP | READ, GROUP | WRITE, SECRET_RULE])
        return plane.kubeconfig_for_service_account(self.name, self.home)

    def _grant(self, namespace: str, rules: list[Any]) -> None:
        where = f"{RBAC}/namespaces/{namespace}" if namespace else RBAC
        kind = "Role" if namespace else "ClusterRole"
        subject = {"kind": "ServiceAccount", "name": self.name, "namespace": self.home}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": self.name}
        metadata = {"metadata": {"name": self.name}}
        role = metadata | {"rules": rules}
        binding = metadata | {"roleRef": reference, "subjects": [subject]}
        self.create(f"{where}/{kind.lower()}s", role, kind)
        self.create(f"{where}/{kind.lower()}bindings", binding, f"{kind}Binding")

    def close(self) -> None:
        """Delete what no namespace holds."""
        for path in self._made:
            self._api.delete(path)


class Task:
    """One MigrationTask."""

    def __init__(self, api: Api, path: str, task_id: str) -> None:
        self._api, self._path, self.task_id = api, path, task_id

    def until(self, reason: str) -> dict[str, Any]:
        """Wait until Ready has this reason; returns the condition."""

        def look() -> dict[str, Any]:
            found = ready(self._api.get(self._path))
            assert found["reason"] == reason, found
            return found

        return eventually(look, PATIENCE_S)

    def until_generation(self, generation: int) -> None:
        """Wait until the status speaks of this generation."""
        eventually(lambda: self._api.get(self._path)["status"]["observedGeneration"] == generation)

    def wish(self) -> None:
        """Set `spec.stopped`."""
        self._api.patch(self._path, {"spec": {"stopped": True}})


def ready(body: dict[str, Any]) -> dict[str, Any]:
    """Return the Ready condition of a resource; raises `LookupError` before there is one."""
    for condition in body["status"]["conditions"]:
        if condition["type"] == "Ready":
            return dict(condition)
    raise LookupError("Ready")


@pytest.fixture
def shared(api: Api, cloud: Cloud) -> Iterator[Shared]:
    """Give a project that is not yet created, and its namespaces."""
    made = Shared(api, cloud)
    yield made
    made.close()


@pytest.fixture
def serve(launch: Launch, shared: Shared) -> Callable[..., OperatorProcess]:
    """Start operators that watch the given namespaces and cluster-scoped projects."""

    def started(*namespaces: str, kubeconfig: Path | None = None) -> OperatorProcess:
        first, *others = namespaces
        options = [part for one in others for part in ("--namespace", one)]
        home = [] if kubeconfig else ["--operator-namespace", shared.home]
        operator = launch(
            first, "--cluster-projects", *home, *options, *QUICK, kubeconfig=kubeconfig
        )
        operator.start()
        return operator

    return started


def test_a_namespace_that_is_named_may_use_it_and_another_may_not(
    shared: Shared, serve: Callable[..., OperatorProcess]
) -> None:
    """The Secret is that of the operator's namespace; the stranger's migration is never ordered."""
    ours, theirs = shared.namespace(), shared.namespace()
    shared.put_secret()
    shared.put_project({"names": [ours]})
    serve(ours, theirs)
    friend, stranger = shared.task(ours), shared.task(theirs)
    friend.until("Terminated")
    message = stranger.until("ProjectNotReady")["message"]
    assert message == (
        f"ClusterDCSProject {shared.name} may not be used from namespace {theirs}. "
        "Its administrator allows that in spec.allowedNamespaces."
    )
    assert shared.dcs.ordered() == [key_of(friend.task_id)]
    assert (shared.status()["status"], shared.status()["reason"]) == ("True", "Configured")


def test_labels_of_the_namespace_may_decide(
    shared: Shared, serve: Callable[..., OperatorProcess]
) -> None:
    """Tasks are served where matchLabels and matchExpressions both hold."""
    ours, closed = shared.namespace(dcs="yes"), shared.namespace(dcs="yes", closed="")
    selector = {
        "matchLabels": {"dcs": "yes"},
        "matchExpressions": [{"key": "closed", "operator": "DoesNotExist"}],
    }
    shared.put_secret()
    shared.put_project({"selector": selector})
    serve(ours, closed)
    friend, stranger = shared.task(ours), shared.task(closed)
    friend.until("Terminated")
    stranger.until("ProjectNotReady")


def test_what_is_refused_may_be_allowed_later(
    shared: Shared, serve: Callable[..., OperatorProcess]
) -> None:
    """By a change of the project or of the namespace's labels, without a restart."""
    first, second = shared.namespace(), shared.namespace()
    shared.put_secret()
    shared.put_project()
    serve(first, second)
    tasks = [shared.task(first), shared.task(second)]
    for task in tasks:
        task.until("ProjectNotReady")
    assert shared.dcs.calls() == []
    shared.allow({"names": [first]})
    tasks[0].until("Terminated")
    shared.allow({"selector": {"matchLabels": {"dcs": "yes"}}})
    shared.label(second, dcs="yes")
    tasks[1].until("Terminated")


def test_what_was_allowed_may_be_refused_later(
    shared: Shared, serve: Callable[..., OperatorProcess]
) -> None:
    """A wish that comes after that is not ordered."""
    ours = shared.namespace()
    shared.put_secret()
    shared.put_project({"names": [ours]})
    serve(ours)
    task = shared.task(ours, stopped=False)
    task.until("Observed")
    shared.allow({"names": []})
    task.until("ProjectNotReady")
    before = len(shared.dcs.calls())
    task.wish()
    task.until_generation(2)
    assert (shared.dcs.ordered(), len(shared.dcs.calls())) == ([], before)


def test_the_project_may_come_last_and_go_first(
    shared: Shared, serve: Callable[..., OperatorProcess]
) -> None:
    """Each thing that is missing is a reason that heals, and so is a project that was deleted."""
    ours = shared.namespace()
    serve(ours)
    task = shared.task(ours, stopped=False)
    assert "does not exist" in task.until("ProjectNotReady")["message"]
    shared.put_project({"names": [ours]})
    eventually(lambda: f"Secret {shared.home}/{shared.name}" in shared.status()["message"])
    shared.put_secret()
    task.until("Observed")
    shared.delete()
    assert "does not exist" in task.until("ProjectNotReady")["message"]


def test_the_environment_may_hold_the_key(
    shared: Shared, serve: Callable[..., OperatorProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No Secret exists; the operator's process has the key of its administrators."""
    ours = shared.namespace()
    shared.put_project({"names": [ours]}, {"ambient": "Environment"})
    monkeypatch.setenv("HUAWEICLOUD_SDK_AK", shared.dcs.access_key)
    monkeypatch.setenv("HUAWEICLOUD_SDK_SK", shared.dcs.secret_key)
    serve(ours)
    shared.task(ours).until("Terminated")
    assert shared.status()["reason"] == "Configured"


def test_an_ambient_provider_that_is_not_there_is_a_reason(
    shared: Shared, serve: Callable[..., OperatorProcess]
) -> None:
    """It is named with what it lacks, and no other provider is tried."""
    ours = shared.namespace()
    shared.put_project({"names": [ours]}, {"ambient": "PodIdentity"})
    serve(ours)
    message = shared.task(ours).until("ProjectNotReady")["message"]
    assert "HC_CONTAINER_CREDENTIALS_FULL_URI" in message


def test_the_least_rights_are_enough(
    shared: Shared, serve: Callable[..., OperatorProcess], control_plane: ControlPlane
) -> None:
    """Those below and no others: list and watch, get Namespaces, get one Secret by name."""
    ours = shared.namespace(dcs="yes")
    shared.put_secret()
    shared.put_project({"selector": {"matchLabels": {"dcs": "yes"}}})
    rules = [*CLUSTER_RULES, NAMESPACE_RULE]
    serve(ours, kubeconfig=shared.account(rules, [ours], control_plane))
    shared.task(ours).until("Terminated")
    eventually(lambda: shared.status()["reason"] == "Configured")


def test_names_need_no_right_to_read_namespaces(
    shared: Shared, serve: Callable[..., OperatorProcess], control_plane: ControlPlane
) -> None:
    """Only a selector does; without the right it is a reason that says which one is missing."""
    ours = shared.namespace(dcs="yes")
    shared.put_secret()
    shared.put_project({"selector": {"matchLabels": {"dcs": "yes"}}})
    serve(ours, kubeconfig=shared.account(CLUSTER_RULES, [ours], control_plane))
    task = shared.task(ours)
    assert "the verb get on namespaces" in task.until("ProjectNotReady")["message"]
    shared.allow({"names": [ours]})
    task.until("Terminated")


def test_without_rights_in_the_cluster_the_rest_still_works(
    shared: Shared, launch: Launch, control_plane: ControlPlane
) -> None:
    """An operator of some namespaces watches cluster-scoped projects only if it is told to."""
    ours = shared.namespace()
    shared.put_project({"names": [ours]})
    operator = launch(ours, *QUICK, kubeconfig=shared.account([], [ours], control_plane))
    operator.start()
    message = shared.task(ours).until("ProjectNotReady")["message"]
    assert "--cluster-projects" in message
    assert shared.dcs.calls() == []
