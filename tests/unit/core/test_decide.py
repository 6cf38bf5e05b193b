"""The decision: the table of cases row by row, its precedences, and what no row may ever do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcs_migration_operator.core.cases import CASES, QUIET_S, UNLISTED_QUIET_S, Case, Pace
from dcs_migration_operator.core.cloud import Operation
from dcs_migration_operator.core.conditions import READY, RECONCILING, STALLED, STOPPED, Standing
from dcs_migration_operator.core.decide import (
    BACKLOG_S_MAX,
    OBSERVATION_AGE_S_MAX,
    TROUBLE_PATIENCE_S,
    Situation,
    decide,
    is_settled,
)
from dcs_migration_operator.core.model import (
    ErrorDetail,
    Outcome,
    StopRequest,
    Trouble,
    TroubleKind,
)
from dcs_migration_operator.core.phases import WORDS, PhaseClass
from dcs_migration_operator.core.status import Status
from support import make
from unit.core.test_cutover import CUTOVER_CASES

LIST, SHOW, STOP = Operation.LIST, Operation.SHOW, Operation.BATCH_STOP
ACTIVE = [word for word, kind in WORDS.items() if kind is PhaseClass.ACTIVE] + ["NEW_WORD"]
ENDED = [word for word, kind in WORDS.items() if kind is PhaseClass.ENDED]
FAILED = [word for word, kind in WORDS.items() if kind is PhaseClass.FAILED]

NOW = 1000.0
NEVER_SEEN = Status()
DONE = make.shown_after(make.situation("TERMINATED", request=make.accepted(990.0)))
OBSERVED_DONE = make.shown_after(make.situation("TERMINATED", stopped=False))
STOPPING = make.shown_after(make.situation("MIGRATING", request=make.accepted(990.0)))
WAITING = StopRequest(outcome=Outcome.WAITING)
REJECTED = StopRequest(
    outcome=Outcome.REJECTED, attempts=1, answered_at=990.0, failures=1, detail=make.FAULT
)
UNKNOWN = StopRequest(outcome=Outcome.UNKNOWN, attempts=1, answered_at=990.0, failures=1)
LONG_AGO = make.accepted(NOW - 60.0)
AGAIN = make.accepted(990.0, attempts=2, ineffective=1)


def conditions(status: Status) -> dict[str, tuple[str, str]]:
    """Return type → (status, reason)."""
    return {c.type: (c.status, c.reason) for c in status.conditions}


def row(word: str | None, case: Case, *, name: str, **changes: Any) -> Any:
    """Return a row: a situation, and the case that it is."""
    return pytest.param(make.situation(word, **changes), case, id=name)


CONFIRMED: dict[str, Any] = {"confirmed": True}
UNLISTED: dict[str, Any] = {"unlisted_at": 999.5}
TABLE = [
    # Not observed in this life of the process.
    row(None, Case.UNASKED, name="never asked for"),
    row(None, Case.UNASKED, name="never asked for, to observe", stopped=False),
    row(None, Case.UNASKED, name="stopping before a restart", shown=STOPPING),
    row(None, Case.SETTLED, name="done before a restart", shown=DONE),
    row(None, Case.UNASKED, name="a new wish", shown=OBSERVED_DONE),
    row(None, Case.UNASKED, name="another generation", shown=DONE, task=make.task(generation=2)),
    row(None, Case.UNASKED, name="done elsewhere", shown=DONE, moved=True),
    row(None, Case.UNLISTED, name="not in the first list", **UNLISTED),
    row(None, Case.UNLISTED, name="not in it, to observe", stopped=False, **UNLISTED),
    row(None, Case.SETTLED, name="done, and not in a list", shown=DONE, **UNLISTED),
    # What DCS says, with the wish.
    row("MIGRATING", Case.TO_STOP, name="active"),
    row("NEW_WORD", Case.TO_STOP, name="a word that nobody knows"),
    row("TERMINATING", Case.STOPPING, name="terminating"),
    row("TERMINATED", Case.TERMINATED, name="terminated"),
    row("SUCCESS", Case.ENDED, name="ended"),
    row("FAILED", Case.FAILED, name="failed"),
    row("DELETED", Case.GONE, name="gone"),
    row("TERMINATED", Case.SETTLED, name="terminated, as shown", shown=DONE),
    row("FAILED", Case.SETTLED, name="failed after its end", shown=DONE),
    row("DELETED", Case.SETTLED, name="forgotten after its end", shown=DONE),
    # What DCS says, without it.
    row("MIGRATING", Case.OBSERVED, name="observed active", stopped=False),
    row("TERMINATING", Case.OBSERVED, name="observed terminating", stopped=False),
    row("TERMINATED", Case.OBSERVED, name="observed terminated", stopped=False),
    row("SUCCESS", Case.OBSERVED, name="observed ended", stopped=False),
    row("FAILED", Case.FAILED, name="observed failed", stopped=False),
    row("DELETED", Case.GONE, name="observed gone", stopped=False),
    # What became of the request.
    row("MIGRATING", Case.WAITING, name="under way", request=WAITING),
    row("MIGRATING", Case.LAGGING, name="accepted", request=make.accepted(990.0)),
    row("MIGRATING", Case.INEFFECTIVE, name="accepted again", request=AGAIN),
    row("MIGRATING", Case.TO_STOP_AGAIN, name="accepted a minute ago", request=LONG_AGO),
    row("MIGRATING", Case.REJECTED, name="refused, observed since", request=REJECTED),
    row("MIGRATING", Case.UNSURE, name="refused since", request=REJECTED, asked_at=989.0),
    row("MIGRATING", Case.REPEATING, name="unclear, observed since", request=UNKNOWN),
    row("MIGRATING", Case.UNSURE, name="unclear since", request=UNKNOWN, asked_at=989.0),
    row("TERMINATING", Case.STOPPING, name="terminating although refused", request=REJECTED),
    row("TERMINATED", Case.TERMINATED, name="terminated although unclear", request=UNKNOWN),
    # A list lacked it after it was last seen.
    row("MIGRATING", Case.UNLISTED, name="active, then missing", **UNLISTED),
    row("TERMINATING", Case.UNLISTED, name="terminating, then missing", **UNLISTED),
    row("FAILED", Case.UNLISTED, name="failed, then missing", **UNLISTED),
    row("DELETED", Case.GONE, name="gone, and still missing", **UNLISTED),
    row("MIGRATING", Case.TO_STOP, name="missing, then found", unlisted_at=998.0),
    row("TERMINATED", Case.SETTLED, name="done, then missing", shown=DONE, **UNLISTED),
    # An answer of before the wish.
    row("TERMINATED", Case.OUTDATED, name="terminated before the wish", wished_at=999.5),
    row("SUCCESS", Case.OUTDATED, name="ended before the wish", wished_at=999.5),
    row("FAILED", Case.OUTDATED, name="failed before the wish", wished_at=999.5),
    row("DELETED", Case.OUTDATED, name="gone before the wish", wished_at=999.5),
    row("MIGRATING", Case.TO_STOP, name="active before the wish", wished_at=999.5),
    row("TERMINATED", Case.TERMINATED, name="asked with the wish", wished_at=999.0),
    row("TERMINATED", Case.OBSERVED, name="without a wish", wished_at=999.5, stopped=False),
    # It runs after its end.
    row("MIGRATING", Case.SURPRISING, name="runs again, a list says", shown=DONE),
    row("TERMINATING", Case.SURPRISING, name="terminating again", shown=DONE),
    row("NEW_WORD", Case.SURPRISING, name="a new word after the end", shown=DONE),
    row(
        "MIGRATING",
        Case.SURPRISING,
        name="observed, runs again",
        stopped=False,
        shown=OBSERVED_DONE,
    ),
    row("MIGRATING", Case.STARTED_AGAIN, name="runs again for sure", shown=DONE, **CONFIRMED),
    row("TERMINATING", Case.STARTED_AGAIN, name="terminating for sure", shown=DONE, **CONFIRMED),
    row(
        "MIGRATING",
        Case.TO_STOP,
        name="runs again, and that was told",
        shown=DONE,
        started_again=True,
        **CONFIRMED,
    ),
    row("MIGRATING", Case.TO_STOP, name="runs elsewhere", shown=DONE, moved=True, **CONFIRMED),
    row("MIGRATING", Case.TO_STOP, name="never requested before", shown=OBSERVED_DONE, **CONFIRMED),
    row(
        "MIGRATING",
        Case.OBSERVED,
        name="observed, runs again for sure",
        stopped=False,
        shown=OBSERVED_DONE,
        **CONFIRMED,
    ),
    # The project's emergency brake is on.
    row("MIGRATING", Case.SUSPENDED, name="suspended", suspended=True),
    row("MIGRATING", Case.SUSPENDED, name="suspended, refused", suspended=True, request=REJECTED),
    row("MIGRATING", Case.SUSPENDED, name="suspended, unclear", suspended=True, request=UNKNOWN),
    row("MIGRATING", Case.WAITING, name="suspended too late", suspended=True, request=WAITING),
    row("MIGRATING", Case.LAGGING, name="suspended, accepted", suspended=True, request=LONG_AGO),
    row("TERMINATING", Case.STOPPING, name="suspended, terminating", suspended=True),
    row("TERMINATED", Case.TERMINATED, name="suspended, terminated", suspended=True),
    row("FAILED", Case.FAILED, name="suspended, failed", suspended=True),
    row("MIGRATING", Case.OBSERVED, name="suspended, observed", suspended=True, stopped=False),
    row(None, Case.UNASKED, name="suspended, not asked", suspended=True),
    row(None, Case.SETTLED, name="suspended, done", suspended=True, shown=DONE),
]


@pytest.mark.parametrize("before, case", TABLE)
def test_each_situation_is_one_case(before: Situation, case: Case) -> None:
    """The order of the questions is their precedence."""
    assert decide(before, make.now()).case is case


def test_every_case_is_in_the_table() -> None:
    """A case that nobody has named a situation for is not tested."""
    assert {case for _, case in (one.values for one in TABLE)} | CUTOVER_CASES == set(Case)


@pytest.mark.parametrize("word", ACTIVE)
def test_every_active_word_is_stopped_and_none_without_a_wish(word: str) -> None:
    """It does not matter whether the word is a known one."""
    assert decide(make.situation(word), make.now()).stop
    assert not decide(make.situation(word, stopped=False), make.now()).stop


class TestMeaning:
    """What a case means: pace, conditions, request, phase."""

    @pytest.mark.parametrize(
        "before, pace, phase, ready, stopped, standing",
        [
            pytest.param(
                make.situation(),
                Pace.NOW,
                "PENDING",
                ("False", "Pending"),
                ("Unknown", "Pending"),
                RECONCILING,
                id="not asked yet",
            ),
            pytest.param(
                make.situation(**UNLISTED),
                Pace.CONFIRM,
                "PENDING",
                ("False", "Pending"),
                ("Unknown", "Pending"),
                RECONCILING,
                id="not in the list",
            ),
            pytest.param(
                make.situation("MIGRATING", stopped=False),
                Pace.OBSERVING,
                "MIGRATING",
                ("True", "Observed"),
                ("False", "Running"),
                None,
                id="observed",
            ),
            pytest.param(
                make.situation("MIGRATING", suspended=True),
                Pace.OBSERVING,
                "MIGRATING",
                ("False", "Suspended"),
                ("False", "Running"),
                None,
                id="suspended",
            ),
            pytest.param(
                make.situation("MIGRATING", request=make.accepted(990.0)),
                Pace.STOPPING,
                "TERMINATING",
                ("False", "Stopping"),
                ("False", "Stopping"),
                RECONCILING,
                id="accepted while DCS lags",
            ),
            pytest.param(
                make.situation("MIGRATING", request=AGAIN),
                Pace.STOPPING,
                "TERMINATING",
                ("False", "StopNotEffective"),
                ("False", "Stopping"),
                RECONCILING,
                id="accepted without effect",
            ),
            pytest.param(
                make.situation("TERMINATING"),
                Pace.STOPPING,
                "TERMINATING",
                ("False", "Stopping"),
                ("False", "Stopping"),
                RECONCILING,
                id="stopped by somebody else",
            ),
            pytest.param(
                make.situation("MIGRATING", request=REJECTED),
                Pace.OBSERVING,
                "MIGRATING",
                ("False", "StopRejected"),
                ("False", "Running"),
                RECONCILING,
                id="refused",
            ),
            pytest.param(
                make.situation("TERMINATED", request=make.accepted(990.0)),
                Pace.SETTLED,
                "TERMINATED",
                ("True", "Terminated"),
                ("True", "Terminated"),
                None,
                id="terminated",
            ),
            *(
                pytest.param(
                    make.situation(word),
                    Pace.SETTLED,
                    word,
                    ("True", "EndedBeforeStop"),
                    ("True", "Ended"),
                    None,
                    id=word,
                )
                for word in ENDED
            ),
            *(
                pytest.param(
                    make.situation(word, shown=OBSERVED_DONE, task=make.task(generation=2)),
                    Pace.SETTLED,
                    word,
                    ("True", "Terminated"),
                    ("True", "Terminated"),
                    None,
                    id=f"{word} after TERMINATED",
                )
                for word in ENDED
            ),
            *(
                pytest.param(
                    make.situation(word, stopped=stopped),
                    Pace.OBSERVING,
                    word,
                    ("False", "TaskFailed"),
                    ("True", "TaskFailed"),
                    STALLED,
                    id=f"{word}, stopped={stopped}",
                )
                for word in FAILED
                for stopped in (True, False)
            ),
            *(
                pytest.param(
                    make.situation("DELETED", stopped=stopped),
                    Pace.RARELY,
                    "DELETED",
                    ("False", "TaskNotFound"),
                    ("Unknown", "TaskNotFound"),
                    STALLED,
                    id=f"gone, stopped={stopped}",
                )
                for stopped in (True, False)
            ),
        ],
    )
    def test_what_is_asked_next_and_what_the_resource_says(
        self,
        before: Situation,
        pace: Pace,
        phase: str,
        ready: tuple[str, str],
        stopped: tuple[str, str],
        standing: str | None,
    ) -> None:
        """Reconciling and Stalled are there only while they are true, with Ready's reason."""
        decision, status = make.outcome(before)
        expected = {READY: ready, STOPPED: stopped}
        if standing:
            expected[standing] = ("True", ready[1])
        assert (decision.pace, status.phase, conditions(status)) == (pace, phase, expected)
        assert not decision.stop

    def test_a_fulfilled_wish_rests(self) -> None:
        """A status that already says so is neither written nor asked for, even in trouble."""
        again = make.situation(shown=DONE, blocked=make.trouble(TroubleKind.CREDENTIALS))
        decision = decide(again, make.now(5000.0))
        assert (decision.speak, decision.trouble, decision.pace) == (False, None, Pace.SETTLED)

    @pytest.mark.parametrize(
        "changes, settled",
        [
            ({}, True),
            ({"generation": 2}, False),
            ({"conditions": ()}, False),
            ({"conditions": (make.condition(READY, "True", "EndedBeforeStop"),)}, True),
            ({"conditions": (make.condition(READY, "True", "Observed"),)}, False),
            ({"conditions": (make.condition(READY, "False", "Terminated"),)}, False),
        ],
    )
    def test_what_settles_a_wish(self, changes: dict[str, Any], *, settled: bool) -> None:
        """Only what was said about this very generation, and only success."""
        assert is_settled(make.task(), replace(DONE, **changes)) is settled


