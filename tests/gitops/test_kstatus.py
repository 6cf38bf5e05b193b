"""The real kstatus, by which Flux waits, reads every state as a person would."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from gitops.states import STATES, Expected, State
from sandbox.control_plane import ensure

if TYPE_CHECKING:
    from collections.abc import Sequence

READ_S_MAX = 30.0
"""For one run over all states; it takes some milliseconds."""


def kstatus(bodies: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """Return what kstatus says of each object."""
    answer = subprocess.run(  # noqa: S603 - a tool that this project builds
        [ensure("kstatus")["kstatus"]],
        input=json.dumps(bodies),
        capture_output=True,
        text=True,
        timeout=READ_S_MAX,
        check=True,
    )
    verdicts: list[dict[str, str]] = json.loads(answer.stdout)
    return verdicts


@pytest.fixture(scope="module")
def verdicts() -> dict[str, dict[str, str]]:
    """Ask once for all states."""
    answers = kstatus([state.body for state in STATES])
    return {state.name: answer for state, answer in zip(STATES, answers, strict=True)}


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_kstatus_reads_a_state_right(state: State, verdicts: dict[str, dict[str, str]]) -> None:
    """Current if the wish is fulfilled, InProgress on the way, Failed if a person has to help."""
    assert verdicts[state.name]["status"] == state.expected.value, state.body


def test_the_message_of_a_failure_says_what_to_do(verdicts: dict[str, dict[str, str]]) -> None:
    """What Flux shows of a failed resource is the sentence in its conditions."""
    for state in STATES:
        if state.expected is Expected.ALARM:
            (stalled,) = (c for c in state.body["status"]["conditions"] if c["type"] == "Stalled")
            assert verdicts[state.name]["message"] == stalled["message"]


def test_an_object_on_its_way_out_is_terminating() -> None:
    """Deletion is told before anything else, so a tool that prunes waits for the end of it."""
    body = {**STATES[0].body, "metadata": {"deletionTimestamp": "2026-03-01T12:00:00Z"}}
    assert [verdict["status"] for verdict in kstatus([body])] == ["Terminating"]
