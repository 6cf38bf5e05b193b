"""The reconciler over a store that a test filled: one call, and what follows from it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from dcs_migration_operator.core.cases import QUIET_S, Pace
from dcs_migration_operator.core.cloud import Operation
from dcs_migration_operator.core.decide import BACKLOG_S_MAX, OBSERVATION_AGE_S_MAX
from dcs_migration_operator.core.model import (
    ObjectRef,
    Outcome,
    StopRequest,
    Trouble,
    TroubleKind,
)
from dcs_migration_operator.core.status import Status
from dcs_migration_operator.engine.reconciler import STARTED_AGAIN, Reconciler
from dcs_migration_operator.engine.shadow import WRITE_S, WRITES_MAX, StatusShadow
from dcs_migration_operator.engine.store import UNKNOWN, Entry, Route, Store
from support import make
from unit.engine.parts import ACCOUNT, Notes, Stand, queue

if TYPE_CHECKING:
    from dcs_migration_operator.core.model import Instant
    from dcs_migration_operator.engine.facts import CloudTask

UID, KEY = make.task().ref.uid, make.task().key
NOW = 1000.0
TERMINATED = make.shown_after(make.situation("TERMINATED", request=make.accepted(990.0)))
STOPPING = make.shown_after(make.situation("MIGRATING", request=make.accepted(990.0)))


class Ground:
    """A reconciler, a store with one task, and a channel that its project leads to."""

    def __init__(self, shown: Status = Status(), **changes: Any) -> None:  # noqa: B008 - frozen
        self.notes, self.now = Notes(), NOW
        self.store = Store(queue(), queue(), queue(), self.clock, cluster_projects=True)
        self.reconciler = Reconciler(
            self.store, sink=self.notes, recorder=self.notes, probe=self.notes, clock=self.clock
        )
        self.entry = self.add(shown, **changes)
        self.store.put_project(make.project())
        self.stand = Stand()
        self.lead(self.stand)

    def clock(self) -> Instant:
        """Return this moment."""
        return make.now(self.now)

    def add(self, shown: Status = Status(), uid: str = UID, **changes: Any) -> Entry:  # noqa: B008 - frozen
        """Add a task resource that was told just now."""
        ref = ObjectRef("migrationtasks", "team-a", uid, uid)
        entry = Entry(make.task(ref=ref, **changes), StatusShadow(shown=shown))
        entry.wished_at = entry.news_at = self.now
        entry.wished = self.clock().wall if entry.task.stopped else None
        self.store.add(entry)
        return entry

    def lead(self, stand: Stand | None, trouble: Trouble | None = None) -> None:
        """Let the project lead to a channel, or nowhere."""
        self.store.lead(make.PROJECT, Route(stand.channel if stand else None, trouble))

    def observe(self, word: str, asked_at: float | None = None, *, confirmed: bool = False) -> None:
        """Let DCS say this word about the task."""
        at = self.now if asked_at is None else asked_at
        self.stand.facts.observe(KEY, make.observed(word), at, confirmed=confirmed)

    def run(self, uid: str = UID) -> float | None:
        """Reconcile once."""
        return self.reconciler.reconcile(uid)

    @property
    def cloud(self) -> CloudTask:
        """What the channel knows about the task."""
        assert self.entry.cloud
        return self.entry.cloud

    @property
    def written(self) -> list[tuple[str, str]]:
        """The phases and reasons of Ready that were handed on."""
        found = []
        for _, status in self.notes.wanted:
            ready = status.condition("Ready")
            found.append((status.phase, ready.reason if ready else ""))
        return found

    @property
    def pace(self) -> Pace:
        """How soon the task is polled."""
        return self.stand.watched.paces[KEY]


def test_an_unknown_uid_is_nothing_to_do() -> None:
    """The resource was deleted before its turn."""
    assert Ground().run("another") is None


class TestOneStop:
    """The way of one stop, step by step."""

    def test_first_dcs_is_asked(self) -> None:
        """Nothing is written for the quiet time, and nothing is requested."""
        ground = Ground()
        assert ground.run() == NOW + QUIET_S
        assert (ground.pace, ground.written, ground.stand.watched.submitted) == (Pace.NOW, [], [])

    def test_what_is_still_unasked_after_the_quiet_time_is_told(self) -> None:
        """A first status appears within the promised five seconds."""
        ground = Ground()
        ground.run()
        ground.now += QUIET_S
        ground.run()
        assert ground.written == [("PENDING", "Pending")]

    def test_an_active_task_is_requested_to_stop(self) -> None:
        """In the spelling of DCS, without a write before it is accepted."""
        ground = Ground()
        ground.run()
        ground.observe("MIGRATING")
        ground.run()
        assert (ground.stand.watched.submitted, ground.written) == ([make.TASK_ID], [])

    def test_while_the_request_is_under_way_it_is_not_repeated(self) -> None:
        """Whatever becomes due meanwhile."""
        ground = Ground()
        ground.run()
        ground.observe("MIGRATING")
        ground.cloud.requested = True
        ground.run()
        assert ground.stand.watched.submitted == []

    def test_an_acceptance_is_written_and_followed(self) -> None:
        """And looked at again when it should have shown."""
        ground = Ground()
        ground.run()
        ground.observe("MIGRATING")
        ground.cloud.request = make.accepted(NOW)
        assert ground.run() == NOW + 60.0
        assert (ground.written, ground.pace) == ([("TERMINATING", "Stopping")], Pace.STOPPING)

    def test_the_end_is_written_and_measured(self) -> None:
        """From the wish to TERMINATED; then the task is only looked at now and then."""
        ground = Ground(STOPPING)
        ground.run()
        ground.now += 20.0
        ground.observe("TERMINATED")
        assert ground.run() is None
        assert ground.written == [("TERMINATED", "Terminated")]
        assert (ground.notes.stops, ground.pace) == ([20.0], Pace.SETTLED)

    def test_a_task_that_was_stopped_by_somebody_else_is_not_measured(self) -> None:
        """No request of ours led to that end."""
        ground = Ground()
        ground.run()
        ground.observe("TERMINATED")
        ground.run()
        assert (ground.written, ground.notes.stops) == ([("TERMINATED", "Terminated")], [])

    def test_what_was_written_is_not_written_again(self) -> None:
        """However often the resource becomes due."""
        ground = Ground()
        ground.run()
        ground.observe("TERMINATED")
        for _ in range(3):
            ground.run()
        assert len(ground.written) == 1

    def test_after_the_end_of_the_process_began_nothing_is_requested(self) -> None:
        """What is under way still ends in a status."""
        ground = Ground()
        ground.run()
        ground.observe("MIGRATING")
        ground.reconciler.retire()
        ground.run()
        assert ground.stand.watched.submitted == []
        ground.cloud.request = make.accepted(NOW)
        ground.run()
        assert ground.written == [("TERMINATING", "Stopping")]


class TestRestart:
    """What a status of before tells."""

    def test_an_acceptance_is_recalled_with_its_age(self) -> None:
        """It is followed, and not requested again before its time."""
        ground = Ground(STOPPING)
        ground.run()
        assert ground.cloud.request.outcome is Outcome.ACCEPTED
        ground.observe("MIGRATING")
        assert ground.run() == 990.0 + 60.0
        assert (ground.stand.watched.submitted, ground.written) == ([], [])

    def test_a_fulfilled_wish_rests(self) -> None:
        """Neither a write nor a question, but now and then."""
        ground = Ground(TERMINATED)
        assert ground.run() is None
        assert (ground.written, ground.pace) == ([], Pace.SETTLED)

    def test_without_a_wish_no_request_is_recalled(self) -> None:
        """Whatever the status says of an earlier one."""
        ground = Ground(STOPPING, stopped=False)
        ground.run()
        assert ground.cloud.request == StopRequest()

    def test_a_fresh_list_serves_whoever_comes_later(self) -> None:
        """No further question is asked before the request."""
        ground = Ground()
        ground.stand.watched.lists[KEY] = (make.observed("MIGRATING"), NOW - 20.0)
        ground.run()
        assert ground.stand.watched.submitted == [make.TASK_ID]

    def test_an_observation_that_is_fresh_is_not_replaced_by_the_list(self) -> None:
        """Only one that is too old needs it."""
        ground = Ground(stopped=False)
        ground.run()
        ground.observe("INCRMIGRATING", NOW - OBSERVATION_AGE_S_MAX)
        ground.stand.watched.lists[KEY] = (make.observed("MIGRATING"), NOW - 20.0)
        ground.run()
        assert ground.written == [("INCRMIGRATING", "Observed")]


class TestRoute:
    """Where the project leads."""

    def test_an_unknown_route_is_waited_for(self) -> None:
        """The status says so after the quiet time."""
        ground = Ground()
        ground.store.lead(make.PROJECT, UNKNOWN)
        assert ground.run() == NOW + QUIET_S
        assert ground.stand.watched.paces == {}

    def test_a_project_in_trouble_is_told_on_its_tasks(self) -> None:
        """Once it lasts, with its reason."""
        ground = Ground()
        ground.lead(None, Trouble(TroubleKind.PROJECT, NOW, "It does not exist."))
        assert ground.run() == NOW + 2.0
        ground.now += 2.0
        ground.run()
        assert ground.written == [("PENDING", "ProjectNotReady")]

    def test_a_project_that_works_again_gives_its_tasks_their_quiet_time(self) -> None:
        """What they waited for may come within moments, so nothing is written in between."""
        ground = Ground()
        ground.lead(None, Trouble(TroubleKind.PROJECT, NOW - 100.0, "It does not exist."))
        ground.run()
        ground.now += 50.0
        ground.lead(ground.stand)
        assert ground.run() == NOW + 50.0 + QUIET_S
        assert ground.written == [("PENDING", "ProjectNotReady")]

    def test_a_trouble_of_the_channel_that_ends_gives_them_the_same(self) -> None:
        """The first status after it is what DCS says."""
        ground = Ground()
        trouble = Trouble(TroubleKind.CREDENTIALS, NOW - 100.0, "Refused.")
        ground.stand.facts.trouble(dict.fromkeys(Operation, trouble))
        ground.run()
        ground.now += 50.0
        ground.stand.facts.trouble({})
        assert ground.run() == NOW + 50.0 + QUIET_S
        ground.observe("MIGRATING", NOW + 51.0)
        ground.cloud.request = make.accepted(NOW + 51.0)
        ground.run()
        assert [reason for _, reason in ground.written] == ["CredentialsInvalid", "Stopping"]

    def test_another_key_of_the_same_cloud_project_goes_on_where_the_first_was(self) -> None:
        """What was requested is kept; the task is not polled by the old channel any more."""
        ground, other = Ground(STOPPING), Stand()
        ground.run()
        ground.lead(other)
        ground.run()
        assert (ground.pace, other.watched.paces) == (Pace.NEVER, {KEY: Pace.NOW})
        assert ground.entry.cloud is other.facts.task(KEY)
        assert ground.cloud.request.outcome is Outcome.ACCEPTED

    def test_another_cloud_project_begins_anew(self) -> None:
        """Nothing that was said or requested elsewhere counts there."""
        ground = Ground(TERMINATED)
        ground.run()
        other = Stand(account=replace(ACCOUNT, project_id="another"))
        ground.lead(other)
        ground.run()
        assert other.watched.paces == {KEY: Pace.NOW}
        other.facts.observe(KEY, make.observed("MIGRATING"), NOW, confirmed=True)
        ground.run()
        assert (other.watched.submitted, ground.notes.warned) == ([make.TASK_ID], [])

    def test_a_trouble_in_between_does_not_make_another_cloud_project_the_same(self) -> None:
        """The status still speaks of the first one, so nobody has started the task again."""
        ground = Ground(TERMINATED)
        ground.run()
        other = Stand(account=replace(ACCOUNT, project_id="another"))
        trouble = Trouble(TroubleKind.PERMISSION, NOW - 100.0, "Forbidden.")
        other.facts.trouble(dict.fromkeys(Operation, trouble))
        ground.lead(other)
        ground.run()
        assert ground.written == [("TERMINATED", "PermissionDenied")]
        other.facts.trouble({})
        other.facts.observe(KEY, make.observed("MIGRATING"), NOW + 1.0, confirmed=True)
        ground.now += 1.0
        ground.run()
        assert (other.watched.submitted, ground.notes.warned) == ([make.TASK_ID], [])

    def test_a_suspended_project_requests_nothing(self) -> None:
        """The reason says so; it goes on when the brake is released."""
        ground = Ground()
        ground.store.put_project(make.project(suspended=True))
        ground.run()
        ground.observe("MIGRATING")
        ground.run()
        assert (ground.stand.watched.submitted, ground.written) == (
            [],
            [("MIGRATING", "Suspended")],
        )
        ground.store.put_project(make.project())
        ground.run()
        assert ground.stand.watched.submitted == [make.TASK_ID]

    def test_a_resource_that_is_released_gives_everything_up(self) -> None:
        """Its status, its place, its pace; what was requested is kept for the next."""
        ground = Ground(STOPPING)
        ground.run()
        ground.reconciler.release(ground.entry)
        assert (ground.notes.dropped, ground.pace) == ([UID], Pace.NEVER)
        assert (ground.entry.cloud, ground.stand.facts.task(KEY)) == (None, None)
        assert ground.entry.recalled.outcome is Outcome.ACCEPTED

    def test_two_resources_of_one_task_share_its_pace(self) -> None:
        """The most urgent one counts, and the other one's when that is gone."""
        ground = Ground()
        other = ground.add(uid="uid-2", stopped=False)
        for word in ("MIGRATING", "TERMINATED"):
            for uid in (UID, "uid-2"):
                ground.run(uid)
            ground.now += 1.0
            ground.observe(word)
            ground.cloud.request = make.accepted(ground.now)
        paces = [ground.pace]
        ground.run()
        paces.append(ground.pace)
        ground.reconciler.release(other)
        paces.append(ground.pace)
        assert paces == [Pace.STOPPING, Pace.OBSERVING, Pace.SETTLED]