class TestRequests:
    """When a request leaves, and when it has to wait."""

    @pytest.mark.parametrize(
        "age_s, stop, pace",
        [
            (OBSERVATION_AGE_S_MAX, True, Pace.OBSERVING),
            (OBSERVATION_AGE_S_MAX + 0.1, False, Pace.NOW),
        ],
    )
    def test_an_old_observation_is_renewed_first(
        self, age_s: float, *, stop: bool, pace: Pace
    ) -> None:
        """No stop for a task that was not seen in the last 30 s; the limit itself is allowed."""
        decision = decide(make.situation("MIGRATING", asked_at=NOW - age_s), make.now())
        assert (decision.stop, decision.pace) == (stop, pace)

    @pytest.mark.parametrize(
        "request_, case",
        [
            pytest.param(REJECTED, Case.REJECTED, id="refused"),
            pytest.param(UNKNOWN, Case.REPEATING, id="unclear"),
        ],
    )
    @pytest.mark.parametrize("failures, pause_s", [(1, 15.0), (2, 30.0), (3, 60.0), (20, 600.0)])
    def test_a_refused_or_unclear_one_is_repeated_after_growing_pauses(
        self, request_: StopRequest, case: Case, failures: int, pause_s: float
    ) -> None:
        """15, 30, 60 … 600 s after the answer, each on a fresh observation."""
        request = replace(request_, failures=failures)
        due_at = request.answered_at + pause_s
        early = make.situation("MIGRATING", asked_at=due_at - 1.0, request=request)
        decision = decide(early, make.now(due_at - 0.5))
        assert (decision.case, decision.stop, decision.wake_at) == (case, False, due_at)
        assert decide(early, make.now(due_at)).stop
        late = decide(early, make.now(due_at + 60.0))
        assert (late.case, late.stop, late.pace) == (case, False, Pace.NOW)

    @pytest.mark.parametrize("request_", [REJECTED, UNKNOWN], ids=["refused", "unclear"])
    def test_a_question_of_before_the_answer_proves_nothing(self, request_: StopRequest) -> None:
        """The task may have ended in between, which is what a refusal may have meant."""
        before = make.situation("MIGRATING", asked_at=990.0, request=request_)
        decision = decide(before, make.now(2000.0))
        assert (decision.case, decision.stop, decision.pace) == (Case.UNSURE, False, Pace.NOW)

    @pytest.mark.parametrize(
        "ineffective, wait_s", [(0, 60.0), (1, 120.0), (2, 240.0), (3, 480.0), (4, 600.0)]
    )
    def test_an_accepted_one_without_effect_is_repeated_less_and_less_often(
        self, ineffective: int, wait_s: float
    ) -> None:
        """Once a call for this task alone has confirmed it; before that DCS may lag."""
        request = make.accepted(NOW, attempts=ineffective + 1, ineffective=ineffective)
        due_at = NOW + wait_s
        before = make.situation("MIGRATING", asked_at=due_at - 1.0, request=request)
        early = decide(before, make.now(due_at - 0.1))
        assert early.case is (Case.INEFFECTIVE if ineffective else Case.LAGGING)
        assert (early.stop, early.wake_at) == (False, due_at)
        doubtful = decide(before, make.now(due_at))
        assert (doubtful.case, doubtful.stop, doubtful.pace) == (
            Case.TO_STOP_AGAIN,
            False,
            Pace.CONFIRM,
        )
        sure = decide(replace(before, confirmed=True), make.now(due_at))
        assert (sure.stop, sure.pace) == (True, Pace.STOPPING)

    def test_while_the_project_is_suspended_an_accepted_one_is_not_repeated(self) -> None:
        """Whether it took effect is still watched; a second one would be a new request."""
        request = make.accepted(NOW)
        before = make.situation(
            "MIGRATING", asked_at=1099.0, request=request, suspended=True, confirmed=True
        )
        decision = decide(before, make.now(1100.0))
        assert (decision.case, decision.stop, decision.pace) == (Case.LAGGING, False, Pace.STOPPING)
        assert decide(replace(before, suspended=False), make.now(1100.0)).stop

    def test_the_step_to_terminating_costs_no_write(self) -> None:
        """What is shown after an acceptance is the same when DCS says TERMINATING itself."""
        lagging = make.situation("MIGRATING", request=make.accepted(990.0))
        status = make.shown_after(lagging)
        stopping = replace(lagging, observed=make.observed("TERMINATING"), shown=status)
        assert make.shown_after(stopping, at=1005.0) == status


