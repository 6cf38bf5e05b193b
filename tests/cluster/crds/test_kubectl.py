"""What a person sees of the CRDs in kubectl: columns, explanations, short names, the examples."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from sandbox import manifests
from sandbox.api import ApiError
from sandbox.control_plane import KubectlError
from sandbox.waiting import eventually
from support.checkout import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sandbox.api import Api

    Kubectl = Callable[..., str]

CRDS = [
    yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "crds").glob("*.yaml"))
]
CRD_NAMES = [crd["metadata"]["name"] for crd in CRDS]
EXAMPLES = ROOT / "docs" / "examples"

TASK_ID = "01234567-89ab-cdef-0123-456789abcdef"

STATUS = {
    "phase": "TERMINATED",
    "lag": {"offset": 0},
    "task": {"name": "orders"},
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Terminated",
            "message": "Stopped.",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
    ],
}


@pytest.fixture(autouse=True)
def no_cluster_project_stays(api: Api) -> Iterator[None]:
    """Delete the example that no namespace holds, so that the next test may apply it anew."""
    yield
    with contextlib.suppress(ApiError):
        api.delete(f"/apis/{manifests.GROUP_VERSION}/clusterdcsprojects/shared")


@pytest.fixture
def stopped_task(api: Api, namespace: str) -> str:
    """Make a task that was stopped, as the operator would leave it, and return its name."""
    path = manifests.path(namespace, manifests.TASKS)
    api.create(path, manifests.migration_task("orders", TASK_ID, stopped=True))
    api.patch(f"{path}/orders/status", {"status": STATUS})
    return "orders"


def columns(table: str) -> list[list[str]]:
    """Return the words of each line of a table, without the last column but one, the age."""
    return [line.split() for line in table.splitlines()]


@pytest.mark.usefixtures("stopped_task")
def test_columns_of_a_task(kubectl: Kubectl) -> None:
    """`kubectl get` tells phase, wish, lag, readiness and reason."""
    header, row = columns(kubectl("get", "dcsmt"))
    assert header == ["NAME", "PHASE", "STOP", "LAG", "READY", "REASON", "AGE"]
    assert row[:-1] == ["orders", "TERMINATED", "true", "0", "True", "Terminated"]


@pytest.mark.usefixtures("stopped_task")
def test_wide_columns_of_a_task(kubectl: Kubectl) -> None:
    """`-o wide` adds what identifies the migration, and the message."""
    header, row = columns(kubectl("get", "dcsmt", "--output", "wide"))
    assert header[7:] == ["TASK", "NAME", "PROJECT", "MESSAGE"]
    assert row[7:] == [TASK_ID, "orders", "default", "Stopped."]


def test_columns_of_a_project(kubectl: Kubectl, api: Api, namespace: str) -> None:
    """`kubectl get dcsp` tells readiness first; wide adds where it leads."""
    path = manifests.path(namespace, manifests.PROJECTS)
    api.create(path, manifests.dcs_project("default", region="cn-north-4"))
    api.patch(f"{path}/default/status", {"status": {"conditions": STATUS["conditions"]}})
    header, row = columns(kubectl("get", "dcsp", "--output", "wide"))
    assert header[:5] == ["NAME", "READY", "REASON", "REGION", "AGE"]
    assert header[5:] == ["ENDPOINT", "PROJECT", "SECRET", "MESSAGE"]
    assert row[:4] == ["default", "True", "Terminated", "cn-north-4"]
    assert row[-3:] == ["0" * 32, "credentials", "Stopped."]


def test_a_task_without_a_cutover_has_no_lag(kubectl: Kubectl) -> None:
    """The column stays empty, rather than showing a 0 that nobody measured."""
    kubectl("apply", "--filename", EXAMPLES / "migrationtask.yaml")
    header, row = columns(kubectl("get", "dcsmt"))
    assert header[3] == "LAG"
    assert row[:-1] == ["orders-cache", "PENDING", "false", "False", "Pending"]


@pytest.mark.parametrize("name", ["dcsmw", "migrationwave", "migrationwaves"])
def test_columns_of_a_wave(kubectl: Kubectl, api: Api, namespace: str, name: str) -> None:
    """`kubectl get dcsmw` tells the wish, the counts and why; wide adds the window."""
    path = manifests.path(namespace, manifests.WAVES)
    window = {"notBefore": "2026-01-01T00:00:00Z", "notAfter": "2026-01-01T04:00:00Z"}
    api.create(path, manifests.migration_wave("night", state="Go", **window))
    tasks = {"total": 60, "waiting": 20, "caughtUp": 9, "stopping": 1, "stopped": 27, "trouble": 3}
    status = {"conditions": STATUS["conditions"], "tasks": tasks}
    api.patch(f"{path}/night/status", {"status": status})
    header, row = columns(kubectl("get", name))
    assert header == [
        *("NAME", "STATE", "TASKS", "CAUGHT-UP", "STOPPED", "TROUBLE", "READY", "REASON"),
    ]
    assert row == ["night", "Go", "60", "9", "27", "3", "True", "Terminated"]
    header, row = columns(kubectl("get", name, "--output", "wide"))
    assert header[8:] == ["NOT-BEFORE", "NOT-AFTER", "AGE", "MESSAGE"]
    assert [*row[8:10], row[-1]] == [*window.values(), "Stopped."]


@pytest.mark.usefixtures("stopped_task")
@pytest.mark.parametrize("name", ["dcsmt", "migrationtask", "migrationtasks", "dcs"])
def test_tasks_are_found_under_every_name(kubectl: Kubectl, name: str) -> None:
    """Short name, singular, plural and category all lead to the tasks."""
    found = kubectl("get", name, "--output", "name").split()
    assert found == ["migrationtask.dcs.huaweicloud.com/orders"]


def test_the_category_lists_tasks_and_projects(kubectl: Kubectl, stopped_task: str) -> None:
    """`kubectl get dcs` shows everything of this product."""
    kubectl("apply", "--filename", EXAMPLES / "dcsproject.yaml")
    kubectl("create", "--filename", "-", stdin=json.dumps(manifests.migration_wave("first")))
    found = kubectl("get", "dcs", "--output", "name").split()
    assert set(found) == {
        "dcsproject.dcs.huaweicloud.com/default",
        "migrationwave.dcs.huaweicloud.com/first",
        f"migrationtask.dcs.huaweicloud.com/{stopped_task}",
    }


def test_kubectl_selects_by_wish_and_phase(
    kubectl: Kubectl, stopped_task: str, *, selectable: bool
) -> None:
    """A field selector on the command line finds the tasks that are done; before 1.31, nothing."""
    kubectl("apply", "--filename", EXAMPLES / "migrationtask.yaml")
    selector = "spec.stopped=true,status.phase=TERMINATED"
    command = ("get", "dcsmt", "--field-selector", selector, "--output", "name")
    if not selectable:
        with pytest.raises(KubectlError, match="field label not supported"):
            kubectl(*command)
        return
    found = kubectl(*command).split()
    assert found == [f"migrationtask.dcs.huaweicloud.com/{stopped_task}"]


def test_kubectl_waits_for_a_condition(kubectl: Kubectl, stopped_task: str) -> None:
    """`kubectl wait` reads the Ready condition."""
    shown = kubectl("wait", "dcsmt", stopped_task, "--for=condition=Ready", "--timeout=10s")
    assert "condition met" in shown


def test_a_refusal_reads_well_in_kubectl(kubectl: Kubectl, stopped_task: str) -> None:
    """What a person types is refused with the sentence of the CRD and the field it is about."""
    patch = json.dumps({"spec": {"stopped": False}})
    with pytest.raises(KubectlError) as refusal:
        kubectl("patch", "dcsmt", stopped_task, "--type", "merge", "--patch", patch)
    assert str(refusal.value) == (
        'The MigrationTask "orders" is invalid: spec.stopped: Forbidden: stopped cannot go back'
        " from true to false or be removed: a stopped migration is not started again by this"
        " operator. To stop managing the task, delete this resource; that does not touch the cloud"
    )


def test_explain_teaches_the_spec(kubectl: Kubectl) -> None:
    """`kubectl explain` shows every field of the spec with its description."""
    shown = eventually(lambda: explain(kubectl, "migrationtask.spec"))
    for text in ("taskId", "stopped", "projectRef", "-required-", "True is an order that cannot"):
        assert text in shown


def test_explain_shows_the_whole_tree(kubectl: Kubectl) -> None:
    """`--recursive` reaches the deepest fields."""
    shown = eventually(lambda: explain(kubectl, "migrationtask", "--recursive"))
    for field in ("observedGeneration", "acceptedAt", "sourceInstance", "lastTransitionTime"):
        assert field in shown


def explain(kubectl: Kubectl, *arguments: str) -> str:
    """Return what kubectl explains, or nothing while the schema is not yet published."""
    try:
        return kubectl("explain", *arguments)
    except KubectlError:
        return ""


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_applies_as_it_is(kubectl: Kubectl, example: Path) -> None:
    """An example is accepted without a change, and may be applied again."""
    wanted = len(list(yaml.safe_load_all(example.read_text(encoding="utf-8"))))
    assert kubectl("apply", "--filename", example).count(" created") == wanted
    assert " created" not in kubectl("apply", "--filename", example)


def test_the_examples_belong_together(kubectl: Kubectl) -> None:
    """The examples name each other: tasks the project, the project the Secret."""
    kubectl("apply", "--filename", EXAMPLES)
    project = "{.items[*].spec.projectRef.name}"
    named = set(kubectl("get", "dcsmt", "--output", f"jsonpath={project}").split())
    assert named == {"default"}
    secret = kubectl("get", "dcsp", "default", "--output", "jsonpath={.spec.credentials..name}")
    assert kubectl("get", "secret", secret, "--output", "name")


def fields(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every node of a schema with its path."""
    yield path or ".", schema
    for name, child in schema.get("properties", {}).items():
        yield from fields(child, f"{path}.{name}")
    for keyword, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if keyword in schema:
            yield from fields(schema[keyword], path + mark)


