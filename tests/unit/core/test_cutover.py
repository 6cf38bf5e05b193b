"""What a conditional wish means: row by row, from terms and samples to the reason people read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcs_migration_operator.core.cases import CASES, Case
from dcs_migration_operator.core.cloud import Stats
from dcs_migration_operator.core.cutover import (
    Conditional,
    Lag,
    Opening,
    Sampling,
    Sight,
    Streak,
    Terms,
    TermsSaid,
    WaveStanding,
    Window,
    sight_of,
    terms_of,
)
from dcs_migration_operator.core.decide import case_of, decide
from dcs_migration_operator.core.describe import describe
from dcs_migration_operator.core.durations import in_words, seconds_of
from dcs_migration_operator.core.model import Outcome, StopRequest
from support import make
from support.cutover import BEHIND, DEAD, FULL, IDLE, NOW, WORD, sampled, situation, wish

TABLE = [
    pytest.param(wish(IDLE, IDLE, IDLE), Case.TO_STOP, id="caught up"),
    pytest.param(wish(IDLE, IDLE), Case.CATCHING_UP, id="not for long enough"),
    pytest.param(wish(IDLE), Case.CATCHING_UP, id="one sample proves nothing"),
    pytest.param(wish(BEHIND), Case.CATCHING_UP, id="behind"),
    pytest.param(wish(IDLE, IDLE, BEHIND), Case.CATCHING_UP, id="the last one counts"),
    pytest.param(wish(IDLE, BEHIND, IDLE, IDLE), Case.CATCHING_UP, id="a break begins anew"),
    pytest.param(wish(FULL), Case.CATCHING_UP, id="full phase"),
    pytest.param(wish(IDLE, IDLE, Stats()), Case.LAG_UNKNOWN, id="nothing is said"),
    pytest.param(wish(DEAD, DEAD, DEAD), Case.NOT_REPLICATING, id="dead"),
    pytest.param(wish(), Case.QUEUED, id="never sampled"),
    pytest.param(
        wish(IDLE, opening=Opening(NOW, make.now().wall)), Case.QUEUED, id="not since opened"
    ),
    pytest.param(wish(IDLE, IDLE, IDLE, opening=None), Case.QUEUED, id="not admitted"),
    pytest.param(
        wish(IDLE, IDLE, IDLE, standing=WaveStanding.HOLDS), Case.HOLDING, id="its wave holds"
    ),
    pytest.param(
        wish(IDLE, IDLE, IDLE, standing=WaveStanding.MISSING), Case.WAVE_NOT_FOUND, id="no wave"
    ),
    pytest.param(
        wish(standing=WaveStanding.PAUSED, opening=None), Case.WAVE_PAUSED, id="its wave is paused"
    ),
    pytest.param(
        wish(IDLE, IDLE, IDLE, standing=WaveStanding.PAUSED), Case.TO_STOP, id="admitted before"
    ),
    pytest.param(
        wish(IDLE, IDLE, IDLE, window=Window(make.START + timedelta(hours=1))),
        Case.EARLY,
        id="too early",
    ),
    pytest.param(
        wish(IDLE, IDLE, IDLE, window=Window(None, make.START)), Case.WINDOW_MISSED, id="too late"
    ),
    pytest.param(wish(BEHIND, terms=Terms(timeout_s=60.0)), Case.TIMED_OUT, id="timed out"),
    pytest.param(
        wish(IDLE, IDLE, IDLE, terms=Terms(timeout_s=60.0)),
        Case.TIMED_OUT,
        id="timed out, whatever the lag is then",
    ),
    pytest.param(
        wish(IDLE, IDLE, IDLE, expired=True), Case.TIMED_OUT, id="only a person opens it again"
    ),
    pytest.param(
        wish(terms=Terms(timeout_s=60.0)), Case.QUEUED, id="a deadline needs a fresh sample"
    ),
    pytest.param(
        wish(Stats(), terms=Terms(timeout_s=60.0, stop_anyway=True)), Case.TO_STOP, id="anyway"
    ),
    pytest.param(wish(BEHIND, committed=True), Case.TO_STOP, id="an order has left"),
    pytest.param(
        wish(committed=True, standing=WaveStanding.HOLDS), Case.HOLDING, id="and was taken back"
    ),
]


@pytest.mark.parametrize("one, case", TABLE)
def test_the_table(one: Conditional, case: Case) -> None:
    """Each row as the contract has it."""
    assert case_of(situation(one), make.now(NOW)) is case


def test_a_full_migration_has_no_lag() -> None:
    """It ends by itself, and is not sampled."""
    observed = make.observed(WORD, method="full_amount_migration")
    before = situation(wish(IDLE, IDLE, IDLE), observed=observed)
    decision = decide(before, make.now(NOW))
    assert (decision.case, decision.sampling) == (Case.NOT_INCREMENTAL, Sampling.NEVER)


def test_a_stale_sample_lets_nothing_leave() -> None:
    """The last one is at most 10 s old when the order leaves."""
    lag, streak = sampled(IDLE, IDLE, IDLE, last_at=NOW - 10.5)
    before = situation(wish(lag=lag, streak=streak))
    assert case_of(before, make.now(NOW)) is Case.CATCHING_UP


@pytest.mark.parametrize("word", ["MIGRATING", "FULLMIGRATING", "NEW_WORD"])
def test_only_the_incremental_phase_counts(word: str) -> None:
    """Whatever the numbers are."""
    assert sight_of(IDLE, 0, word) is Sight.FULL_PHASE


def test_a_phase_that_a_list_told_of_after_the_last_sample_lets_nothing_leave() -> None:
    """A full sync may have begun again since the samples were within the limit."""
    before = situation(wish(IDLE, IDLE, IDLE), word="FULLMIGRATING")
    assert case_of(before, make.now(NOW)) is Case.CATCHING_UP


@pytest.mark.parametrize("missing", ["offset", "full_progress", "is_migrating"])
def test_what_is_missing_is_unknown_and_never_zero(missing: str) -> None:
    """Each of the three figures is needed."""
    assert sight_of(replace(IDLE, **{missing: None}), 0, WORD) is Sight.UNKNOWN


def test_an_accepted_order_is_not_affected_by_the_lag() -> None:
    """Nor by a wave that holds: it has left."""
    accepted = make.accepted(NOW - 5.0)
    for one in (wish(BEHIND), wish(standing=WaveStanding.HOLDS)):
        before = situation(replace(one, committed=True), request=accepted)
        assert case_of(before, make.now(NOW)) is Case.LAGGING


def test_what_left_is_not_repeated_while_the_wave_holds() -> None:
    """A refused order is no order that has left."""
    refused = StopRequest(Outcome.REJECTED, 1, NOW - 500.0, 1, detail=make.FAULT)
    one = wish(committed=True, standing=WaveStanding.HOLDS)
    decision = decide(situation(one, request=refused), make.now(NOW))
    assert (decision.case, decision.stop) == (Case.HOLDING, False)


@pytest.mark.parametrize("word, case", [("TERMINATED", Case.TERMINATED), ("SUCCESS", Case.ENDED)])
def test_what_has_ended_fulfils_the_wish(word: str, case: Case) -> None:
    """It does not matter who ended it."""
    assert case_of(situation(wish(), word), make.now(NOW)) is case


def test_the_lag_is_written_when_its_meaning_changes_and_else_now_and_then() -> None:
    """A sample each 5 s does not become a write each 5 s."""
    first = situation(wish(BEHIND))
    shown = describe(first, decide(first, make.now(NOW)), make.now(NOW))
    assert shown.lag
    assert shown.lag.offset == 7
    for age_s, offset in ((5.0, 7), (16.0, 9)):
        lag, streak = sampled(replace(BEHIND, offset=9), last_at=NOW - 1.0 + age_s)
        later = situation(wish(lag=lag, streak=streak), shown=shown)
        at = make.now(NOW + age_s)
        status = describe(later, decide(later, at), at)
        assert status.lag
        assert status.lag.offset == offset


def test_what_a_task_does_not_say_its_wave_says() -> None:
    """And what neither says is built in."""
    wave = TermsSaid(max_lag=5, stable_for_s=1.0, timeout_s=60.0, stop_anyway=True)
    task = TermsSaid(max_lag=0, stop_anyway=False)
    assert terms_of(task, wave) == Terms(0, 1.0, 60.0, stop_anyway=False)
    assert terms_of(TermsSaid()) == Terms()


@pytest.mark.parametrize(
    "text, seconds",
    [("10s", 10.0), ("1h30m", 5400.0), ("250ms", 0.25), ("1.5m", 90.0), ("", None), ("5", None)],
)
def test_durations(text: str, seconds: float | None) -> None:
    """As Kubernetes writes them."""
    assert seconds_of(text) == seconds


@given(st.integers(0, 86_400))
def test_durations_are_written_as_they_are_read(seconds: int) -> None:
    """What is written is read again as the same number of whole seconds."""
    assert seconds_of(in_words(seconds)) == seconds


@given(
    st.lists(
        st.builds(
            Stats,
            offset=st.one_of(st.none(), st.integers(0, 3)),
            full_progress=st.sampled_from([None, 99, 100]),
            is_migrating=st.sampled_from([None, True, True, True, False]),
        ),
        min_size=1,
        max_size=8,
    ),
    st.integers(0, 2),
)
def test_caught_up_means_two_good_samples_that_span_the_time(
    stats: list[Stats], max_lag: int
) -> None:
    """For any samples: all of a span that is long enough were within the limit."""
    streak = Streak(max_lag)
    for number, one in enumerate(stats):
        at = NOW + 5.0 * number
        streak = streak.after(Lag(one, at, make.now(at).wall), WORD)
    good = [sight_of(one, max_lag, WORD) is Sight.WITHIN for one in stats]
    assert streak.is_stable(10.0) == (len(good) >= 3 and all(good[-3:]))


CUTOVER_CASES = {case for _, case in (row.values for row in TABLE)} | {Case.NOT_INCREMENTAL}


def test_every_case_of_a_cutover_has_a_row() -> None:
    """A case that nobody has named a situation for is not tested."""
    names = "HOLDING EARLY WAVE_PAUSED QUEUED CATCHING_UP LAG_UNKNOWN TIMED_OUT WINDOW_MISSED"
    more = "NOT_INCREMENTAL NOT_REPLICATING WAVE_NOT_FOUND"
    cases = {Case[name] for name in f"{names} {more}".split()}
    assert cases < CUTOVER_CASES
    assert cases < set(CASES)