class TestSpeech:
    """What is written, and what passes too quickly to be worth it."""

    @pytest.mark.parametrize("word", [None, "MIGRATING"])
    def test_a_passing_state_is_not_written_at_once(self, word: str | None) -> None:
        """Within the quiet time nothing is written; then a first status appears."""
        before = make.situation(word, news_at=NOW)
        early = decide(before, make.now())
        assert (early.speak, early.wake_at) == (False, NOW + QUIET_S)
        assert decide(replace(before, asked_at=1002.0), make.now(NOW + QUIET_S)).speak

    def test_what_a_list_does_not_mention_is_told_sooner(self) -> None:
        """A thousand ids that DCS does not know are written at once, and have to be in 5 s."""
        missing = make.situation(None, news_at=NOW, **UNLISTED)
        early = decide(missing, make.now())
        assert (early.case, early.speak) == (Case.UNLISTED, False)
        assert early.wake_at == NOW + UNLISTED_QUIET_S
        assert decide(missing, make.now(NOW + UNLISTED_QUIET_S)).speak

    @pytest.mark.parametrize(
        "changes, quiet_until",
        [
            pytest.param({"progress_at": 1009.0}, 1013.0, id="while DCS answers"),
            pytest.param({"progress_at": 1006.0}, None, id="when it does not any more"),
            pytest.param({"progress_at": 1009.0, **UNLISTED}, None, id="missing from the list"),
        ],
    )
    def test_a_task_behind_many_others_stays_quiet_longer(
        self, changes: dict[str, Any], quiet_until: float | None
    ) -> None:
        """As long as its turn may come; one that no list mentions has had its turn."""
        before = make.situation("MIGRATING", news_at=NOW, **changes)
        decision = decide(before, make.now(1010.0))
        assert (decision.speak, decision.wake_at) == (quiet_until is None, quiet_until)

    def test_even_a_backlog_is_told_in_the_end(self) -> None:
        """After half a minute, whoever makes progress."""
        end = NOW + BACKLOG_S_MAX
        before = make.situation("MIGRATING", news_at=NOW, progress_at=end)
        assert not decide(before, make.now(end - 0.1)).speak
        assert decide(before, make.now(end)).speak

    @pytest.mark.parametrize(
        "shown, kept",
        [
            pytest.param(make.shown_after(make.situation("MIGRATING")), True, id="of this wish"),
            pytest.param(STOPPING, True, id="stopping"),
            pytest.param(Status(), False, id="none"),
            pytest.param(replace(STOPPING, generation=7), False, id="of another wish"),
            pytest.param(
                replace(STOPPING, conditions=STOPPING.conditions[:1]), False, id="in part"
            ),
            pytest.param(
                make.shown_after(make.situation(blocked=make.trouble(TroubleKind.PROJECT))),
                False,
                id="a trouble",
            ),
            pytest.param(
                make.shown_after(make.situation("MIGRATING", suspended=True)), False, id="suspended"
            ),
        ],
    )
    def test_a_passing_state_does_not_overwrite_what_may_stand(
        self, shown: Status, *, kept: bool
    ) -> None:
        """As after a restart: what was said of this wish stays until DCS is asked again."""
        decision = decide(make.situation(shown=shown), make.now(2000.0))
        assert decision.speak is not kept

    def test_what_is_disproved_may_not_stand(self) -> None:
        """A call for this task alone found it running after its end."""
        shown = replace(OBSERVED_DONE, generation=1)
        doubtful = make.situation("MIGRATING", shown=shown)
        assert not decide(doubtful, make.now()).speak
        assert decide(replace(doubtful, confirmed=True), make.now()).speak


