"""Who is told what by a Kubernetes Event, and how often."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from dcs_migration_operator.core.conditions import STALLED, condition
from dcs_migration_operator.core.model import ObjectRef
from dcs_migration_operator.core.status import Status
from dcs_migration_operator.kube.errors import api_error
from dcs_migration_operator.kube.events import ALIKE_MAX, ALIKE_S, Events

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.looptime

FINE = Status(phase="TERMINATED")


def stalled(reason: str, message: str = "Look at it.") -> Status:
    """Return the status of a resource that needs a person."""
    return Status(phase="FAILED", conditions=(condition(STALLED, "True", reason, message),))


def ref(number: int = 0, plural: str = "migrationtasks", namespace: str = "team-a") -> ObjectRef:
    """Return the name of one object."""
    return ObjectRef(plural, namespace, f"task-{number}", f"uid-{number}")


class Server:
    """Takes events as the API server does; the name is taken once."""

    def __init__(self, *, refuses: int = 0) -> None:
        self.refuses = refuses
        self.created: dict[tuple[str, str], Mapping[str, Any]] = {}
        self.news: list[tuple[str, str, Mapping[str, Any]]] = []
        self.events = self.restarted()

    def restarted(self) -> Events:
        """Return what a new process has."""
        return Events(
            create=self.create, again=self.again, monotonic=asyncio.get_running_loop().time
        )

    async def create(self, namespace: str, event: Mapping[str, Any]) -> None:
        """Create an Event."""
        await asyncio.sleep(0.01)
        key = namespace, event["metadata"]["name"]
        if self.refuses:
            raise api_error(self.refuses, "no")
        if key in self.created:
            raise api_error(409, "exists")
        self.created[key] = event

    async def again(self, namespace: str, name: str, news: Mapping[str, Any]) -> None:
        """Update an Event."""
        self.news.append((namespace, name, news))

    async def reasons(self) -> list[str]:
        """Return the reasons of all events, once they are posted."""
        await asyncio.sleep(5.0)
        return [event["reason"] for event in self.created.values()]


async def test_a_resource_that_needs_a_person_gets_one_warning() -> None:
    """With what kubectl describe needs to show it."""
    server = Server()
    server.events.note(ref(), stalled("TaskFailed", "See its log."))
    assert await server.reasons() == ["TaskFailed"]
    ((namespace, _), event), *others = server.created.items()
    assert (namespace, others) == ("team-a", [])
    assert event["involvedObject"] == {
        "apiVersion": "dcs.huaweicloud.com/v1alpha1",
        "kind": "MigrationTask",
        "namespace": "team-a",
        "name": "task-0",
        "uid": "uid-0",
    }
    assert (event["type"], event["message"]) == ("Warning", "See its log.")


async def test_the_same_cause_is_told_once() -> None:
    """However often the status is written; another cause is news."""
    server = Server()
    for message in ("a", "b", "c"):
        server.events.note(ref(), stalled("TaskFailed", message))
    server.events.note(ref(), stalled("CredentialsInvalid"))
    assert await server.reasons() == ["TaskFailed", "CredentialsInvalid"]
    assert not server.news


async def test_nothing_is_told_while_all_is_well() -> None:
    """The happy path has no event."""
    server = Server()
    for number in range(100):
        server.events.note(ref(number), FINE)
    assert not await server.reasons()


async def test_a_cause_that_comes_back_renews_its_event() -> None:
    """Also after a restart: there is one event per resource and cause."""
    server = Server()
    for status in (stalled("ProjectNotReady"), FINE, stalled("ProjectNotReady", "Again.")):
        server.events.note(ref(), status)
    assert await server.reasons() == ["ProjectNotReady"]
    server.restarted().note(ref(), stalled("ProjectNotReady", "Once more."))
    assert await server.reasons() == ["ProjectNotReady"]
    assert [news["message"] for _, _, news in server.news] == ["Again.", "Once more."]


async def test_very_many_alike_are_not_a_flood() -> None:
    """The first ten of a namespace are told, and the last of them says that more follow."""
    server = Server()
    for number in range(10_000):
        server.events.note(ref(number), stalled("CredentialsInvalid"))
    server.events.note(ref(10_001, "dcsprojects"), stalled("CredentialsInvalid"))
    server.events.note(ref(10_002, namespace="team-b"), stalled("CredentialsInvalid"))
    assert len(await server.reasons()) == ALIKE_MAX + 2
    messages = [event["message"] for event in server.created.values()]
    assert [text for text in messages if "get no event for 10 minutes" in text] == [messages[9]]


async def test_the_limit_is_for_a_while() -> None:
    """After ten minutes others are told again."""
    server = Server()
    for number in range(50):
        server.events.note(ref(number), stalled("TaskNotFound"))
    await asyncio.sleep(ALIKE_S)
    server.events.note(ref(99), stalled("TaskNotFound"))
    assert len(await server.reasons()) == ALIKE_MAX + 1


async def test_a_cluster_scoped_project_is_told_of_in_default() -> None:
    """The events of all cluster-scoped objects are there."""
    server = Server()
    server.events.note(
        ref(plural="clusterdcsprojects", namespace=""), stalled("EndpointNotAllowed")
    )
    await server.reasons()
    (namespace, _), event = next(iter(server.created.items()))
    assert namespace == "default"
    assert "namespace" not in event["involvedObject"]


async def test_an_event_that_is_refused_harms_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged and given up; the next is tried."""
    server = Server(refuses=403)
    server.events.note(ref(1), stalled("TaskFailed"))
    assert not await server.reasons()
    assert "an event could not be posted" in caplog.text
    server.refuses = 0
    server.events.note(ref(2), stalled("TaskFailed"))
    assert await server.reasons() == ["TaskFailed"]


async def test_the_end_gives_up_what_waits() -> None:
    """Nothing is posted after it."""
    server = Server()
    for number in range(5):
        server.events.note(ref(number), stalled("TaskFailed"))
    await server.events.close()
    assert not await server.reasons()
