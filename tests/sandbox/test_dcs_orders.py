"""Batches, and what the switches make of the cases nobody documents."""

from typing import Any

import pytest

from sandbox.dcs import Fleet, MigrationSpec, Switches, orders
from sandbox.dcs.errors import Refusal

RUNNING = "b21989ec-2889-4b8e-99db-19c073425ec2"
TERMINATING = "5130d57f640a435bbc3a0fb1860a5340"
ENDED = "00000000-0000-4000-8000-000000000003"
IDLE = "00000000-0000-4000-8000-000000000004"
UNKNOWN = "00000000-0000-4000-8000-000000000005"
IMPORT = "00000000-0000-4000-8000-000000000006"


@pytest.fixture
def fleet() -> Fleet:
    """One migration in each kind of state; time stands still."""
    fleet = Fleet(lambda: 0.0)
    fleet.add(
        MigrationSpec(task_id=RUNNING),
        MigrationSpec(task_id=TERMINATING, word="TERMINATING"),
        MigrationSpec(task_id=ENDED, word="TERMINATED"),
        MigrationSpec(task_id=IDLE, word="RUNNING"),
        MigrationSpec(task_id=IMPORT, word="SUCCESS", migration_type="backupfile_import"),
    )
    return fleet


def outcome(fleet: Fleet, *task_ids: object) -> list[Any]:
    """Code of each failed item, `success` of the others."""
    body = orders.stop_batch(fleet, task_ids)
    return [item.get("error_code", item["result"]) for item in body["migration_tasks"]]


@pytest.mark.parametrize(
    "task_id, by_default, switches, otherwise",
    [
        pytest.param(TERMINATING, "success", {"stop_again": "failed"}, "DCS.4957", id="again"),
        pytest.param(ENDED, "DCS.4957", {"stop_ended": "success"}, "success", id="ended"),
        pytest.param(IDLE, "success", {"stop_idle": "failed"}, "DCS.4957", id="idle"),
        pytest.param(ENDED, "DCS.4957", {"item_errors": False}, "failed", id="no item errors"),
    ],
)
def test_a_stop_by_state(
    fleet: Fleet, task_id: str, by_default: str, switches: dict[str, Any], otherwise: str
) -> None:
    """The switch turns the default outcome into the other one."""
    assert outcome(fleet, task_id) == [by_default]
    fleet.alter(task_id, {"word": fleet[task_id].spec.word})
    fleet.switches = Switches(**switches)
    assert outcome(fleet, task_id) == [otherwise]


def test_an_unknown_id_fails_alone_by_default(fleet: Fleet) -> None:
    """The others are stopped."""
    assert outcome(fleet, UNKNOWN, RUNNING) == ["DCS.4133", "success"]
    assert fleet[RUNNING].word == "TERMINATING"


def test_an_unknown_id_can_refuse_the_whole_batch(fleet: Fleet) -> None:
    """Then nothing is stopped."""
    fleet.switches = Switches(unknown_in_batch="refuse")
    with pytest.raises(Refusal) as refusal:
        orders.stop_batch(fleet, [RUNNING, UNKNOWN])
    assert (refusal.value.status, refusal.value.code) == (400, "DCS.4855")
    assert fleet[RUNNING].accepted_at_s == []


@pytest.mark.parametrize("bad", ["not-an-id", "", 7, None, RUNNING + "0"])
def test_a_malformed_id_refuses_the_whole_batch_by_default(fleet: Fleet, bad: object) -> None:
    """With DCS.4855, and nothing is stopped; the switch makes it a failed item."""
    with pytest.raises(Refusal) as refusal:
        orders.stop_batch(fleet, [RUNNING, bad])
    assert refusal.value.code == "DCS.4855"
    assert fleet[RUNNING].accepted_at_s == []
    fleet.switches = Switches(malformed_in_batch="failed")
    assert outcome(fleet, RUNNING, bad) == ["success", "DCS.4855"]


@pytest.mark.parametrize("count", [0, 51])
def test_a_batch_has_1_to_50_ids(fleet: Fleet, count: int) -> None:
    """Otherwise it is refused as a whole."""
    with pytest.raises(Refusal) as refusal:
        orders.stop_batch(fleet, [RUNNING] * count)
    assert (refusal.value.status, refusal.value.code) == (400, "DCS.4063")


def test_50_ids_are_a_full_batch(fleet: Fleet) -> None:
    """The documented limit itself is allowed."""
    assert len(outcome(fleet, *[RUNNING] * 50)) == 50


def test_duplicates_in_a_batch(fleet: Fleet) -> None:
    """The answer has an item per mention by default; a switch makes it one per id, or a refusal."""
    assert outcome(fleet, RUNNING, RUNNING) == ["success", "success"]
    fleet.switches = Switches(duplicates="once")
    assert outcome(fleet, RUNNING, RUNNING.replace("-", "")) == ["success"]
    fleet.switches = Switches(duplicates="refuse")
    with pytest.raises(Refusal):
        orders.stop_batch(fleet, [RUNNING, RUNNING])


@pytest.mark.parametrize(
    "switches, expected",
    [
        ({}, [IDLE.replace("-", ""), RUNNING]),
        ({"reply_order": "reversed"}, [RUNNING, IDLE.replace("-", "")]),
        ({"reply_order": "sorted"}, [IDLE.replace("-", ""), RUNNING]),
        ({"echo_ids": "dashed"}, [IDLE, RUNNING]),
        ({"echo_ids": "stored"}, [IDLE, RUNNING]),
        ({"echo_ids": "undashed"}, [IDLE.replace("-", ""), RUNNING.replace("-", "")]),
    ],
)
def test_order_and_shape_of_the_ids_in_the_reply(
    fleet: Fleet, switches: dict[str, Any], expected: list[str]
) -> None:
    """As sent by default, as the switches say otherwise."""
    fleet.switches = Switches(**switches)
    body = orders.stop_batch(fleet, [IDLE.replace("-", ""), RUNNING])
    assert [item["task_id"] for item in body["migration_tasks"]] == expected


def test_restart_brings_an_online_migration_back(fleet: Fleet) -> None:
    """To its last active word; imports and running ones are refused one by one."""
    fleet.alter(RUNNING, {"word": "TERMINATED"})
    body = orders.restart_batch(fleet, [RUNNING, TERMINATING, IMPORT])
    results = [item["result"] for item in body["migration_tasks"]]
    assert results == ["success", "failed", "failed"]
    assert fleet[RUNNING].word == "INCRMIGEATING"


def test_delete_skips_unknown_ids(fleet: Fleet) -> None:
    """The answer names what was deleted, and DCS no longer knows it."""
    assert orders.delete(fleet, [RUNNING, UNKNOWN]) == {"task_id_list": [RUNNING]}
    with pytest.raises(Refusal) as refusal:
        fleet.known(RUNNING)
    assert refusal.value.code == "DCS.4133"


def test_a_bad_switch_is_refused() -> None:
    """With the values it can have."""
    with pytest.raises(ValueError, match="possible: success, failed"):
        Switches().changed({"stop_again": "perhaps"})
    with pytest.raises(ValueError, match="unknown field 'stop_twice'"):
        Switches().changed({"stop_twice": "failed"})