class TestTrouble:
    """Which trouble matters to a task, and how it is told."""

    def test_a_short_one_is_not_written(self) -> None:
        """One 503 must not cost a write for each of a thousand tasks."""
        trouble = make.trouble(TroubleKind.UNAVAILABLE, since=999.0)
        decision = decide(make.situation(blocked=trouble), make.now())
        assert (decision.speak, decision.wake_at) == (False, 1001.0)

    @pytest.mark.parametrize("kind", list(TroubleKind))
    def test_a_lasting_one_is_told_with_its_reason(self, kind: TroubleKind) -> None:
        """Whether it heals alone decides between Reconciling and Stalled."""
        blocked = make.trouble(kind, detail=make.FAULT)
        decision, status = make.outcome(make.situation(blocked=blocked))
        assert decision.speak
        assert status.phase == "PENDING"
        assert conditions(status) == {
            READY: ("False", kind.value),
            STOPPED: ("Unknown", "Pending"),
            RECONCILING if kind.heals_alone else STALLED: ("True", kind.value),
        }
        assert status.error is not None
        assert status.error.code == "DCS.4957"

    @pytest.mark.parametrize("at, standing", [(1039.0, RECONCILING), (1040.0, STALLED)])
    def test_one_that_becomes_a_persons_is_told_again(self, at: float, standing: str) -> None:
        """A name that does not resolve for a minute; the moment is one to wake at."""
        trouble = Trouble(TroubleKind.UNAVAILABLE, 980.0, "No such name.", None, person_at=1040.0)
        decision, status = make.outcome(make.situation(blocked=trouble), at)
        assert conditions(status)[standing] == ("True", "CloudUnavailable")
        assert decision.wake_at == (1040.0 if standing == RECONCILING else None)

    def test_it_keeps_the_phase(self) -> None:
        """What DCS said last stays visible."""
        blocked = make.trouble(TroubleKind.UNAVAILABLE)
        before = make.situation("MIGRATING", request=make.accepted(990.0), blocked=blocked)
        status = make.shown_after(before)
        assert status.phase == "TERMINATING"
        assert conditions(status)[STOPPED] == ("False", "Stopping")

    @pytest.mark.parametrize("kind", [TroubleKind.THROTTLED, TroubleKind.UNAVAILABLE])
    @pytest.mark.parametrize(
        "before, told",
        [
            pytest.param(make.situation("MIGRATING", stopped=False), False, id="observed"),
            pytest.param(make.situation("FAILED"), False, id="failed"),
            pytest.param(make.situation("DELETED"), False, id="gone"),
            pytest.param(make.situation("MIGRATING", suspended=True), False, id="suspended"),
            pytest.param(
                make.situation(
                    shown=make.shown_after(make.situation("MIGRATING", stopped=False)),
                    stopped=False,
                ),
                False,
                id="observed before a restart",
            ),
            pytest.param(make.situation(), True, id="never asked for"),
            pytest.param(make.situation("MIGRATING"), True, id="to be stopped"),
            pytest.param(make.situation("TERMINATING"), True, id="being stopped"),
            pytest.param(make.situation(shown=STOPPING), True, id="stopping before a restart"),
        ],
    )
    def test_one_that_heals_alone_matters_only_to_work_under_way(
        self, before: Situation, kind: TroubleKind, *, told: bool
    ) -> None:
        """An outage does not rewrite thousands of resources that need nothing."""
        decision = decide(replace(before, blocked=make.trouble(kind)), make.now())
        assert bool(decision.trouble) is told

    def test_a_request_that_failed_is_a_trouble_of_its_task(self) -> None:
        """Told after its patience, with the error; what is said stays while it is made again."""
        detail = ErrorDetail("500", "internal error", "req-9")
        before = make.situation("MIGRATING", request=replace(UNKNOWN, detail=detail, failures=1))
        at = before.request.answered_at
        assert not decide(before, make.now(at + TROUBLE_PATIENCE_S - 0.1)).speak
        decision, status = make.outcome(before)
        assert decision.speak
        assert conditions(status)[READY] == ("False", "CloudUnavailable")
        assert status.error
        assert status.error.code == "500"
        request = replace(before.request, outcome=Outcome.WAITING)
        again = decide(replace(before, request=request, shown=status), make.now(2000.0))
        assert (again.case, again.speak) == (Case.WAITING, False)

    @pytest.mark.parametrize(
        "before, needs",
        [
            pytest.param(make.situation(), {LIST}, id="never asked for"),
            pytest.param(make.situation(**UNLISTED), {LIST, SHOW}, id="not in the list"),
            pytest.param(make.situation("MIGRATING", shown=DONE), {LIST, SHOW}, id="surprising"),
            pytest.param(make.situation("MIGRATING"), {LIST, STOP}, id="to be stopped"),
            pytest.param(make.situation("MIGRATING", request=WAITING), {LIST, STOP}, id="waiting"),
            pytest.param(make.situation("MIGRATING", request=UNKNOWN), {LIST, STOP}, id="unclear"),
            pytest.param(make.situation("MIGRATING", request=REJECTED), {LIST, STOP}, id="refused"),
            pytest.param(make.situation("MIGRATING", request=AGAIN), {LIST}, id="ineffective"),
            pytest.param(
                make.situation("MIGRATING", request=LONG_AGO), {LIST, SHOW, STOP}, id="once more"
            ),
            pytest.param(make.situation("TERMINATING"), {LIST}, id="being stopped"),
            pytest.param(make.situation("MIGRATING", stopped=False), {LIST}, id="observed"),
            pytest.param(make.situation("MIGRATING", suspended=True), {LIST}, id="suspended"),
            pytest.param(make.situation("TERMINATED"), set[Operation](), id="done"),
            pytest.param(make.situation(shown=DONE), set[Operation](), id="settled"),
        ],
    )
    def test_only_the_calls_matter_on_which_the_next_step_depends(
        self, before: Situation, needs: set[Operation]
    ) -> None:
        """A forbidden stop is no trouble of a task that is only observed."""
        forbidden = make.trouble(TroubleKind.PERMISSION)
        told = {
            operation
            for operation in Operation
            if decide(replace(before, troubles={operation: forbidden}), make.now()).trouble
            is forbidden
        }
        assert told == needs

    @pytest.mark.parametrize(
        "before, told",
        [
            pytest.param(make.situation(), True, id="never asked for"),
            pytest.param(make.situation(**UNLISTED), True, id="not in the list"),
            pytest.param(make.situation("MIGRATING", shown=DONE), True, id="surprising"),
            pytest.param(make.situation("MIGRATING", request=LONG_AGO), True, id="once more"),
            pytest.param(
                make.situation("MIGRATING", request=UNKNOWN, asked_at=980.0), True, id="unsure"
            ),
            pytest.param(make.situation("MIGRATING"), False, id="to be stopped"),
            pytest.param(make.situation("TERMINATING"), False, id="being stopped"),
            pytest.param(make.situation("MIGRATING", stopped=False), False, id="observed"),
        ],
    )
    def test_a_task_that_cannot_be_shown_matters_where_it_has_to_be_asked_for(
        self, before: Situation, *, told: bool
    ) -> None:
        """Elsewhere the lists tell enough."""
        unreadable = make.trouble(TroubleKind.UNAVAILABLE)
        decision = decide(replace(before, unreadable=unreadable), make.now())
        assert bool(decision.trouble) is told

    def test_the_nearest_one_is_told(self) -> None:
        """The project comes before the task, and the task before the calls."""
        blocked = make.trouble(TroubleKind.PROJECT)
        unreadable = make.trouble(TroubleKind.PERMISSION)
        troubles = {LIST: make.trouble(TroubleKind.THROTTLED)}
        before = make.situation(blocked=blocked, unreadable=unreadable, troubles=troubles)
        assert decide(before, make.now()).trouble is blocked
        before = replace(before, blocked=None)
        assert decide(before, make.now()).trouble is unreadable
        before = replace(before, unreadable=None)
        assert decide(before, make.now()).trouble is troubles[LIST]

    def test_an_error_is_removed_with_the_next_success(self) -> None:
        """`lastError` belongs to a trouble and goes with it."""
        blocked = make.trouble(TroubleKind.THROTTLED, detail=make.FAULT)
        shown = make.shown_after(make.situation(blocked=blocked))
        assert shown.error is not None
        assert make.shown_after(make.situation("TERMINATED", shown=shown)).error is None


