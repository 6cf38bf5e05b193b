"""The operator, its CRDs, its namespace and the tasks' namespace are removed, in every order.

Each time, exactly what docs/uninstall.md lists is left, and nothing ever hangs: every removal has a
time limit.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import yaml

from sandbox import manifests
from sandbox.api import ApiError
from sandbox.blocks import blocks
from sandbox.node import pods
from sandbox.node.stage import TEAM
from sandbox.shell import ROOT

if TYPE_CHECKING:
    from sandbox.node.stage import Stage

PAGE: Final = "docs/uninstall.md"

HALF: Final = 50
FEW: Final = 20

DELETE: Final = ("delete", "--timeout=60s")

NAMESPACED: Final = "all,serviceaccount,role,rolebinding,networkpolicy,poddisruptionbudget"
CLUSTER: Final = "clusterrole,clusterrolebinding"
CRDS: Final = "customresourcedefinition"


def operator_first(stage: Stage) -> None:
    """Remove the release with tasks in flight; the next one orders what was not ordered yet."""
    node = stage.node
    before = node.cloud.sum()
    ids = stage.wish(HALF)
    stage.until(lambda: len(node.cloud.sum().accepted) == len(before.accepted) + HALF)
    # DCS accepts no connections, so the other half is not ordered yet when the operator is removed.
    node.cloud.ask("POST", "/listening", body=False)
    ids += stage.wish(HALF)
    first, *_ = blocks(PAGE)
    node.shell.block(first.text)
    stage.show.fact(f"$ {first.text.strip()}")
    _until_no_pods(stage)
    node.cloud.ask("POST", "/listening", body=True)
    accepted = len(node.cloud.sum().accepted) - len(before.accepted)
    stage.show.fact(f"the pods are gone; {accepted} of {len(ids)} stops are accepted")
    stage.need(accepted == HALF, "a stop was accepted that could not be ordered")
    _need_left(stage, crd_names())
    stage.need(set(ids) <= set(stage.phases()), "tasks are gone though the CRDs are kept")
    stage.show.fact(f"left are the CRDs and {len(stage.phases())} tasks; {_lease(stage)}")
    begun = time.monotonic()
    stage.install()
    stage.until(lambda: pods.leader(node))
    stage.show.fact(f"installed again: it leads after {time.monotonic() - begun:.1f} s")
    stage.until_terminated(ids)
    stage.show.fact(stage.check_sum())


def tasks_first(stage: Stage) -> None:
    """Delete a namespace with tasks that are being stopped; the operator continues undisturbed."""
    node, namespace = stage.node, "leaving"
    stage.connect(namespace)
    before = node.cloud.sum()
    ids = stage.wish(FEW, namespace)
    stage.until(lambda: len(node.cloud.sum().accepted) == len(before.accepted) + FEW)
    restarts = {pod.uid: pod.restarts for pod in pods.all_pods(node)}
    begun = time.monotonic()
    node.shell.kubectl(*DELETE, "namespace", namespace)
    stage.show.fact(f"the namespace is gone {time.monotonic() - begun:.1f} s after its deletion")
    stage.until(lambda: {node.cloud.word(one) for one in ids} == {"TERMINATED"})
    after = {pod.uid: pod.restarts for pod in pods.all_pods(node)}
    stage.need(after == restarts, "a pod was restarted")
    stage.show.fact(stage.check_sum())


def crds_first(stage: Stage) -> None:
    """Delete the CRDs while the operator runs: it ends with one line, the release can still go."""
    node = stage.node
    begun = time.monotonic()
    node.shell.kubectl(*DELETE, "--filename=crds/")
    stage.show.fact(
        f"CRDs and tasks are gone {time.monotonic() - begun:.1f} s after their deletion"
    )

    before = _uids(stage)
    stage.until(lambda: all(pod.restarts for pod in pods.all_pods(node)))
    stage.need(before == _uids(stage), "the pods were replaced")
    where = f"--namespace={pods.NAMESPACE}"
    for pod in pods.all_pods(node):
        stage.need({end["exitCode"] for end in pod.ends()} == {1}, f"{pod.name}: {pod.ends()}")
        said = node.shell.kubectl("logs", where, pod.name, "--previous", "--tail=1")
        stage.show.fact(f"{pod.name} ended with status 1: {said.strip()}")
    node.shell.helm("uninstall", pods.NAME, where)
    _until_no_pods(stage)
    _need_left(stage, set())
    stage.show.fact("nothing is left")
    stage.show.fact(stage.check_sum())


def namespace_first(stage: Stage) -> None:
    """Delete the operator's namespace; what is not in it is found by the page's selector."""
    node = stage.node
    begun = time.monotonic()
    node.shell.kubectl(*DELETE, "namespace", pods.NAMESPACE)
    stage.show.fact(f"the namespace is gone {time.monotonic() - begun:.1f} s after its deletion")
    found = _names(stage, CLUSTER)
    stage.need(found, "no ClusterRole is left, though the page says so")
    _need_left(stage, crd_names() | found)
    stage.show.fact(f"left as the page says: the CRDs and {len(found)} cluster roles and bindings")
    node.shell.kubectl(*DELETE, CLUSTER, f"--selector=app.kubernetes.io/name={pods.NAME}")
    _need_left(stage, crd_names())
    stage.show.fact(stage.check_sum())


def everything(stage: Stage) -> None:
    """Run all blocks of the page as they are, one after the other: nothing is left."""
    for block in blocks(PAGE):
        stage.node.shell.block(block.text)
        stage.show.fact("\n".join(f"$ {line}" for line in block.text.strip().splitlines()))
    _until_no_pods(stage)
    _need_left(stage, set())
    stage.show.fact("nothing is left")
    stage.show.fact(stage.check_sum())


def crd_names() -> set[str]:
    """Return the project's CRDs, as kubectl names them."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "crds").glob("*.yaml")]
    names = [body["metadata"]["name"] for text in texts for body in yaml.safe_load_all(text)]
    return {f"{CRDS}.apiextensions.k8s.io/{name}" for name in names}


def _uids(stage: Stage) -> set[str]:
    return {pod.uid for pod in pods.all_pods(stage.node)}


def _until_no_pods(stage: Stage) -> None:
    stage.until(lambda: not pods.all_pods(stage.node))


def _need_left(stage: Stage, expected: set[str]) -> None:
    """Raise unless exactly these objects of the chart are left."""

    def look() -> bool:
        found = _names(stage, f"{CLUSTER},{CRDS}") | _names(stage, NAMESPACED)
        if found != expected:
            raise LookupError(f"left, or missing: {sorted(found ^ expected)}")
        return True

    stage.until(look)


def _names(stage: Stage, kinds: str) -> set[str]:
    """Return the chart's objects of some kinds, wherever they are."""
    selector = f"--selector=app.kubernetes.io/name={pods.NAME}"
    text = stage.node.shell.kubectl("get", kinds, "--all-namespaces", selector, "--output=name")
    return set(text.split())


def _lease(stage: Stage) -> str:
    """Describe the state of the Lease."""
    try:
        identity = pods.holder(stage.node)
    except ApiError:
        return "the Lease is gone"
    return f"the Lease is held by {identity}" if identity else "the Lease is free"


def back_again(stage: Stage) -> None:
    """Install it again, with the project and the namespace of the tasks."""
    stage.install()
    stage.connect(TEAM)
    path = manifests.path(TEAM, manifests.PROJECTS, "default")
    stage.until(lambda: _works(stage, path))


def _works(stage: Stage, path: str) -> bool:
    conditions = stage.node.api.get(path).get("status", {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
