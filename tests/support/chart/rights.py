"""Applies a release of the chart on a separate control plane; runs the operator with fewer rights.

Owns which rights are applied, taken away and given back. The control plane is not the one of other
tests, because an operator of the whole cluster would act on their resources. `proofs.py` says what
has to fail without a right.
"""

from __future__ import annotations

import contextlib
import copy
import secrets
from typing import TYPE_CHECKING, Any, Final

import yaml

from dcs_migration_operator.kube.neighbors import marks
from sandbox import manifests
from sandbox.api import Api, ApiError
from sandbox.waiting import eventually
from support.chart.helm import Manifest, of_kind, only
from support.chart.pod import Pod, local

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from sandbox.control_plane import ControlPlane
    from support.chart.helm import Helm
    from support.operator.cloud import Cloud

KINDS: Final = ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
RBAC: Final = "/apis/rbac.authorization.k8s.io/v1"
CLUSTER_PROJECTS: Final = f"/apis/{manifests.GROUP_VERSION}/clusterdcsprojects"

PATIENCE_S: Final = 60.0
"""Time limit for anything that happens by itself; on an idle machine most takes a second or two."""

Right = tuple[str, str]
"""Verb and resource, as in (list, migrationtasks); the resources of all groups differ."""


def rights_of(rendered: Iterable[Manifest]) -> list[Right]:
    """Return every single right of the operator's roles, each once."""
    found = [
        (verb, resource)
        for role in operator_roles(rendered)
        for rule in role["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]
    return list(dict.fromkeys(found))


def operator_roles(rendered: Iterable[Manifest]) -> list[Manifest]:
    """Return the roles that are bound to the operator; the others are for users."""
    every = list(rendered)
    bindings = [*of_kind(every, "ClusterRoleBinding"), *of_kind(every, "RoleBinding")]
    bound = {(one["roleRef"]["kind"], one["roleRef"]["name"]) for one in bindings}
    return [body for body in every if (body["kind"], body["metadata"]["name"]) in bound]


def without(role: Manifest, right: Right) -> list[Any]:
    """Return the rules of a role without one right."""
    verb, resource = right
    return [
        rule | {"resources": [one], "verbs": verbs}
        for rule in copy.deepcopy(role["rules"])
        for one in rule["resources"]
        if (verbs := [v for v in rule["verbs"] if (v, one) != (verb, resource)])
    ]


class Release:
    """The roles of one release, applied; and what its operator is started with.

    Args:
        plane: With the CRDs, and all namespaces that the values name.
        values: Those that differ from the defaults.
        home: Namespace of the release; is created.
    """

    def __init__(
        self, plane: ControlPlane, helm: Helm, values: Mapping[str, Any], home: str
    ) -> None:
        self.plane, self.home = plane, home
        self.rendered = helm.template(namespace=home, values=local(dict(values)))
        plane.api.create("/api/v1/namespaces", {"metadata": {"name": home}})
        wanted = [body for body in self.rendered if body["kind"] in KINDS]
        plane.kubectl("apply", "--filename", "-", stdin=yaml.safe_dump_all(wanted))
        self.account = only(self.rendered, "ServiceAccount")["metadata"]["name"]

    def pod(self, folder: Path) -> Pod:
        """Make one of its pods."""
        return Pod(self.plane, only(self.rendered, "Deployment"), folder)

    @contextlib.contextmanager
    def lacking(self, right: Right) -> Iterator[None]:
        """Take one right away for the time of the block, and the Lease of earlier operators."""
        with contextlib.suppress(ApiError):
            leases = f"/apis/coordination.k8s.io/v1/namespaces/{self.home}/leases"
            self.plane.api.delete(f"{leases}/dcs-dcs-migration-operator")
        for role in operator_roles(self.rendered):
            self._put_rules(role, without(role, right))
        try:
            yield
        finally:
            for role in operator_roles(self.rendered):
                self._put_rules(role, role["rules"])

    def as_operator(self) -> contextlib.AbstractContextManager[Api]:
        """Return a client with the rights of the ServiceAccount."""
        kubeconfig = self.plane.kubeconfig_for_service_account(self.account, self.home)
        config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        ca_file = kubeconfig.parent / cluster["certificate-authority"]
        return Api(cluster["server"], ca_file, user["token"])

    def _put_rules(self, role: Manifest, rules: list[Any]) -> None:
        namespace, name = role["metadata"].get("namespace"), role["metadata"]["name"]
        where = f"{RBAC}/namespaces/{namespace}/roles" if namespace else f"{RBAC}/clusterroles"
        self.plane.api.patch(f"{where}/{name}", {"rules": rules})


class Team:
    """A namespace with a project and a Secret, a cluster-scoped project, and their tasks.

    Attributes:
        namespace: Its name is that of the cluster-scoped project too.
        dcs: The cloud project.
    """

    def __init__(self, release: Release, cloud: Cloud, namespace: str = "") -> None:
        self._api, self._home = release.plane.api, release.home
        self.namespace = namespace or f"team-{secrets.token_hex(3)}"
        self.dcs = cloud.open_project()
        self._spec = {
            "endpoint": cloud.endpoint,
            "projectId": self.dcs.project_id,
            "credentials": {"secretRef": {"name": self.namespace}},
        }
        if not namespace:
            metadata = {"name": self.namespace, "labels": {"team": self.namespace}}
            self._api.create("/api/v1/namespaces", {"metadata": metadata})
        self._secret(self.namespace)

    def _secret(self, namespace: str) -> None:
        body = manifests.secret(self.namespace, **self.dcs.credentials)
        self._api.create(manifests.core_path(namespace, "secrets"), body)

    def add_project(self, name: str = "default") -> None:
        """Create a DCSProject."""
        path = manifests.path(self.namespace, manifests.PROJECTS)
        self._api.create(path, manifests.dcs_project(name, **self._spec))

    def share(self) -> None:
        """Create a cluster-scoped project for namespaces with the team's label."""
        self._secret(self._home)
        allowed = {"selector": {"matchLabels": {"team": self.namespace}}}
        body = manifests.dcs_project(self.namespace, **self._spec, allowedNamespaces=allowed)
        self._api.create(CLUSTER_PROJECTS, body | {"kind": "ClusterDCSProject"})

    def add_task(self, name: str, *, shared: bool = False, unknown: bool = False) -> None:
        """Create a task to be stopped: of the shared project, or of an id that DCS lacks."""
        ref = {"kind": "ClusterDCSProject", "name": self.namespace} if shared else {}
        task_id = "" if unknown else self.dcs.add()
        body = manifests.migration_task(name, task_id, stopped=True)
        if ref:
            body["spec"]["projectRef"] = ref
        self._api.create(manifests.path(self.namespace, manifests.TASKS), body)

    def add_wave(self, name: str) -> str:
        """Create a wave without tasks, which holds; returns its path."""
        path = manifests.path(self.namespace, manifests.WAVES)
        self._api.create(path, manifests.migration_wave(name))
        return f"{path}/{name}"

    def point_to(self, endpoint: str = "") -> None:
        """Change the endpoint of the DCSProject, or put it right again."""
        path = manifests.path(self.namespace, manifests.PROJECTS, "default")
        self._api.patch(path, {"spec": {"endpoint": endpoint or self._spec["endpoint"]}})

    def ready_of(self, path: str) -> dict[str, str]:
        """Return the condition Ready of an object; raises `LookupError` before there is one."""
        for one in self._api.get(path)["status"]["conditions"]:
            if one["type"] == "Ready":
                return dict(one)
        raise LookupError("Ready")

    def path(self, task: str = "", project: str = "") -> str:
        """Return the API path of a task or a DCSProject; of the shared project without either."""
        if task or project:
            plural = manifests.TASKS if task else manifests.PROJECTS
            return manifests.path(self.namespace, plural, task or project)
        return f"{CLUSTER_PROJECTS}/{self.namespace}"

    def until(self, reason: str, path: str) -> str:
        """Wait until Ready of an object has this reason; returns the message."""

        def look() -> str:
            found = self.ready_of(path)
            assert found["reason"] == reason, found
            return found["message"] or reason

        return eventually(look, PATIENCE_S)

    def has_status(self, path: str) -> bool:
        """Tell whether anything was ever written to an object's status."""
        return bool(manifests.written_status(self._api.get(path)))

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the events about one object of the namespace."""
        path = manifests.core_path(self.namespace, "events")
        found = self._api.get(path, fieldSelector=f"involvedObject.name={name}")["items"]
        return list(found)

    @contextlib.contextmanager
    def neighbor(self) -> Iterator[str]:
        """Have another installation watch everything in the block; returns its Lease's name."""
        leases, name = f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases", "other"
        metadata: dict[str, Any] = {"name": name, **marks(())}
        self._api.create(leases, {"metadata": metadata, "spec": {"holderIdentity": "somebody"}})
        try:
            yield name
        finally:
            self._api.delete(f"{leases}/{name}")

    def close(self) -> None:
        """Delete all resources, so that the next operator has nothing to do with them."""
        for plural in (manifests.TASKS, manifests.WAVES, manifests.PROJECTS):
            self._api.delete(manifests.path(self.namespace, plural))
        with contextlib.suppress(ApiError):
            self._api.delete(f"{CLUSTER_PROJECTS}/{self.namespace}")