WORD = st.sampled_from([*WORDS, "NEW_WORD"]) | st.none()
REQUESTS = st.builds(
    StopRequest,
    outcome=st.sampled_from(Outcome),
    attempts=st.integers(0, 5),
    answered_at=st.sampled_from([float("-inf"), 900.0, 999.0, NOW]),
    failures=st.integers(0, 5),
    ineffective=st.integers(0, 5),
    accepted=st.sampled_from([None, make.START]),
)
TROUBLES = st.builds(
    Trouble,
    st.sampled_from(TroubleKind),
    st.sampled_from([900.0, 999.0]),
    st.just("Something is wrong."),
    st.sampled_from([None, make.FAULT]),
    st.sampled_from([None, 950.0, 1050.0]),
)
SHOWN = st.sampled_from(
    [
        NEVER_SEEN,
        DONE,
        OBSERVED_DONE,
        STOPPING,
        make.shown_after(make.situation("MIGRATING", suspended=True)),
        make.shown_after(make.situation(blocked=make.trouble(TroubleKind.PROJECT))),
    ]
)
SITUATIONS = st.builds(
    make.situation,
    WORD,
    stopped=st.booleans(),
    asked_at=st.sampled_from([500.0, 980.0, 999.0]),
    request=REQUESTS,
    confirmed=st.booleans(),
    shown=SHOWN,
    wished_at=st.sampled_from([float("-inf"), 990.0]),
    unlisted_at=st.sampled_from([float("-inf"), 990.0, 999.5]),
    moved=st.booleans(),
    started_again=st.booleans(),
    suspended=st.booleans(),
    news_at=st.sampled_from([897.0, 998.0]),
    progress_at=st.sampled_from([float("-inf"), 999.0]),
    blocked=st.none() | TROUBLES,
    unreadable=st.none() | TROUBLES,
    troubles=st.dictionaries(st.sampled_from(Operation), TROUBLES, max_size=2),
)


