"""What `plan` prints for a frozen world is what the operator then does, call for call."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_dcs import kinds
from kubectl_dcs.forecasting import forecast
from kubectl_dcs.forecasts import Group, World
from kubectl_dcs.tasks import task_view
from sandbox import manifests
from simulation import virtual
from simulation.cloud import task_id
from simulation.rig import NAMESPACE
from unit.plugin.plays import LAGS, PROJECTS, WINDOWS, Calls, Drawn, One, Wave, play

WORLDS: Final = 60
"""Drawn worlds; each takes about 0.1 s."""

PLAYED_S_MAX: Final = 400
"""For all of them on a busy machine; a world that fails is made smaller, which takes as many."""

WORDS: Final = ("INCRMIGEATING", "MIGRATING", "TERMINATED", "SUCCESS", "FAILED")
WAVES: Final = ("wave-a", "wave-b")
WISHES: Final = ("observe", "stop", "alone", *WAVES, "no-wave")

ONES: Final = st.builds(
    One,
    word=st.sampled_from([WORDS[0]] * 6 + [*WORDS]),
    lag=st.sampled_from(["rests", "rests", "near", "near", *LAGS]),
    wish=st.sampled_from([*WISHES, "stop", *WAVES]),
    twin=st.sampled_from([False, False, False, True]),
    near=st.booleans(),
    project=st.sampled_from(["default", *PROJECTS]),
)
WORLD: Final = st.builds(
    Drawn,
    tasks=st.lists(ONES, min_size=1, max_size=12),
    waves=st.fixed_dictionaries(
        dict.fromkeys(
            WAVES,
            st.builds(
                Wave,
                goes=st.sampled_from([True, True, False]),
                window=st.sampled_from(["always", "always", *WINDOWS]),
                under_way_max=st.sampled_from([1, 2, 50]),
            ),
        )
    ),
    suspended=st.sampled_from([frozenset[str]()] * 3 + [frozenset(PROJECTS), frozenset({"other"})]),
    batch_size=st.sampled_from([2, 3, 50]),
)


@pytest.mark.timeout(PLAYED_S_MAX)
@given(drawn=WORLD)
@settings(max_examples=WORLDS, derandomize=True)
def test_the_plan_is_what_the_operator_does(drawn: Drawn) -> None:
    """For any world: the same ids in the same order in the same calls, and nothing else leaves.

    What is not in a call shows the reason that was planned.
    """
    played = play(drawn)
    assert played.did == played.printed
    assert played.came == played.foretold


@pytest.mark.timeout(PLAYED_S_MAX)
@given(drawn=WORLD)
@settings(max_examples=WORLDS // 2, derandomize=True)
def test_the_order_in_which_dcs_lists_changes_only_who_shares_a_call(drawn: Drawn) -> None:
    """The calls are as many and as large, and carry the same ids together."""
    played = play(replace(drawn, listed_backwards=True))
    assert _sizes(played.did) == _sizes(played.printed)
    assert _together(played.did) == _together(played.printed)


def _sizes(calls: Calls) -> dict[str, list[int]]:
    return {project: sorted(map(len, each)) for project, each in calls.items()}


def _together(calls: Calls) -> dict[str, list[str]]:
    return {project: sorted(chain(*each)) for project, each in calls.items()}


def test_sixty_ready_tasks_are_two_calls() -> None:
    """A full one, and the rest."""
    played = play(Drawn([One()] * 60))
    assert played.did == played.printed
    assert [len(ids) for ids in played.printed[PROJECTS["default"]]] == [50, 10]


@pytest.mark.parametrize(
    "lag, group, reason",
    [
        ("rests", Group.STOP, "Pending"),
        ("behind", Group.WAIT, "CatchingUp"),
        ("dead", Group.REFUSED, "NotReplicating"),
        ("silent", Group.WAIT, "LagUnknown"),
        ("full", Group.WAIT, "CatchingUp"),
    ],
)
def test_the_reason_is_in_the_operators_own_words(lag: str, group: Group, reason: str) -> None:
    """With its group."""
    verdict = play(Drawn([One(lag=lag, wish="alone")])).verdicts["task-000"]
    assert (verdict.group, verdict.reason) == (group, reason)


def test_a_project_that_is_not_there_refuses() -> None:
    """With the sentence of the operator."""
    body = manifests.migration_task("one", task_id(0), stopped=True)
    body["metadata"] |= {"namespace": NAMESPACE, "uid": "u", "generation": 1}
    world = World({(NAMESPACE, "one"): task_view(body)}, {}, {}, virtual.EPOCH)
    verdict = forecast(world).verdicts[NAMESPACE, "one"]
    assert (verdict.group, verdict.reason) == (Group.REFUSED, "ProjectNotReady")
    assert "does not exist" in verdict.message
    unknown = forecast(replace(world, unknown=frozenset({kinds.PROJECT.kind})))
    assert unknown.verdicts[NAMESPACE, "one"].group is Group.WAIT


def test_what_had_ended_keeps_its_reason() -> None:
    """The operator leaves a fulfilled wish as it is told, so a plan tells it the same."""
    verdict = play(Drawn([One("SUCCESS")])).verdicts["task-000"]
    assert (verdict.group, verdict.reason) == (Group.NOTHING, "EndedBeforeStop")