@pytest.mark.parametrize("crd", CRDS, ids=CRD_NAMES)
def test_every_field_and_column_is_described(crd: dict[str, Any]) -> None:
    """Nobody has to leave the terminal to learn what a field means."""
    for version in crd["spec"]["versions"]:
        described = dict(fields(version["schema"]["openAPIV3Schema"]))
        described |= {column["name"]: column for column in version["additionalPrinterColumns"]}
        bare = [name for name, node in described.items() if not node.get("description", "").strip()]
        assert bare == []


@pytest.mark.parametrize("crd", CRDS, ids=CRD_NAMES)
def test_every_text_and_list_has_a_limit(crd: dict[str, Any]) -> None:
    """Limits keep the cost of the CEL rules bounded, and a resource within etcd's limit."""
    for version in crd["spec"]["versions"]:
        tree = fields(version["schema"]["openAPIV3Schema"]["properties"]["spec"], ".spec")
        unlimited = [
            name
            for name, node in tree
            if (node["type"] == "string" and "maxLength" not in node)
            or (node["type"] == "array" and "maxItems" not in node)
        ]
        assert unlimited == []


@pytest.mark.parametrize("name", CRD_NAMES)
def test_the_api_server_has_nothing_to_say_against_the_crds(api: Api, name: str) -> None:
    """They are established, structural, and their names clash with nothing."""
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"
    conditions = {item["type"]: item["status"] for item in api.get(path)["status"]["conditions"]}
    assert conditions == {"Established": "True", "NamesAccepted": "True"}