class TestForAll:
    """What holds for every situation."""

    @given(SITUATIONS)
    def test_a_request_needs_a_wish_and_a_fresh_observation_of_an_active_task(
        self, before: Situation
    ) -> None:
        """None without the wish, after the end, on an old answer, or with the brake on."""
        if decide(before, make.now()).stop:
            assert before.task.stopped
            assert not before.suspended
            assert before.observed is not None
            assert WORDS.get(before.observed.word, PhaseClass.ACTIVE) is PhaseClass.ACTIVE
            assert before.asked_at >= NOW - OBSERVATION_AGE_S_MAX
            assert before.asked_at > before.request.answered_at
            assert before.request.outcome is not Outcome.WAITING

    @given(SITUATIONS)
    def test_what_is_written_is_written_once(self, before: Situation) -> None:
        """Deciding again on what was just written changes nothing."""
        decision, shown = make.outcome(before)
        if decision.speak:
            settled = replace(before, shown=shown, moved=False, started_again=False)
            decision, again = make.outcome(settled)
            assert not decision.speak or again == shown

    @given(SITUATIONS)
    def test_conditions_follow_kstatus(self, before: Situation) -> None:
        """Ready and Stopped always; one of Reconciling and Stalled unless ready or to wait."""
        decision, status = make.outcome(before)
        kinds = conditions(status)
        assert {READY, STOPPED} <= set(kinds)
        rests = CASES[decision.case].standing is Standing.WAITING and not decision.trouble
        quiet = kinds[READY][0] == "True" or rests
        assert (RECONCILING in kinds) + (STALLED in kinds) == (0 if quiet else 1)

    @given(SITUATIONS)
    def test_nobody_is_left_without_a_next_step(self, before: Situation) -> None:
        """Whoever is not fulfilled is asked for again, and wakes later or not at all."""
        decision = decide(before, make.now())
        if decision.pace <= Pace.SETTLED:
            assert CASES[decision.case].ready == "True"
        assert decision.wake_at is None or decision.wake_at > NOW

    @given(SITUATIONS)
    def test_nobody_stays_silent_for_ever(self, before: Situation) -> None:
        """Whoever says nothing now says it later, or has said what may stand."""
        decision = decide(before, make.now())
        if not decision.speak and decision.wake_at is None:
            assert before.shown.condition(READY) is not None

    @given(SITUATIONS)
    def test_a_phase_does_not_go_back_without_proof(self, before: Situation) -> None:
        """Only a call for this task alone leads from an ended word back to an active one."""
        decision, status = make.outcome(before)
        over = {PhaseClass.TERMINATED, PhaseClass.ENDED, PhaseClass.FAILED}
        was_over = WORDS.get(before.shown.phase, PhaseClass.ACTIVE) in over
        runs = WORDS.get(status.phase) in {PhaseClass.ACTIVE, PhaseClass.TERMINATING}
        if decision.speak and was_over and runs:
            assert before.confirmed or before.moved
