"""When two statuses say the same, and what a status does not forget on its way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dcs_migration_operator.core.status import (
    Condition,
    ErrorRecord,
    Status,
    StopRecord,
    TaskRecord,
    same_meaning,
)

TEXT = st.text(max_size=5)
CONDITIONS = st.builds(
    Condition,
    type=st.sampled_from(["Ready", "Stopped", "Stalled"]),
    status=st.sampled_from(["True", "False", "Unknown"]),
    reason=st.sampled_from(["Pending", "Stopping", "Terminated"]),
    message=TEXT,
    since=TEXT,
    generation=st.integers(0, 3),
)
STATUSES = st.builds(
    Status,
    phase=st.sampled_from(["", "MIGRATING", "TERMINATED"]),
    generation=st.integers(0, 3),
    conditions=st.lists(CONDITIONS, max_size=3, unique_by=lambda c: c.type).map(tuple),
    stop=st.none() | st.builds(StopRecord, TEXT, TEXT, TEXT, st.integers(0, 3), TEXT),
    task=st.none() | st.builds(TaskRecord, TEXT, TEXT, TEXT, TEXT),
    error=st.none() | st.builds(ErrorRecord, st.sampled_from(["401", "429"]), TEXT, TEXT, TEXT),
)


@given(STATUSES)
def test_equal_statuses_say_the_same(status: Status) -> None:
    """This holds for all statuses."""
    assert same_meaning(status, replace(status))


@given(STATUSES, STATUSES)
def test_it_does_not_matter_which_comes_first(one: Status, other: Status) -> None:
    """The comparison is symmetric for all pairs."""
    assert same_meaning(one, other) is same_meaning(other, one)


@given(STATUSES, st.data())
def test_texts_times_and_request_ids_do_not_matter(status: Status, data: st.DataObject) -> None:
    """For all statuses: they differ in each answer of DCS, and a write for them says nothing."""
    drawn = replace(
        status,
        conditions=tuple(
            replace(c, message=data.draw(TEXT), since=data.draw(TEXT), generation=9)
            for c in data.draw(st.permutations(status.conditions))
        ),
        stop=data.draw(st.none() | st.builds(StopRecord, TEXT, TEXT, TEXT, st.integers(), TEXT)),
        error=status.error
        and replace(
            status.error,
            message=data.draw(TEXT),
            request_id=data.draw(TEXT),
            time=data.draw(TEXT),
        ),
    )
    assert same_meaning(status, drawn)


@given(STATUSES, st.sampled_from(["phase", "generation", "task", "error", "conditions"]), st.data())
def test_any_other_change_is_one_of_meaning(
    status: Status, field: str, data: st.DataObject
) -> None:
    """Another phase, generation, task, error code or condition is always worth a write."""
    other = data.draw(STATUSES)
    assume(_meaning(getattr(status, field)) != _meaning(getattr(other, field)))
    assert not same_meaning(status, replace(status, **{field: getattr(other, field)}))


def _meaning(value: Any) -> Any:
    match value:
        case ErrorRecord():
            return value.code
        case tuple():
            return {(c.type, c.status, c.reason) for c in value}
        case _:
            return value


@pytest.mark.parametrize("change", [{"type": "Stopped"}, {"status": "False"}, {"reason": "Other"}])
def test_type_status_and_reason_of_a_condition_matter_each(change: dict[str, Any]) -> None:
    """One changed alone is enough."""
    ready = Condition("Ready", "True", "Terminated", "m", "t", 1)
    one, other = Status(conditions=(ready,)), Status(conditions=(replace(ready, **change),))
    assert not same_meaning(one, other)


def test_a_condition_more_or_less_matters() -> None:
    """`Stalled` that came or went is what tools wait for."""
    ready = Condition("Ready", "False", "TaskFailed", "m", "t", 1)
    stalled = replace(ready, type="Stalled", status="True")
    assert not same_meaning(Status(conditions=(ready,)), Status(conditions=(ready, stalled)))
