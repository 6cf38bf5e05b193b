"""One installation of the chart by the real helm: what people type, and what it leaves behind.

Owns the release's life and its pods. The CRDs go with it at the end, whatever happened before.
"""

from __future__ import annotations

import contextlib
import functools
import secrets
import tarfile
from typing import TYPE_CHECKING, Any, Final

import yaml

from sandbox import manifests
from sandbox.api import ApiError
from sandbox.waiting import eventually
from support.chart.helm import CHART
from support.chart.pod import Pod, local
from support.checkout import CRDS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sandbox.control_plane import ControlPlane
    from support.chart.helm import Helm
    from support.operator.cloud import Cloud

RELEASE: Final = "dcs"
NAME: Final = "dcs-dcs-migration-operator"

LIFE_S_MAX: Final = 60.0
"""For each step of an installation's life."""

OWNED: Final = (
    "/api/v1/services",
    "/api/v1/serviceaccounts",
    "/apis/apps/v1/deployments",
    "/apis/networking.k8s.io/v1/networkpolicies",
    "/apis/policy/v1/poddisruptionbudgets",
    "/apis/rbac.authorization.k8s.io/v1/roles",
    "/apis/rbac.authorization.k8s.io/v1/rolebindings",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
)
"""Everything that the chart creates but the CRDs."""

CRD_PATH: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class Installation:
    """A release in a namespace of its own, and a project in another.

    Attributes:
        home: Namespace of the release.
        team: Namespace of the project and of the tasks.
    """

    def __init__(self, plane: ControlPlane, helm: Helm, cloud: Cloud, folder: Path) -> None:
        self.plane, self._helm, self._folder = plane, helm, folder
        self.home = f"home-{secrets.token_hex(3)}"
        self.team = f"team-{secrets.token_hex(3)}"
        self.dcs = cloud.open_project()
        self._endpoint = cloud.endpoint
        self.pods: list[Pod] = []
        plane.api.create("/api/v1/namespaces", {"metadata": {"name": self.team}})

    def helm(self, *arguments: str | Path) -> str:
        """Run helm in the release's namespace."""
        return self._helm(*arguments, "--namespace", self.home, timeout_s=LIFE_S_MAX)

    def put(
        self, verb: str, *options: str, chart: Path = CHART, values: Mapping[str, Any] | None = None
    ) -> None:
        """Install or upgrade, as `verb` says, and wait until our resources are served."""
        file = self._folder / "values.yaml"
        nested: dict[str, Any] = {}
        for key, value in local(dict(values or {})).items():
            *parents, last = key.split(".")
            place = nested
            for parent in parents:
                place = place.setdefault(parent, {})
            place[last] = value
        file.write_text(yaml.safe_dump(nested), encoding="utf-8")
        self.helm(verb, RELEASE, chart, "--values", file, *options)
        self.until_served()

    def until_served(self) -> None:
        """Wait until every resource can be listed.

        To delete a CRD before that, right after it was made, takes the API server two minutes.
        """
        for name in self.crds():
            plural = name.partition(".")[0]
            path = f"/apis/{manifests.GROUP_VERSION}/{plural}"
            eventually(functools.partial(self.plane.api.get, path), LIFE_S_MAX)

    def install(self, *options: str, **values: Any) -> None:
        """Install it as the notes of the README say."""
        self.put("install", "--create-namespace", *options, values=values.get("values"))

    def pod(self) -> Pod:
        """Make a pod of the Deployment as it is in the cluster now."""
        path = f"/apis/apps/v1/namespaces/{self.home}/deployments/{NAME}"
        pod = Pod(self.plane, self.plane.api.get(path), self._folder)
        self.pods.append(pod)
        return pod

    def connect(self) -> None:
        """Create the Secret and the DCSProject by which the operator reaches DCS."""
        api, credentials = self.plane.api, self.dcs.credentials
        api.create(manifests.core_path(self.team, "secrets"), manifests.secret(**credentials))
        spec = {"endpoint": self._endpoint, "projectId": self.dcs.project_id}
        path = manifests.path(self.team, manifests.PROJECTS)
        eventually(lambda: api.create(path, manifests.dcs_project(**spec)), LIFE_S_MAX)

    def wish(self, count: int, **migration: Any) -> None:
        """Create so many tasks to be stopped."""
        bodies = [
            manifests.migration_task(f"t{secrets.token_hex(4)}", one, stopped=True)
            for one in self.dcs.add_many(count, **migration)
        ]
        self.plane.api.create_many(manifests.path(self.team, manifests.TASKS), bodies)

    def phases(self) -> list[str]:
        """Return the phase of every task."""
        found = self.plane.api.get(manifests.path(self.team, manifests.TASKS))["items"]
        return [one.get("status", {}).get("phase", "") for one in found]

    def until_all_terminated(self, count: int) -> None:
        """Wait until so many tasks, which are all, are TERMINATED."""
        eventually(lambda: self.phases() == ["TERMINATED"] * count, LIFE_S_MAX)

    def crds(self) -> list[str]:
        """Return the names of our CRDs that exist."""
        items = self.plane.api.get(CRD_PATH)["items"]
        return [one["metadata"]["name"] for one in items]

    def left(self) -> list[str]:
        """Return everything else that the chart created and that still exists."""
        selector = f"app.kubernetes.io/instance={RELEASE}"
        return [
            f"{path}: {one['metadata']['name']}"
            for path in OWNED
            for one in self.plane.api.get(path, labelSelector=selector)["items"]
        ]

    def close(self) -> None:
        """End what still runs, uninstall what is still installed, and delete the CRDs."""
        for pod in self.pods:
            if pod.running:
                pod.terminate()
        with contextlib.suppress(ApiError):
            self.plane.api.get(f"/api/v1/namespaces/{self.home}")
            self.helm("uninstall", RELEASE, "--ignore-not-found")
        self.until_served()
        self.plane.kubectl("delete", "--filename", CRDS, "--ignore-not-found")


def older_chart(helm: Helm, folder: Path) -> Path:
    """Return a chart as an earlier release would have been: without one column of `kubectl get`."""
    helm("package", CHART, "--destination", folder)
    (package,) = folder.glob("*.tgz")
    with tarfile.open(package) as archive:
        archive.extractall(folder, filter="data")
    chart = folder / "dcs-migration-operator"
    crd_file = chart / "files" / "crds" / "migrationtasks.yaml"
    crd = yaml.safe_load(crd_file.read_text(encoding="utf-8"))
    (version,) = crd["spec"]["versions"]
    version["additionalPrinterColumns"].pop()
    crd_file.write_text(yaml.safe_dump(crd), encoding="utf-8")
    return chart
