"""What a person sees with kubectl, and what a curious one must not find: the planted secrets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sandbox.control_plane import KubectlError
from sandbox.dcs import FaultKind
from sandbox.waiting import eventually
from support.operator.process import SECRET
from support.operator.workspace import PATIENCE_S

if TYPE_CHECKING:
    from sandbox.api import Api
    from support.control_plane import Kubectl
    from support.operator.cloud import CloudProject
    from support.operator.fixtures import Launch
    from support.operator.workspace import Workspace


def rows(table: str) -> dict[str, list[str]]:
    """Return the words of each row of a table by its first one."""
    return {line.split()[0]: line.split() for line in table.splitlines()}


def test_kubectl_waits_for_the_end_of_a_stop(
    own: Workspace, launch: Launch, kubectl: Kubectl
) -> None:
    """`kubectl wait --for=condition=Ready` returns when DCS says TERMINATED, and not before."""
    task_id = own.dcs.add(stop_s=2.0)
    own.create("one", task_id)
    launch(own.namespace).start()
    said = kubectl("wait", "dcsmt", own.full("one"), "--for=condition=Ready", "--timeout=60s")
    assert "condition met" in said
    assert own.dcs.words(task_id)[-1] == "TERMINATED"


def test_kubectl_waits_for_what_needs_a_person(
    own: Workspace, launch: Launch, kubectl: Kubectl
) -> None:
    """`--for=condition=Stalled` finds what will not become ready by itself."""
    own.create("one", own.dcs.add(word="FAILED"))
    launch(own.namespace).start()
    kubectl("wait", "dcsmt", own.full("one"), "--for=condition=Stalled", "--timeout=60s")
    with pytest.raises(KubectlError, match="condition not met"):
        kubectl("wait", "dcsmt", own.full("one"), "--for=condition=Ready", "--timeout=0s")


def test_the_columns_tell_the_story(
    own: Workspace, launch: Launch, kubectl: Kubectl, *, selectable: bool
) -> None:
    """One line for each task: phase, wish, readiness and reason; wide: id, name and message."""
    ids = {
        "stopped": own.dcs.add(name="orders"),
        "failed": own.dcs.add(word="FAILED"),
        "busy": own.dcs.add(refuse_code="DCS.4957", refuse_message="The instance is busy."),
    }
    for name, task_id in ids.items():
        own.create(name, task_id)
    watched = own.dcs.add(word="FULLMIGRATING")
    own.create("watched", watched, stopped=False)
    launch(own.namespace).start()
    expected = {
        "stopped": ["TERMINATED", "true", "True", "Terminated"],
        "failed": ["FAILED", "true", "False", "TaskFailed"],
        "busy": ["INCRMIGEATING", "true", "False", "StopRejected"],
        "watched": ["FULLMIGRATING", "false", "True", "Observed"],
    }
    for name, (_, _, status, reason) in expected.items():
        own.until(name, f"{status}/{reason}")
    table = rows(kubectl("get", "dcsmt"))
    assert table.pop("NAME") == ["NAME", "PHASE", "STOP", "LAG", "READY", "REASON", "AGE"]
    found = {name: words[1:-1] for name, words in table.items()}
    assert found == {own.full(name): words for name, words in expected.items()}
    wide = rows(kubectl("get", "dcsmt", "--output", "wide"))
    assert wide[own.full("stopped")][6:9] == [ids["stopped"], "orders", own.name]
    assert "DCS.4957: The instance is busy." in " ".join(wide[own.full("busy")][9:])
    if selectable:
        selected = kubectl("get", "dcsmt", "--field-selector", "status.phase=TERMINATED")
        assert rows(selected).keys() == {"NAME", own.full("stopped")}
    eventually(lambda: rows(kubectl("get", "dcsp"))[own.name][1:3] == ["True", "Configured"])


SPOILED = (FaultKind.TRUNCATE, FaultKind.WRONG_TYPES)
"""What becomes of bodies that hold passwords."""


def spoil_once(dcs: CloudProject, kind: FaultKind) -> None:
    """Spoil one answer to show, and wait until DCS has been understood again."""
    dcs.fail(kind, operation="show", times=1)

    def is_over() -> bool:
        calls = dcs.calls("show")
        met = [number for number, call in enumerate(calls) if call.fault == kind.value]
        return bool(met) and any(call.status == 200 for call in calls[met[0] + 1 :])

    eventually(is_over, PATIENCE_S)


def test_no_secret_comes_out_whatever_goes_wrong(
    own: Workspace, launch: Launch, kubectl: Kubectl, api: Api
) -> None:
    """Bodies with passwords, whole and broken, and a refused key: no secret comes out anywhere.

    The log, at its most talkative, is checked when the operator is closed.
    """
    own.dcs = own.dcs.cloud.open_project(with_token=True)
    right = own.dcs.credentials
    own.connect()
    quick = ("--poll-min-s", "0.2", "--poll-max-s", "0.5", "--poll-observe-s", "1")
    operator = launch(own.namespace, "--log-level", "debug", "--request-timeout-s", "2", *quick)
    operator.start()
    # Not on the list, so that the bodies of show, which hold Redis passwords, are read.
    hidden = own.dcs.add(listed=False)
    own.create("hidden", hidden, stopped=False)
    own.until("hidden", "True/Observed")
    own.create("stopped", own.dcs.add(listed=False, stop_s=3600.0))
    own.until("stopped", "False/Stopping")
    for kind in SPOILED:
        spoil_once(own.dcs, kind)
    own.dcs.fail(FaultKind.UNAUTHORIZED, operation="show", times=1)
    eventually(lambda: any(call.status == 401 for call in own.dcs.calls("show")), PATIENCE_S)
    own.dcs.heal()
    pages = [
        operator.page("/metrics")[1],
        kubectl("describe", "dcsmt"),
        kubectl("describe", "dcsp"),
    ]
    pages += [json.dumps(dict(s.body)) for r in own.records().values() for s in r.statuses]
    pages.append(json.dumps(api.get("/api/v1/events")))
    for page in pages:
        assert not SECRET.search(page)
        for secret in (right["secretKey"], right["securityToken"]):
            assert secret not in page
    assert right["accessKey"] not in pages[0]
    for name in (hidden, own.full("hidden"), own.namespace):
        assert name not in pages[0]
