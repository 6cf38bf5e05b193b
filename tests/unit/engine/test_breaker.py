"""The circuits of one channel: what each error closes, for how long, and how it ends."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcs_migration_operator.core.cloud import PERMISSIONS, Operation
from dcs_migration_operator.core.errors import (
    DcsError,
    EndpointRefused,
    Misconfigured,
    OutcomeUnknown,
    PermissionDenied,
    Unavailable,
    Unresolved,
    Untrusted,
)
from dcs_migration_operator.core.model import Trouble, TroubleKind
from dcs_migration_operator.engine.breaker import (
    JITTER,
    PAUSES,
    UNRESOLVED_S,
    UNTRUSTED,
    CircuitBreaker,
)
from unit.engine.parts import DETAIL, lowest, named

LIST, SHOW, STOP = Operation.LIST, Operation.SHOW, Operation.BATCH_STOP
NOW = 1000.0
SILENT: list[DcsError] = [Unavailable(DETAIL), OutcomeUnknown(DETAIL)]
ANSWERED: list[DcsError] = [
    Unavailable(DETAIL, http_status=503),
    OutcomeUnknown(DETAIL, http_status=500),
    PermissionDenied(DETAIL, http_status=403),
    Misconfigured(DETAIL, http_status=404),
]


def open_after(breaker: CircuitBreaker, now: float = NOW) -> dict[Operation, float]:
    """Return the seconds until each call may be made, 0 for those that may be made now."""
    return {operation: max(breaker.wait_s(operation, now), 0.0) for operation in Operation}


def troubles(breaker: CircuitBreaker) -> dict[Operation, TroubleKind]:
    """Return the calls in trouble, with the kind."""
    found = {operation: breaker.trouble(operation) for operation in Operation}
    return {operation: one.kind for operation, one in found.items() if one}


def told(breaker: CircuitBreaker, operation: Operation = LIST) -> Trouble:
    """Return the trouble of a call."""
    trouble = breaker.trouble(operation)
    assert trouble is not None
    return trouble


@pytest.mark.parametrize("error", SILENT, ids=named)
def test_silence_is_about_the_way_that_all_calls_share(error: DcsError) -> None:
    """Nobody calls for the first pause, and every call is in trouble."""
    breaker = CircuitBreaker(lowest)
    breaker.failed(LIST, error, NOW)
    assert open_after(breaker) == dict.fromkeys(Operation, 1.0)
    assert troubles(breaker) == dict.fromkeys(Operation, TroubleKind.UNAVAILABLE)


@pytest.mark.parametrize("error", ANSWERED, ids=named)
def test_an_answer_is_about_that_kind_of_call(error: DcsError) -> None:
    """A list that fails with 500 does not keep a stop back."""
    breaker = CircuitBreaker(lowest)
    breaker.failed(LIST, error, NOW)
    waits = open_after(breaker)
    assert waits.pop(LIST) > 0.0
    assert set(waits.values()) == {0.0}
    assert troubles(breaker).keys() == {LIST}


@pytest.mark.parametrize(
    "error, kind, words, first_s",
    [
        (Unavailable(DETAIL), TroubleKind.UNAVAILABLE, "goes on by itself", 1.0),
        (OutcomeUnknown(DETAIL), TroubleKind.UNAVAILABLE, "goes on by itself", 1.0),
        (Unresolved(DETAIL), TroubleKind.UNAVAILABLE, "cannot be resolved", 1.0),
        (Untrusted(DETAIL), TroubleKind.UNAVAILABLE, "--ca-file", 30.0),
        (EndpointRefused(DETAIL), TroubleKind.ENDPOINT, "--allow-endpoint", 30.0),
        (PermissionDenied(DETAIL, http_status=403), TroubleKind.PERMISSION, "IAM", 30.0),
        (Misconfigured(DETAIL, http_status=404), TroubleKind.PROJECT, "projectId", 30.0),
    ],
    ids=named,
)
def test_each_error_has_its_reason_its_words_and_its_pause(
    error: DcsError, kind: TroubleKind, words: str, first_s: float
) -> None:
    """The words say who has to do what; the answer behind it is kept."""
    breaker = CircuitBreaker(lowest)
    breaker.failed(LIST, error, NOW)
    trouble = told(breaker)
    assert (trouble.kind, trouble.since, trouble.detail) == (kind, NOW, DETAIL)
    assert words in trouble.message
    assert breaker.wait_s(LIST, NOW) == first_s


@pytest.mark.parametrize("operation", Operation)
def test_a_forbidden_call_names_the_action_that_is_missing(operation: Operation) -> None:
    """Each call needs another one."""
    breaker = CircuitBreaker(lowest)
    breaker.failed(operation, PermissionDenied(DETAIL, http_status=403), NOW)
    assert PERMISSIONS[operation] in told(breaker, operation).message


@pytest.mark.parametrize(
    "error, person_after_s",
    [
        pytest.param(Unavailable(DETAIL), None, id="never"),
        pytest.param(Unresolved(DETAIL), UNRESOLVED_S, id="after a minute"),
        pytest.param(Untrusted(DETAIL), 0.0, id="at once"),
        pytest.param(EndpointRefused(DETAIL), 0.0, id="at once, by its kind"),
    ],
)
def test_when_a_person_is_needed(error: DcsError, person_after_s: float | None) -> None:
    """A name that does not resolve for a moment heals alone, a strange certificate never does."""
    breaker = CircuitBreaker(lowest)
    breaker.failed(LIST, error, NOW)
    trouble = told(breaker)
    if person_after_s is None:
        assert not trouble.needs_person(NOW + 1e9)
    else:
        assert trouble.needs_person(NOW + person_after_s)
        assert trouble.needs_person(NOW + person_after_s / 2) is (person_after_s == 0.0)


@pytest.mark.parametrize(
    "error, pauses",
    [
        (Unavailable(DETAIL), PAUSES[TroubleKind.UNAVAILABLE]),
        (Untrusted(DETAIL), UNTRUSTED),
        (Misconfigured(DETAIL, http_status=404), PAUSES[TroubleKind.PROJECT]),
    ],
    ids=named,
)
def test_pauses_grow_while_the_same_goes_on(error: DcsError, pauses: Any) -> None:
    """Each failure doubles them up to a maximum, and the trouble keeps its beginning."""
    breaker, now = CircuitBreaker(lowest), NOW
    for failures in range(1, 15):
        breaker.failed(LIST, error, now)
        assert breaker.wait_s(LIST, now) == pauses.seconds(failures)
        assert told(breaker).since == NOW
        now += pauses.seconds(failures)


def test_another_kind_of_failure_begins_anew() -> None:
    """The pause as well as its beginning."""
    breaker = CircuitBreaker(lowest)
    for second in range(5):
        breaker.failed(LIST, OutcomeUnknown(DETAIL, http_status=500), NOW + second)
    breaker.failed(LIST, PermissionDenied(DETAIL, http_status=403), NOW + 100.0)
    assert told(breaker).since == NOW + 100.0
    assert breaker.wait_s(LIST, NOW + 100.0) == 30.0


def test_a_shorter_pause_does_not_cut_a_longer_one() -> None:
    """A call that was under way fails otherwise: whoever waits for a person still waits."""
    breaker = CircuitBreaker(lowest)
    breaker.failed(LIST, Misconfigured(DETAIL, http_status=404), NOW)
    breaker.failed(LIST, OutcomeUnknown(DETAIL, http_status=500), NOW + 1.0)
    assert breaker.wait_s(LIST, NOW + 1.0) == 29.0


@given(st.floats(0.0, 1.0, exclude_max=True))
def test_pauses_are_lengthened_by_a_tenth_at_most(drawn: float) -> None:
    """No draw shortens them."""
    breaker = CircuitBreaker(lambda: drawn)
    breaker.failed(LIST, Unavailable(DETAIL), NOW)
    assert 1.0 <= breaker.wait_s(LIST, NOW) <= 1.0 + JITTER + 1e-9


class TestHealing:
    """How a trouble ends."""

    def test_a_success_ends_the_trouble_of_its_call_and_of_the_channel(self) -> None:
        """The trouble of another call stays."""
        breaker = CircuitBreaker(lowest)
        breaker.failed(STOP, PermissionDenied(DETAIL, http_status=403), NOW)
        breaker.failed(LIST, OutcomeUnknown(DETAIL, http_status=500), NOW)
        breaker.failed(SHOW, Unavailable(DETAIL), NOW)
        breaker.succeeded(LIST)
        assert troubles(breaker) == {STOP: TroubleKind.PERMISSION}

    def test_an_answer_of_any_kind_ends_the_trouble_of_the_channel(self) -> None:
        """Also a refusal: DCS can be reached."""
        breaker = CircuitBreaker(lowest)
        breaker.failed(LIST, Unavailable(DETAIL), NOW)
        breaker.failed(SHOW, PermissionDenied(DETAIL, http_status=403), NOW + 0.5)
        assert troubles(breaker) == {SHOW: TroubleKind.PERMISSION}

    def test_a_late_answer_does_not_cut_the_pause(self) -> None:
        """It was asked for before the way broke, and proves nothing."""
        breaker = CircuitBreaker(lowest)
        breaker.failed(LIST, Unavailable(DETAIL), NOW)
        breaker.answered()
        assert open_after(breaker) == dict.fromkeys(Operation, 1.0)
        assert troubles(breaker) == {}

    def test_a_trouble_whose_pause_is_over_is_forgotten_if_nobody_waits(self) -> None:
        """Nothing would ever disprove it; whoever calls next finds out anew."""
        breaker = CircuitBreaker(lowest)
        breaker.failed(STOP, PermissionDenied(DETAIL, http_status=403), NOW)
        breaker.expire((), NOW + 29.9)
        assert troubles(breaker) == {STOP: TroubleKind.PERMISSION}
        breaker.expire((), NOW + 30.0)
        assert troubles(breaker) == {}

    def test_what_fails_right_after_a_forgotten_trouble_goes_on_with_longer_pauses(self) -> None:
        """A look may come before the call is made again, so that nothing waits for its end."""
        breaker, error, now = CircuitBreaker(lowest), Misconfigured(DETAIL, http_status=404), NOW
        for pause_s in (30.0, 60.0, 120.0, 240.0, 480.0, 600.0, 600.0):
            breaker.failed(STOP, error, now)
            assert breaker.wait_s(STOP, now) == pause_s
            assert told(breaker, STOP).since == now
            breaker.expire((), now + pause_s)
            assert troubles(breaker) == {}
            now += pause_s + 5.0

    def test_what_fails_long_after_a_forgotten_trouble_begins_anew(self) -> None:
        """It went well for as long again, or was not tried."""
        breaker, error = CircuitBreaker(lowest), PermissionDenied(DETAIL, http_status=403)
        breaker.failed(STOP, error, NOW)
        breaker.failed(STOP, error, NOW + 30.0)
        breaker.expire((), NOW + 90.0)
        breaker.failed(STOP, error, NOW + 150.0)
        assert breaker.wait_s(STOP, NOW + 150.0) == 30.0

    @pytest.mark.parametrize(
        "error, waiting, kept",
        [
            pytest.param(PermissionDenied(DETAIL, http_status=403), STOP, True, id="that call"),
            pytest.param(PermissionDenied(DETAIL, http_status=403), LIST, False, id="another call"),
            pytest.param(Unavailable(DETAIL), LIST, True, id="any call, for the channel"),
        ],
    )
    def test_a_trouble_is_kept_while_a_call_waits_for_its_end(
        self, error: DcsError, waiting: Operation, *, kept: bool
    ) -> None:
        """That call will tell; until then it is the reason."""
        breaker = CircuitBreaker(lowest)
        breaker.failed(STOP, error, NOW)
        breaker.expire({waiting}, NOW + 100.0)
        assert bool(troubles(breaker)) is kept

    def test_the_next_end_is_that_of_the_shortest_pause(self) -> None:
        """None while nothing waits."""
        breaker = CircuitBreaker(lowest)
        assert breaker.next_end(NOW) is None
        breaker.failed(STOP, PermissionDenied(DETAIL, http_status=403), NOW)
        breaker.failed(LIST, OutcomeUnknown(DETAIL, http_status=500), NOW)
        assert breaker.next_end(NOW) == NOW + 1.0
        assert breaker.next_end(NOW + 1.0) == NOW + 30.0
        assert breaker.next_end(NOW + 30.0) is None


def test_the_trouble_of_a_call_outweighs_that_of_the_channel() -> None:
    """It says more about what is wrong."""
    breaker = CircuitBreaker(lowest)
    breaker.failed(STOP, PermissionDenied(DETAIL, http_status=403), NOW)
    breaker.failed(LIST, Unavailable(DETAIL), NOW)
    assert troubles(breaker) == dict.fromkeys(Operation, TroubleKind.UNAVAILABLE) | {
        STOP: TroubleKind.PERMISSION
    }
