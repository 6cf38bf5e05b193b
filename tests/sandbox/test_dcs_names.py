"""Names and fields that spoil the answer around them, and lists of strange length."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sandbox.dcs import (
    Fault,
    FaultKind,
    Fleet,
    MigrationSpec,
    Simulator,
    Switches,
    simulate,
)
from sandbox.dcs.caller import Caller
from sandbox.dcs.listing import ROWS_MAX

ODD = "b21989ec-2889-4b8e-99db-19c073425ec2"
EVEN = "5130d57f-640a-435b-bc3a-0fb1860a5340"


@pytest.fixture
async def dcs() -> AsyncIterator[Simulator]:
    """One migration with a name like others."""
    async with simulate(MigrationSpec(task_id=EVEN, name="even")) as simulator:
        yield simulator


@pytest.mark.parametrize(
    "name, form, expected",
    [
        pytest.param("a\x00\x1b\nb", "raw", b'"a\x00\x1b\nb"', id="control characters"),
        pytest.param('a"b\\c', "raw", b'"a\\"b\\\\c"', id="quotes"),
        pytest.param("\u6570\u636e", "gbk", b'"\xca\xfd\xbe\xdd"', id="gbk"),
        pytest.param("\u4e57", "gbk", b'"\x81\\"', id="gbk, second byte a backslash"),
        pytest.param("a\ud800b", "raw", b'"a\xed\xa0\x80b"', id="surrogate, as bytes"),
        pytest.param("a\ud800b", "json", b'"a\\ud800b"', id="surrogate, escaped"),
        pytest.param("\ufffd", "json", b'"\\ufffd"', id="replacement character"),
    ],
)
async def test_a_name_stands_in_every_answer_as_it_is(
    dcs: Simulator, caller: Caller, name: str, form: Any, expected: bytes
) -> None:
    """In list, show and the answer of the single stop, with the right word beside it."""
    dcs.fleet.add(MigrationSpec(task_id=ODD, name=name, name_form=form))
    field = b'"task_name":' + expected + b","
    bodies = [(await caller.list()).body, (await caller.show(ODD)).body]
    bodies.append((await caller.send("POST", f"/migration-task/{ODD}/stop")).body)
    assert [body.count(field) for body in bodies] == [1, 1, 1]
    assert b'"status":"INCRMIGEATING"' in bodies[0].partition(field)[2]
    assert b'"task_name":"even"' in (await caller.list()).body


async def test_raw_control_characters_make_the_list_no_json(dcs: Simulator, caller: Caller) -> None:
    """A strict parser refuses the whole page; one that lets them pass finds every row."""
    dcs.fleet.add(MigrationSpec(task_id=ODD, name="a\nb", name_form="raw"))
    reply = await caller.list()
    with pytest.raises(json.JSONDecodeError):
        json.loads(reply.body)
    rows = json.loads(reply.body, strict=False)["migration_tasks"]
    assert [row["task_name"] for row in rows] == ["even", "a\nb"]


async def test_gbk_makes_the_list_no_utf_8(dcs: Simulator, caller: Caller) -> None:
    """Which JSON has to be."""
    dcs.fleet.add(MigrationSpec(task_id=ODD, name="\u6570\u636e", name_form="gbk"))
    with pytest.raises(UnicodeDecodeError):
        json.loads((await caller.list()).body)


def test_a_name_that_gbk_lacks_is_a_mistake() -> None:
    """Told when the spec is made."""
    with pytest.raises(ValueError, match="GBK"):
        MigrationSpec(task_id=ODD, name="\U0001f600", name_form="gbk")


async def test_a_fault_meets_a_strange_name(dcs: Simulator, caller: Caller) -> None:
    """It can still reshape the answer."""
    dcs.fleet.add(MigrationSpec(task_id=ODD, name="\u6570\n", name_form="gbk"))
    dcs.faults.add(Fault(kind=FaultKind.OMIT_IDS))
    rows = json.loads((await caller.list()).body, strict=False)["migration_tasks"]
    assert [row["task_id"] for row in rows] == [ODD]


async def test_one_task_says_what_nobody_documents(dcs: Simulator, caller: Caller) -> None:
    """In list and show, for as long as its spec says so; another task does not."""
    dcs.fleet.add(
        MigrationSpec(task_id=ODD, says={"status": None, "extra": [1]}, silent=("task_name",))
    )
    even, odd = (await caller.list()).json["migration_tasks"]
    shown = (await caller.show(ODD)).json
    for one in (odd, shown):
        assert (one["status"], one["extra"], "task_name" in one) == (None, [1], False)
    assert even["status"] == "INCRMIGEATING"
    dcs.fleet.alter(ODD, {"says": {}, "silent": []})
    assert (await caller.list()).json["migration_tasks"][1]["status"] == "INCRMIGEATING"


async def test_the_reason_of_a_failure_is_in_the_list(dcs: Simulator, caller: Caller) -> None:
    """And the mode of resumption, for whoever wants to know what to do."""
    dcs.fleet.alter(EVEN, {"error_message": "disk full", "resume_mode": "manual"})
    assert (await caller.list()).json["migration_tasks"][0]["error_message"] == ""
    dcs.fleet.alter(EVEN, {"word": "FAILED"})
    (row,) = (await caller.list()).json["migration_tasks"]
    assert (row["error_message"], row["resume_mode"]) == ("disk full", "manual")
    assert (await caller.show(EVEN)).json["resume_mode"] == "manual"


def ids(fleet: Fleet, offset: int = 0, limit: int = 1000) -> list[str]:
    """Return the ids of one page."""
    rows = json.loads(fleet.page(offset, limit))["migration_tasks"]
    return [row["task_id"] for row in rows]


@pytest.fixture
def fleet() -> Fleet:
    """Five migrations; time stands still."""
    fleet = Fleet(lambda: 0.0)
    fleet.add(*(MigrationSpec(task_id=f"{number:032x}") for number in range(5)))
    return fleet


def test_a_page_can_be_shorter_than_it_was_asked_to_be(fleet: Fleet) -> None:
    """Whatever `limit` says; the count is that of all."""
    fleet.switches = Switches(list_rows_max=2)
    whole = [f"{number:032x}" for number in range(5)]
    assert [ids(fleet, offset) for offset in (0, 2, 4, 5)] == [
        whole[:2],
        whole[2:4],
        whole[4:],
        [],
    ]
    assert json.loads(fleet.page(0, 1000))["count"] == 5
    assert ids(fleet, 0, 1) == whole[:1]


def test_a_migration_of_many_words_keeps_few_rows(fleet: Fleet) -> None:
    """And is listed with the last one all the same."""
    for number in range(100):
        fleet.alter("0" * 32, {"word": f"WORD{number}"})
        (row,) = json.loads(fleet.page(0, 1))["migration_tasks"]
        assert row["status"] == f"WORD{number}"
    assert len(fleet["0" * 32].rows) <= ROWS_MAX + 1


def test_a_list_without_end_repeats_its_rows(fleet: Fleet) -> None:
    """Every page is full, however far one pages."""
    fleet.switches = Switches(list_end="repeats")
    assert ids(fleet, 1003, 4) == [f"{number:032x}" for number in (3, 4, 0, 1)]
    assert len(ids(fleet, 10**6)) == 1000


def test_a_list_without_end_invents_tasks(fleet: Fleet) -> None:
    """They come after the true rows, are always the same at the same place, and repeat no id."""
    fleet.switches = Switches(list_end="invents", list_rows_max=10)
    pages = [ids(fleet, offset) for offset in (0, 10, 20)]
    assert pages[0][:5] == [f"{number:032x}" for number in range(5)]
    assert [len(page) for page in pages] == [10, 10, 10]
    assert len({one for page in pages for one in page}) == 30
    assert ids(fleet, 10) == pages[1]


def test_an_empty_list_without_end_stays_empty_unless_it_invents() -> None:
    """There is nothing to repeat."""
    fleet = Fleet(lambda: 0.0, Switches(list_end="repeats"))
    assert ids(fleet) == []
    fleet.switches = Switches(list_end="invents")
    assert len(ids(fleet)) == 1000


def test_a_page_without_a_row_is_refused() -> None:
    """A cap below 1 is no cap."""
    with pytest.raises(ValueError, match="1 or more"):
        Switches(list_rows_max=0)
