"""What the CRD of the cluster-scoped project accepts and refuses, and what kubectl shows of it."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from sandbox import manifests
from sandbox.api import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.api import Api


class Kubectl(Protocol):
    """Runs kubectl and returns what it prints."""

    def __call__(self, *arguments: str) -> str:
        """Run kubectl."""


COLLECTION = f"/apis/{manifests.GROUP_VERSION}/clusterdcsprojects"

CREDENTIALS_SENTENCE = "set exactly one of credentials.secretRef"
ALLOWED_SENTENCE = "set exactly one of allowedNamespaces.names and allowedNamespaces.selector"
VALUES_SENTENCE = "values must be set for the operators In and NotIn"
NAMES_SENTENCE = "allowedNamespaces.names must contain names of namespaces"
KEY_SENTENCE = "matchExpressions.key must be the key of a label"


class ClusterProjects:
    """Makes ClusterDCSProjects that are deleted at the end."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.names: list[str] = []

    def create(self, **spec: Any) -> Any:
        """Create one and return its spec as it was stored."""
        name = f"p{secrets.token_hex(4)}"
        body = manifests.dcs_project(name, **({"region": "cn-north-4"} | spec))
        stored = self._api.create(COLLECTION, body | {"kind": "ClusterDCSProject"})
        self.names.append(name)
        return stored["spec"]

    def patch_status(self, status: Any) -> None:
        """Write the status of the latest."""
        self._api.patch(f"{COLLECTION}/{self.names[-1]}/status", {"status": status})

    def close(self) -> None:
        """Delete everything."""
        for name in self.names:
            self._api.delete(f"{COLLECTION}/{name}")


@pytest.fixture
def projects(api: Api) -> Iterator[ClusterProjects]:
    """Give access to ClusterDCSProjects."""
    with contextlib.closing(ClusterProjects(api)) as made:
        yield made


@pytest.mark.parametrize("word", ["PodIdentity", "OIDC", "ECSAgency", "Environment"])
def test_each_ambient_provider_is_accepted_instead_of_a_secret(
    projects: ClusterProjects, word: str
) -> None:
    """The provider is named, and nothing else is needed."""
    stored = projects.create(credentials={"ambient": word})
    assert stored["credentials"] == {"ambient": word}


@pytest.mark.parametrize(
    "allowed",
    [
        pytest.param({"names": ["team-a", "team-b"]}, id="names"),
        pytest.param({"names": []}, id="nobody by an empty list"),
        pytest.param({"selector": {}}, id="everybody"),
        pytest.param({"selector": {"matchLabels": {"team": "a", "x.example/y": ""}}}, id="labels"),
        pytest.param(
            {
                "selector": {
                    "matchExpressions": [
                        {"key": "team", "operator": "In", "values": ["a", "b"]},
                        {"key": "x.example/stage", "operator": "NotIn", "values": ["prod"]},
                        {"key": "dcs", "operator": "Exists"},
                        {"key": "closed", "operator": "DoesNotExist"},
                    ]
                }
            },
            id="expressions",
        ),
    ],
)
def test_allowed_namespaces_are_stored_as_written(projects: ClusterProjects, allowed: Any) -> None:
    """Names, or any selector that Kubernetes knows."""
    assert projects.create(allowedNamespaces=allowed)["allowedNamespaces"] == allowed


def test_nothing_is_filled_in(projects: ClusterProjects) -> None:
    """Leaving allowedNamespaces out stays what it means: nobody."""
    assert projects.create() == {
        "region": "cn-north-4",
        "projectId": "0" * 32,
        "credentials": {"secretRef": {"name": "credentials"}},
    }


