"""Walks through pages as a reader would, copying one block of commands after the other.

Owns the little that differs from the reader's world: their names and ids are replaced by those of
the simulated DCS, and after each `helm install` or `helm upgrade` the pod that the Deployment
describes is run as a process, since no kubelet is there to do it.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from sandbox.control_plane import ensure
from sandbox.control_plane.processes import loopback_environment
from support.chart.pod import Pod
from support.checkout import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from docs.pages import Block
    from sandbox.control_plane import ControlPlane
    from support.operator.cloud import CloudProject

TASK_ID = "5130d57f-640a-435b-bc3a-0fb1860a5340"
"""The task of all pages; the simulated cloud has it too."""

BLOCK_S_MAX = 120.0
"""For one block; with the waits as they are changed below, it is only reached if all is stuck."""

NAMESPACE, NAME = "dcs-system", "dcs-migration-operator"
DEPLOYMENT = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{NAME}"

CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class Walk:
    """One reader with a cluster, an account and a checkout; close it at the end."""

    def __init__(self, plane: ControlPlane, dcs: CloudProject, folder: Path) -> None:
        self._plane, self._dcs, self._folder = plane, dcs, folder
        self._pod: Pod | None = None
        tools = ensure("kubectl", "helm").values()
        path = ":".join([*(str(tool.parent) for tool in tools), "/usr/bin", "/bin"])
        homes = {f"HELM_{kind}_HOME": str(folder / kind) for kind in ("CACHE", "CONFIG", "DATA")}
        changes = {"PATH": path, "KUBECONFIG": str(plane.kubeconfig), "HOME": str(folder)}
        self._environment = loopback_environment() | homes | changes
        self._substitutions = {
            "YOUR-AK": dcs.access_key,
            "YOUR-SK": dcs.secret_key,
            "YOUR-PROJECT-ID": dcs.project_id,
            "region: cn-north-4": f"endpoint: {dcs.cloud.endpoint}",
            # Seconds are enough here, and then a failure says which wait it was.
            "--timeout=10m": "--timeout=60s",
            # An endpoint on this machine has to be allowed by name.
            "helm install ": f"helm install --set=operator.allowEndpoint={{{dcs.cloud.endpoint}}} ",
        }

    def follow(self, block: Block) -> None:
        """Run a block, and what a kubelet would do after it."""
        assert "make test" not in block.text, "it would run these tests again"
        text = block.text
        for written, meant in self._substitutions.items():
            text = text.replace(written, meant)
        self._shell(text, block.title)
        if "helm install " in text or "helm upgrade " in text or "helm rollback " in text:
            self._roll_out()
        if "helm uninstall " in text:
            self._end_pod()

    def close(self) -> None:
        """Take back whatever the pages have left."""
        self._end_pod()
        self._shell(
            f"helm uninstall {NAME} --namespace {NAMESPACE} --ignore-not-found\n"
            "kubectl delete --filename=crds/ --ignore-not-found\n"
            "kubectl delete secret dcs-credentials --ignore-not-found\n"
            f"kubectl delete namespace {NAMESPACE} --ignore-not-found\n",
            "cleaning up",
        )

    def _shell(self, text: str, title: str) -> None:
        answer = subprocess.run(  # noqa: S603 - what the project's own pages say
            ["/bin/sh", "-eu", "-c", text],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=BLOCK_S_MAX,
            check=False,
        )
        sys.stdout.write(f"--- {title}\n{answer.stdout}{answer.stderr}")
        assert answer.returncode == 0, f"{title}\n{answer.stderr}"

    def _roll_out(self) -> None:
        """Replace the pod as a rolling update does: the new one is ready first."""
        crds = self._plane.api.get(CRD_PATH)["items"]
        names = [f"crd/{crd['metadata']['name']}" for crd in crds]
        self._plane.kubectl("wait", "--for=condition=Established", *names)
        new = Pod(self._plane, self._plane.api.get(DEPLOYMENT), self._folder)
        new.start()
        self._end_pod()
        self._pod = new

    def _end_pod(self) -> None:
        pod, self._pod = self._pod, None
        if pod:
            pod.close()
