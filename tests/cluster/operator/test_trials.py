"""What keeps the operator from its work: each reason, its words, and how it heals by itself.

The trials run side by side, see `trials.py`; each test reads one fact out of one or all of
them. None of them restarts the operator or touches the task.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluster.operator.trials import TRIALS
from sandbox.dcs.migration import key_of
from support.operator.process import SECRET

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from cluster.operator.conftest import Trials
    from support.operator.workspace import Workspace

# Trials wait for pauses of half a minute.
pytestmark = pytest.mark.timeout(300)

ASKED = [name for name, trial in TRIALS.items() if trial.code]
NOT_ASKED = [name for name, trial in TRIALS.items() if not trial.code]

FAILURES_MAX = 5
"""More 401s in a row than these lock a key at the gateway."""


@pytest.mark.parametrize("name", TRIALS)
def test_a_trouble_is_told_and_heals(trials: Trials, name: str) -> None:
    """The reason is told in its words; once the trouble is fixed, one order stops the task."""
    trial, outcome = TRIALS[name], trials(name)
    told = outcome.told
    standing = "Stalled" if trial.stalled else "Reconciling"
    assert told.conditions[standing] == f"True/{trial.reason}"
    assert told.phase == trial.phase
    unknown = trial.phase == "PENDING"
    assert told.conditions["Stopped"].startswith("Unknown/" if unknown else "False/")
    for word in trial.words:
        assert word in told.message
    assert outcome.record.phases[-2:] in (["TERMINATING", "TERMINATED"], ["PENDING", "TERMINATED"])
    taken = [call for call in outcome.workspace.dcs.calls("batch_stop") if call.status == 200]
    refused = 1 if name == "refused" else 0
    assert [key_of(i) for call in taken for i in call.ids] == [key_of(outcome.task_id)] * (
        1 + refused
    )


@pytest.mark.parametrize("name", ASKED)
def test_the_answer_of_dcs_is_kept_while_it_matters(trials: Trials, name: str) -> None:
    """`lastError` holds code and time of the answer, and is gone after the next success."""
    outcome = trials(name)
    assert outcome.told.error["code"] == TRIALS[name].code
    assert outcome.told.error["time"]
    assert not outcome.record.last.error


@pytest.mark.parametrize("name", NOT_ASKED)
def test_without_project_or_key_dcs_is_not_called(trials: Trials, name: str) -> None:
    """As long as it is not known where and as whom, nothing is sent anywhere."""
    assert trials(name).asked_before == 0
    assert not trials(name).told.error


@pytest.mark.parametrize("name", TRIALS)
def test_no_trouble_shows_a_secret(trials: Trials, name: str) -> None:
    """What is wrong is named; what the Secret holds is not repeated."""
    for shown in trials(name).record.statuses:
        assert not SECRET.search(str(shown.body))


@pytest.mark.parametrize("name", ["wrong-secret-key", "needless-token"])
def test_a_wrong_key_is_not_tried_often(trials: Trials, name: str) -> None:
    """Fewer 401s than lock the key, so that a corrected Secret works at once."""
    calls = trials(name).workspace.dcs.calls()
    assert 1 <= len([call for call in calls if call.status == 401]) <= FAILURES_MAX


def test_a_first_status_comes_though_dcs_hangs(trials: Trials) -> None:
    """No answer at all: the first status says PENDING, long before the call is given up."""
    first = trials("hanging").record.statuses[0]
    assert first.phase == "PENDING"
    assert first.conditions["Reconciling"]


def test_a_refused_order_is_sent_again_after_a_pause(trials: Trials) -> None:
    """What was refused is ordered again, not at once; the acceptance counts as the second."""
    outcome = trials("refused")
    assert outcome.told.stop["attempts"] == 1
    assert outcome.record.last.stop["attempts"] == 2
    first, second = outcome.workspace.dcs.calls("batch_stop")
    # The pause is an inner figure; that there is one keeps a refusal from becoming a storm.
    assert second.at_s - first.at_s > 5.0


def test_looks_go_on_while_orders_are_forbidden(trials: Trials) -> None:
    """A missing right closes only the call that was refused, which is rarely tried again."""
    calls = trials("may-not-stop").workspace.dcs.calls()
    refused, taken = [call for call in calls if call.operation == "batch_stop"]
    assert (refused.status, taken.status) == (403, 200)
    looks = [call for call in calls if call.operation == "list" and call.status == 200]
    assert [call for call in looks if refused.at_s < call.at_s < taken.at_s]


@pytest.mark.parametrize("name", ["orders-429", "orders-503"])
def test_orders_in_trouble_do_not_become_a_storm(trials: Trials, name: str) -> None:
    """The pauses between failing orders grow, though the looks between them succeed."""
    calls = trials(name).workspace.dcs.calls("batch_stop")
    assert len([call for call in calls if call.status != 200]) <= 10


def test_a_rotated_key_is_picked_up(workspace: Workspace) -> None:
    """The Secret changes, the old key is removed: it goes on with the new one, unasked."""
    observed, stopped = workspace.dcs.add(), workspace.dcs.add()
    workspace.create("observed", observed, stopped=False)
    workspace.until("observed", "True/Observed")
    old = workspace.dcs.access_key
    workspace.dcs.rotate()
    workspace.put_secret(**workspace.dcs.credentials)
    workspace.create("stopped", stopped)
    workspace.until("stopped", "True/Terminated")
    calls = workspace.dcs.calls()
    assert calls[-1].access_key == workspace.dcs.access_key
    assert len([c for c in calls if c.access_key == old and c.status == 401]) <= FAILURES_MAX
    workspace.until_looked(1)
    assert workspace.record("observed").last.ready == "True/Observed"
    assert workspace.record("observed").phases == ["INCRMIGEATING"]


def test_a_newline_at_the_end_of_a_key_is_forgiven(
    open_workspace: Callable[[], AbstractContextManager[Workspace]],
) -> None:
    """`echo KEY | base64` is how people make Secrets."""
    with open_workspace() as workspace:
        credentials = {name: f"{value}\n" for name, value in workspace.dcs.credentials.items()}
        workspace.put_secret(**credentials)
        workspace.put_project()
        workspace.create("one", workspace.dcs.add())
        workspace.until("one", "True/Terminated")
