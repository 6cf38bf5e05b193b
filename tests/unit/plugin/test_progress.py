"""When waiting is over, and which changes are worth a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_dcs.progress import Goal, Progress, Verdict
from kubectl_dcs.tasks import State, task_view
from kubectl_dcs.waves import wave_view
from unit.plugin import bodies

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubectl_dcs.tasks import TaskView

KINDS: dict[str, Callable[[str], dict[str, Any]]] = {
    "done": bodies.stopped,
    "stopping": lambda name: bodies.task(name, "False/Stopping"),
    "near": lambda name: bodies.task(name, also=("CaughtUp",)),
    "behind": bodies.task,
    "trouble": lambda name: bodies.task(name, "False/CutoverTimedOut", standing="Stalled"),
}


def progress_of(*made: dict[str, Any]) -> Progress:
    """Return the progress of these tasks."""
    progress = Progress(lambda _: True)
    progress.listed(map(task_view, made))
    return progress


@pytest.mark.parametrize(
    "kinds, until_stopped, until_caught_up",
    [
        (["done", "done"], Verdict.DONE, Verdict.DONE),
        (["done", "stopping"], Verdict.WAITING, Verdict.DONE),
        (["done", "near"], Verdict.WAITING, Verdict.DONE),
        (["near", "behind"], Verdict.WAITING, Verdict.WAITING),
        (["trouble", "behind"], Verdict.WAITING, Verdict.WAITING),
        (["trouble", "near"], Verdict.WAITING, Verdict.PERSON),
        (["trouble", "stopping"], Verdict.WAITING, Verdict.PERSON),
        (["trouble", "done"], Verdict.PERSON, Verdict.PERSON),
    ],
)
def test_a_wait_ends_when_nothing_more_comes_by_itself(
    kinds: list[str], until_stopped: Verdict, until_caught_up: Verdict
) -> None:
    """One in trouble does not end the wait for the others, and is told in the end."""
    progress = progress_of(*(KINDS[kind](f"t{n}") for n, kind in enumerate(kinds)))
    assert progress.verdict(Goal.STOPPED) is until_stopped
    assert progress.verdict(Goal.CAUGHT_UP) is until_caught_up


@settings(deadline=None)  # how long it takes is up to the machine
@given(st.lists(st.sampled_from(sorted(KINDS)), min_size=1))
def test_done_means_that_each_is_done(kinds: list[str]) -> None:
    """For all sets of tasks and both goals."""
    progress = progress_of(*(KINDS[kind](f"t{n}") for n, kind in enumerate(kinds)))
    for goal in Goal:
        every = all(map(goal.reached_by, progress.tasks.values()))
        assert (progress.verdict(goal) is Verdict.DONE) is every


@pytest.mark.parametrize(
    "kinds, verdict",
    [
        (["near", "done"], Verdict.PERSON),
        (["near", "stopping"], Verdict.WAITING),
        (["done"], Verdict.DONE),
    ],
)
def test_a_wave_that_needs_a_person_ends_the_wait(kinds: list[str], verdict: Verdict) -> None:
    """None of its tasks goes on without one; what is ordered is waited for first."""
    progress = progress_of(*(KINDS[kind](f"t{n}") for n, kind in enumerate(kinds)))
    progress.wave = wave_view(bodies.wave(ready="False/PausedByFailures", standing="Stalled"))
    assert progress.verdict(Goal.STOPPED) is verdict


def test_a_task_that_is_deleted_meanwhile_needs_a_person() -> None:
    """Its wish is gone, and nobody said that it was fulfilled."""
    progress = progress_of(bodies.stopped("done"), bodies.task("gone"))
    progress.gone(task_view(bodies.task("gone")))
    assert progress.verdict(Goal.STOPPED) is Verdict.PERSON
    progress.changed(task_view(bodies.stopped("gone")))
    assert progress.verdict(Goal.STOPPED) is Verdict.DONE


def test_a_list_after_a_lost_connection_tells_what_was_missed() -> None:
    """Changes and deletions alike, each once."""
    progress = progress_of(*(bodies.task(name) for name in ("same", "moved", "gone")))
    now = [bodies.task("same"), bodies.task("moved", "False/Stopping"), bodies.task("new")]
    changes = progress.listed(map(task_view, now))
    assert {(one.task.name, one.deleted) for one in changes} == {
        ("moved", False),
        ("new", False),
        ("gone", True),
    }


def test_a_lag_alone_is_not_worth_a_line() -> None:
    """Another state or another reason is."""
    progress = progress_of(bodies.task(lag=9))
    assert progress.changed(task_view(bodies.task(lag=5))) == []
    (change,) = progress.changed(task_view(bodies.task(ready="False/LagUnknown")))
    assert change.before
    assert change.before.lag == 5


def test_a_task_that_no_longer_belongs_is_let_go() -> None:
    """As one that names another wave now."""

    def wanted(task: TaskView) -> bool:
        return task.wave == "night"

    progress = Progress(wanted)
    inside = bodies.task(spec={"cutover": {"waveRef": {"name": "night"}}})
    progress.listed([task_view(inside), task_view(bodies.task("other"))])
    assert list(progress.tasks) == [("shop", "orders")]
    (change,) = progress.changed(task_view(bodies.task()))
    assert change.deleted
    assert progress.tasks == {}


def test_the_highest_lag_is_that_of_a_task_that_is_not_stopped() -> None:
    """The last lag of one that is stopped says nothing any more."""
    progress = progress_of(
        bodies.stopped("a", lag=99), bodies.task("b", lag=5), bodies.task("c", lag=7)
    )
    behind = progress.highest_lag()
    assert behind
    assert (behind.name, behind.lag) == ("c", 7)
    assert progress.counts() == {State.CATCHING_UP: 2, State.STOPPED: 1}
