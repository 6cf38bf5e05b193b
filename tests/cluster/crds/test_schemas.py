"""What the CRDs accept, refuse and fill in, and the sentences with which they refuse.

All of it is asked of a real API server: CEL, defaulting and pruning happen nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sandbox import manifests
from sandbox.api import ApiError

if TYPE_CHECKING:
    from sandbox.api import Api

DASHED = "01234567-89ab-cdef-0123-456789abcdef"
PLAIN = "0123456789abcdef0123456789abcdef"

TASK_ID_SENTENCE = "taskId must be the id of a DCS migration task"
PROJECT_REF_SENTENCE = "projectRef cannot be changed, added or removed after creation"
STOPPED_SENTENCE = "stopped cannot go back from true to false or be removed"
ONE_OF_SENTENCE = "set exactly one of region and endpoint"
REGION_SENTENCE = "region must be the id of a region, such as cn-north-4"
PROJECT_ID_SENTENCE = "projectId must be the id of a cloud project"
SCHEME_SENTENCE = "endpoint must begin with https:// or http://"
USER_INFO_SENTENCE = "endpoint must not contain a user name or a password"
END_SENTENCE = "endpoint must end after the host or port"
HOST_SENTENCE = "endpoint must name a host"


class Tasks:
    """The MigrationTasks of one namespace."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self._namespace = namespace

    def create(self, name: str = "one", **spec: Any) -> Any:
        """Create a task and return its spec as it was stored."""
        body = manifests.migration_task(name, spec.pop("taskId", ""), **spec)
        path = manifests.path(self._namespace, manifests.TASKS)
        return self._api.create(path, body)["spec"]

    def patch(self, body: Any, name: str = "one", kind: str = "merge") -> Any:
        """Patch a task and return its spec as it was stored."""
        path = manifests.path(self._namespace, manifests.TASKS, name)
        return self._api.patch(path, body, kind)["spec"]


@pytest.fixture
def tasks(api: Api, namespace: str) -> Tasks:
    """Give access to the MigrationTasks of the test's namespace."""
    return Tasks(api, namespace)


@pytest.mark.parametrize("task_id", [DASHED, DASHED.upper(), PLAIN, PLAIN.upper()])
def test_task_id_may_be_dashed_or_plain_in_either_case(tasks: Tasks, task_id: str) -> None:
    """Both shapes in which DCS shows ids are stored as they were written."""
    assert tasks.create(taskId=task_id)["taskId"] == task_id


@pytest.mark.parametrize(
    "task_id",
    [
        pytest.param("migration-1", id="a name"),
        pytest.param(PLAIN[:-1], id="one digit short"),
        pytest.param(PLAIN + "0", id="one digit long"),
        pytest.param(PLAIN[:-1] + "g", id="not hexadecimal"),
        pytest.param(DASHED.replace("-", "", 1), id="a dash short"),
        pytest.param(PLAIN + "\n", id="a line end pasted along"),
        pytest.param(f"{{{DASHED}}}", id="in braces"),
        pytest.param(PLAIN + "/stop", id="a path"),
    ],
)
def test_other_task_ids_are_refused_with_a_sentence(tasks: Tasks, task_id: str) -> None:
    """What is not an id is refused, and the sentence shows what an id looks like."""
    with pytest.raises(ApiError, match=TASK_ID_SENTENCE) as refusal:
        tasks.create(taskId=task_id)
    assert refusal.value.status == 422


def test_task_id_is_required(api: Api, namespace: str) -> None:
    """A task without an id is refused, and the message names the field."""
    body = manifests.migration_task("one") | {"spec": {}}
    with pytest.raises(ApiError, match=r"spec\.taskId: Required value"):
        api.create(manifests.path(namespace, manifests.TASKS), body)


def test_task_id_cannot_be_changed(tasks: Tasks) -> None:
    """One resource speaks of one migration for all its life."""
    tasks.create(taskId=DASHED)
    with pytest.raises(ApiError, match=r"spec\.taskId: Forbidden: taskId cannot be changed"):
        tasks.patch({"spec": {"taskId": PLAIN}})


def test_defaults_of_a_task_that_says_nothing_but_its_id(tasks: Tasks) -> None:
    """Such a task is only observed, in the project named default."""
    assert tasks.create(taskId=DASHED) == {
        "taskId": DASHED,
        "stopped": False,
        "projectRef": {"kind": "DCSProject", "name": "default"},
    }


