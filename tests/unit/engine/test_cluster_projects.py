"""Cluster-scoped projects on virtual time: who may use them, and what happens when that changes."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from dcs_migration_operator.core import admission
from dcs_migration_operator.core.admission import NOBODY, AllowedNamespaces, Requirement, Selector
from dcs_migration_operator.core.errors import ReadError
from dcs_migration_operator.engine import namespace_labels
from dcs_migration_operator.engine.ports import SecretReadError
from dcs_migration_operator.settings import ChannelSettings, Settings
from simulation.cloud import Migration, task_id
from simulation.rig import OPERATOR_NAMESPACE, Rig

pytestmark = pytest.mark.looptime

TEAM_A = AllowedNamespaces(names=("team-a",))
BY_LABEL = AllowedNamespaces(selector=Selector((Requirement("dcs", "In", ("yes",)),)))
YES, NO = {"dcs": "yes"}, {"dcs": "no"}


def fleet(count: int = 4) -> dict[str, Migration]:
    """Return running migrations."""
    return {task_id(n): Migration() for n in range(count)}


def message(rig: Rig, uid: str) -> str:
    """Return what Ready says to people."""
    ready = rig.api.objects[uid].status.condition("Ready")
    return ready.message if ready else ""


async def settle(seconds: float) -> None:
    """Let virtual time pass."""
    await asyncio.sleep(seconds)


async def test_an_allowed_task_is_stopped_with_the_secret_of_the_operators_namespace() -> None:
    """The Secret is read where its administrators are, never where the task is."""
    async with Rig(fleet()) as rig:
        rig.put_cluster_project(TEAM_A)
        uid = rig.add_task(0, shared="shared")
        rig.engine.activate()
        await settle(10.0)
        assert rig.phases(uid) == ["TERMINATING", "TERMINATED"]
        assert set(rig.reads) == {OPERATOR_NAMESPACE}
        assert rig.api.project_statuses[-1].conditions[0].reason == "Configured"


@pytest.mark.parametrize("allowed", [NOBODY, AllowedNamespaces(names=("team-b",))])
async def test_who_is_not_named_may_not(allowed: AllowedNamespaces) -> None:
    """The task says so, DCS is not asked about it, and a person is needed."""
    async with Rig(fleet()) as rig:
        rig.put_cluster_project(allowed)
        uid = rig.add_task(0, shared="shared")
        rig.engine.activate()
        await settle(100.0)
        assert (rig.phases(uid), rig.reason(uid)) == (["PENDING"], "ProjectNotReady")
        assert rig.api.objects[uid].status.condition("Stalled")
        assert message(rig, uid) == (
            "ClusterDCSProject shared may not be used from namespace team-a. "
            "Its administrator allows that in spec.allowedNamespaces."
        )
        assert rig.calls == {}


async def test_who_is_not_allowed_learns_nothing_of_what_is_wrong_with_the_project() -> None:
    """Not even the name of its Secret; an allowed neighbor does."""
    async with Rig(fleet()) as rig:
        rig.secret = SecretReadError("Secret dcs-system/dcs does not exist.")
        rig.put_cluster_project(TEAM_A)
        stranger = rig.add_task(0, shared="shared", namespace="team-b")
        friend = rig.add_task(1, shared="shared")
        rig.engine.activate()
        await settle(10.0)
        assert "Secret" not in message(rig, stranger)
        assert "Secret" in message(rig, friend)


async def test_it_heals_when_it_is_allowed() -> None:
    """It heals at once, without a restart."""
    async with Rig(fleet()) as rig:
        rig.put_cluster_project(NOBODY)
        uid = rig.add_task(0, shared="shared")
        rig.engine.activate()
        await settle(5.0)
        rig.put_cluster_project(TEAM_A, generation=2)
        await settle(10.0)
        assert rig.phases(uid) == ["PENDING", "TERMINATING", "TERMINATED"]


async def test_a_missing_cluster_project_is_a_reason_and_heals() -> None:
    """It is told as for a namespaced one."""
    async with Rig(fleet()) as rig:
        rig.engine.activate()
        uid = rig.add_task(0, shared="shared")
        await settle(5.0)
        assert message(rig, uid).startswith("ClusterDCSProject shared does not exist.")
        rig.put_cluster_project(TEAM_A)
        await settle(10.0)
        assert rig.reason(uid) == "Terminated"


async def test_neighbors_of_one_project_are_judged_apart() -> None:
    """Two namespaces, one project, one channel: one is stopped, the other refused."""
    async with Rig(fleet()) as rig:
        rig.put_cluster_project(TEAM_A)
        ours = rig.add_task(0, shared="shared")
        theirs = rig.add_task(1, shared="shared", namespace="team-b")
        rig.engine.activate()
        await settle(10.0)
        assert (rig.reason(ours), rig.reason(theirs)) == ("Terminated", "ProjectNotReady")
        assert rig.batches == [(task_id(0),)]


async def test_a_request_that_waits_does_not_leave_once_it_is_forbidden() -> None:
    """The window is still open when the permission ends; only the allowed id is sent."""
    settings = Settings(channel=ChannelSettings(batch_idle_s=3.0, batch_max_wait_s=3.0))
    both = AllowedNamespaces(names=("team-a", "team-b"))
    async with Rig(fleet(), settings=settings) as rig:
        rig.put_cluster_project(both)
        ours = rig.add_task(0, shared="shared")
        theirs = rig.add_task(1, shared="shared", namespace="team-b")
        rig.engine.activate()
        await settle(2.0)
        assert rig.calls == {"list": 1}
        rig.put_cluster_project(TEAM_A, generation=2)
        await settle(20.0)
        assert rig.batches == [(task_id(0),)]
        assert (rig.reason(ours), rig.reason(theirs)) == ("Terminated", "ProjectNotReady")


async def test_a_stop_that_is_no_longer_allowed_is_not_requested_again() -> None:
    """DCS ignores the first; the project is gone from the namespace before the second."""
    migrations = {task_id(0): Migration(ignores=100)}
    async with Rig(migrations) as rig:
        rig.put_cluster_project(TEAM_A)
        uid = rig.add_task(0, shared="shared")
        rig.engine.activate()
        await settle(10.0)
        assert len(rig.batches) == 1
        rig.put_cluster_project(NOBODY, generation=2)
        await settle(1000.0)
        assert (len(rig.batches), rig.reason(uid)) == (1, "ProjectNotReady")


async def test_a_deleted_project_lets_nothing_leave() -> None:
    """In the same moment, before its Secret would be read again."""
    settings = Settings(channel=ChannelSettings(batch_idle_s=3.0, batch_max_wait_s=3.0))
    async with Rig(fleet(), settings=settings) as rig:
        rig.put_cluster_project(TEAM_A)
        uid = rig.add_task(0, shared="shared")
        rig.engine.activate()
        await settle(2.0)
        rig.engine.intake.deleted("project-shared")
        task = rig.api.objects[uid].task
        assert rig.engine.store.route_of(task).channel is None
        await settle(10.0)
        assert (rig.batches, rig.reason(uid)) == ([], "ProjectNotReady")


class TestSelector:
    """Permission by the labels of the namespace."""

    async def test_labels_decide(self) -> None:
        """One namespace is labeled, the other is not."""
        async with Rig(fleet()) as rig:
            rig.labels = {"team-a": YES, "team-b": NO}
            rig.put_cluster_project(BY_LABEL)
            ours = rig.add_task(0, shared="shared")
            theirs = rig.add_task(1, shared="shared", namespace="team-b")
            rig.engine.activate()
            await settle(10.0)
            assert (rig.reason(ours), rig.reason(theirs)) == ("Terminated", "ProjectNotReady")
            assert rig.phases(ours) == ["TERMINATING", "TERMINATED"]

    async def test_a_change_of_labels_is_noticed_within_a_minute(self) -> None:
        """This holds in both directions."""
        async with Rig(fleet()) as rig:
            rig.labels = {"team-a": YES}
            rig.put_cluster_project(BY_LABEL)
            uid = rig.add_task(0, shared="shared", stopped=False)
            rig.engine.activate()
            await settle(10.0)
            assert rig.reason(uid) == "Observed"
            rig.labels["team-a"] = NO
            await settle(60.0)
            assert rig.reason(uid) == "ProjectNotReady"
            rig.labels["team-a"] = YES
            await settle(60.0)
            assert rig.reason(uid) == "Observed"

    async def test_a_thousand_tasks_of_a_namespace_cost_one_read_in_half_a_minute(self) -> None:
        """And none at all once every wish is fulfilled."""
        async with Rig(fleet(1000)) as rig:
            rig.labels = {"team-a": YES}
            rig.put_cluster_project(BY_LABEL)
            for n in range(1000):
                rig.add_task(n, shared="shared")
            rig.engine.activate()
            await settle(20.0)
            assert {rig.reason(uid) for uid in rig.api.objects} == {"Terminated"}
            await settle(3600.0)
            assert rig.reads.count("labels of team-a") == 1

    async def test_no_labels_are_read_for_names(self) -> None:
        """The right to read namespaces is needed for selectors only."""
        async with Rig(fleet()) as rig:
            rig.put_cluster_project(TEAM_A)
            rig.add_task(0, shared="shared", stopped=False)
            rig.engine.activate()
            await settle(200.0)
            assert set(rig.reads) == {OPERATOR_NAMESPACE}

    async def test_an_api_server_that_is_away_is_forgiven_for_a_minute(self) -> None:
        """Then nothing is allowed any more, with the reason; and it heals by itself."""
        async with Rig(fleet()) as rig:
            rig.labels = {"team-a": YES}
            rig.put_cluster_project(BY_LABEL)
            uid = rig.add_task(0, shared="shared", stopped=False)
            rig.engine.activate()
            await settle(20.0)
            rig.labels["team-a"] = ReadError("Namespace team-a cannot be read.", passing=True)
            await settle(35.0)
            assert rig.reason(uid) == "Observed"
            await settle(35.0)
            assert message(rig, uid) == "Namespace team-a cannot be read."
            rig.labels["team-a"] = YES
            await settle(15.0)
            assert rig.reason(uid) == "Observed"

    async def test_labels_that_may_not_be_read_are_a_reason_at_once(self) -> None:
        """A refusal is an answer: what was read before does not hold any more."""
        async with Rig(fleet()) as rig:
            rig.labels = {"team-a": YES}
            rig.put_cluster_project(BY_LABEL)
            uid = rig.add_task(0, shared="shared", stopped=False)
            rig.engine.activate()
            await settle(20.0)
            rig.labels["team-a"] = ReadError("The operator may not read Namespace team-a.")
            await settle(35.0)
            assert message(rig, uid) == "The operator may not read Namespace team-a."

    async def test_a_request_does_not_leave_on_labels_that_are_too_old(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """They grow too old while it waits, and nobody was told: the last look stops it."""
        monkeypatch.setattr(admission, "LABELS_S_MAX", 2.0)
        settings = Settings(channel=ChannelSettings(batch_idle_s=3.0, batch_max_wait_s=3.0))
        async with Rig(fleet(), settings=settings) as rig:
            rig.labels = {"team-a": YES}
            rig.put_cluster_project(BY_LABEL)
            rig.add_task(0, shared="shared")
            rig.engine.activate()
            await settle(1.0)
            rig.labels["team-a"] = NO
            await settle(20.0)
            assert (rig.calls["list"], rig.batches) == (1, [])

    async def test_a_namespace_too_many_is_a_reason(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """There is a limit on what is kept, and whoever meets it reads what to do."""
        monkeypatch.setattr(namespace_labels, "NAMESPACES_MAX", 1)
        async with Rig(fleet()) as rig:
            rig.labels = {"team-a": YES, "team-b": YES}
            rig.put_cluster_project(BY_LABEL)
            rig.add_task(0, shared="shared", stopped=False)
            second = rig.add_task(1, shared="shared", stopped=False, namespace="team-b")
            rig.engine.activate()
            await settle(10.0)
            assert "spec.allowedNamespaces" in message(rig, second)
            assert rig.reads.count("labels of team-b") == 0


async def test_cluster_projects_that_are_not_watched_are_a_reason() -> None:
    """The text says which option turns them on, and what else can be done."""
    async with Rig(fleet(), settings=replace(Settings(), cluster_projects=False)) as rig:
        uid = rig.add_task(0, shared="shared")
        rig.engine.activate()
        await settle(5.0)
        assert rig.reason(uid) == "ProjectNotReady"
        assert "--cluster-projects" in message(rig, uid)