@pytest.mark.parametrize(
    "spec, sentence",
    [
        pytest.param({"credentials": {}}, CREDENTIALS_SENTENCE, id="no credentials"),
        pytest.param(
            {"credentials": {"ambient": "OIDC", "secretRef": {"name": "x"}}},
            CREDENTIALS_SENTENCE,
            id="both credentials",
        ),
        pytest.param(
            {"credentials": {"secretRef": {"name": "../x"}}},
            "secretRef.name must be the name of a Secret",
            id="secret elsewhere",
        ),
        pytest.param({"allowedNamespaces": {}}, ALLOWED_SENTENCE, id="neither names nor selector"),
        pytest.param(
            {"allowedNamespaces": {"names": ["a"], "selector": {}}},
            ALLOWED_SENTENCE,
            id="names and selector",
        ),
        pytest.param({"allowedNamespaces": {"names": ["team-*"]}}, NAMES_SENTENCE, id="a pattern"),
        pytest.param(
            {
                "allowedNamespaces": {
                    "selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}
                }
            },
            VALUES_SENTENCE,
            id="In without values",
        ),
        pytest.param(
            {
                "allowedNamespaces": {
                    "selector": {
                        "matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]
                    }
                }
            },
            VALUES_SENTENCE,
            id="Exists with values",
        ),
        pytest.param(
            {
                "allowedNamespaces": {
                    "selector": {"matchExpressions": [{"key": "a b", "operator": "Exists"}]}
                }
            },
            KEY_SENTENCE,
            id="a key that no label has",
        ),
        pytest.param(
            {"endpoint": "https://a"}, "set exactly one of region and endpoint", id="both addresses"
        ),
        pytest.param(
            {"region": "a.b"}, "region must be the id of a region", id="a region with a dot"
        ),
        pytest.param(
            {"projectId": "a/b"}, "projectId must be the id of a cloud project", id="id a path"
        ),
    ],
)
def test_what_cannot_work_is_refused_with_one_sentence(
    projects: ClusterProjects, spec: dict[str, Any], sentence: str
) -> None:
    """Each mistake is refused, and a person reads one sentence about it."""
    with pytest.raises(ApiError) as refusal:
        projects.create(**spec)
    assert refusal.value.status == 422
    assert sentence in refusal.value.message
    assert refusal.value.message.count("Invalid value: ") == 1


@pytest.mark.parametrize(
    "spec, words",
    [
        pytest.param(
            {"credentials": {"ambient": "Guess"}},
            ("PodIdentity", "OIDC", "ECSAgency", "Environment"),
            id="a provider nobody knows",
        ),
        pytest.param(
            {
                "allowedNamespaces": {
                    "selector": {"matchExpressions": [{"key": "a", "operator": "Like"}]}
                }
            },
            ("In", "NotIn", "Exists", "DoesNotExist"),
            id="an operator nobody knows",
        ),
    ],
)
def test_unknown_words_are_refused_with_the_known_ones(
    projects: ClusterProjects, spec: dict[str, Any], words: tuple[str, ...]
) -> None:
    """The message lists what is possible."""
    with pytest.raises(ApiError, match="Unsupported value") as refusal:
        projects.create(**spec)
    assert all(f'"{word}"' in refusal.value.message for word in words)


def test_a_namespaced_project_cannot_be_ambient(api: Api, namespace: str) -> None:
    """Its schema has no such field: a Secret stays required, and the word is not stored."""
    path = manifests.path(namespace, manifests.PROJECTS)
    ambient = {"ambient": "Environment"}
    with pytest.raises(ApiError, match=r"spec\.credentials\.secretRef: Required value"):
        api.create(path, manifests.dcs_project("one", region="a", credentials=ambient))
    both = ambient | {"secretRef": {"name": "x"}}
    stored = api.create(path, manifests.dcs_project("one", region="a", credentials=both))
    assert stored["spec"]["credentials"] == {"secretRef": {"name": "x"}}


def test_columns_of_a_cluster_project(projects: ClusterProjects, kubectl: Kubectl) -> None:
    """`kubectl get cdcsp` tells readiness first; wide adds where it leads and as whom."""
    projects.create(credentials={"ambient": "OIDC"})
    ready = {"type": "Ready", "status": "False", "reason": "ProjectNotReady", "message": "Why."}
    moment = {"lastTransitionTime": "2026-01-01T00:00:00Z"}
    projects.patch_status({"conditions": [ready | moment]})
    shown = kubectl("get", "cdcsp", projects.names[-1], "--output", "wide").splitlines()
    assert shown[0].split() == [
        *("NAME", "READY", "REASON", "REGION", "AGE"),
        *("ENDPOINT", "PROJECT", "SECRET", "AMBIENT", "MESSAGE"),
    ]
    row = shown[1].split()
    assert row[1:4] == ["False", "ProjectNotReady", "cn-north-4"]
    assert row[-2:] == ["OIDC", "Why."]


def test_the_category_lists_cluster_projects_too(
    projects: ClusterProjects, kubectl: Kubectl
) -> None:
    """`kubectl get dcs` shows everything of this product."""
    projects.create()
    found = kubectl("get", "dcs", "--output", "name").split()
    assert f"clusterdcsproject.dcs.huaweicloud.com/{projects.names[-1]}" in found


def test_a_task_may_name_a_cluster_project(api: Api, namespace: str) -> None:
    """The kind is stored with its name, and cannot be changed afterwards."""
    path = manifests.path(namespace, manifests.TASKS)
    ref = {"kind": "ClusterDCSProject", "name": "shared"}
    stored = api.create(path, manifests.migration_task("one", projectRef=ref))
    assert stored["spec"]["projectRef"] == ref
    with pytest.raises(ApiError, match="projectRef cannot be changed"):
        api.patch(f"{path}/one", {"spec": {"projectRef": {"kind": "DCSProject"}}})