@pytest.mark.parametrize(
    "given, stored",
    [
        pytest.param({}, {"kind": "DCSProject", "name": "default"}, id="nothing"),
        pytest.param(None, {"kind": "DCSProject", "name": "default"}, id="null"),
        pytest.param({"name": "x"}, {"kind": "DCSProject", "name": "x"}, id="name only"),
        pytest.param(
            {"kind": "DCSProject"}, {"kind": "DCSProject", "name": "default"}, id="kind only"
        ),
    ],
)
def test_project_ref_is_filled_in_at_every_level(tasks: Tasks, given: Any, stored: Any) -> None:
    """Whatever part of projectRef is left out gets its default."""
    assert tasks.create(projectRef=given)["projectRef"] == stored


def test_other_project_kinds_are_refused(tasks: Tasks) -> None:
    """Only the two kinds of this product are known, and the sentence says so."""
    with pytest.raises(ApiError, match=r"projectRef\.kind must be DCSProject or Cluster"):
        tasks.create(projectRef={"kind": "Project", "name": "x"})


@pytest.mark.parametrize("name", ["", "Upper", "../secrets/x", "a_b", "-a", "a."])
def test_project_names_that_no_object_can_have_are_refused(tasks: Tasks, name: str) -> None:
    """The name becomes part of an API path, so nothing but a name is accepted."""
    with pytest.raises(ApiError, match=r"projectRef\.name must be the name of a DCSProject"):
        tasks.create(projectRef={"name": name})


@pytest.mark.parametrize(
    "before, after",
    [
        pytest.param({"name": "x"}, {"name": "y"}, id="changed"),
        pytest.param({"name": "x"}, None, id="removed"),
        pytest.param(None, {"name": "y"}, id="added"),
        pytest.param({"name": "x"}, {"name": None}, id="name removed"),
    ],
)
def test_project_ref_cannot_be_changed(tasks: Tasks, before: Any, after: Any) -> None:
    """Not even through the default: removing or adding it would move the task."""
    tasks.create(projectRef=before)
    with pytest.raises(ApiError, match=PROJECT_REF_SENTENCE):
        tasks.patch({"spec": {"projectRef": after}})


def test_writing_out_the_default_project_is_no_change(tasks: Tasks) -> None:
    """The default and its spelled-out form are the same, so tidying a manifest works."""
    tasks.create()
    spelled_out = {"kind": "DCSProject", "name": "default"}
    assert tasks.patch({"spec": {"projectRef": spelled_out}})["projectRef"] == spelled_out
    assert tasks.patch({"spec": {"projectRef": None}})["projectRef"] == spelled_out


def test_stopping_can_be_ordered_later(tasks: Tasks) -> None:
    """A task that was observed can be stopped by one patch."""
    tasks.create()
    assert tasks.patch({"spec": {"stopped": True}})["stopped"] is True


@pytest.mark.parametrize("value", [False, None])
def test_stopped_cannot_be_taken_back(tasks: Tasks, value: bool | None) -> None:  # noqa: FBT001 - a row of the table
    """Neither false nor leaving it out revives an order to stop."""
    tasks.create(stopped=True)
    with pytest.raises(ApiError, match=rf"spec\.stopped: Forbidden: {STOPPED_SENTENCE}"):
        tasks.patch({"spec": {"stopped": value}})


def test_stopped_cannot_be_removed_by_a_json_patch(tasks: Tasks) -> None:
    """Removing the field by an operation is refused with the same sentence."""
    tasks.create(stopped=True)
    with pytest.raises(ApiError, match=STOPPED_SENTENCE):
        tasks.patch([{"op": "remove", "path": "/spec/stopped"}], kind="json")


def test_unknown_fields_of_the_spec_are_not_stored(tasks: Tasks) -> None:
    """The schema is structural: what it does not name is pruned."""
    assert "started" not in tasks.create(started=True)


class Projects:
    """The DCSProjects of one namespace."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self._path = manifests.path(namespace, manifests.PROJECTS)

    def create(self, **spec: Any) -> Any:
        """Create a project and return its spec as it was stored."""
        return self._api.create(self._path, manifests.dcs_project("one", **spec))["spec"]


@pytest.fixture
def projects(api: Api, namespace: str) -> Projects:
    """Give access to the DCSProjects of the test's namespace."""
    return Projects(api, namespace)


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://dcs.eu-west-101.myhuaweicloud.eu",
        "https://dcs.example.com:8443",
        "http://127.0.0.1:8080",
        "http://[::1]:8080",
        "http://simulator",
    ],
)
def test_endpoints_of_scheme_host_and_port_are_accepted(projects: Projects, endpoint: str) -> None:
    """Names, IPv4 and IPv6 addresses, with or without a port; the allow-list judges the rest."""
    assert projects.create(endpoint=endpoint)["endpoint"] == endpoint


