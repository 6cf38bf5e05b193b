"""How long the watches are without a proof that they are served."""

from __future__ import annotations

import pytest

from dcs_migration_operator.kube.pulse import UNPROVEN_S_MAX, Pulse
from dcs_migration_operator.kube.watch import SILENCE_S

TOLD_S_MAX = 30.0
"""Within which a frozen API server is told."""


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pulse = Pulse(lambda: self.now)


def test_without_a_watch_nothing_is_missed() -> None:
    """The first listing comes first."""
    assert Clock().pulse.unproven_s() == 0.0


def test_a_watch_is_missed_from_its_first_request_on() -> None:
    """Asking again is no proof."""
    clock = Clock()
    clock.pulse.asked("/tasks")
    clock.now += 10.0
    clock.pulse.asked("/tasks")
    clock.now += 10.0
    assert clock.pulse.unproven_s() == 20.0
    clock.pulse.proven("/tasks")
    assert clock.pulse.unproven_s() == 0.0


def test_the_worst_of_several_watches_counts() -> None:
    """One that is served says nothing of another."""
    clock = Clock()
    for watch in ("/tasks", "/projects"):
        clock.pulse.asked(watch)
        clock.pulse.proven(watch)
    clock.now += 5.0
    clock.pulse.proven("/tasks")
    assert clock.pulse.unproven_s() == 5.0


def test_an_idle_watch_proves_itself_in_time() -> None:
    """It is connected anew often enough, with time to spare; a frozen one is told within 30 s."""
    assert SILENCE_S + 10.0 <= UNPROVEN_S_MAX
    assert pytest.approx(TOLD_S_MAX, abs=5.0) == UNPROVEN_S_MAX
    assert UNPROVEN_S_MAX < TOLD_S_MAX
