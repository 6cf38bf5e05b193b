"""The life of an installation: helm install, upgrade, rollback, and uninstall in every order.

There is no kubelet: the pods of the Deployment are run by `pod.py`, exactly as the rendered
Deployment describes them. Every step has to be done within a minute and leave nothing hanging.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from cluster.chart.install import CRD_PATH, LIFE_S_MAX, RELEASE, Installation, older_chart
from sandbox import manifests
from sandbox.api import ApiError
from sandbox.waiting import eventually
from support.chart.helm import CHART, HelmError
from support.checkout import CRDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox.control_plane import ControlPlane
    from support.chart.helm import Helm
    from support.chart.pod import Pod
    from support.operator.cloud import Cloud

SLOW_S = 1.5
"""From TERMINATING to TERMINATED where something has to happen in between."""


@pytest.fixture
def chart(ground: ControlPlane, helm: Helm, cloud: Cloud, tmp_path: Path) -> Iterator[Installation]:
    """Give an installation that is yet to be made."""
    made = Installation(ground, helm, cloud, tmp_path)
    yield made
    made.close()


def end(pods: list[Pod], *, in_order: bool = True) -> None:
    """End pods as the kubelet does, and check what they left behind."""
    for pod in pods:
        pod.close(in_order=in_order)


def ordered_once(chart: Installation, count: int) -> None:
    """Assert that so many ids were ordered, none of them twice."""
    assert Counter(Counter(chart.dcs.ordered()).values()) == {1: count}


def test_the_first_stop_after_an_install(chart: Installation) -> None:
    """The pod that the Deployment describes becomes ready, and a task becomes TERMINATED."""
    chart.install()
    pod = chart.pod()
    pod.start()
    assert [pod.probe(f"{name}Probe") for name in ("startup", "liveness", "readiness")] == [
        True
    ] * 3
    chart.connect()
    chart.wish(1)
    chart.until_all_terminated(1)
    ordered_once(chart, 1)
    end([pod])


def test_the_pod_is_allowed_where_pods_are_restricted(chart: Installation) -> None:
    """It passes the Pod Security Standard restricted; with one field less it would not."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    metadata = {"name": chart.home, "labels": labels}
    chart.plane.api.create("/api/v1/namespaces", {"metadata": metadata})
    chart.install()
    template = chart.pod().template
    path = f"/api/v1/namespaces/{chart.home}/pods?dryRun=All"
    body: dict[str, Any] = {"metadata": {"name": "one"}, "spec": template["spec"]}
    assert chart.plane.api.create(path, body)["metadata"]["name"] == "one"
    del body["spec"]["securityContext"]["seccompProfile"]
    with pytest.raises(ApiError, match="seccompProfile"):
        chart.plane.api.create(path, body)


@pytest.mark.parametrize("case", sorted(path.name for path in (CHART / "ci").iterdir()))
def test_an_api_server_takes_every_field(ground: ControlPlane, helm: Helm, case: str) -> None:
    """Of the objects that each file of values renders; a field that it does not know is an error.

    But for those of the Prometheus Operator, whose CRDs are not there.
    """
    version = ("--kube-version", f"1.{ground.minor}.0")
    rendered = helm.template("--values", CHART / "ci" / case, *version, namespace="default")
    kept = [body for body in rendered if "monitoring.coreos.com" not in body["apiVersion"]]
    for body in kept:
        if "namespace" in body["metadata"]:
            body["metadata"]["namespace"] = "default"
    text = yaml.safe_dump_all(kept)
    ground.kubectl("apply", "--dry-run=server", "--validate=strict", "--filename=-", stdin=text)


@pytest.mark.timeout(300)  # seven processes one after the other; on a busy machine two minutes
def test_an_upgrade_in_flight_loses_nothing_and_repeats_nothing(
    chart: Installation, helm: Helm, tmp_path: Path
) -> None:
    """Old pods give way to new ones one by one, tasks come all the time; so does a rollback."""
    (tmp_path / "older").mkdir()
    chart.put("install", "--create-namespace", chart=older_chart(helm, tmp_path / "older"))
    columns = len(printer_columns(chart))
    old = [chart.pod(), chart.pod()]
    for pod in old:
        pod.start()
    chart.connect()
    chart.wish(60, stop_s=SLOW_S)
    eventually(lambda: "TERMINATING" in chart.phases(), LIFE_S_MAX)
    chart.put("upgrade", values={"operator.batchSize": 20})
    new = replace(chart, old, 20)
    chart.until_all_terminated(100)
    assert len(printer_columns(chart)) == columns + 1
    chart.wish(60, stop_s=SLOW_S)
    eventually(lambda: "TERMINATING" in chart.phases(), LIFE_S_MAX)
    chart.helm("rollback", RELEASE, "1")
    last = replace(chart, new, 20)
    chart.until_all_terminated(200)
    assert len(printer_columns(chart)) == columns
    ordered_once(chart, 200)
    end(last)


