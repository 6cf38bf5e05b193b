"""Values that are wrong are refused, with their place, before anything reaches a cluster."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support.chart.helm import CHART, Helm, HelmError

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))

REFUSED: list[tuple[str, Any, str]] = [
    ("replicas", 3, "additional properties 'replicas' not allowed"),
    ("operator.batchsize", 10, "additional properties 'batchsize' not allowed"),
    ("networkPolicy.apiserver", {}, "additional properties 'apiserver' not allowed"),
    ("crds.installed", True, "additional properties 'installed' not allowed"),
    ("scope", "all", "/scope"),
    ("scope", [], "/scope"),
    ("scope", ["Team_A"], "/scope"),
    ("secrets.namespaces", "cluster", "/secrets/namespaces"),
    ("operator.batchSize", 51, "/operator/batchSize"),
    ("operator.batchSize", "50", "/operator/batchSize"),
    ("operator.allowEndpoint", ["dcs.example.com"], "/operator/allowEndpoint"),
    ("operator.allowEndpoint", [], "/operator/allowEndpoint"),
    ("operator.logLevel", "loud", "/operator/logLevel"),
    ("operator.leaderElect", "no", "/operator/leaderElect"),
    ("operator.proxyUrl", "proxy.example.com:3128", "/operator/proxyUrl"),
    ("operator.proxyUrl", "https://proxy.example.com", "/operator/proxyUrl"),
    ("caBundle.configMap", "Company_CA", "/caBundle/configMap"),
    ("caBundle.key", "../ca.crt", "/caBundle/key"),
    ("image.digest", "sha256:short", "/image/digest"),
    ("port", 80, "/port"),
    ("replicaCount", -1, "/replicaCount"),
    ("terminationGracePeriodSeconds", 5, "/terminationGracePeriodSeconds"),
    ("serviceMonitor.interval", "often", "/serviceMonitor/interval"),
    ("extraArgs", ["run"], "/extraArgs"),
    ("enabled", "yes", "/enabled"),
    ("global", "registry", "/global"),
    ("enable", True, "additional properties 'enable' not allowed"),
    ("globals", {}, "additional properties 'globals' not allowed"),
    ("environment", "production", "additional properties 'environment' not allowed"),
    ("operator.enabled", True, "additional properties 'enabled' not allowed"),
]


@pytest.mark.parametrize("key, value, words", REFUSED)
def test_a_wrong_value_is_refused(helm: Helm, key: str, value: object, words: str) -> None:
    """The message says which one."""
    with pytest.raises(HelmError) as caught:
        helm.template(values={key: value})
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "values, words",
    [
        ({"operator.leaderElect": False}, "needs replicaCount: 1"),
        ({"serviceMonitor.enabled": True, "service.enabled": False}, "needs service.enabled"),
        ({"caBundle.configMap": "a", "caBundle.secret": "b"}, "exclude each other"),
        ({"scope": ["a"], "secrets.namespaces": ["b"]}, "names b, which scope does not"),
        ({"enabled": False}, "enabled: false is for a chart that includes this one"),
    ],
    ids=["no-lease", "no-service", "two-bundles", "secrets", "enabled"],
)
def test_values_that_do_not_fit_together_are_refused(
    helm: Helm, values: dict[str, Any], words: str
) -> None:
    """The message says what is missing."""
    with pytest.raises(HelmError) as caught:
        helm.template(values=values)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "values",
    [
        {"enabled": True},
        {"global": {"imageRegistry": "registry.example.com", "cattle": {"clusterName": "c"}}},
        {"x-labels": {"team": "sre"}, "_anchors": [1]},
    ],
    ids=["condition", "global", "anchors"],
)
def test_what_others_put_beside_our_values_is_admitted(helm: Helm, values: dict[str, Any]) -> None:
    """By umbrella charts, Rancher, or people who keep anchors somewhere; it changes nothing."""
    assert helm.template(values=values) == helm.template()


def test_no_object_of_our_own_takes_unknown_keys() -> None:
    """Wherever the schema names properties, it names all of them."""
    named = [schema for schema in schemas(SCHEMA) if "properties" in schema]
    assert len(named) > 10
    assert all(schema["additionalProperties"] is False for schema in named)


def schemas(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield every schema within a schema."""
    if isinstance(schema, dict):
        if "type" in schema and not isinstance(schema["type"], dict):
            yield schema
        for inner in schema.values():
            yield from schemas(inner)
