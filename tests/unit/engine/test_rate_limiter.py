"""The rate of one access key: bursts, halving, recovery; the clock is an argument."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcs_migration_operator.engine.rate_limiter import (
    BURST_CALLS,
    RATE_PER_S_MAX,
    RATE_PER_S_MIN,
    RECOVERY_PER_S,
    RateLimiter,
)


def calls(limiter: RateLimiter, begin: float, end: float) -> list[float]:
    """Let calls leave as soon as they may; returns when they left."""
    times, now = [], begin
    while (now := now + limiter.wait_s(now)) < end:
        limiter.take(now)
        times.append(now)
    return times


def test_twenty_calls_leave_at_once_and_then_one_every_twentieth_of_a_second() -> None:
    """The stops of 1,000 tasks do not wait for each other."""
    times = calls(RateLimiter(), 100.0, 102.0)
    later = [100.0 + number / RATE_PER_S_MAX for number in range(1, 40)]
    assert times[:59] == pytest.approx([100.0] * BURST_CALLS + later)


def test_a_burst_grows_back_at_the_pace_of_the_rate() -> None:
    """After half a second without calls ten may leave at once."""
    limiter = RateLimiter()
    calls(limiter, 100.0, 100.001)
    assert len(calls(limiter, 100.5, 100.501)) == 10


@given(st.lists(st.tuples(st.floats(0.0, 3.0), st.integers(1, 30)), max_size=20))
def test_no_span_of_time_has_more_calls_than_burst_and_rate(
    arrivals: list[tuple[float, int]],
) -> None:
    """For all ways in which callers come: the burst, and 20 for each second of the span."""
    limiter, now, times = RateLimiter(), 0.0, []
    for pause_s, count in arrivals:
        now += pause_s
        for _ in range(count):
            if limiter.wait_s(now) <= 0.0:
                limiter.take(now)
                times.append(now)
    for first, begin in enumerate(times):
        for last in range(first, len(times)):
            calls_max = BURST_CALLS + RATE_PER_S_MAX * (times[last] - begin)
            assert last - first + 1 <= calls_max + 1e-6


class TestThrottled:
    """After a 429."""

    def test_calls_that_were_under_way_halve_the_rate_once(self) -> None:
        """A hundred of them say nothing about the new rate."""
        limiter = RateLimiter()
        for number in range(101):
            limiter.throttled(asked_at=99.0 + number / 100, now=100.0)
        assert limiter.rate_per_s(100.0) == RATE_PER_S_MAX / 2

    def test_a_call_at_the_new_rate_halves_it_again(self) -> None:
        """Each window halves it once, down to the lowest rate and no further."""
        limiter, rates = RateLimiter(), []
        for second in range(100, 110):
            limiter.throttled(asked_at=float(second), now=float(second))
            rates.append(limiter.rate_per_s(second))
        assert rates[:3] == pytest.approx([10.0, 5.0, 2.5], abs=0.1)
        assert rates[-1] == RATE_PER_S_MIN

    def test_there_is_no_burst_until_the_rate_has_recovered(self) -> None:
        """Calls leave evenly, at the rate of the moment."""
        limiter = RateLimiter()
        limiter.throttled(asked_at=100.0, now=100.0)
        times = calls(limiter, 100.0, 105.0)
        gaps = [after - before for before, after in pairwise(times)]
        assert gaps == pytest.approx([0.1] * len(gaps), abs=0.01)
        recovered = 100.0 + (RATE_PER_S_MAX / 2) / RECOVERY_PER_S
        assert len(calls(limiter, recovered - 1.0, recovered - 0.999)) == 1
        assert len(calls(limiter, recovered + 1.0, recovered + 1.001)) == BURST_CALLS

    def test_the_rate_recovers_evenly(self) -> None:
        """It grows by 0.05 calls per second each second, and never above the highest rate."""
        limiter = RateLimiter()
        limiter.throttled(asked_at=100.0, now=100.0)
        rates = [limiter.rate_per_s(100.0 + second) for second in (0, 20, 100, 200, 10_000)]
        assert rates == pytest.approx([10.0, 11.0, 15.0, 20.0, 20.0])

    @pytest.mark.parametrize("rate", [0.2, 1.0, 5.0])
    def test_nothing_is_booked_ahead(self, rate: float) -> None:
        """What was let through at the higher rate is not worked off at the lower one."""
        limiter, now = RateLimiter(), 100.0
        calls(limiter, now, now + 1.0)
        while limiter.rate_per_s(now) > rate:
            now += 0.01
            limiter.throttled(asked_at=now, now=now)
        assert limiter.wait_s(now) <= 1.0 / limiter.rate_per_s(now)


@given(
    st.lists(
        st.tuples(st.floats(0.0, 30.0), st.sampled_from(["call", "throttled", "late 429"])),
        max_size=60,
    )
)
def test_nobody_waits_longer_than_for_one_place(steps: list[tuple[float, str]]) -> None:
    """For all histories: the next call is one interval away at most, and the rate in its limits."""
    limiter, now = RateLimiter(), 0.0
    for pause_s, step in steps:
        now += pause_s
        if step == "call" and limiter.wait_s(now) <= 0.0:
            limiter.take(now)
        elif step != "call":
            limiter.throttled(now if step == "throttled" else now - 10.0, now)
        rate_per_s = limiter.rate_per_s(now)
        assert RATE_PER_S_MIN <= rate_per_s <= RATE_PER_S_MAX
        assert limiter.wait_s(now) <= 1.0 / rate_per_s + 1e-6