def replace(chart: Installation, pods: list[Pod], count: int) -> list[Pod]:
    """Replace pods as a rolling update does: a new one gets ready before an old one is ended."""
    made = []
    for old in pods:
        new = chart.pod()
        new.start()
        chart.wish(count, stop_s=SLOW_S)
        old.close()
        made.append(new)
    eventually(lambda: any(pod.leads() for pod in made), LIFE_S_MAX)
    return made


def printer_columns(chart: Installation) -> list[Any]:
    """Return the columns of the CRD of tasks."""
    crd = chart.plane.api.get(f"{CRD_PATH}/migrationtasks.dcs.huaweicloud.com")
    (version,) = crd["spec"]["versions"]
    return list(version["additionalPrinterColumns"])


def test_the_chart_may_go_first(chart: Installation) -> None:
    """CRDs and tasks stay as they are; the next install takes them up, and orders nothing again."""
    chart.install()
    pods = [chart.pod(), chart.pod()]
    for pod in pods:
        pod.start()
    chart.connect()
    chart.wish(60, stop_s=SLOW_S)
    eventually(lambda: "TERMINATING" in chart.phases(), LIFE_S_MAX)
    chart.helm("uninstall", RELEASE)
    end(pods, in_order=False)
    assert chart.left() == []
    assert len(chart.crds()) == 4
    assert len(chart.phases()) == 60
    chart.install()
    pod = chart.pod()
    pod.start()
    chart.until_all_terminated(60)
    ordered_once(chart, 60)
    end([pod])


def test_the_crds_go_too_if_that_is_wanted(chart: Installation) -> None:
    """With crds.keep false an uninstall leaves nothing at all."""
    chart.install(values={"crds.keep": False})
    chart.connect()
    chart.wish(3)
    chart.helm("uninstall", RELEASE)
    eventually(lambda: chart.crds() == [], LIFE_S_MAX)
    assert chart.left() == []


def test_the_crds_may_go_first(chart: Installation) -> None:
    """All resources go with them at once, the cloud is left alone, and the chart goes after."""
    chart.install()
    pod = chart.pod()
    pod.start()
    chart.connect()
    chart.wish(5)
    chart.until_all_terminated(5)
    chart.plane.kubectl("delete", "--filename", CRDS, f"--timeout={LIFE_S_MAX:.0f}s")
    assert chart.crds() == []
    chart.helm("uninstall", RELEASE)
    end([pod], in_order=False)
    assert chart.left() == []
    ordered_once(chart, 5)


def test_the_namespace_may_go_first(chart: Installation) -> None:
    """Nothing holds it up, tasks elsewhere stay, and the same install works again afterwards."""
    chart.install()
    pod = chart.pod()
    pod.start()
    chart.connect()
    chart.wish(60, stop_s=SLOW_S)
    eventually(lambda: "TERMINATING" in chart.phases(), LIFE_S_MAX)
    chart.plane.kubectl("delete", "namespace", chart.home, f"--timeout={LIFE_S_MAX:.0f}s")
    end([pod], in_order=False)
    with pytest.raises(HelmError, match="not found"):
        chart.helm("uninstall", RELEASE)
    chart.install()
    pod = chart.pod()
    pod.start()
    chart.until_all_terminated(60)
    ordered_once(chart, 60)
    end([pod])
    chart.helm("uninstall", RELEASE)
    assert chart.left() == []


def test_the_namespace_of_the_tasks_may_go_first(chart: Installation) -> None:
    """No finalizer holds it up, with or without an operator."""
    chart.install()
    pod = chart.pod()
    pod.start()
    chart.connect()
    chart.wish(60, stop_s=SLOW_S)
    eventually(lambda: "TERMINATING" in chart.phases(), LIFE_S_MAX)
    chart.plane.kubectl("delete", "namespace", chart.team, f"--timeout={LIFE_S_MAX:.0f}s")
    assert chart.plane.api.get(f"/apis/{manifests.GROUP_VERSION}/{manifests.TASKS}")["items"] == []
    end([pod])


def test_crds_that_were_applied_by_hand_are_taken_over(chart: Installation) -> None:
    """Helm refuses them at first, says so, and takes them with the option that the README names."""
    for path in sorted(CRDS.glob("*.yaml")):
        older = path.read_text(encoding="utf-8").replace("Not seen by the operator yet.", "Unseen.")
        chart.plane.kubectl("apply", chart.plane.crd_validation, "--filename", "-", stdin=older)
    with pytest.raises(HelmError, match="cannot be imported into the current release"):
        chart.install()
    chart.install("--take-ownership", "--force-conflicts")
    assert len(chart.crds()) == 4