@pytest.mark.parametrize(
    "spec, sentence",
    [
        pytest.param({}, ONE_OF_SENTENCE, id="neither"),
        pytest.param({"region": "a", "endpoint": "https://a"}, ONE_OF_SENTENCE, id="both"),
        pytest.param({"region": ""}, REGION_SENTENCE, id="region empty"),
        pytest.param({"region": "CN-North-4"}, REGION_SENTENCE, id="region in upper case"),
        pytest.param({"region": "a.example.com/x"}, REGION_SENTENCE, id="region with a host"),
        pytest.param({"endpoint": ""}, SCHEME_SENTENCE, id="endpoint empty"),
        pytest.param({"endpoint": "dcs.example.com"}, SCHEME_SENTENCE, id="no scheme"),
        pytest.param({"endpoint": "ftp://dcs.example.com"}, SCHEME_SENTENCE, id="other scheme"),
        pytest.param({"endpoint": "https://user:word@host"}, USER_INFO_SENTENCE, id="user info"),
        pytest.param({"endpoint": "https://host/"}, END_SENTENCE, id="slash at the end"),
        pytest.param({"endpoint": "https://host/v2"}, END_SENTENCE, id="path"),
        pytest.param({"endpoint": "https://host?a=b"}, END_SENTENCE, id="query"),
        pytest.param({"endpoint": "https://host#a"}, END_SENTENCE, id="fragment"),
        pytest.param({"endpoint": "https://"}, HOST_SENTENCE, id="no host"),
        pytest.param({"endpoint": "https://:443"}, HOST_SENTENCE, id="port only"),
        pytest.param({"endpoint": "https://host:"}, HOST_SENTENCE, id="no port after colon"),
        pytest.param({"endpoint": "https://host:65536"}, HOST_SENTENCE, id="port too high"),
        pytest.param({"endpoint": "https://a b"}, HOST_SENTENCE, id="space"),
        pytest.param({"endpoint": "https://a..b"}, HOST_SENTENCE, id="empty label"),
        pytest.param({"endpoint": "https://*.example.com"}, HOST_SENTENCE, id="pattern"),
        pytest.param({"endpoint": "https://[1.2]"}, HOST_SENTENCE, id="bad IPv6 address"),
        pytest.param({"endpoint": "https://host\n"}, HOST_SENTENCE, id="line end"),
        pytest.param({"region": "a", "projectId": ""}, PROJECT_ID_SENTENCE, id="id empty"),
        pytest.param({"region": "a", "projectId": "a/b"}, PROJECT_ID_SENTENCE, id="id a path"),
        pytest.param(
            {"region": "a", "projectId": "{project_id}"}, PROJECT_ID_SENTENCE, id="id a template"
        ),
        pytest.param(
            {"region": "a", "credentials": {"secretRef": {"name": "../../other/secrets/x"}}},
            "secretRef.name must be the name of a Secret",
            id="secret elsewhere",
        ),
        pytest.param(
            {"region": "a", "credentials": {"secretRef": {}}},
            "spec.credentials.secretRef.name: Required value",
            id="secret without a name",
        ),
        pytest.param(
            {"region": "a", "credentials": None}, "spec.credentials: Required value", id="no key"
        ),
        pytest.param(
            {"region": "a", "projectId": None}, "spec.projectId: Required value", id="no id"
        ),
    ],
)
def test_a_project_that_cannot_work_is_refused_with_one_sentence(
    projects: Projects, spec: dict[str, Any], sentence: str
) -> None:
    """Each mistake is refused, and a person reads one sentence about it."""
    with pytest.raises(ApiError) as refusal:
        projects.create(**spec)
    assert refusal.value.status == 422
    assert sentence in refusal.value.message
    rule_hits = refusal.value.message.count("Invalid value: ")
    assert rule_hits == 1


def test_a_project_may_move_to_another_endpoint(
    projects: Projects, api: Api, namespace: str
) -> None:
    """Projects are meant to be repaired: region and endpoint may replace each other."""
    projects.create(region="cn-north-4")
    path = manifests.path(namespace, manifests.PROJECTS, "one")
    change = {"spec": {"region": None, "endpoint": "https://dcs.example.com"}}
    assert "region" not in api.patch(path, change)["spec"]
