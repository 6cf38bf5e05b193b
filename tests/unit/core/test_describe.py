"""A decision in words: the sentences that people read, and the records beside the conditions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcs_migration_operator.core.cases import CASES, Case
from dcs_migration_operator.core.conditions import READY, RECONCILING, STALLED, STOPPED
from dcs_migration_operator.core.describe import ERROR_CHARS_MAX
from dcs_migration_operator.core.model import (
    ErrorDetail,
    Outcome,
    StopRequest,
    Trouble,
    TroubleKind,
)
from dcs_migration_operator.core.status import Status, StopRecord, TaskRecord
from support import make

DONE = make.shown_after(make.situation("TERMINATED", request=make.accepted(990.0)))
REJECTED = StopRequest(outcome=Outcome.REJECTED, answered_at=990.0, failures=1, detail=make.FAULT)
UNKNOWN = StopRequest(outcome=Outcome.UNKNOWN, attempts=1, answered_at=990.0, failures=1)


def message(status: Status, kind: str = READY) -> str:
    """Return what a condition says to people."""
    found = status.condition(kind)
    assert found is not None
    return found.message


def words(case: Case, expected: str, word: str | None = None, **changes: Any) -> Any:
    """Return a row: a situation of this case, and a part of what Ready says about it."""
    return pytest.param(make.situation(word, **changes), case, expected, id=case.name)


@pytest.mark.parametrize(
    "before, case, expected",
    [
        words(Case.UNASKED, "DCS has not answered a question about this task yet."),
        words(Case.UNLISTED, "does not mention the task", unlisted_at=999.0),
        words(
            Case.OUTDATED,
            "DCS said TERMINATED before the stop was asked for",
            "TERMINATED",
            wished_at=999.5,
        ),
        words(
            Case.SURPRISING,
            "DCS says MIGRATING after TERMINATED; it is being asked again.",
            "MIGRATING",
            shown=DONE,
        ),
        words(
            Case.STARTED_AGAIN,
            "DCS says MIGRATING after TERMINATED: somebody started the task again",
            "MIGRATING",
            shown=DONE,
            confirmed=True,
        ),
        words(
            Case.SUSPENDED,
            "DCS says MIGRATING; the project is suspended (spec.suspend), so no stop is requested",
            "MIGRATING",
            suspended=True,
        ),
        words(Case.OBSERVED, "the task is only observed", "MIGRATING", stopped=False),
        words(Case.TO_STOP, "the stop is about to be requested", "MIGRATING"),
        words(
            Case.WAITING,
            "the stop is being requested",
            "MIGRATING",
            request=StopRequest(outcome=Outcome.WAITING),
        ),
        words(
            Case.UNSURE,
            "outcome of the stop request is unknown; DCS is being asked again",
            "MIGRATING",
            request=UNKNOWN,
            asked_at=980.0,
        ),
        words(
            Case.REPEATING,
            "The stop request failed or its outcome is unknown, and DCS says MIGRATING; the stop",
            "MIGRATING",
            request=UNKNOWN,
        ),
        words(
            Case.REJECTED,
            "DCS.4957: not allowed in the current task state. The stop will be requested again.",
            "MIGRATING",
            request=REJECTED,
        ),
        words(Case.LAGGING, "under way", "MIGRATING", request=make.accepted(990.0)),
        words(
            Case.INEFFECTIVE,
            "DCS accepted the stop 3 times but still says MIGRATING",
            "MIGRATING",
            request=make.accepted(990.0, attempts=3, ineffective=2),
        ),
        words(
            Case.TO_STOP_AGAIN,
            "it is being requested again",
            "MIGRATING",
            request=make.accepted(900.0),
        ),
        words(Case.STOPPING, "under way", "TERMINATING"),
        words(Case.TERMINATED, "DCS says TERMINATED: the migration is stopped.", "TERMINATED"),
        words(Case.ENDED, "DCS says SUCCESS: the migration had ended before", "SUCCESS"),
        words(Case.FAILED, "DCS says FAILED: the migration failed", "FAILED"),
        words(Case.GONE, f"DCS does not know task {make.TASK_ID} in this project.", "DELETED"),
    ],
)
def test_each_case_has_its_sentence(before: Any, case: Case, expected: str) -> None:
    """It says what is so, and what happens next or who has to do what; its reason is the row's."""
    decision, status = make.outcome(before)
    assert decision.case is case
    assert expected in message(status)
    assert message(status).endswith(".")
    ready = status.condition(READY)
    assert ready is not None
    assert (ready.status, ready.reason) == (CASES[case].ready, CASES[case].reason)


@pytest.mark.parametrize(
    "detail, expected",
    [
        (None, "Something is wrong."),
        (make.FAULT, "Something is wrong. (DCS.4957: not allowed in the current task state)"),
        (ErrorDetail("401", ""), "Something is wrong. (401)"),
    ],
)
def test_a_trouble_has_its_own_sentence(detail: ErrorDetail | None, expected: str) -> None:
    """And the answer behind it; Ready and Stalled say the same."""
    blocked = make.trouble(TroubleKind.PROJECT, detail=detail)
    status = make.shown_after(make.situation("MIGRATING", blocked=blocked))
    assert message(status) == message(status, STALLED) == expected


def test_a_long_text_of_dcs_is_cut() -> None:
    """The reason is in its first sentence, and an object stays small."""
    detail = ErrorDetail("DCS.4957", "x" * 5000)
    request = replace(REJECTED, detail=detail)
    status = make.shown_after(make.situation("MIGRATING", request=request))
    assert status.error is not None
    assert len(status.error.message) == ERROR_CHARS_MAX
    assert len(message(status)) < 2 * ERROR_CHARS_MAX


