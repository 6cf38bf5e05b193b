"""What has to hold for the rendered objects, whatever the values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import yaml

from dcs_migration_operator import __version__
from support.chart.helm import CHART, Helm, Manifest, of_kind, only
from support.checkout import CRDS, ROOT

if TYPE_CHECKING:
    from pathlib import Path

LABEL = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
LONG = "a-release-of-fifty-three-characters-as-long-as-allowed"[:53]
SOURCES = {path.stem: yaml.safe_load(path.read_text()) for path in CRDS.glob("*.yaml")}
EVERYTHING = {
    "serviceMonitor.enabled": True,
    "prometheusRule.enabled": True,
    "secrets.namespaces": ["team-a"],
}


def crds(manifests: list[Manifest]) -> dict[str, Manifest]:
    """Return the CRDs by the plural of what they define."""
    found = of_kind(manifests, "CustomResourceDefinition")
    return {body["spec"]["names"]["plural"]: body for body in found}


def test_the_version_is_that_of_the_package() -> None:
    """Both versions of the chart; so it is released together with the operator."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


def test_the_crds_are_those_of_the_project(helm: Helm) -> None:
    """Each of them, unchanged, and kept when the release is uninstalled."""
    rendered = crds(helm.template())
    assert {name: body["spec"] for name, body in rendered.items()} == {
        name: body["spec"] for name, body in SOURCES.items()
    }
    assert {name: body["metadata"]["name"] for name, body in rendered.items()} == {
        name: body["metadata"]["name"] for name, body in SOURCES.items()
    }
    for body in rendered.values():
        assert body["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_the_crds_may_go_with_the_release(helm: Helm) -> None:
    """Without the annotation Helm deletes them."""
    for body in crds(helm.template(values={"crds.keep": False})).values():
        assert "annotations" not in body["metadata"]


def test_the_crds_may_be_left_to_others(helm: Helm) -> None:
    """None is rendered."""
    assert crds(helm.template(values={"crds.install": False})) == {}


def test_an_old_api_server_gets_no_field_that_it_does_not_know(helm: Helm) -> None:
    """1.29 does not know selectableFields; everything else is there."""
    tasks = crds(helm.template("--kube-version", "1.29.0"))["migrationtasks"]
    (version,) = tasks["spec"]["versions"]
    (source,) = SOURCES["migrationtasks"]["spec"]["versions"]
    assert version == {k: v for k, v in source.items() if k != "selectableFields"}
    assert "selectableFields" in source


def test_the_api_server_is_let_out_to_wherever_clusters_have_it(helm: Helm) -> None:
    """It names the usual ports, those of CCE, minikube and MicroK8s among them, or others."""

    def ports(**values: list[int]) -> list[int]:
        policy = only(helm.template(values=values), "NetworkPolicy")
        return [port["port"] for port in policy["spec"]["egress"][0]["ports"]]

    assert ports() == [443, 6443, 5443, 5444, 8443, 16443]
    assert ports(**{"networkPolicy.apiServer.ports": [7443]}) == [7443]


def test_the_alerts_are_those_of_the_project(helm: Helm) -> None:
    """The groups of deploy/alerts, with the templates that are Prometheus's own."""
    rule = only(helm.template(values={"prometheusRule.enabled": True}), "PrometheusRule")
    source = ROOT / "deploy" / "alerts" / "dcs-migration-operator.yaml"
    assert rule["spec"] == yaml.safe_load(source.read_text(encoding="utf-8"))


@pytest.mark.parametrize("override", ["", "x" * 60 + "-." + "y" * 20])
def test_names_and_labels_are_never_too_long(helm: Helm, override: str) -> None:
    """Each has at most 63 characters and ends in a letter or a digit, whatever the release."""
    values = EVERYTHING | ({"fullnameOverride": override} if override else {})
    manifests = helm.template(release=LONG, namespace="n" * 63, values=values)
    assert len(manifests) > 15
    for body in manifests:
        name, kind = body["metadata"]["name"], body["kind"]
        assert kind == "CustomResourceDefinition" or NAME.fullmatch(name), (kind, name)
        for value in body["metadata"]["labels"].values():
            assert LABEL.fullmatch(value), (kind, value)
    names = [(body["kind"], body["metadata"]["name"]) for body in manifests]
    assert len(names) == len({*names})


def test_what_is_cut_is_still_told_apart(helm: Helm) -> None:
    """Long names of cluster-wide objects differ where only their ends or namespaces do."""
    seen: set[str] = set()
    for namespace in ("n" * 62 + "a", "n" * 62 + "b"):
        found = helm.template(release=LONG, namespace=namespace)
        names = {b["metadata"]["name"] for b in found if b["kind"].startswith("ClusterRole")}
        assert len(names) == 4
        assert not names & seen
        seen |= names


def test_two_releases_share_nothing_but_the_crds(helm: Helm) -> None:
    """Not even the Lease, for which they would wait for each other."""

    def keys(namespace: str, release: str) -> set[tuple[str, str, str]]:
        found = helm.template(release=release, namespace=namespace, values={"crds.install": False})
        return {
            (b["kind"], b["metadata"].get("namespace", ""), b["metadata"]["name"]) for b in found
        }

    assert not keys("one", "dcs") & keys("two", "dcs")
    assert not keys("one", "dcs") & keys("one", "other")
    leases = {str(lease_names(helm.template(release=name))) for name in ("dcs", "other")}
    assert len(leases) == 2


def lease_names(manifests: list[Manifest]) -> list[str]:
    """Return the names of the Leases that a release may touch."""
    rules = [rule for role in of_kind(manifests, "Role") for rule in role["rules"]]
    return [name for rule in rules for name in rule.get("resourceNames", ())]


def test_a_list_of_namespaces_needs_no_right_in_the_cluster(helm: Helm) -> None:
    """With it, and CRDs and user roles left to others, nothing cluster-wide is rendered."""
    values = CHART / "ci" / "namespaced-values.yaml"
    manifests = helm.template("--values", values)
    assert all(body["metadata"].get("namespace") for body in manifests)
    roles = of_kind(manifests, "Role")
    assert [role["metadata"]["namespace"] for role in roles] == ["team-a", "team-b", "dcs-system"]


def test_the_package_renders_the_same(helm: Helm, tmp_path: Path) -> None:
    """`helm package` takes in what the links in `files` lead to."""
    helm("package", CHART, "--destination", tmp_path)
    (package,) = tmp_path.glob("*.tgz")
    assert package.name == f"dcs-migration-operator-{__version__}.tgz"
    assert helm.template(values=EVERYTHING, chart=package) == helm.template(values=EVERYTHING)


def test_the_notes_say_what_to_do_next(helm: Helm) -> None:
    """Three commands, for the namespace that is watched."""
    options = ("--dry-run=client", "--namespace", "dcs-system", "--set=scope={team-a,team-b}")
    notes = helm("install", "dcs", CHART, *options).partition("\nNOTES:\n")[2]
    commands = [line.split() for line in notes.splitlines() if line.startswith("kubectl ")]
    assert [command[:4] for command in commands] == [
        ["kubectl", "--namespace", "dcs-system", "rollout"],
        ["kubectl", "--namespace", "team-a", "create"],
        ["kubectl", "--namespace", "team-a", "apply"],
    ]


def test_the_resources_in_the_notes_are_whole(helm: Helm) -> None:
    """They can be pasted as they are, parse, and are the two that a first stop needs."""
    notes = helm("install", "dcs", CHART, "--dry-run=client").partition("\nNOTES:\n")[2]
    text, end, _ = notes.partition("<<YAML\n")[2].partition("\nYAML\n")
    assert end, "a shell ends a here-document only at a word that is not indented"
    kinds = [body["kind"] for body in yaml.safe_load_all(text)]
    assert kinds == ["DCSProject", "MigrationTask"]


@pytest.mark.parametrize("kind, source", [("configMap", "name"), ("secret", "secretName")])
def test_a_private_ca_is_mounted_where_the_operator_reads_it(
    helm: Helm, kind: str, source: str
) -> None:
    """As a folder, since a single file would never change in a running pod."""
    values = {f"caBundle.{kind}": "company-ca", "caBundle.key": "bundle.pem"}
    pod = only(helm.template(values=values), "Deployment")["spec"]["template"]["spec"]
    (volume,) = pod["volumes"]
    items = [{"key": "bundle.pem", "path": "bundle.pem"}]
    assert volume == {"name": "dcs-ca", kind: {source: "company-ca", "items": items}}
    (container,) = pod["containers"]
    (mount,) = container["volumeMounts"]
    assert (mount["name"], mount["readOnly"], "subPath" in mount) == ("dcs-ca", True, False)
    assert f"--ca-file={mount['mountPath']}/bundle.pem" in container["args"]


def test_without_a_private_ca_nothing_is_mounted(helm: Helm) -> None:
    """And nothing is said about one."""
    pod = only(helm.template(), "Deployment")["spec"]["template"]["spec"]
    assert "volumes" not in pod
    assert not [argument for argument in pod["containers"][0]["args"] if "ca-file" in argument]
