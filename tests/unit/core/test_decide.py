"""The table of cases, row by row, and what no row may ever do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcs_migration_operator.core.cases import CASES, Case, Pace
from dcs_migration_operator.core.conditions import READY, RECONCILING, STALLED, STOPPED
from dcs_migration_operator.core.decide import (
    EFFECT,
    OBSERVATION_AGE_S_MAX,
    REPEAT,
    Situation,
    decide,
)
from dcs_migration_operator.core.model import Outcome, StopRequest, TroubleKind
from dcs_migration_operator.core.phases import WORDS, PhaseClass
from dcs_migration_operator.core.status import Status, StopRecord, TaskRecord
from unit import make

ACTIVE = [word for word, kind in WORDS.items() if kind is PhaseClass.ACTIVE] + ["NEW_WORD"]
ENDED = [word for word, kind in WORDS.items() if kind is PhaseClass.ENDED]
FAILED = [word for word, kind in WORDS.items() if kind is PhaseClass.FAILED]


def conditions(status: Status) -> dict[str, tuple[str, str]]:
    """Return type → (status, reason)."""
    return {c.type: (c.status, c.reason) for c in status.conditions}


def test_a_task_that_was_never_asked_for_is_looked_at_first() -> None:
    """Before the first look the phase is PENDING and nothing is ordered."""
    decision, status = make.outcome(make.situation())
    assert (decision.case, decision.pace, decision.stop) == (Case.UNASKED, Pace.NOW, False)
    assert status.phase == "PENDING"
    assert conditions(status) == {
        READY: ("False", "Pending"),
        STOPPED: ("Unknown", "Pending"),
        RECONCILING: ("True", "Pending"),
    }


@pytest.mark.parametrize("word", ACTIVE)
def test_an_active_task_is_ordered_to_stop(word: str) -> None:
    """Every active word, known or not, leads to an order."""
    decision = decide(make.situation(word), make.now())
    assert (decision.case, decision.stop) == (Case.TO_STOP, True)


@pytest.mark.parametrize("word", ACTIVE)
def test_an_active_task_that_may_run_is_only_observed(word: str) -> None:
    """Without the wish nothing is ordered and the resource is ready."""
    decision, status = make.outcome(make.situation(word, stopped=False))
    assert (decision.stop, decision.pace) == (False, Pace.OBSERVING)
    assert status.phase == word
    assert conditions(status) == {READY: ("True", "Observed"), STOPPED: ("False", "Running")}
    assert status.stop is None


def test_an_accepted_stop_is_terminating_while_dcs_lags() -> None:
    """After acceptance the phase is TERMINATING although DCS still says MIGRATING."""
    decision, status = make.outcome(make.situation("MIGRATING", request=make.accepted(990.0)))
    assert (decision.case, decision.stop, decision.pace) == (Case.LAGGING, False, Pace.STOPPING)
    assert status.phase == "TERMINATING"
    assert conditions(status) == {
        READY: ("False", "Stopping"),
        STOPPED: ("False", "Stopping"),
        RECONCILING: ("True", "Stopping"),
    }
    assert status.stop == StopRecord(
        requested_at="2026-03-01T12:00:00Z",
        accepted_at="2026-03-01T11:59:50Z",
        attempts=1,
        request_id="req-0",
    )


def test_the_step_to_terminating_costs_no_write() -> None:
    """What is shown after an acceptance is the same when DCS says TERMINATING itself."""
    lagging = make.situation("MIGRATING", request=make.accepted(990.0))
    status = make.shown_after(lagging)
    stopping = replace(lagging, observed=make.observed("TERMINATING"), shown=status)
    assert make.shown_after(stopping, at=1005.0) == status


def test_terminating_without_an_order_of_ours_is_not_ordered() -> None:
    """Somebody else stopped it: it is followed, not ordered again."""
    decision, status = make.outcome(make.situation("TERMINATING"))
    assert (decision.stop, decision.pace) == (False, Pace.STOPPING)
    assert conditions(status)[READY] == ("False", "Stopping")
    assert status.stop == StopRecord(requested_at="2026-03-01T12:00:00Z")


def test_terminated_fulfills_the_wish() -> None:
    """TERMINATED is success; nobody looks at the task any more."""
    decision, status = make.outcome(make.situation("TERMINATED", request=make.accepted(990.0)))
    assert (decision.stop, decision.pace) == (False, Pace.SETTLED)
    assert status.phase == "TERMINATED"
    assert conditions(status) == {READY: ("True", "Terminated"), STOPPED: ("True", "Terminated")}
    assert status.stop is not None
    assert status.stop.terminated_at == "2026-03-01T12:00:00Z"


def test_a_fulfilled_wish_rests() -> None:
    """A status that already says so is neither written nor looked at again, even in trouble."""
    done = make.shown_after(make.situation("TERMINATED", request=make.accepted(990.0)))
    again = make.situation(shown=done, blocked=make.trouble(TroubleKind.CREDENTIALS))
    decision = decide(again, make.now(5000.0))
    assert (decision.case, decision.speak, decision.pace) == (Case.SETTLED, False, Pace.SETTLED)


def test_a_new_generation_is_looked_at_again() -> None:
    """What was said about an older wish does not settle a newer one."""
    done = make.shown_after(make.situation("TERMINATED", stopped=False))
    flipped = make.situation(shown=done, task=make.task(generation=2))
    assert decide(flipped, make.now()).pace is Pace.NOW


@pytest.mark.parametrize("word", ENDED)
def test_a_task_that_ended_by_itself_fulfills_the_wish(word: str) -> None:
    """Ended words are ready without any order."""
    decision, status = make.outcome(make.situation(word))
    assert (decision.stop, decision.pace) == (False, Pace.SETTLED)
    assert status.phase == word
    assert conditions(status) == {READY: ("True", "EndedBeforeStop"), STOPPED: ("True", "Ended")}


@pytest.mark.parametrize("word", ENDED)
def test_a_task_seen_terminated_before_stays_terminated_in_words(word: str) -> None:
    """RELEASED after TERMINATED is the cloud cleaning up, not a stop that came too late."""
    before = make.shown_after(make.situation("TERMINATED", stopped=False))
    later = make.situation(word, shown=before, task=make.task(generation=2))
    assert conditions(make.shown_after(later)) == {
        READY: ("True", "Terminated"),
        STOPPED: ("True", "Terminated"),
    }


@pytest.mark.parametrize("word", FAILED)
@pytest.mark.parametrize("stopped", [True, False])
def test_a_failed_task_needs_a_person(word: str, stopped: bool) -> None:  # noqa: FBT001
    """Failed words are stalled whatever the wish; nothing is ordered."""
    decision, status = make.outcome(make.situation(word, stopped=stopped))
    assert (decision.stop, decision.pace) == (False, Pace.OBSERVING)
    assert conditions(status) == {
        READY: ("False", "TaskFailed"),
        STOPPED: ("True", "TaskFailed"),
        STALLED: ("True", "TaskFailed"),
    }


@pytest.mark.parametrize("stopped", [True, False])
def test_an_unknown_id_needs_a_person(stopped: bool) -> None:  # noqa: FBT001
    """An id that DCS does not know is DELETED, and looked for again only rarely."""
    decision, status = make.outcome(make.situation("DELETED", stopped=stopped))
    assert (decision.stop, decision.pace) == (False, Pace.RARELY)
    assert status.phase == "DELETED"
    assert conditions(status) == {
        READY: ("False", "TaskNotFound"),
        STOPPED: ("Unknown", "TaskNotFound"),
        STALLED: ("True", "TaskNotFound"),
    }


def test_what_is_known_of_a_task_outlives_it() -> None:
    """`status.task` stays when DCS forgets the task, so that a person still recognizes it."""
    known = Status(phase="MIGRATING", task=TaskRecord(name="orders"))
    assert make.shown_after(make.situation("DELETED", shown=known)).task == known.task


class TestOrders:
    """When an order leaves, and when it has to wait."""

    def test_an_old_observation_is_renewed_before_an_order(self) -> None:
        """No order for a task that was not seen in the last 30 s."""
        old = make.situation("MIGRATING", asked_at=1000.0 - OBSERVATION_AGE_S_MAX - 0.1)
        decision = decide(old, make.now())
        assert (decision.stop, decision.pace) == (False, Pace.NOW)

    def test_a_observation_of_thirty_seconds_is_fresh_enough(self) -> None:
        """The limit itself is still allowed."""
        just = make.situation("MIGRATING", asked_at=1000.0 - OBSERVATION_AGE_S_MAX)
        assert decide(just, make.now()).stop

    def test_an_order_under_way_is_not_repeated(self) -> None:
        """While the answer is awaited nothing else is ordered."""
        waiting = make.situation("MIGRATING", request=StopRequest(outcome=Outcome.WAITING))
        assert not decide(waiting, make.now()).stop

    def test_an_unknown_outcome_is_looked_at_and_spaced_before_it_is_repeated(self) -> None:
        """A poll that began before the call proves nothing; then 15 s have to pass."""
        request = StopRequest(outcome=Outcome.UNKNOWN, attempts=1, answered_at=999.5, failures=1)
        before = make.situation("MIGRATING", asked_at=999.0, request=request)
        after = replace(before, asked_at=999.9)
        assert (decide(before, make.now()).stop, decide(before, make.now()).pace) == (
            False,
            Pace.NOW,
        )
        decision = decide(after, make.now())
        assert (decision.case, decision.stop, decision.wake_at) == (Case.REPEATING, False, 1014.5)
        assert decide(replace(after, asked_at=1014.0), make.now(1014.5)).stop

    def test_a_refusal_is_told_only_after_another_look(self) -> None:
        """The task may have ended in between, which is what the refusal meant."""
        request = StopRequest(
            outcome=Outcome.REJECTED, answered_at=999.5, failures=1, detail=make.FAULT
        )
        decision = decide(make.situation("MIGRATING", asked_at=999.0, request=request), make.now())
        assert (decision.case, decision.pace) == (Case.UNSURE, Pace.NOW)

    def test_a_refused_order_waits_and_is_repeated(self) -> None:
        """The pause grows with each refusal; the reason carries code and text."""
        request = StopRequest(
            outcome=Outcome.REJECTED, answered_at=990.0, failures=1, detail=make.FAULT
        )
        early, status = make.outcome(make.situation("MIGRATING", request=request))
        assert (early.case, early.stop, early.wake_at) == (Case.REJECTED, False, 1005.0)
        assert conditions(status) == {
            READY: ("False", "StopRejected"),
            STOPPED: ("False", "Running"),
            RECONCILING: ("True", "StopRejected"),
        }
        ready = status.condition(READY)
        assert ready is not None
        assert "DCS.4957: not allowed in the current task state" in ready.message
        assert status.error is not None
        assert (status.error.code, status.error.request_id) == ("DCS.4957", "req-1")
        assert decide(
            make.situation("MIGRATING", asked_at=1004.0, request=request), make.now(1005)
        ).stop

    def test_the_same_refusal_again_is_not_news(self) -> None:
        """A repeated error keeps its first time and request id, and so costs no write."""
        request = StopRequest(
            outcome=Outcome.REJECTED, answered_at=990.0, failures=1, detail=make.FAULT
        )
        first = make.situation("MIGRATING", request=request)
        shown = make.shown_after(first)
        again = replace(make.FAULT, request_id="req-2")
        request = replace(request, answered_at=1010.0, failures=2, detail=again)
        second = make.situation("MIGRATING", asked_at=1011.0, request=request, shown=shown)
        assert make.shown_after(second, at=1012.0).error == shown.error

    def test_an_order_without_effect_is_repeated_after_a_minute(self) -> None:
        """Once confirmed by a look at this task alone, it is ordered again; then less often."""
        request = make.accepted(1000.0)
        at = 1060.0
        unconfirmed = make.situation("MIGRATING", asked_at=1059.0, request=request)
        decision = decide(unconfirmed, make.now(at))
        assert (decision.case, decision.stop, decision.pace) == (
            Case.TO_STOP_AGAIN,
            False,
            Pace.CONFIRM,
        )
        assert decide(replace(unconfirmed, confirmed=True), make.now(at)).stop
        again = make.accepted(1060.0, attempts=2, ineffective=1)
        decision, status = make.outcome(
            make.situation("MIGRATING", asked_at=1070.0, request=again), 1071.0
        )
        assert (decision.case, decision.wake_at) == (Case.INEFFECTIVE, 1180.0)
        assert conditions(status)[READY] == ("False", "StopNotEffective")
        assert status.phase == "TERMINATING"

    def test_before_a_minute_has_passed_nothing_is_repeated(self) -> None:
        """DCS may lag that long."""
        lagging = make.situation("MIGRATING", asked_at=1059.0, request=make.accepted(1000.0))
        decision = decide(lagging, make.now(1059.9))
        assert (decision.case, decision.stop, decision.wake_at) == (Case.LAGGING, False, 1060.0)

    @given(st.integers(0, 10_000))
    def test_pauses_grow_and_end_at_their_limit(self, count: int) -> None:
        """For all counts: never shorter than before, never above the limit."""
        assert EFFECT.seconds(count) <= EFFECT.seconds(count + 1) <= EFFECT.most_s
        assert REPEAT.seconds(count) <= REPEAT.seconds(count + 1) <= REPEAT.most_s


class TestWords:
    """A phase never goes back because of an old or doubtful answer."""

    @pytest.mark.parametrize("phase", ["TERMINATED", "SUCCESS", "FAILED"])
    def test_active_after_ended_is_confirmed_first(self, phase: str) -> None:
        """A list that shows an ended task active again is checked by a call for it alone."""
        shown = replace(make.shown_after(make.situation(phase, stopped=False)), phase=phase)
        doubtful = make.situation("MIGRATING", stopped=False, shown=shown)
        decision = decide(doubtful, make.now())
        assert (decision.case, decision.speak, decision.pace) == (
            Case.SURPRISING,
            False,
            Pace.CONFIRM,
        )
        sure = replace(doubtful, confirmed=True)
        assert decide(sure, make.now()).case is Case.OBSERVED


class TestSpeech:
    """What is written, and what passes too quickly to be worth it."""

    @pytest.mark.parametrize("word", [None, "MIGRATING"])
    def test_a_passing_state_is_not_written_at_once(self, word: str | None) -> None:
        """Within the quiet time nothing is written; then a first status appears."""
        before = make.situation(word, news_at=1000.0)
        early = decide(before, make.now())
        assert (early.speak, early.wake_at) == (False, 1003.0)
        assert decide(replace(before, asked_at=1002.0), make.now(1003.0)).speak

    def test_a_restart_does_not_overwrite_what_is_shown(self) -> None:
        """Until DCS is asked again, the resource keeps what it says."""
        shown = make.shown_after(make.situation("MIGRATING", stopped=False))
        restarted = make.situation(stopped=False, shown=shown)
        decision = decide(restarted, make.now(2000.0))
        assert (decision.speak, decision.pace) == (False, Pace.NOW)

    def test_a_short_trouble_is_not_written(self) -> None:
        """One 503 must not cost a write for each of a thousand tasks."""
        trouble = make.trouble(TroubleKind.UNAVAILABLE, since=999.0)
        decision = decide(make.situation(blocked=trouble), make.now())
        assert (decision.speak, decision.wake_at) == (False, 1001.0)

    @pytest.mark.parametrize("kind", list(TroubleKind))
    def test_a_lasting_trouble_is_told_with_its_reason(self, kind: TroubleKind) -> None:
        """Whether it heals alone decides between Reconciling and Stalled."""
        decision, status = make.outcome(
            make.situation(blocked=make.trouble(kind, detail=make.FAULT))
        )
        assert decision.speak
        assert status.phase == "PENDING"
        standing = RECONCILING if kind.heals_alone else STALLED
        assert conditions(status) == {
            READY: ("False", kind.value),
            STOPPED: ("Unknown", "Pending"),
            standing: ("True", kind.value),
        }
        assert status.error is not None
        assert status.error.code == "DCS.4957"

    def test_trouble_keeps_the_phase(self) -> None:
        """What DCS said last stays visible."""
        kind = TroubleKind.UNAVAILABLE
        status = make.shown_after(
            make.situation("MIGRATING", request=make.accepted(990.0), blocked=make.trouble(kind))
        )
        assert status.phase == "TERMINATING"
        assert conditions(status)[STOPPED] == ("False", "Stopping")

    @pytest.mark.parametrize("kind", [TroubleKind.THROTTLED, TroubleKind.UNAVAILABLE])
    def test_passing_trouble_does_not_touch_an_observed_task(self, kind: TroubleKind) -> None:
        """An outage does not rewrite thousands of resources that need nothing."""
        before = make.situation("MIGRATING", stopped=False, blocked=make.trouble(kind))
        assert conditions(make.shown_after(before))[READY] == ("True", "Observed")

    def test_trouble_after_a_restart_is_told_for_unfinished_work(self) -> None:
        """A task being stopped shows the trouble, an observed one keeps what it says."""
        trouble = make.trouble(TroubleKind.UNAVAILABLE)
        stopping = make.shown_after(make.situation("MIGRATING", request=make.accepted(990.0)))
        observed = make.shown_after(make.situation("MIGRATING", stopped=False))
        assert decide(make.situation(shown=stopping, blocked=trouble), make.now()).trouble
        decision = decide(
            make.situation(shown=observed, stopped=False, blocked=trouble), make.now()
        )
        assert (decision.trouble, decision.speak) == (None, False)

    def test_an_error_is_removed_with_the_next_success(self) -> None:
        """`lastError` belongs to a trouble and goes with it."""
        shown = make.shown_after(
            make.situation(blocked=make.trouble(TroubleKind.THROTTLED, detail=make.FAULT))
        )
        assert shown.error is not None
        assert make.shown_after(make.situation("TERMINATED", shown=shown)).error is None


WORD = st.sampled_from([*WORDS, "NEW_WORD"]) | st.none()
ORDERS = st.builds(
    StopRequest,
    outcome=st.sampled_from(Outcome),
    attempts=st.integers(0, 5),
    answered_at=st.sampled_from([float("-inf"), 900.0, 999.0, 1000.0]),
    failures=st.integers(0, 5),
    ineffective=st.integers(0, 5),
    accepted=st.sampled_from([None, make.START]),
)
SITUATIONS = st.builds(
    make.situation,
    WORD,
    stopped=st.booleans(),
    asked_at=st.sampled_from([500.0, 980.0, 999.0]),
    request=ORDERS,
    confirmed=st.booleans(),
    news_at=st.sampled_from([897.0, 998.0]),
    blocked=st.none() | st.builds(make.trouble, st.sampled_from(TroubleKind)),
)


class TestForAll:
    """What holds for every situation."""

    @given(SITUATIONS)
    def test_an_order_needs_a_wish_and_a_fresh_observation_of_an_active_task(
        self, before: Situation
    ) -> None:
        """No order without the wish, for a task that has ended, or on an old answer."""
        if decide(before, make.now()).stop:
            assert before.task.stopped
            assert before.observed is not None
            assert WORDS.get(before.observed.word, PhaseClass.ACTIVE) is PhaseClass.ACTIVE
            assert before.asked_at >= 1000.0 - OBSERVATION_AGE_S_MAX

    @given(SITUATIONS)
    def test_what_is_written_is_written_once(self, before: Situation) -> None:
        """Deciding again on what was just written changes nothing."""
        shown = make.shown_after(before)
        decision, again = make.outcome(replace(before, shown=shown))
        assert not decision.speak or again == shown

    @given(SITUATIONS)
    def test_conditions_follow_kstatus(self, before: Situation) -> None:
        """Ready and Stopped always; Reconciling and Stalled never both, and never when ready."""
        kinds = conditions(make.shown_after(before))
        assert {READY, STOPPED} <= set(kinds)
        ready = kinds[READY][0] == "True"
        assert (RECONCILING in kinds) + (STALLED in kinds) == (0 if ready else 1)

    @given(SITUATIONS)
    def test_nobody_is_left_without_a_next_step(self, before: Situation) -> None:
        """Whoever is not fulfilled is looked at again at some pace."""
        decision = decide(before, make.now())
        if decision.pace is Pace.SETTLED:
            assert CASES[decision.case].ready == "True"
