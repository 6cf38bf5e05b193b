"""Growing pauses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcs_migration_operator.core.backoff import Backoff

PAUSES = st.builds(Backoff, st.floats(0.001, 60.0), st.floats(0.001, 3600.0))


@pytest.mark.parametrize(
    "failures, seconds",
    [(-1, 0.0), (0, 0.0), (1, 5.0), (2, 10.0), (3, 20.0), (7, 300.0), (10**9, 300.0)],
)
def test_a_pause_doubles_up_to_its_most(failures: int, seconds: float) -> None:
    """And is none without a failure."""
    assert Backoff(5.0, 300.0).seconds(failures) == seconds


@given(PAUSES, st.integers(0, 10_000))
def test_pauses_never_shrink_and_never_exceed_their_most(backoff: Backoff, failures: int) -> None:
    """For all pauses and counts, also for numbers that no power of two can hold."""
    assert backoff.seconds(failures) <= backoff.seconds(failures + 1) <= backoff.most_s


@given(PAUSES)
def test_the_first_pause_is_the_first(backoff: Backoff) -> None:
    """For all pauses, unless the most is less."""
    assert backoff.seconds(1) == min(backoff.first_s, backoff.most_s)
