"""Where a task stands, read from what the operator wrote, and the order in which people see it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_dcs.tasks import State, by_urgency, task_view
from unit.plugin import bodies

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    "body, state",
    [
        pytest.param(bodies.task(behind=True), State.PENDING, id="a newer spec"),
        pytest.param(bodies.task(ready="False/Pending"), State.PENDING, id="not asked yet"),
        pytest.param(bodies.task(ready="True/Holding"), State.HOLDING, id="its wave holds"),
        pytest.param(
            bodies.task(ready="True/Holding", also=("CaughtUp",)), State.CAUGHT_UP, id="holds at 0"
        ),
        pytest.param(bodies.task(ready="False/Queued"), State.CATCHING_UP, id="queued"),
        pytest.param(bodies.task(), State.CATCHING_UP, id="catching up"),
        pytest.param(bodies.task(ready="False/LagUnknown"), State.CATCHING_UP, id="unknown"),
        pytest.param(bodies.task(also=("CaughtUp",)), State.CAUGHT_UP, id="caught up"),
        pytest.param(
            bodies.task(ready="False/Stopping", phase="TERMINATING", also=("CaughtUp",)),
            State.STOPPING,
            id="ordered",
        ),
        pytest.param(
            bodies.task(ready="False/StopNotEffective"), State.STOPPING, id="ordered again"
        ),
        pytest.param(bodies.stopped(), State.STOPPED, id="stopped"),
        pytest.param(bodies.stopped(spec={}), State.STOPPED, id="stopped without a wish"),
        pytest.param(
            bodies.task(ready="True/Observed", spec={}), State.OBSERVED, id="without a wish"
        ),
        pytest.param(
            bodies.task(ready="False/CutoverTimedOut", standing="Stalled"),
            State.TROUBLE,
            id="timed out",
        ),
        pytest.param(
            bodies.task(ready="False/TaskFailed", standing="Stalled", also=("Stopped",)),
            State.TROUBLE,
            id="failed",
        ),
        pytest.param(bodies.task(ready="False/Throttled"), State.DELAYED, id="throttled"),
        pytest.param(bodies.task(ready="False/StopRejected"), State.DELAYED, id="refused"),
        pytest.param(bodies.task(ready="False/Suspended"), State.DELAYED, id="suspended"),
    ],
)
def test_a_state_is_read_from_the_conditions(body: dict[str, Any], state: State) -> None:
    """Each of the reasons leads to the state that a person would name."""
    assert task_view(body).state is state


def test_what_the_crd_says_of_a_new_task_is_pending() -> None:
    """Its status speaks of no generation, whatever stands in it."""
    body = bodies.task(ready="False/Pending")
    del body["status"]["observedGeneration"]
    assert task_view(body).state is State.PENDING


def test_a_lag_that_is_not_known_is_none() -> None:
    """It is never taken for 0."""
    assert task_view(bodies.task()).lag is None
    assert task_view(bodies.task(lag=0)).lag == 0


@settings(deadline=None)  # how long it takes is up to the machine
@given(st.dictionaries(st.sampled_from(["metadata", "spec", "status", "x"]), JSON))
def test_whatever_stands_in_a_resource_can_be_shown(body: dict[str, Any]) -> None:
    """CRDs of another version, or somebody's experiments, do not end the command."""
    task = task_view(body)
    assert isinstance(task.state, State)
    assert by_urgency(task)
    assert isinstance(task.wave, str)


def test_who_needs_a_person_comes_first_then_the_highest_lag() -> None:
    """What is done comes last, whatever its last lag was."""
    made = [
        bodies.stopped("done", lag=900),
        bodies.task("near", lag=3),
        bodies.task("unknown"),
        bodies.task("far", lag=700),
        bodies.task("broken", "False/CutoverTimedOut", standing="Stalled", lag=1),
        bodies.task("watched", "True/Observed", spec={}),
    ]
    found = sorted(map(task_view, made), key=by_urgency)
    assert [task.name for task in found] == [
        *("broken", "far", "near", "unknown"),
        *("done", "watched"),
    ]
