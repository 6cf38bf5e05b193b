"""What the page gets of an object, whatever the object looks like."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_dcs.board import entries
from kubectl_dcs.tasks import task_view
from kubectl_dcs.waves import wave_view
from unit.plugin import bodies

AT_S = 1795802400.0
"""`bodies.AT` in seconds."""


def test_a_row_has_the_state_the_reason_and_when_the_lag_was_seen() -> None:
    """Times are seconds, since a page compares them without parsing."""
    body = bodies.task("orders", lag=7, standing="Stalled", cutover={"timesOutAt": bodies.AT})
    entry = entries.task_entry(task_view(body))
    assert {
        key: entry[key] for key in ("ns", "name", "state", "lag", "lagAt", "reason", "due")
    } == {
        "ns": "shop",
        "name": "orders",
        "state": "trouble",
        "lag": 7,
        "lagAt": AT_S,
        "reason": "CatchingUp",
        "due": AT_S,
    }


def test_a_wave_has_the_counts_of_the_operator() -> None:
    """And no time that has not come."""
    body = bodies.wave("night", state="Go", notBefore=bodies.AT)
    body["status"]["tasks"] = {"total": 60, "stopped": 2, "strange": "x"}
    entry = entries.wave_entry(wave_view(body))
    assert entry["counts"] == {"total": 60, "stopped": 2}
    assert (entry["state"], entry["notBefore"], entry["notAfter"]) == ("Go", AT_S, None)


def test_an_opened_row_has_the_moments_in_their_order() -> None:
    """From the creation to the end, without those that have not come."""
    stop = {"requestedAt": bodies.AT, "acceptedAt": bodies.AT, "requestId": "f00"}
    body = bodies.task("orders", cutover={"openedAt": bodies.AT}, stop=stop)
    found = entries.task_details(task_view(body), None, " --context prod")
    assert [one["what"] for one in found["timeline"]] == [
        "created",
        "opened",
        "ordered",
        "accepted",
    ]
    assert found["requestId"] == "f00"


def test_the_time_of_the_schemas_own_default_is_no_time() -> None:
    """1970 stands in a status that nobody has written."""
    body = bodies.task("orders")
    body["status"]["conditions"][0]["lastTransitionTime"] = "1970-01-01T00:00:00Z"
    assert entries.conditions(body)[0]["at"] is None


def test_commands_name_the_same_cluster_and_cannot_be_broken_out_of() -> None:
    """A name that no API server would allow is quoted all the same: a recording has any."""
    body = bodies.task("a; rm -rf $HOME", namespace="shop")
    commands = entries.commands(task_view(body), " --context prod")
    assert commands[0] == "kubectl dcs status 'a; rm -rf $HOME' --context prod -n shop"
    assert all("'a; rm -rf $HOME'" in one for one in commands)


def test_no_command_changes_anything() -> None:
    """The board never offers a stop, not even to be copied."""
    verbs = {
        " ".join(one.split()[:3]) for one in entries.commands(task_view(bodies.task("orders")), "")
    }
    assert verbs == {
        "kubectl dcs status",
        "kubectl dcs logs",
        "kubectl describe dcsmt",
        "kubectl get events",
    }


def test_a_message_in_a_row_is_cut_and_on_one_line() -> None:
    """An opened row has all of it."""
    body = bodies.task("orders")
    body["status"]["conditions"][0]["message"] = "a\n\x1b[31mb " + "c" * 1000
    task = task_view(body)
    assert len(entries.task_entry(task)["message"]) == entries.MESSAGE_CHARS_MAX
    assert entries.task_entry(task)["message"].startswith("a [31mb ccc")
    assert len(entries.task_details(task, None, "")["message"]) == 1000 + len("a [31mb ")


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


@given(
    status=st.dictionaries(st.sampled_from(["lag", "stop", "cutover", "task", "conditions"]), JSON)
)
def test_no_status_is_too_strange_for_an_opened_row(status: dict[str, Any]) -> None:
    """Another version of the CRDs may have written it; the page shows what it knows."""
    body = bodies.task("orders")
    body["status"] = status if isinstance(status.get("conditions", []), list) else {}
    found = entries.task_details(task_view(body), None, "")
    json.dumps(found)


@pytest.mark.parametrize("part", ["spec", "status", "metadata"])
def test_a_project_may_lack_anything(part: str) -> None:
    """What may not be seen is empty."""
    assert entries.project_entry({part: None})["name"] == ""