class TestStartedAgain:
    """A task that runs again after its end."""

    @staticmethod
    def again(word: str = "MIGRATING") -> Ground:
        """Return a ground on which a call for the task alone has confirmed that it runs again."""
        ground = Ground(TERMINATED)
        ground.run()
        ground.now += 500.0
        ground.observe(word, confirmed=True)
        return ground

    def test_it_is_told_once_and_requested_again(self) -> None:
        """A warning, and a new request that knows of none before."""
        ground = self.again()
        ground.run()
        ground.run()
        assert ground.notes.warned == [(UID, STARTED_AGAIN)]
        assert ground.stand.watched.submitted == [make.TASK_ID] * 2

    def test_what_was_requested_before_its_end_counts_no_more(self) -> None:
        """But for the number of attempts; the age of the old acceptance is no reason to wait."""
        ground = Ground(STOPPING)
        ground.run()
        ground.observe("TERMINATED")
        ground.run()
        ground.now += 5.0
        ground.observe("MIGRATING", confirmed=True)
        ground.run()
        assert ground.cloud.request == StopRequest(attempts=1)
        assert ground.stand.watched.submitted == [make.TASK_ID]

    def test_a_list_alone_is_not_believed(self) -> None:
        """It may be an old one; the task is asked for by itself first."""
        ground = Ground(TERMINATED)
        ground.run()
        ground.now += 500.0
        ground.observe("MIGRATING")
        ground.run()
        assert (ground.pace, ground.notes.warned) == (Pace.CONFIRM, [])
        assert ground.stand.watched.submitted == []

    def test_terminating_again_is_followed(self) -> None:
        """Somebody started it and stopped it again: it is told and not requested."""
        ground = self.again("TERMINATING")
        ground.run()
        assert ground.notes.warned == [(UID, STARTED_AGAIN)]
        assert (ground.stand.watched.submitted, ground.pace) == ([], Pace.STOPPING)

    def test_another_start_is_told_again(self) -> None:
        """After the stop of the first one was written."""
        ground = self.again()
        ground.run()
        ground.cloud.request = make.accepted(ground.now)
        ground.run()
        ground.now += 5.0
        ground.observe("TERMINATED")
        ground.run()
        ground.now += 5.0
        ground.observe("MIGRATING", confirmed=True)
        ground.run()
        assert ground.notes.warned == [(UID, STARTED_AGAIN)] * 2

    def test_a_request_under_way_is_left_alone(self) -> None:
        """Another resource of the same task has seen it first."""
        ground = self.again()
        ground.cloud.requested = True
        ground.cloud.request = make.accepted(100.0)
        ground.run()
        assert ground.cloud.request == make.accepted(100.0)


