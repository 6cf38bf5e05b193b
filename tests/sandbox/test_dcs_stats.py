"""Stats and logs over the wire, as the documentation and the official SDK know them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from sandbox.dcs import Fault, FaultKind, MigrationSpec, ProjectOptions, Simulator
from sandbox.dcs.caller import Caller, Reply, Signer

SIGNER = Signer(access_key=ProjectOptions().access_key, secret_key=ProjectOptions().secret_key)
TASK = "b21989ec-2889-4b8e-99db-19c073425ec2"
FULL = "5130d57f-640a-435b-bc3a-0fb1860a5340"
BACKUP = "00000000-0000-4000-8000-00000000000a"
NOW_S = 1_000_000_000.0


@pytest.fixture
async def dcs() -> AsyncIterator[Simulator]:
    """Three migrations, 5 s after they were created; from then on the clock stands still."""
    now_s = NOW_S
    async with Simulator(clock=lambda: now_s) as simulator:
        simulator.fleet.add(
            MigrationSpec(task_id=TASK, lag_bytes=1234),
            MigrationSpec(
                task_id=FULL,
                word="FULLMIGRATING",
                full_s=10,
                writers=True,
                log_lines=(
                    ("WARN", "slow \x1b[31m\u6570\u636e"),
                    ("ERROR", "broken"),
                ),
                debug_lines=5,
            ),
            MigrationSpec(task_id=BACKUP, migration_type="backupfile_import", word="MIGRATING"),
        )
        now_s += 5
        simulator.fleet.alter(TASK, {"lag_bytes": 1234})
        yield simulator


async def stats(caller: Caller, task_id: str = TASK) -> Reply:
    """Call stats of one migration."""
    return await caller.send("GET", f"/migration-task/{task_id}/stats")


async def logs(caller: Caller, query: str = "", task_id: str = FULL) -> Any:
    """Return the body of one page of a log."""
    return (await caller.send("GET", f"/migration-task/{task_id}/logs{query}")).json


async def test_numbers_are_text_or_numbers(dcs: Simulator, caller: Caller) -> None:
    """As the table of fields types them, or as the official example has them."""
    expected = {
        "full_migration_progress": 100.0,
        "offset": 1234,
        "source_dbsize": 100_000,
        "target_dbsize": 100_000,
        "target_input_kbps": 976.56,
        "target_ops": 5000,
    }
    text = {name: str(value) for name, value in expected.items()}
    assert (await stats(caller)).json == text | {"is_migrating": True}
    dcs.switch(stats_types="number")
    assert (await stats(caller)).json == expected | {"is_migrating": True}


@pytest.mark.parametrize("task_id", ["0" * 32, "x"])
async def test_a_bad_id_is_not_found(caller: Caller, task_id: str) -> None:
    """With the one code that the page of stats names, unknown or malformed."""
    reply = await stats(caller, task_id)
    assert (reply.status, reply.error_code) == (400, "DCS.4133")


async def test_stats_need_the_permission_of_show(dcs: Simulator, caller: Caller) -> None:
    """Without `get` both fail and so do logs; list does not."""
    dcs.permissions.deny(SIGNER.access_key, ["dcs:migrationTask:get"])
    replies = [await stats(caller), await caller.show(TASK)]
    replies.append(await caller.send("GET", f"/migration-task/{TASK}/logs"))
    assert {(reply.status, reply.error_code) for reply in replies} == {(403, "DCS.2007")}
    assert "dcs:migrationTask:get" in replies[0].json["error_msg"]
    assert (await caller.list()).status == 200


@pytest.mark.parametrize("action, status", [("modify", 403), ("list", 200), ("get", 200)])
async def test_an_order_needs_the_right_to_modify(
    dcs: Simulator, caller: Caller, action: str, status: int
) -> None:
    """And nothing is stopped without it."""
    dcs.permissions.deny(SIGNER.access_key, [action])
    assert (await caller.batch_stop([TASK])).status == status
    assert len(dcs.fleet[TASK].accepted_at_s) == (status == 200)


def test_a_permission_nobody_knows_is_a_mistake(dcs: Simulator) -> None:
    """The message names those that there are."""
    with pytest.raises(ValueError, match="fly; known: delete, get, list, modify"):
        dcs.permissions.deny(SIGNER.access_key, ["fly"])


@pytest.mark.parametrize("switch, shown", [("zero", "0"), ("backlog", "200000"), ("missing", None)])
async def test_the_lag_in_the_full_phase(
    dcs: Simulator, caller: Caller, switch: str, shown: str | None
) -> None:
    """What it says then, after 5 s of 40,000 bytes, is not documented."""
    dcs.switch(stats_full_offset=switch)
    assert (await stats(caller, FULL)).json.get("offset") == shown


async def test_stats_of_a_backup_import(dcs: Simulator, caller: Caller) -> None:
    """They answer, or they are for online tasks only."""
    assert (await stats(caller, BACKUP)).json["offset"] == "0"
    dcs.switch(stats_offline="refuse")
    assert (await stats(caller, BACKUP)).error_code == "DCS.4133"
    assert (await stats(caller)).status == 200


@pytest.mark.parametrize(
    "fault",
    [
        {"says": {"offset": 0}},
        {"says": {"offset": -5}},
        {"says": {"offset": "n/a"}},
        {"says": {"offset": None, "is_migrating": "yes"}},
        {"silent": ("offset", "is_migrating")},
    ],
)
async def test_stats_lie_or_cannot_be_read(
    dcs: Simulator, caller: Caller, fault: dict[str, Any]
) -> None:
    """Of one task, while those of another are right."""
    right = (await stats(caller)).json
    dcs.faults.add(Fault(kind=FaultKind.FIELDS, operation="stats", task_id=TASK, **fault))
    spoilt = (await stats(caller)).json
    expected = {name: one for name, one in right.items() if name not in fault.get("silent", ())}
    assert spoilt == expected | fault.get("says", {})
    assert (await stats(caller, FULL)).json["offset"] == "0"


async def test_a_log_has_the_newest_line_first(dcs: Simulator, caller: Caller) -> None:
    """A line for each word and each break, behind those the spec plants."""
    dcs.fleet.alter(FULL, {"word": "INCRMIGEATING"})
    dcs.fleet.break_sync(dcs.fleet[FULL], NOW_S + 5)
    page = await logs(caller, "?limit=100")
    assert page["log_num"] == 11
    shown = [(line["log_level"], line["message"]) for line in page["migration_logs"]]
    assert shown[0] == ("INFO", "The status of the migration task is FULLMIGRATING.")
    assert "a full synchronization begins" in next(text for level, text in shown if level == "WARN")
    assert shown[-1] == ("DEBUG", "Heartbeat 4.")
    assert page["migration_logs"][0]["keyword"] == ["FULLMIGRATING"]
    assert page["migration_logs"][0]["created_at"] == "2001-09-09T01:46:45.000Z"


async def test_a_log_is_paged_and_filtered(dcs: Simulator, caller: Caller) -> None:
    """Pages join to the whole, a level chooses its lines, and no page is longer than it may be."""
    whole = (await logs(caller, "?limit=100"))["migration_logs"]
    assert len(whole) == 8
    pages = [await logs(caller, f"?limit=3&offset={offset}") for offset in (0, 3, 6, 9)]
    assert [line for page in pages for line in page["migration_logs"]] == whole
    assert [page["log_num"] for page in pages] == [8] * 4
    errors = await logs(caller, "?log_level=ERROR")
    assert [line["message"] for line in errors["migration_logs"]] == ["broken"]
    warnings = await logs(caller, "?log_level=WARN")
    assert warnings["migration_logs"][0]["message"] == "slow \x1b[31m\u6570\u636e"
    assert (await logs(caller, "?limit=0"))["migration_logs"] == []
    dcs.switch(log_count="page")
    assert (await logs(caller, "?limit=3"))["log_num"] == 3


async def test_a_log_of_a_million_lines_costs_a_page(dcs: Simulator, caller: Caller) -> None:
    """Only the lines of the page are built."""
    dcs.fleet.alter(FULL, {"debug_lines": 1_000_000})
    page = await logs(caller, "?limit=2&offset=999999")
    assert page["log_num"] == 1_000_003
    assert [line["message"] for line in page["migration_logs"]] == [
        "Heartbeat 999996.",
        "Heartbeat 999997.",
    ]


@pytest.mark.parametrize(
    "query, code",
    [
        ("?log_level=LOUD", "DCS.4063"),
        ("?limit=-1", "DCS.4063"),
        ("?offset=x", "DCS.4063"),
    ],
)
async def test_a_bad_page_of_a_log_is_refused(caller: Caller, query: str, code: str) -> None:
    """The answer has the code for a bad parameter."""
    assert (await logs(caller, query))["error_code"] == code
