"""The store: its indices against a naive model, where projects lead, and the last look."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dcs_migration_operator.core.admission import (
    LABELS_S_MAX,
    NOBODY,
    AllowedNamespaces,
    NamespaceLabels,
    Requirement,
    Selector,
)
from dcs_migration_operator.core.cases import Pace
from dcs_migration_operator.core.decide import OBSERVATION_AGE_S_MAX
from dcs_migration_operator.core.model import (
    CLUSTER_PROJECT_KIND,
    ObjectRef,
    ProjectRef,
    StopRequest,
    TroubleKind,
)
from dcs_migration_operator.core.status import Status
from dcs_migration_operator.engine.shadow import StatusShadow
from dcs_migration_operator.engine.store import UNKNOWN, Entry, Route, Store
from support import make
from unit.engine.parts import Stand, due, queue

if TYPE_CHECKING:
    from dcs_migration_operator.core.model import Project, Task

NOW = 1000.0
SHARED = ProjectRef(CLUSTER_PROJECT_KIND, "", "shared")
TEAM_A = AllowedNamespaces(names=("team-a",))
BY_LABEL = AllowedNamespaces(selector=Selector((Requirement("dcs", "In", ("yes",)),)))
BROKEN = Route(trouble=make.trouble(TroubleKind.PROJECT))


def task(uid: str = "uid-1", project: ProjectRef = make.PROJECT, **changes: Any) -> Task:
    """Return a task resource with this uid."""
    namespace = changes.pop("namespace", "team-a")
    ref = ObjectRef("migrationtasks", namespace, uid, uid)
    return make.task(ref=ref, project=project, **changes)


def shared(**changes: Any) -> Project:
    """Return the cluster-scoped project `shared`."""
    named = ObjectRef("clusterdcsprojects", "", "shared", "uid-s")
    return make.project(**{"ref": SHARED, "object": named, "allowed": TEAM_A} | changes)


class Ground:
    """A store with its queues, at second 1,000."""

    def __init__(self, *, cluster_projects: bool = True) -> None:
        self.resources, self.projects = queue(), queue()
        self.now = NOW
        self.store = Store(
            self.resources,
            self.projects,
            queue(),
            lambda: make.now(self.now),
            cluster_projects=cluster_projects,
        )

    def add(self, one: Task, version: int = 1) -> Entry:
        """Add a task resource."""
        entry = Entry(one, StatusShadow(version=version))
        self.store.add(entry)
        return entry

    def settled(self) -> None:
        """Take what is due so far, so that only what follows counts."""
        due(self.resources)
        due(self.projects)


UIDS = st.sampled_from(["t-1", "t-2", "t-3", "t-4"])
PROJECT_UIDS = st.sampled_from(["p-1", "p-2", "p-3"])
NAMES = st.sampled_from(["one", "two"])
PACES = st.sampled_from([Pace.SETTLED, Pace.OBSERVING, None])


class Indices(RuleBasedStateMachine):
    """Adds and removes resources in any order; every index has to say what a scan would."""

    def __init__(self) -> None:
        super().__init__()
        self.ground = Ground()
        self.store = self.ground.store
        self.tasks: dict[str, tuple[str, str, int]] = {}
        self.projects: dict[str, tuple[str, int]] = {}
        self.unreadable: dict[str, int] = {}
        self.version = 0

    @rule(uid=UIDS, name=NAMES, namespace=st.sampled_from(["a", "b"]), pace=PACES)
    def add(self, uid: str, name: str, namespace: str, pace: Pace | None) -> None:
        """Add a task resource that is new."""
        if uid in self.tasks:
            return
        self.version += 1
        ref = ProjectRef("DCSProject", "n", name)
        entry = self.ground.add(task(uid, ref, namespace=namespace), self.version)
        if pace is not None:
            entry.cloud = Stand().facts.join(uid, "key", "id", StopRequest())
            entry.cloud.paces[uid] = pace
        self.tasks[uid] = (name, namespace if pace is not Pace.SETTLED else "", self.version)
        self.unreadable.pop(uid, None)

    @rule(uid=UIDS)
    def remove(self, uid: str) -> None:
        """Remove a task resource, or one that is not there."""
        assert (self.store.remove(uid) is None) is (uid not in self.tasks)
        self.tasks.pop(uid, None)

    @rule(uid=PROJECT_UIDS, name=NAMES)
    def put_project(self, uid: str, name: str) -> None:
        """Apply a project; another one of its name is gone then."""
        if uid in self.projects and self.projects[uid][0] != name:
            return  # an object keeps its name
        self.version += 1
        ref = ProjectRef("DCSProject", "n", name)
        named = ObjectRef("dcsprojects", "n", name, uid)
        entry = self.store.put_project(make.project(ref=ref, object=named))
        entry.shadow.version = self.version
        self.projects = {u: known for u, known in self.projects.items() if known[0] != name}
        self.projects[uid] = (name, self.version)
        self.unreadable.pop(uid, None)

    @rule(uid=PROJECT_UIDS)
    def remove_project(self, uid: str) -> None:
        """Remove a project, or one that is not there."""
        gone = self.store.remove_project(uid)
        assert (gone and gone.ref.name) == self.projects.pop(uid, (None,))[0]

    @rule(uid=st.one_of(UIDS, PROJECT_UIDS))
    def fail(self, uid: str) -> None:
        """Feed an object that cannot be read any more."""
        self.store.remove(uid)
        self.store.remove_project(uid)
        self.tasks.pop(uid, None)
        self.projects.pop(uid, None)
        self.version += 1
        assert self.store.unreadable(uid, self.version) is (uid not in self.unreadable)
        self.unreadable[uid] = self.version

    @rule(uid=st.one_of(UIDS, PROJECT_UIDS))
    def forget(self, uid: str) -> None:
        """Delete an object that could not be read."""
        self.store.forget_unreadable(uid)
        self.unreadable.pop(uid, None)

    @invariant()
    def the_resources_are_those_that_were_added(self) -> None:
        """By uid, by count and one after the other."""
        assert {entry.task.ref.uid for entry in self.store} == self.tasks.keys()
        assert len(self.store) == len(self.tasks)
        assert all((self.store.get(f"t-{n}") is None) is (f"t-{n}" not in self.tasks) for n in "12")

    @invariant()
    def projects_know_who_uses_them(self) -> None:
        """And from which namespaces, as long as a task still has something to do."""
        for name in ("one", "two"):
            ref = ProjectRef("DCSProject", "n", name)
            users = [one for one in self.tasks.values() if one[0] == name]
            assert self.store.in_use(ref) is bool(users)
            assert self.store.namespaces_of(ref) == {one[1] for one in users} - {""}

    @invariant()
    def versions_are_those_of_everything_that_is_known(self) -> None:
        """As one mapping, and one by one."""
        expected = self.unreadable | {uid: known[-1] for uid, known in self.tasks.items()}
        expected |= {uid: version for uid, (_, version) in self.projects.items()}
        assert self.store.versions() == expected
        for uid in ("t-1", "p-1", "p-2"):
            assert self.store.version_of(uid) == expected.get(uid)

    @invariant()
    def projects_are_found_by_uid(self) -> None:
        """And by name, with what they say."""
        for uid in ("p-1", "p-2", "p-3"):
            entry = self.store.project_of(uid)
            found = entry.project.ref.name if entry and entry.project else None
            assert found == self.projects.get(uid, (None,))[0]
        existing = {ref.name for ref, one in self.store.projects().items() if one.project}
        assert existing == {name for name, _ in self.projects.values()}


test_indices = Indices.TestCase
"""For all orders in which resources come and go: the indices say what a scan would say."""


class TestDue:
    """What becomes due when something is learnt."""

    def test_a_new_resource_and_the_project_that_it_is_the_first_to_name(self) -> None:
        """The project has to be kept usable from now on; the second resource changes nothing."""
        ground = Ground()
        ground.add(task("uid-1"))
        ground.add(task("uid-2"))
        assert due(ground.resources) == ["uid-1", "uid-2"]
        assert due(ground.projects) == [make.PROJECT]

    def test_the_project_that_nobody_names_any_more(self) -> None:
        """Its channel may be closed; it is not due while somebody else names it."""
        ground = Ground()
        for uid in ("uid-1", "uid-2"):
            ground.add(task(uid))
        ground.settled()
        ground.store.remove("uid-1")
        assert due(ground.projects) == []
        ground.store.remove("uid-2")
        assert due(ground.projects) == [make.PROJECT]

    @pytest.mark.parametrize(
        "changes, wakes",
        [
            pytest.param({}, False, id="the same"),
            pytest.param({"generation": 2, "suspended": True}, True, id="suspended"),
            pytest.param({"generation": 2, "secret": "other"}, True, id="another Secret"),
        ],
    )
    def test_a_project_that_changed(self, changes: dict[str, Any], *, wakes: bool) -> None:
        """It and all tasks that name it; a repeated event wakes nobody."""
        ground = Ground()
        ground.add(task())
        ground.store.put_project(make.project())
        ground.settled()
        ground.store.put_project(make.project(**changes))
        assert due(ground.resources) == (["uid-1"] if wakes else [])
        assert due(ground.projects) == ([make.PROJECT] if wakes else [])

    def test_a_project_that_is_gone(self) -> None:
        """Its tasks have to say so, and its status is forgotten."""
        ground = Ground()
        ground.add(task())
        ground.store.put_project(make.project()).shadow.shown = Status(phase="x")
        ground.settled()
        assert ground.store.remove_project("uid-p") == make.project()
        assert (due(ground.resources), due(ground.projects)) == (["uid-1"], [make.PROJECT])
        known = ground.store.project(make.PROJECT)
        assert known is not None
        assert (known.project, known.shadow.shown) == (None, Status())

    def test_a_route_that_changed(self) -> None:
        """All tasks of that project, and the channels know who leads to them."""
        ground, one, other = Ground(), Stand(), Stand()
        ground.add(task())
        ground.settled()
        for route, leading in [
            (Route(one.channel), (True, False)),
            (Route(other.channel), (False, True)),
            (BROKEN, (False, False)),
        ]:
            ground.store.lead(make.PROJECT, route)
            assert due(ground.resources) == ["uid-1"]
            assert (bool(one.facts.leading), bool(other.facts.leading)) == leading
            ground.store.lead(make.PROJECT, replace(route))
            assert due(ground.resources) == []

    def test_labels_that_changed(self) -> None:
        """The tasks of that namespace whose projects select by labels become due, and no others."""
        ground = Ground()
        ground.store.put_project(shared(allowed=BY_LABEL))
        ground.add(task("here", SHARED))
        ground.add(task("elsewhere", SHARED, namespace="team-b"))
        ground.add(task("namespaced"))
        ground.settled()
        ground.store.learn_labels("team-a", NamespaceLabels(), news=False)
        assert due(ground.resources) == []
        ground.store.learn_labels("team-a", NamespaceLabels({"dcs": "yes"}, NOW))
        assert due(ground.resources) == ["here"]

    def test_labels_of_other_namespaces_are_forgotten(self) -> None:
        """Only those that are needed take room."""
        ground = Ground()
        for namespace in ("a", "b", "c"):
            ground.store.learn_labels(namespace, NamespaceLabels())
        ground.store.keep_labels({"b"})
        assert ground.store.labels.keys() == {"b"}


FRESH = NamespaceLabels({"dcs": "yes"}, read_at=NOW, asked_at=NOW, since=NOW)
OLD = replace(FRESH, read_at=NOW - LABELS_S_MAX)
DENIED = "may not be used from namespace team-a"


class TestRoute:
    """Where the project of a task leads for this task."""

    def test_a_project_that_nobody_has_named_is_unknown(self) -> None:
        """It is the caller's to add the task first."""
        assert Ground().store.route_of(task()) == UNKNOWN

    @pytest.mark.parametrize("project", [make.PROJECT, SHARED])
    def test_a_missing_project_is_told_as_it_was_resolved(self, project: ProjectRef) -> None:
        """First it is unknown, then whatever the resolver found."""
        ground = Ground()
        one = ground.add(task(project=project)).task
        assert ground.store.route_of(one) == UNKNOWN
        ground.store.lead(project, BROKEN)
        assert ground.store.route_of(one) == BROKEN

    @pytest.mark.parametrize(
        "allowed, labels, outcome",
        [
            pytest.param(TEAM_A, None, "channel", id="named"),
            pytest.param(NOBODY, None, DENIED, id="nobody"),
            pytest.param(AllowedNamespaces(("team-b",)), None, DENIED, id="somebody else"),
            pytest.param(BY_LABEL, None, "unknown", id="labels not read yet"),
            pytest.param(BY_LABEL, FRESH, "channel", id="labels that match"),
            pytest.param(BY_LABEL, replace(FRESH, labels={}), DENIED, id="labels that do not"),
            pytest.param(BY_LABEL, OLD, "unknown", id="labels that are too old"),
            pytest.param(
                BY_LABEL, replace(OLD, problem="Nobody answers."), "Nobody answers.", id="and why"
            ),
            pytest.param(
                BY_LABEL, replace(FRESH, problem="Nobody answers."), "channel", id="fresh all same"
            ),
        ],
    )
    def test_a_cluster_scoped_project_admits_namespaces(
        self, allowed: AllowedNamespaces, labels: NamespaceLabels | None, outcome: str
    ) -> None:
        """Whoever is not admitted learns nothing of where it leads."""
        ground, stand = Ground(), Stand()
        one = ground.add(task(project=SHARED)).task
        ground.store.put_project(shared(allowed=allowed))
        ground.store.lead(SHARED, Route(stand.channel))
        if labels:
            ground.store.learn_labels("team-a", labels)
        route = ground.store.route_of(one)
        match outcome:
            case "channel":
                assert route == Route(stand.channel)
            case "unknown":
                assert route == UNKNOWN
            case text:
                assert route.channel is None
                assert route.trouble is not None
                assert text in route.trouble.message
                assert route.trouble.kind is TroubleKind.PROJECT
        asked = isinstance(allowed.selector, Selector) and labels is None
        assert ground.store.labels_wanted.is_set() is asked

    @pytest.mark.parametrize(
        "changed_at, since, expected",
        [(NOW - 50.0, NOW - 10.0, NOW - 10.0), (NOW - 10.0, NOW - 50.0, NOW - 10.0)],
    )
    def test_a_refusal_is_as_old_as_what_it_comes_from(
        self, changed_at: float, since: float, expected: float
    ) -> None:
        """The project's list or the labels, whichever changed last."""
        ground = Ground()
        one = ground.add(task(project=SHARED)).task
        ground.now = changed_at
        ground.store.put_project(shared(allowed=BY_LABEL))
        ground.now = NOW
        ground.store.learn_labels("team-a", replace(FRESH, labels={}, since=since))
        trouble = ground.store.route_of(one).trouble
        assert trouble is not None
        assert trouble.since == expected

    def test_where_cluster_scoped_projects_are_not_watched(self) -> None:
        """The text names the option, and what else can be done."""
        ground = Ground(cluster_projects=False)
        one = ground.add(task(project=SHARED)).task
        trouble = ground.store.route_of(one).trouble
        assert trouble is not None
        assert "--cluster-projects" in trouble.message

    def test_a_namesake_is_another_project(self) -> None:
        """What the shadow of the first one knew does not count for the second."""
        ground = Ground()
        ground.store.put_project(make.project()).shadow.version = 7
        named = replace(make.project().object, uid="uid-q")
        entry = ground.store.put_project(make.project(object=named))
        assert entry.shadow.version == 0
        assert (ground.store.project_of("uid-p"), ground.store.project_of("uid-q")) == (None, entry)