class TestWrites:
    """When a status leaves."""

    def test_a_quarrel_is_slowed_down(self) -> None:
        """Somebody wipes the status each time: after eight writes it is one in 20 s."""
        ground = Ground()
        ground.run()
        ground.observe("TERMINATED")
        moments = []
        for _ in range(WRITES_MAX + 2):
            moments.append(ground.run())
            ground.entry.shadow.shown = Status()
        assert len(ground.written) == WRITES_MAX
        assert moments[-1] == NOW + WRITE_S
        ground.now += WRITE_S
        ground.run()
        assert len(ground.written) == WRITES_MAX + 1

    def test_a_backlog_that_makes_progress_is_not_told_as_pending(self) -> None:
        """Behind many others a task waits longer without a write, and not for ever."""
        ground = Ground()
        ground.run()
        ground.observe("MIGRATING")
        while ground.now < NOW + BACKLOG_S_MAX:
            ground.stand.facts.progress(ground.now)
            ground.run()
            assert ground.written == []
            ground.now += 1.0
        ground.stand.facts.progress(ground.now)
        ground.run()
        assert ground.written == [("MIGRATING", "Pending")]

    def test_the_next_moment_is_the_earlier_one(self) -> None:
        """Of the step that is due and of the write that has to wait."""
        ground = Ground()
        ground.run()
        ground.observe("MIGRATING")
        for _ in range(WRITES_MAX):
            ground.entry.shadow.hand_on(Status(), NOW)
        ground.cloud.request = make.accepted(NOW)
        assert ground.run() == NOW + WRITE_S


@pytest.mark.parametrize("unreadable", [True, False])
def test_a_task_that_cannot_be_shown_says_so(*, unreadable: bool) -> None:
    """Its own trouble is told on it; others of the channel know nothing of it."""
    ground = Ground()
    ground.run()
    if unreadable:
        trouble = Trouble(TroubleKind.UNAVAILABLE, NOW, "DCS refuses to show this task.")
        ground.stand.facts.refuse(KEY, trouble)
    ground.now += QUIET_S
    ground.run()
    assert ground.written == [("PENDING", "CloudUnavailable" if unreadable else "Pending")]