class TestDoubt:
    """An active word after an ended one, before it is confirmed."""

    @pytest.mark.parametrize("blocked", [None, make.trouble(TroubleKind.PROJECT)])
    def test_the_phase_stays_where_it_was(self, blocked: Trouble | None) -> None:
        """The word may be an old one; also when a trouble keeps it from being confirmed."""
        before = make.situation("MIGRATING", shown=replace(DONE, generation=0), blocked=blocked)
        status = make.shown_after(before)
        assert status.phase == "TERMINATED"
        stopped = status.condition(STOPPED)
        assert stopped is not None
        assert (stopped.status, stopped.reason) == ("True", "Terminated")
        assert status.stop is not None
        assert status.stop.terminated_at == "2026-03-01T12:00:00Z"

    def test_a_confirmed_word_is_shown(self) -> None:
        """And it is not stopped any more."""
        before = make.situation("MIGRATING", shown=DONE, confirmed=True, started_again=True)
        status = make.shown_after(before)
        assert status.phase == "MIGRATING"
        stopped = status.condition(STOPPED)
        assert stopped is not None
        assert (stopped.status, stopped.reason) == ("False", "Running")
        assert status.stop is not None
        assert status.stop.terminated_at == ""


class TestStopRecord:
    """`status.stop`."""

    def test_there_is_none_without_a_wish(self) -> None:
        """Nothing was requested."""
        assert make.shown_after(make.situation("MIGRATING", stopped=False)).stop is None

    def test_it_tells_of_wish_acceptance_and_end(self) -> None:
        """Each moment as it comes, and none is lost by the next."""
        lagging = make.situation("MIGRATING", request=make.accepted(990.0))
        status = make.shown_after(lagging)
        expected = StopRecord(
            requested_at="2026-03-01T12:00:00Z",
            accepted_at="2026-03-01T11:59:50Z",
            attempts=1,
            request_id="req-0",
        )
        assert status.stop == expected
        done = replace(lagging, observed=make.observed("TERMINATED"), shown=status)
        status = make.shown_after(done, at=1060.0)
        assert status.stop == replace(expected, terminated_at="2026-03-01T12:01:00Z")
        released = replace(done, observed=make.observed("RELEASED"), shown=status)
        assert make.shown_after(released, at=1100.0).stop == status.stop

    def test_a_stop_by_somebody_else_is_no_attempt_of_ours(self) -> None:
        """Only the wish has its time."""
        status = make.shown_after(make.situation("TERMINATING"))
        assert status.stop == StopRecord(requested_at="2026-03-01T12:00:00Z")


class TestTaskRecord:
    """`status.task`: what a person needs to recognize a migration."""

    def test_what_is_known_of_a_task_outlives_it(self) -> None:
        """It stays when DCS forgets the task, or was not asked yet."""
        known = Status(phase="MIGRATING", task=TaskRecord(name="orders"))
        for word in ("DELETED", None):
            assert make.shown_after(make.situation(word, shown=known)).task == known.task

    def test_what_is_known_is_filled_up_and_not_replaced(self) -> None:
        """List and show may name an instance differently, which is not news."""
        known = Status(task=TaskRecord(name="orders", source="redis-1"))
        seen = make.observed("MIGRATING", name="other", source="10.0.0.1", target="redis-2")
        status = make.shown_after(make.situation("MIGRATING", observed=seen, shown=known))
        assert status.task == TaskRecord(name="orders", source="redis-1", target="redis-2")

    def test_nothing_known_is_no_record(self) -> None:
        """An empty object would only be noise."""
        assert make.shown_after(make.situation("MIGRATING")).task is None


class TestErrorRecord:
    """`status.lastError`."""

    def test_a_refusal_is_told_with_its_request(self) -> None:
        """DCS's support asks for the id."""
        status = make.shown_after(make.situation("MIGRATING", request=REJECTED))
        assert status.error is not None
        assert (status.error.code, status.error.request_id, status.error.time) == (
            "DCS.4957",
            "req-1",
            "2026-03-01T12:00:00Z",
        )

    def test_the_same_error_again_is_not_news(self) -> None:
        """It keeps its first time, text and request id, and so costs no write."""
        shown = make.shown_after(make.situation("MIGRATING", request=REJECTED))
        again = replace(REJECTED, detail=replace(make.FAULT, request_id="req-2", message="other"))
        later = make.situation("MIGRATING", asked_at=1011.0, request=again, shown=shown)
        assert make.shown_after(later, at=1012.0).error == shown.error

    def test_another_error_is(self) -> None:
        """Its code differs."""
        shown = make.shown_after(make.situation("MIGRATING", request=REJECTED))
        other = replace(REJECTED, detail=ErrorDetail("DCS.4017", "a job is running", "req-3"))
        status = make.shown_after(make.situation("MIGRATING", request=other, shown=shown))
        assert status.error is not None
        assert status.error.code == "DCS.4017"


@given(st.sampled_from(["MIGRATING", "TERMINATED", "FAILED", "DELETED", None]), st.booleans())
def test_reason_and_message_are_those_of_ready(word: str | None, stopped: bool) -> None:  # noqa: FBT001
    """For all words: whoever reads Reconciling or Stalled alone reads the same."""
    status = make.shown_after(make.situation(word, stopped=stopped))
    ready = status.condition(READY)
    assert ready is not None
    for kind in (RECONCILING, STALLED):
        found = status.condition(kind)
        assert found is None or (found.reason, found.message) == (ready.reason, ready.message)