class TestMayStop:
    """The last look before a request leaves."""

    @staticmethod
    def ground(*, asked_at: float = NOW, **changes: Any) -> tuple[Ground, Stand, Entry]:
        """Return a task that may be stopped but for what a test changes."""
        ground, stand = Ground(), Stand()
        entry = ground.add(task(**changes))
        ground.store.put_project(make.project())
        ground.store.lead(make.PROJECT, Route(stand.channel))
        entry.cloud = stand.facts.join("uid-1", make.task().key, make.TASK_ID, StopRequest())
        entry.cloud.asked_at = asked_at
        return ground, stand, entry

    @staticmethod
    def asks(ground: Ground, stand: Stand) -> bool:
        """Ask as the stop requests of a channel do."""
        return ground.store.may_stop(stand.facts, make.task().key)

    def test_a_wish_that_was_observed_lately_may_be_fulfilled(self) -> None:
        """The age of 30 s itself is still allowed."""
        ground, stand, _ = self.ground(asked_at=NOW - OBSERVATION_AGE_S_MAX)
        assert self.asks(ground, stand)

    def test_not_without_a_wish(self) -> None:
        """It may have been taken back by deleting the resource or replacing it."""
        ground, stand, _ = self.ground(stopped=False)
        assert not self.asks(ground, stand)

    def test_not_on_an_old_observation(self) -> None:
        """It has to be asked for again first."""
        ground, stand, _ = self.ground(asked_at=NOW - OBSERVATION_AGE_S_MAX - 0.1)
        assert not self.asks(ground, stand)

    def test_not_for_a_task_that_nobody_names(self) -> None:
        """The resource was deleted while the request waited."""
        ground, stand, entry = self.ground()
        ground.store.remove("uid-1")
        assert not self.asks(ground, stand)
        assert entry.cloud
        stand.facts.leave("uid-1", entry.cloud)
        assert not self.asks(ground, stand)

    def test_not_while_the_project_is_suspended(self) -> None:
        """The emergency brake holds what has not left yet."""
        ground, stand, _ = self.ground()
        ground.store.put_project(make.project(suspended=True))
        assert not self.asks(ground, stand)

    @pytest.mark.parametrize("lead", ["elsewhere", "nowhere"])
    def test_not_when_the_project_leads_elsewhere(self, lead: str) -> None:
        """Nor when it leads nowhere: the moment counts, not what was processed."""
        ground, stand, _ = self.ground()
        route = Route(Stand().channel) if lead == "elsewhere" else BROKEN
        ground.store.lead(make.PROJECT, route)
        assert not self.asks(ground, stand)

    @pytest.mark.parametrize("change", ["moved", "deleted"])
    def test_not_when_the_project_was_corrected_or_deleted(self, change: str) -> None:
        """Also as long as nobody has looked at it again; and what leads there is dropped."""
        ground, stand, _ = self.ground()
        ground.store.put_project(make.project())
        assert self.asks(ground, stand)
        if change == "moved":
            ground.store.put_project(make.project(project_id="corrected"))
        else:
            ground.store.remove_project("uid-p")
        assert not self.asks(ground, stand)
        assert stand.facts.leading == set()

    def test_not_when_the_namespace_is_no_longer_admitted(self) -> None:
        """In the very moment in which the project's list changes, or its labels grow too old."""
        ground, stand = Ground(), Stand()
        entry = ground.add(task(project=SHARED))
        ground.store.put_project(shared(allowed=BY_LABEL))
        ground.store.learn_labels("team-a", FRESH)
        ground.store.lead(SHARED, Route(stand.channel))
        entry.cloud = stand.facts.join("uid-1", make.task().key, make.TASK_ID, StopRequest())
        entry.cloud.asked_at = NOW + LABELS_S_MAX
        assert self.asks(ground, stand)
        ground.now = NOW + LABELS_S_MAX
        assert not self.asks(ground, stand)
        ground.store.put_project(shared())
        assert self.asks(ground, stand)
        ground.store.put_project(shared(allowed=NOBODY))
        assert not self.asks(ground, stand)

    def test_one_resource_that_wishes_is_enough(self) -> None:
        """Another one of the same task may only observe it."""
        ground, stand, entry = self.ground(stopped=False)
        other = ground.add(task("uid-2"))
        other.cloud = stand.facts.join("uid-2", make.task().key, make.TASK_ID, StopRequest())
        assert other.cloud is entry.cloud
        assert self.asks(ground, stand)


def test_a_project_that_neither_exists_nor_is_named_takes_no_room() -> None:
    """It is forgotten by whoever kept it usable."""
    ground = Ground()
    ground.add(task())
    ground.store.remove("uid-1")
    ground.store.forget_project(make.PROJECT)
    assert ground.store.projects() == {}


def test_a_walk_over_the_store_bears_changes() -> None:
    """Whoever walks may remove what it meets."""
    ground = Ground()
    for number in range(3):
        ground.add(task(f"uid-{number}"))
    met = []
    for entry in ground.store:
        met.append(entry.task.ref.uid)
        ground.store.remove("uid-0")
    assert met == ["uid-0", "uid-1", "uid-2"]


@pytest.mark.looptime
async def test_wanted_labels_wake_whoever_reads_them() -> None:
    """The first task that needs them is enough."""
    ground = Ground()
    one = ground.add(task(project=SHARED)).task
    ground.store.put_project(shared(allowed=BY_LABEL))
    waiter = asyncio.create_task(ground.store.labels_wanted.wait())
    ground.store.route_of(one)
    assert await waiter
