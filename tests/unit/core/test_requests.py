"""The record of a stop request: by each answer, by a resource that comes late, by a restart."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcs_migration_operator.core.decide import decide
from dcs_migration_operator.core.model import (
    ErrorDetail,
    Instant,
    Outcome,
    StopAnswer,
    StopRequest,
)
from dcs_migration_operator.core.requests import answered, begun_again, newer, recalled
from dcs_migration_operator.core.status import ATTEMPTS_MAX, Status, StopRecord
from support import make

ACCEPTED = StopAnswer(Outcome.ACCEPTED, "r1")
REJECTED = StopAnswer(Outcome.REJECTED, "r2", make.FAULT)
UNKNOWN = StopAnswer(Outcome.UNKNOWN, "r3")
NOW = make.now()


def after(*answers: StopAnswer, before: StopRequest = StopRequest()) -> StopRequest:  # noqa: B008 - frozen
    """Return the record after these answers, one a second."""
    for number, answer in enumerate(answers):
        before = answered(before, answer, make.now(1000.0 + number))
    return before


@pytest.mark.parametrize(
    "answers, outcome, failures, ineffective, request_id, detail",
    [
        pytest.param([ACCEPTED], Outcome.ACCEPTED, 0, 0, "r1", None, id="accepted"),
        pytest.param([ACCEPTED] * 3, Outcome.ACCEPTED, 0, 2, "r1", None, id="without effect"),
        pytest.param([REJECTED], Outcome.REJECTED, 1, 0, "req-1", make.FAULT, id="refused"),
        pytest.param([REJECTED] * 2, Outcome.REJECTED, 2, 0, "req-1", make.FAULT, id="again"),
        pytest.param([UNKNOWN], Outcome.UNKNOWN, 1, 0, "r3", None, id="unclear"),
        pytest.param([REJECTED, UNKNOWN], Outcome.UNKNOWN, 2, 0, "r3", None, id="one then other"),
        pytest.param([REJECTED, ACCEPTED], Outcome.ACCEPTED, 0, 0, "r1", None, id="in the end"),
        pytest.param([ACCEPTED, UNKNOWN], Outcome.UNKNOWN, 1, 0, "r3", None, id="accepted once"),
    ],
)
def test_each_answer_is_an_attempt_and_the_last_one_is_the_outcome(
    answers: list[StopAnswer],
    outcome: Outcome,
    failures: int,
    ineffective: int,
    request_id: str,
    detail: ErrorDetail | None,
) -> None:
    """Failures in a row and acceptances without effect space what follows."""
    request = after(*answers)
    assert (request.outcome, request.attempts) == (outcome, len(answers))
    assert (request.failures, request.ineffective) == (failures, ineffective)
    assert (request.request_id, request.detail) == (request_id, detail)
    assert request.answered_at == 1000.0 + len(answers) - 1


def test_the_time_of_an_acceptance_outlives_what_follows() -> None:
    """The phase does not fall back because a later request was refused or got lost."""
    accepted = after(ACCEPTED)
    assert accepted.accepted == make.START
    assert after(REJECTED, UNKNOWN, before=accepted).accepted == make.START


def test_an_unclear_outcome_claims_no_acceptance() -> None:
    """It counts as an attempt and as nothing more."""
    assert after(UNKNOWN).accepted is None


def test_a_refusal_without_a_reason_is_still_one() -> None:
    """DCS may give neither code nor text."""
    request = after(StopAnswer(Outcome.REJECTED, "r2"))
    assert request.detail == ErrorDetail("failed", "")


def test_what_was_requested_before_the_task_began_again_counts_no_more() -> None:
    """But for the number of attempts, which people read."""
    assert begun_again(after(ACCEPTED, REJECTED)) == StopRequest(attempts=2)


@pytest.mark.parametrize(
    "one, other, chosen",
    [
        pytest.param(make.accepted(5.0), make.accepted(9.0), "other", id="the later one"),
        pytest.param(make.accepted(9.0), make.accepted(5.0), "one", id="the earlier one"),
        pytest.param(make.accepted(9.0), StopRequest(), "one", id="one that says nothing"),
        pytest.param(StopRequest(), make.accepted(9.0), "other", id="one that says something"),
        pytest.param(StopRequest(), StopRequest(), "one", id="two that say nothing"),
        pytest.param(
            StopRequest(attempts=3), StopRequest(attempts=2), "other", id="of before a restart"
        ),
    ],
)
def test_of_two_records_the_later_answer_counts(
    one: StopRequest, other: StopRequest, chosen: str
) -> None:
    """Two resources may name the same task."""
    assert newer(one, other) is (other if chosen == "other" else one)


class TestRestart:
    """What a status tells of earlier requests."""

    def test_an_acceptance_is_recalled_with_its_age(self) -> None:
        """The status alone is enough to go on."""
        shown = make.shown_after(make.situation("MIGRATING", request=make.accepted(990.0)))
        request = recalled(shown, make.now(1020.0))
        assert (request.outcome, request.attempts) == (Outcome.ACCEPTED, 1)
        assert (request.answered_at, request.request_id) == (990.0, "req-0")

    @pytest.mark.parametrize("ineffective", [0, 1, 2, 5])
    def test_pauses_go_on_growing_where_they_were(self, ineffective: int) -> None:
        """Acceptances without effect are counted by the attempts."""
        request = make.accepted(990.0, attempts=ineffective + 1, ineffective=ineffective)
        shown = make.shown_after(make.situation("MIGRATING", request=request))
        assert recalled(shown, NOW).ineffective == ineffective

    @pytest.mark.parametrize(
        "before, outcome",
        [
            pytest.param(make.situation("TERMINATING"), Outcome.NONE, id="by somebody else"),
            pytest.param(
                make.situation("MIGRATING", request=after(REJECTED)), Outcome.NONE, id="refused"
            ),
            pytest.param(
                make.situation(
                    "MIGRATING", asked_at=1002.0, request=after(ACCEPTED, REJECTED), wished_at=0.0
                ),
                Outcome.NONE,
                id="refused after an acceptance",
            ),
            pytest.param(
                make.situation("TERMINATED", request=after(ACCEPTED)), Outcome.NONE, id="done"
            ),
            pytest.param(
                make.situation("TERMINATING", request=after(ACCEPTED)),
                Outcome.ACCEPTED,
                id="terminating",
            ),
        ],
    )
    def test_only_an_acceptance_that_is_under_way_is_waited_for(
        self, before: Any, outcome: Outcome
    ) -> None:
        """Whatever else happened, DCS is asked and the task is decided anew."""
        assert recalled(make.shown_after(before), NOW).outcome is outcome

    def test_a_clock_that_was_set_back_makes_a_request_young(self) -> None:
        """Never negative ages, so never a request too soon."""
        shown = make.shown_after(make.situation("MIGRATING", request=make.accepted(1000.0)))
        early = Instant(5.0, NOW.wall - timedelta(hours=1))
        assert recalled(shown, early).answered_at == 5.0

    def test_a_resource_without_a_status_begins_now(self) -> None:
        """Nothing was requested."""
        assert recalled(Status(), NOW) == StopRequest()

    @given(
        st.builds(
            Status,
            phase=st.sampled_from(["", "TERMINATING", "MIGRATING", "x"]),
            conditions=st.lists(
                st.builds(
                    make.condition,
                    st.just("Ready"),
                    st.sampled_from(["True", "False"]),
                    st.sampled_from(["Stopping", "StopNotEffective", "StopRejected"]),
                ),
                max_size=1,
            ).map(tuple),
            stop=st.none()
            | st.builds(
                StopRecord,
                accepted_at=st.sampled_from(
                    ["", "junk", "2026-03-01T11:00:00Z", "9999-01-01T00:00:00Z"]
                ),
                attempts=st.integers(0, ATTEMPTS_MAX),
            ),
        )
    )
    def test_whatever_a_stranger_wrote_leads_to_a_decision(self, shown: Status) -> None:
        """For all statuses: the next request is at most ten minutes away."""
        request = recalled(shown, NOW)
        assert request.answered_at <= NOW.mono
        before = make.situation("MIGRATING", shown=shown, request=request)
        decision = decide(before, NOW)
        assert decision.stop or decision.wake_at is None or decision.wake_at <= NOW.mono + 600.0


@given(st.lists(st.sampled_from([ACCEPTED, REJECTED, UNKNOWN]), min_size=2, max_size=12))
def test_attempts_only_grow(answers: list[StopAnswer]) -> None:
    """For all sequences of answers; and a failure is never forgotten but by an acceptance."""
    records = [after(*answers[:count]) for count in range(1, len(answers) + 1)]
    for before, later in pairwise(records):
        assert later.attempts == before.attempts + 1
        assert later.outcome is Outcome.ACCEPTED or later.failures == before.failures + 1
        assert replace(later, accepted=None) != replace(before, accepted=None)
