"""The intake: which events change a fact, which are dropped, and what a deletion releases."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from dcs_migration_operator.core.cases import Pace
from dcs_migration_operator.core.model import StopRequest
from dcs_migration_operator.core.status import Status, StopRecord
from dcs_migration_operator.engine.intake import OVERWRITTEN, UNREADABLE, Intake
from dcs_migration_operator.engine.pump import Pump
from dcs_migration_operator.engine.reconciler import Reconciler
from dcs_migration_operator.engine.store import Store
from support import make
from unit.engine.parts import Notes, Stand, due, queue

if TYPE_CHECKING:
    from dcs_migration_operator.core.model import ProjectRef
    from dcs_migration_operator.engine.store import Entry

UID = make.task().ref.uid
PROJECT_UID = make.project().object.uid
OURS = make.shown_after(make.situation("MIGRATING", stopped=False))
THEIRS = make.shown_after(make.situation("SUCCESS", stopped=False))
NOW = 1000.0


class Ground:
    """An intake with the parts that it writes to, at second 1,000."""

    def __init__(self) -> None:
        self.notes, self.now = Notes(), NOW
        self.resources: Pump[str] = Pump(self.notes.failed)
        self.projects = queue()
        self.store = Store(
            self.resources.queue, self.projects, queue(), self.clock, cluster_projects=True
        )
        self.intake = Intake(
            self.store,
            Reconciler(
                self.store,
                sink=self.notes,
                recorder=self.notes,
                probe=self.notes,
                clock=self.clock,
            ),
            self.resources,
            sink=self.notes,
            recorder=self.notes,
            probe=self.notes,
            clock=self.clock,
        )

    def clock(self) -> Any:
        """Return this moment."""
        return make.now(self.now)

    def tell(self, version: int, status: Status = Status(), **changes: Any) -> Entry:  # noqa: B008 - frozen
        """Let the watch tell of the task; returns what is known of it then."""
        self.intake.task_changed(make.task(**changes), status, version)
        entry = self.store.get(UID)
        assert entry is not None
        return entry

    def due(self) -> list[str]:
        """Return the tasks that became due."""
        return due(self.resources.queue)

    def due_projects(self) -> list[ProjectRef]:
        """Return the projects that became due."""
        return due(self.projects)


class TestTask:
    """An event of a task resource."""

    def test_a_new_one_is_known_with_its_wish_and_due(self) -> None:
        """The wish counts from the moment at which it was told."""
        ground = Ground()
        entry = ground.tell(10, OURS)
        assert (entry.task, entry.shadow.shown, entry.shadow.version) == (make.task(), OURS, 10)
        assert (entry.wished_at, entry.wished, entry.news_at) == (NOW, make.START, NOW)
        assert ground.due() == [UID]

    def test_without_a_wish_no_time_of_it_is_kept(self) -> None:
        """There is nothing to measure."""
        assert Ground().tell(10, stopped=False).wished is None

    @pytest.mark.parametrize("version", [9, 10])
    def test_an_old_event_changes_nothing(self, version: int) -> None:
        """Nor does the same event again, as after a reconnect."""
        ground = Ground()
        ground.tell(10, stopped=False)
        ground.due()
        entry = ground.tell(version, THEIRS, generation=2)
        assert (entry.task.generation, entry.shadow.shown, ground.due()) == (1, Status(), [])

    def test_a_wish_that_comes_later_is_news(self) -> None:
        """It is as old as its event, and is told within seconds."""
        ground = Ground()
        ground.tell(10, stopped=False)
        ground.due()
        ground.now = NOW + 50.0
        entry = ground.tell(11, generation=2)
        assert (entry.wished_at, entry.news_at) == (NOW + 50.0, NOW + 50.0)
        assert entry.wished == make.now(NOW + 50.0).wall
        assert ground.due() == [UID]

    def test_another_generation_of_the_same_wish_is_as_old_as_before(self) -> None:
        """Only the wish itself moves the time that counts for it."""
        ground = Ground()
        ground.tell(10)
        ground.now = NOW + 50.0
        entry = ground.tell(11, generation=2)
        assert (entry.wished_at, entry.news_at) == (NOW, NOW + 50.0)

    def test_metadata_alone_is_no_news(self) -> None:
        """A label that somebody set does not make a first status late."""
        ground = Ground()
        ground.tell(10)
        ground.now = NOW + 50.0
        assert ground.tell(11).news_at == NOW

    def test_an_echo_of_our_own_write_costs_nothing(self) -> None:
        """Its version counts as told, and nothing becomes due."""
        ground = Ground()
        entry = ground.tell(10)
        ground.due()
        entry.shadow.hand_on(OURS, NOW)
        ground.intake.written(UID, 12, OURS)
        assert ground.intake.is_echo(UID, 1, 12)
        ground.tell(12, OURS)
        assert (entry.shadow.version, ground.due(), ground.notes.warned) == (12, [], [])

    @pytest.mark.parametrize(
        "uid, generation, version, echo",
        [
            pytest.param(UID, 1, 12, True, id="our write"),
            pytest.param(UID, 1, 13, False, id="newer than our write"),
            pytest.param(UID, 2, 12, False, id="another wish"),
            pytest.param("another", 1, 12, False, id="a resource that nobody knows"),
        ],
    )
    def test_an_echo_is_told_before_it_is_read(
        self, uid: str, generation: int, version: int, *, echo: bool
    ) -> None:
        """By uid, generation and version alone; asking changes nothing."""
        ground = Ground()
        entry = ground.tell(10)
        entry.shadow.hand_on(OURS, NOW)
        ground.intake.written(UID, 12, OURS)
        assert ground.intake.is_echo(uid, generation, version) is echo
        assert entry.shadow.version == 10

    def test_an_echo_counts_as_told_and_takes_nothing_back(self) -> None:
        """Else the resync would call the watch deaf; of an unknown resource nothing is kept."""
        ground = Ground()
        entry = ground.tell(10)
        ground.intake.echoed(UID, 12)
        ground.intake.echoed(UID, 11)
        ground.intake.echoed("another", 12)
        assert (entry.shadow.version, ground.store.versions()) == (12, {UID: 12})

    def test_a_status_that_somebody_replaced_is_told_and_put_right(self) -> None:
        """A warning, a figure, and the resource is due."""
        ground = Ground()
        entry = ground.tell(10)
        entry.shadow.hand_on(OURS, NOW)
        ground.intake.written(UID, 12, OURS)
        ground.due()
        ground.tell(13, THEIRS)
        assert ground.notes.warned == [(UID, OVERWRITTEN)]
        assert (ground.notes.counted, ground.due()) == (["overwritten"], [UID])

    def test_a_status_with_the_same_meaning_is_nobodys_quarrel(self) -> None:
        """Whoever restores our own status of yesterday harms nobody."""
        ground = Ground()
        entry = ground.tell(10)
        entry.shadow.hand_on(OURS, NOW)
        ground.intake.written(UID, 12, OURS)
        ground.tell(13, replace(OURS, stop=StopRecord(attempts=1)))
        assert ground.notes.warned == []

    def test_a_resource_that_names_another_task_begins_anew(self) -> None:
        """The schema forbids it; where a CRD was replaced, nothing of the other task counts."""
        ground = Ground()
        entry = ground.tell(10)
        ground.now = NOW + 50.0
        other = ground.tell(11, task_id="f" * 32)
        assert other is not entry
        assert (other.wished_at, ground.notes.dropped) == (NOW + 50.0, [UID])


class TestGone:
    """A deletion."""

    def test_a_task_is_forgotten_with_all_that_waits(self) -> None:
        """Its status is not written, nor is it processed."""
        ground = Ground()
        ground.tell(10)
        ground.intake.deleted(UID)
        assert (ground.store.get(UID), ground.due(), ground.notes.dropped) == (None, [], [UID])

    def test_a_task_gives_up_its_place_at_its_channel(self) -> None:
        """It is not polled any more, and what was requested for it is remembered there."""
        ground, stand = Ground(), Stand()
        entry = ground.tell(10)
        request = make.accepted(NOW)
        entry.channel = stand.channel
        entry.cloud = stand.facts.join(UID, make.task().key, make.TASK_ID, request)
        ground.intake.deleted(UID)
        assert stand.facts.task(make.task().key) is None
        assert stand.watched.paces == {make.task().key: Pace.NEVER}
        again = stand.facts.join("uid-2", make.task().key, make.TASK_ID, StopRequest())
        assert again.request == request

    def test_a_project_is_forgotten_with_its_status(self) -> None:
        """And its tasks become due."""
        ground = Ground()
        ground.tell(10)
        ground.intake.project_changed(make.project(), Status(), 11)
        ground.due()
        ground.intake.deleted(PROJECT_UID)
        assert (ground.due(), ground.notes.dropped) == ([UID], [PROJECT_UID])
        assert ground.store.versions() == {UID: 10}

    def test_what_nobody_knows_may_be_gone_as_well(self) -> None:
        """It can happen after a restart."""
        ground = Ground()
        ground.intake.deleted("another")
        assert ground.notes.dropped == []


class TestUnreadable:
    """An object that cannot be read."""

    def test_it_counts_as_known_and_is_told_once(self) -> None:
        """So that a start is not kept waiting for it, and no log fills with it."""
        ground = Ground()
        for version in (10, 11):
            ground.intake.unreadable(make.task().ref, version, "spec.taskId is missing.")
        assert ground.store.versions() == {UID: 11}
        assert (ground.notes.warned, ground.notes.counted) == ([(UID, UNREADABLE)], ["unreadable"])

    def test_what_was_known_of_it_before_does_not_count(self) -> None:
        """Nothing is requested for a wish that cannot be read any more."""
        ground = Ground()
        ground.tell(10)
        ground.intake.unreadable(make.task().ref, 11, "spec.taskId is missing.")
        assert (ground.store.get(UID), ground.due()) == (None, [])

    def test_a_repaired_one_is_as_good_as_new(self) -> None:
        """And may fail again, which is told again."""
        ground = Ground()
        ground.intake.unreadable(make.task().ref, 10, "spec.taskId is missing.")
        ground.tell(11)
        assert ground.due() == [UID]
        ground.intake.unreadable(make.task().ref, 12, "spec.taskId is missing.")
        assert len(ground.notes.warned) == 2

    def test_a_deleted_one_is_known_no_longer(self) -> None:
        """Else the resync would look for a ghost."""
        ground = Ground()
        ground.intake.unreadable(make.task().ref, 10, "spec.taskId is missing.")
        ground.intake.deleted(UID)
        assert ground.store.versions() == {}


class TestProject:
    """An event of a project resource."""

    def test_a_new_one_is_known_and_due(self) -> None:
        """Its tasks become due as well."""
        ground = Ground()
        ground.tell(10)
        ground.due()
        ground.due_projects()
        ground.intake.project_changed(make.project(), OURS, 11)
        assert (ground.due(), ground.due_projects()) == ([UID], [make.PROJECT])
        known = ground.store.project(make.PROJECT)
        assert known
        assert (known.shadow.shown, known.shadow.version) == (OURS, 11)

    @pytest.mark.parametrize("version", [10, 11])
    def test_an_old_event_changes_nothing(self, version: int) -> None:
        """Nor does the same event again."""
        ground = Ground()
        ground.intake.project_changed(make.project(), Status(), 11)
        ground.intake.project_changed(make.project(suspended=True), THEIRS, version)
        known = ground.store.project(make.PROJECT)
        assert known
        assert known.project == make.project()
        assert known.shadow.shown == Status()

    def test_a_namesake_begins_anew(self) -> None:
        """Its versions and its status are its own, whatever the one before had."""
        ground = Ground()
        ground.intake.project_changed(make.project(), OURS, 11)
        named = replace(make.project().object, uid="uid-q")
        ground.intake.project_changed(make.project(object=named), Status(), 12)
        known = ground.store.project(make.PROJECT)
        assert known
        assert (known.shadow.shown, known.shadow.version, known.shadow.written) == (
            Status(),
            12,
            0,
        )

    def test_a_status_that_somebody_replaced_is_told_and_put_right(self) -> None:
        """As for a task: the project is due, although it says what it said."""
        ground = Ground()
        ground.intake.project_changed(make.project(), Status(), 10)
        known = ground.store.project(make.PROJECT)
        assert known
        known.shadow.hand_on(OURS, NOW)
        ground.intake.written(PROJECT_UID, 12, OURS)
        ground.due_projects()
        ground.intake.project_changed(make.project(), THEIRS, 13)
        assert ground.notes.warned == [(PROJECT_UID, OVERWRITTEN)]
        assert ground.due_projects() == [make.PROJECT]

    def test_an_echo_of_our_own_write_costs_nothing(self) -> None:
        """Neither a warning nor a look at the project."""
        ground = Ground()
        ground.intake.project_changed(make.project(), Status(), 10)
        known = ground.store.project(make.PROJECT)
        assert known
        known.shadow.hand_on(OURS, NOW)
        ground.intake.written(PROJECT_UID, 12, OURS)
        ground.due_projects()
        ground.intake.project_changed(make.project(), OURS, 12)
        assert (ground.notes.warned, ground.due_projects()) == ([], [])


@pytest.mark.parametrize("plural", ["migrationtasks", "dcsprojects"])
def test_an_event_that_overtook_the_answer_to_a_write_is_followed_by_another(plural: str) -> None:
    """It may have been somebody else's, and was taken for an echo while we wrote."""
    ground = Ground()
    ground.tell(10)
    ground.intake.project_changed(make.project(), Status(), 10)
    known = ground.store.project(make.PROJECT)
    entry = ground.store.get(UID)
    assert known
    assert entry
    uid = UID if plural == "migrationtasks" else PROJECT_UID
    shadow = entry.shadow if plural == "migrationtasks" else known.shadow
    shadow.hand_on(OURS, NOW)
    shadow.told(13, THEIRS)
    ground.intake.written(uid, 12, OURS)
    assert ground.notes.wanted == [(uid, OURS)]
    ground.intake.written(uid, 14, OURS)
    assert len(ground.notes.wanted) == 1


def test_the_answer_to_a_write_of_what_is_gone_is_dropped() -> None:
    """The object was deleted while its status was on its way."""
    ground = Ground()
    ground.intake.written("another", 12, OURS)
    assert ground.notes.wanted == []


def test_a_standby_that_becomes_the_leader_has_heard_everything_now() -> None:
    """What it has known for an hour passes through its quiet time like anything new."""
    ground = Ground()
    entry = ground.tell(10)
    ground.now = NOW + 3600.0
    ground.intake.renew()
    assert (entry.news_at, entry.wished_at) == (NOW + 3600.0, NOW)
