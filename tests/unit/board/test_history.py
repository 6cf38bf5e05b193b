"""Lags and the counts of a night: bounded, and true to what was."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kubectl_dcs.board.history import POINTS_MAX, SAMPLES_MAX, Lags, Night


def test_only_so_many_lags_of_a_task_are_kept() -> None:
    """Thousands of tasks over a night must not fill the memory."""
    lags = Lags()
    for second in range(100):
        lags.note("a", float(second), second)
    assert lags.last("a") == [(float(s), s) for s in range(100 - SAMPLES_MAX, 100)]


def test_the_same_sample_again_is_not_another_one() -> None:
    """A status is written for other reasons too."""
    lags = Lags()
    for moment, lag in ((1.0, 5), (1.0, 5), (0.5, 9), (None, 3), (2.0, None)):
        lags.note("a", moment, lag)
    assert lags.last("a") == [(1.0, 5)]


def test_of_a_recording_only_what_had_been_seen_by_then_is_shown() -> None:
    """The slider must not show the future."""
    lags = Lags(None)
    for second in range(100):
        lags.note("a", float(second), second)
    assert lags.last("a", 50.5)[-1] == (50.0, 50)
    assert len(lags.last("a", 50.5)) == SAMPLES_MAX
    assert lags.last("b", 50.5) == []


def test_a_task_that_is_gone_is_forgotten() -> None:
    """One of the same name begins anew."""
    lags = Lags()
    lags.note("a", 1.0, 5)
    lags.forget("a")
    assert lags.last("a") == []


@given(
    steps=st.lists(
        st.tuples(st.floats(0.0, 400.0), st.tuples(st.integers(0, 9), st.integers(0, 9))),
        min_size=1,
        max_size=300,
    ),
    points_max=st.integers(4, 40),
)
def test_however_long_a_night_is_it_begins_where_it_began_and_ends_as_it_is(
    steps: list[tuple[float, tuple[int, int]]], points_max: int
) -> None:
    """Thinned out in between, in order, and never more than the limit."""
    night, now_s = Night(points_max), 0.0
    first_s = None
    for pause_s, counts in steps:
        now_s += pause_s
        first_s = now_s if first_s is None else first_s
        night.note(now_s, counts)
    times = [moment_s for moment_s, _ in night.points]
    assert len(times) <= points_max
    assert times == sorted(times)
    assert times[0] == first_s
    assert night.points[-1][1] == steps[-1][1]


def test_counts_that_stay_the_same_cost_nothing() -> None:
    """A quiet hour is one point."""
    night = Night()
    assert night.note(0.0, (1,))
    assert not any(night.note(float(second), (1,)) for second in range(1, 3600))
    assert len(night.points) == 1


def test_a_whole_night_of_changes_stays_within_its_points() -> None:
    """Eight hours, a change each second."""
    night = Night()
    for second in range(8 * 3600):
        night.note(float(second), (second,))
    assert POINTS_MAX // 4 <= len(night.points) <= POINTS_MAX
