"""Requests to the API server: pages, repeats, and what is said when it refuses or is away."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kubectl_dcs import kinds
from kubectl_dcs.cluster import Cluster, connect
from kubectl_dcs.problems import ApiProblem, NotFound
from kubectl_dcs.where import Where
from unit.plugin import bodies
from unit.plugin.fake_api import HANG_UP, Reply, refusal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from unit.plugin.fake_api import Asked, FakeApi

pytestmark = pytest.mark.usefixtures("alone", "no_pauses")


@pytest.fixture
def cluster(api: FakeApi, tmp_path: Path) -> Cluster:
    """Give the way to the fake API server."""
    return connect(Where(kubeconfig=str(api.kubeconfig(tmp_path))))


def times(count: int, reply: Reply) -> Callable[[Asked], Reply | None]:
    """Return a fault that answers so often, and then no more."""
    left = [count]

    def fault(_: Asked) -> Reply | None:
        left[0] -= 1
        return reply if left[0] >= 0 else None

    return fault


def names(found: list[dict[str, Any]]) -> list[str]:
    """Return the names of objects."""
    return [one["metadata"]["name"] for one in found]


def test_a_list_is_read_page_by_page(api: FakeApi, cluster: Cluster) -> None:
    """Every object once, with as many requests as there are pages."""
    for number in range(25):
        api.put("migrationtasks", bodies.task(f"t{number:02}"))
    found = cluster.everything(kinds.TASK, "shop", limit=10)
    assert names(found.items) == [f"t{number:02}" for number in range(25)]
    assert [one.query.get("continue") for one in api.asked] == [None, "10", "20"]
    assert found.version


def test_a_list_that_is_too_old_to_go_on_begins_again(api: FakeApi, cluster: Cluster) -> None:
    """The API server forgets the state of a page after some minutes."""
    for number in range(5):
        api.put("migrationtasks", bodies.task(f"t{number}"))
    gone = times(1, refusal(410, "The provided continue parameter is too old"))
    api.faults.append(lambda asked: gone(asked) if "continue" in asked.query else None)
    assert len(cluster.everything(kinds.TASK, "shop", limit=2).items) == 5


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_passes_by_itself_is_tried_again(api: FakeApi, cluster: Cluster, status: int) -> None:
    """Twice, also for a write: applying the same twice is once."""
    api.put("migrationtasks", bodies.task(spec={}))
    api.faults.append(times(2, refusal(status, "busy")))
    cluster.apply(kinds.TASK, "shop", "orders", {"spec": {"cutover": {}}}, dry_run=False)
    assert len(api.asked) == 3


def test_what_does_not_pass_is_told_in_the_servers_words(api: FakeApi, cluster: Cluster) -> None:
    """After three attempts."""
    api.faults.append(times(9, refusal(503, "etcd is down")))
    with pytest.raises(ApiProblem, match=r"^etcd is down$") as problem:
        cluster.everything(kinds.TASK)
    assert problem.value.code == 503
    assert len(api.asked) == 3


@pytest.mark.parametrize(
    "reply, sentence",
    [
        (
            refusal(401, "Unauthorized"),
            (
                "the API server does not accept your credentials, or no longer does: log in again;"
                " `kubectl auth whoami` shows whether it worked"
            ),
        ),
        (
            refusal(403, 'User "a" cannot list resource'),
            'User "a" cannot list resource (docs/kubectl-dcs.md lists the rights of each command)',
        ),
        (
            Reply(404, b"404 page not found\n"),
            (
                "this cluster does not know the kind MigrationTask: apply crds/ of this version, or"
                " upgrade the chart"
            ),
        ),
        (refusal(422, "stopped cannot\ngo back"), "stopped cannot go back"),
        (Reply(200, b"<html>"), "does not answer as an API server does"),
        (Reply(200, b"[]"), "does not answer as an API server does"),
        (Reply(302, b"", {"Location": "https://login.example.com"}), "HTTP 302"),
    ],
)
def test_a_refusal_is_one_sentence_with_what_to_do(
    api: FakeApi, cluster: Cluster, reply: Reply, sentence: str
) -> None:
    """None of them is tried again."""
    api.faults.append(lambda _: reply)
    with pytest.raises(ApiProblem) as problem:
        cluster.everything(kinds.TASK)
    assert str(problem.value).endswith(sentence)
    assert len(api.asked) == 1


def test_an_object_that_is_not_there_is_told_apart_from_a_kind_that_is_not(
    cluster: Cluster,
) -> None:
    """Both are 404."""
    with pytest.raises(NotFound, match='"none" not found'):
        cluster.get(kinds.TASK, "shop", "none")
    with pytest.raises(ApiProblem, match="does not know the kind ClusterDCSProject"):
        cluster.get(kinds.CLUSTER_PROJECT, "", "none")


def test_a_field_that_the_crd_lacks_is_told_as_an_older_crd(api: FakeApi, cluster: Cluster) -> None:
    """The API server refuses it, since writes are strict: nothing is dropped without a word."""
    api.faults.append(lambda _: refusal(400, '... unknown field "spec.cutover"'))
    with pytest.raises(ApiProblem, match=r"older than this plugin: .* unknown field"):
        cluster.apply(kinds.TASK, "shop", "orders", {"spec": {"cutover": {}}}, dry_run=False)
    assert api.asked[0].query["fieldValidation"] == "Strict"


def test_a_server_that_is_away_is_named(cluster: Cluster, api: FakeApi) -> None:
    """With why it cannot be reached."""
    api.__exit__()
    with pytest.raises(ApiProblem, match=r"127\.0\.0\.1:\d+ cannot be reached: it refuses"):
        cluster.everything(kinds.TASK)


def test_a_connection_that_breaks_is_made_again(cluster: Cluster, api: FakeApi) -> None:
    """A request in the middle of a restart is asked once more."""
    api.put("migrationtasks", bodies.task())
    api.faults.append(times(2, Reply(HANG_UP)))
    assert len(cluster.everything(kinds.TASK).items) == 1
    assert len(api.asked) == 3


def test_names_are_asked_for_without_their_objects(api: FakeApi, cluster: Cluster) -> None:
    """Completion must be quick also where there are thousands."""
    api.put("migrationtasks", bodies.task())
    assert cluster.first_names(kinds.TASK, 7) == ["orders"]
    assert "PartialObjectMetadataList" in api.asked[0].headers["Accept"]
    assert api.asked[0].query["limit"] == "7"


def test_a_token_that_was_renewed_is_used_for_the_next_request(
    api: FakeApi, tmp_path: Path
) -> None:
    """A wait may last longer than a token."""
    path = api.kubeconfig(tmp_path)
    body = json.loads(path.read_text())
    token = tmp_path / "token"
    token.write_text("FIRST")
    body["users"][0]["user"] = {"tokenFile": str(token)}
    path.write_text(json.dumps(body))
    cluster = connect(Where(kubeconfig=str(path)))
    cluster.everything(kinds.TASK)
    assert api.asked[0].headers["authorization"] == "Bearer FIRST"
