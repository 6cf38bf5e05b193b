"""The shadow of a status: echoes, strangers who write, and the limit of our own writes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcs_migration_operator.core.status import Status, StopRecord
from dcs_migration_operator.engine.shadow import WRITE_S, WRITES_MAX, StatusShadow
from support import make

TOLD, WRITTEN = 10, 20
OURS = make.shown_after(make.situation("MIGRATING", stopped=False))
THEIRS = make.shown_after(make.situation("SUCCESS", stopped=False))


def written(**changes: Any) -> StatusShadow:
    """Return a shadow whose last write of ours is newer than what the watch has told."""
    return replace(StatusShadow(version=TOLD, written=WRITTEN, shown=OURS), **changes)


@pytest.mark.parametrize(
    "version, writing, echo",
    [
        pytest.param(TOLD - 1, False, True, id="older than what is known"),
        pytest.param(TOLD, False, True, id="known"),
        pytest.param(TOLD + 1, False, True, id="between what is known and our write"),
        pytest.param(WRITTEN, False, True, id="our write"),
        pytest.param(WRITTEN + 1, False, False, id="somebody else's, after our write"),
        pytest.param(WRITTEN + 1, True, True, id="about to be replaced by a write under way"),
    ],
)
def test_an_echo_is_told_by_its_version(version: int, writing: bool, echo: bool) -> None:  # noqa: FBT001
    """What we wrote, knew before or are about to replace need not be read."""
    assert written(writing=writing).is_echo(version) is echo


OTHER_TEXT = replace(OURS, stop=StopRecord(requested_at="yesterday"))


@pytest.mark.parametrize(
    "before, version, status, replaced, shown",
    [
        pytest.param({}, WRITTEN + 1, THEIRS, True, THEIRS, id="somebody else's"),
        pytest.param({}, WRITTEN + 1, Status(), True, Status(), id="a wiped status"),
        pytest.param({}, WRITTEN + 1, OTHER_TEXT, False, OTHER_TEXT, id="the same meaning"),
        pytest.param({}, WRITTEN, THEIRS, False, OURS, id="not newer than our write"),
        pytest.param({"writing": True}, WRITTEN + 1, THEIRS, False, OURS, id="while we write"),
        pytest.param({"written": 0}, TOLD + 1, THEIRS, False, THEIRS, id="before our first write"),
    ],
)
def test_whose_status_an_event_brings(
    before: dict[str, Any], version: int, status: Status, *, replaced: bool, shown: Status
) -> None:
    """Only a status of ours that was replaced by one with another meaning is worth a warning."""
    shadow = written(**before)
    assert shadow.told(version, status) is replaced
    assert (shadow.shown, shadow.version) == (shown, version)


def test_an_older_event_takes_nothing_back() -> None:
    """The newest version that was told is kept."""
    shadow = written()
    shadow.told(TOLD - 5, THEIRS)
    assert shadow.version == TOLD


class TestWants:
    """Whether a status has to be written."""

    def test_the_same_meaning_is_not_written_again(self) -> None:
        """Another text of DCS is no news."""
        shadow = StatusShadow(shown=OURS)
        conditions = tuple(replace(c, message="another text") for c in OURS.conditions)
        assert not shadow.wants(replace(OURS, conditions=conditions))
        assert shadow.wants(THEIRS)

    def test_a_stop_record_of_ours_that_changed_is_written(self) -> None:
        """One more attempt is news, once it is our own facts that changed."""
        shadow = StatusShadow()
        status = replace(OURS, stop=StopRecord(attempts=1))
        shadow.hand_on(status, 0.0)
        assert not shadow.wants(status)
        assert shadow.wants(replace(status, stop=StopRecord(attempts=2)))

    def test_a_stop_record_that_somebody_else_wrote_is_left(self) -> None:
        """It only informs; a second writer must not draw us into a quarrel about it."""
        shadow = written()
        shadow.told(WRITTEN + 1, replace(OURS, stop=StopRecord(attempts=7)))
        ours = replace(OURS, stop=StopRecord(attempts=1))
        assert not shadow.wants(ours)
        assert not shadow.wants(ours)
        assert shadow.wants(replace(OURS, stop=StopRecord(attempts=2)))


class TestConfirm:
    """The answer to a write."""

    def test_it_ends_the_write_of_that_status(self) -> None:
        """From then on its version is the newest of ours."""
        shadow = StatusShadow(version=TOLD)
        shadow.hand_on(OURS, 0.0)
        assert shadow.writing
        assert not shadow.confirm(WRITTEN, OURS)
        assert (shadow.writing, shadow.written) == (False, WRITTEN)

    def test_a_newer_status_is_still_to_be_written(self) -> None:
        """The queue was handed another one meanwhile."""
        shadow = StatusShadow(version=TOLD)
        shadow.hand_on(OURS, 0.0)
        shadow.hand_on(THEIRS, 0.0)
        assert not shadow.confirm(WRITTEN, OURS)
        assert shadow.writing

    def test_an_event_that_overtook_the_answer_may_have_been_somebody_elses(self) -> None:
        """It was taken for an echo while we wrote, so the status is written once more."""
        shadow = StatusShadow(version=TOLD)
        shadow.hand_on(OURS, 0.0)
        shadow.told(WRITTEN + 1, THEIRS)
        assert shadow.confirm(WRITTEN, OURS)
        assert (shadow.writing, shadow.shown) == (True, OURS)
        assert not shadow.confirm(WRITTEN + 2, OURS)
        assert not shadow.writing

    def test_our_own_echo_that_overtook_the_answer_costs_nothing(self) -> None:
        """Its version is that of the answer."""
        shadow = StatusShadow(version=TOLD)
        shadow.hand_on(OURS, 0.0)
        shadow.told(WRITTEN, OURS)
        assert not shadow.confirm(WRITTEN, OURS)


def test_eight_writes_may_follow_at_once_and_then_one_in_twenty_seconds() -> None:
    """A stop never meets the limit, a quarrel does."""
    shadow = StatusShadow()
    for _ in range(WRITES_MAX):
        assert shadow.write_at(100.0) == 100.0
        shadow.hand_on(OURS, 100.0)
    assert shadow.write_at(100.0) == 100.0 + WRITE_S
    assert shadow.write_at(115.0) == pytest.approx(120.0)
    assert shadow.write_at(120.0) == 120.0
    shadow.hand_on(OURS, 120.0)
    assert shadow.write_at(120.0) == 140.0


@given(st.lists(st.floats(0.0, 60.0), max_size=60))
def test_no_span_of_time_has_more_writes_than_the_limit(pauses: list[float]) -> None:
    """However the pushes come, a span has at most the burst and one write for each 20 s."""
    shadow, now, times = StatusShadow(), 0.0, []
    for pause_s in pauses:
        now += pause_s
        if shadow.write_at(now) <= now:
            shadow.hand_on(OURS, now)
            times.append(now)
    for first, begin in enumerate(times):
        for last in range(first, len(times)):
            span_s = times[last] - begin
            assert last - first + 1 <= WRITES_MAX + span_s / WRITE_S + 1e-6
