"""Every kind of fault once, over the wire; and how faults are chosen."""

import asyncio
import time
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest

from sandbox.dcs import PROJECT_ID, Fault, FaultKind, ProjectOptions, Simulator, simulate
from sandbox.dcs.caller import Caller, Reply, Signer
from sandbox.dcs.faults import Faults

SIGNER = Signer(access_key=ProjectOptions().access_key, secret_key=ProjectOptions().secret_key)


@pytest.fixture
async def dcs() -> AsyncIterator[Simulator]:
    """Run a simulator with two migrations."""
    async with simulate(running=2) as simulator:
        yield simulator


@pytest.fixture
def ids(dcs: Simulator) -> list[str]:
    """Return the ids of both migrations."""
    return [migration.spec.task_id for migration in dcs.fleet]


def switch_on(dcs: Simulator, kind: FaultKind, **fields: Any) -> None:
    """One fault, for one call."""
    dcs.faults.add(Fault(kind=kind, times=1, **fields))


def stops(dcs: Simulator) -> int:
    """Return the accepted stops of all migrations."""
    return sum(len(migration.accepted_at_s) for migration in dcs.fleet)


async def test_throttle_names_limit_and_window(dcs: Simulator, caller: Caller) -> None:
    """The answer is 429 with the gateway's code, and has Retry-After if that is wanted."""
    switch_on(dcs, FaultKind.THROTTLE, retry_after="7", limit=200, window_s=300)
    reply = await caller.list()
    assert (reply.status, reply.error_code) == (429, "APIGW.0308")
    assert "limit:200,time:5 minute" in reply.json["error_msg"]
    assert reply.headers["Retry-After"] == "7"
    switch_on(dcs, FaultKind.THROTTLE, window_s=1)
    reply = await caller.list()
    assert "time:1 second" in reply.json["error_msg"]
    assert "Retry-After" not in reply.headers
    assert (await caller.list()).status == 200


async def test_rate_limit_refuses_what_is_too_much(dcs: Simulator, caller: Caller) -> None:
    """Two calls per window pass; another operation is not meant."""
    fault = Fault(kind=FaultKind.RATE_LIMIT, operation="list", limit=2, window_s=60)
    dcs.faults.add(fault)
    assert [(await caller.list()).status for _ in range(4)] == [200, 200, 429, 429]
    assert (await caller.show("0" * 32)).status == 400


@pytest.mark.parametrize(
    "seconds, form, header",
    [(30, "seconds", "30"), (30.5, "seconds", "31"), (30.5, "decimal", "30.5")],
)
async def test_retry_after_as_a_number(
    dcs: Simulator, caller: Caller, seconds: float, form: Any, header: str
) -> None:
    """It is rounded up to whole seconds, or has a point."""
    switch_on(dcs, FaultKind.THROTTLE, retry_after_s=seconds, retry_after_as=form)
    assert (await caller.list()).headers["Retry-After"] == header


async def test_retry_after_as_a_date(dcs: Simulator, caller: Caller) -> None:
    """An HTTP date so many seconds after the answer."""
    switch_on(dcs, FaultKind.THROTTLE, retry_after_s=3600, retry_after_as="date")
    header = (await caller.list()).headers["Retry-After"]
    assert header.endswith(" GMT")
    assert abs(parsedate_to_datetime(header).timestamp() - time.time() - 3600) < 60


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_error_is_json_or_html(dcs: Simulator, caller: Caller, status: int) -> None:
    """It looks as if it came from the service, or from something in front of it."""
    switch_on(dcs, FaultKind.ERROR, status=status)
    reply = await caller.list()
    assert (reply.status, set(reply.json)) == (
        status,
        {"error_code", "error_msg", "error_ext_msg"},
    )
    switch_on(dcs, FaultKind.ERROR, status=status, html=True)
    reply = await caller.list()
    assert reply.status == status
    assert reply.body.startswith(b"<html>")


async def test_error_can_have_any_code(dcs: Simulator, caller: Caller, ids: list[str]) -> None:
    """Here only for batches that name one id: a poisoned one."""
    dcs.faults.add(
        Fault(kind=FaultKind.ERROR, status=400, code="DCS.4855", message="bad", task_id=ids[0])
    )
    reply = await caller.batch_stop(ids)
    assert (reply.status, reply.error_code, stops(dcs)) == (400, "DCS.4855", 0)
    assert (await caller.batch_stop(ids[1:])).status == 200


@pytest.mark.parametrize("status, code", [(500, "DCS.5000"), (403, "DCS.9998"), (404, "DCS.9999")])
async def test_show_of_one_id_fails_for_as_long_as_one_likes(
    dcs: Simulator, caller: Caller, ids: list[str], status: int, code: str
) -> None:
    """That of another id, and the list, do not; until the fault is switched off."""
    on = dcs.faults.add(
        Fault(kind=FaultKind.ERROR, operation="show", task_id=ids[0], status=status, code=code)
    )
    shows = [await caller.show(ids[0].replace("-", "")) for _ in range(3)]
    assert {(reply.status, reply.error_code) for reply in shows} == {(status, code)}
    assert ((await caller.show(ids[1])).status, (await caller.list()).status) == (200, 200)
    dcs.faults.remove(on.number)
    assert (await caller.show(ids[0])).status == 200


async def test_one_id_spoils_every_batch_it_is_in(
    dcs: Simulator, caller: Caller, ids: list[str]
) -> None:
    """500 for the whole call, as often as it is made; the other id alone is stopped."""
    dcs.faults.add(Fault(kind=FaultKind.ERROR, operation="batch_stop", task_id=ids[0]))
    assert [(await caller.batch_stop(ids)).status for _ in range(3)] == [500] * 3
    assert ((await caller.batch_stop(ids[1:])).status, stops(dcs)) == (200, 1)


async def test_whole_calls_are_refused_for_a_while() -> None:
    """With a code about the instance, and the sentence that belongs to it."""
    now_s = 1_000_000_000.0
    async with Simulator(clock=lambda: now_s) as dcs:
        dcs.add_project(ProjectOptions(running=1))
        busy = Fault(
            kind=FaultKind.ERROR, operation="batch_stop", status=400, code="DCS.4017", for_s=20
        )
        dcs.faults.add(busy)
        async with Caller(dcs.endpoint, PROJECT_ID, SIGNER) as client:
            reply = await client.batch_stop([one.spec.task_id for one in dcs.fleet])
            assert (reply.status, reply.error_code) == (400, "DCS.4017")
            assert "job" in reply.json["error_msg"]
            now_s += 20
            assert (await client.batch_stop([one.spec.task_id for one in dcs.fleet])).status == 200


async def test_a_whole_key_is_throttled(dcs: Simulator, caller: Caller) -> None:
    """The fault hits the key in all of its projects, and no other key."""
    other = "00000000000000000000000000000002"
    dcs.add_project(ProjectOptions(project_id=other))
    dcs.add_project(ProjectOptions(access_key="ANOTHER"))
    dcs.faults.add(Fault(kind=FaultKind.THROTTLE, access_key=SIGNER.access_key))
    another = Signer(access_key="ANOTHER", secret_key=SIGNER.secret_key)
    statuses = [(await caller.list()).status]
    for project_id, signer in ((other, SIGNER), (PROJECT_ID, another)):
        async with Caller(dcs.endpoint, project_id, signer) as client:
            statuses.append((await client.list()).status)
    assert statuses == [429, 429, 200]


@pytest.mark.parametrize(
    "kind, status, start",
    [
        (FaultKind.HTML, 200, b"<html>"),
        (FaultKind.EMPTY, 200, b""),
        (FaultKind.REDIRECT, 302, b"<html>"),
        (FaultKind.UNAUTHORIZED, 401, b'{"error_code":"APIGW.0301"'),
        (FaultKind.FORBIDDEN, 403, b'{"error_code":"DCS.2007"'),
    ],
)
async def test_answers_instead_of_the_right_one(
    dcs: Simulator, caller: Caller, ids: list[str], kind: FaultKind, status: int, start: bytes
) -> None:
    """They have no effect, unless they are told to have."""
    switch_on(dcs, kind)
    reply = await caller.batch_stop(ids)
    assert (reply.status, reply.body[: max(1, len(start))]) == (status, start)
    assert stops(dcs) == 0
    switch_on(dcs, kind, executes=True)
    assert (await caller.batch_stop(ids)).status == status
    assert stops(dcs) == 2


async def test_six_faulty_401s_lock_the_key(dcs: Simulator, caller: Caller) -> None:
    """They count as failures, as real ones do."""
    dcs.faults.add(Fault(kind=FaultKind.UNAUTHORIZED, times=6))
    assert [(await caller.list()).status for _ in range(7)] == [401] * 7
    assert dcs.keys.is_locked(SIGNER.access_key)


@pytest.mark.parametrize("executes", [False, True])
@pytest.mark.parametrize("kind", [FaultKind.HANG, FaultKind.DROP])
async def test_no_answer_with_and_without_effect(
    dcs: Simulator, caller: Caller, ids: list[str], kind: FaultKind, *, executes: bool
) -> None:
    """The connection ends without a byte; the log says status 0."""
    switch_on(dcs, kind, executes=executes, seconds=0.05)
    with pytest.raises(aiohttp.ClientConnectionError):
        await caller.batch_stop(ids)
    assert stops(dcs) == (2 if executes else 0)
    assert dcs.calls.count("batch_stop", 0) == 1


async def test_a_hanging_call_does_not_outlive_the_simulator(caller: Caller) -> None:
    """It is cut off when the simulator ends, however long it should have hung."""
    async with simulate() as other:
        switch_on(other, FaultKind.HANG)
        key = other.project
        async with Caller(other.endpoint, key.project_id, SIGNER) as client:
            hanging = asyncio.create_task(client.list())
            await asyncio.sleep(0.1)
            assert other.calls.concurrency == 1
            await other.stop()
            with pytest.raises(aiohttp.ClientConnectionError):
                await hanging
    assert (await caller.list()).status == 200


async def test_truncate_cuts_the_body_off(dcs: Simulator, caller: Caller) -> None:
    """The body ends after half of what Content-Length promised."""
    switch_on(dcs, FaultKind.TRUNCATE)
    with pytest.raises(aiohttp.ClientError):
        await caller.list()


async def test_a_stalled_call_arrives_late_though_its_caller_is_gone(
    dcs: Simulator, caller: Caller, ids: list[str]
) -> None:
    """Unlike a slow one it has no effect before, and it is judged only then."""
    switch_on(dcs, FaultKind.STALL, operation="batch_stop", seconds=0.2)
    call = asyncio.create_task(caller.batch_stop(ids))
    while not dcs.calls.concurrency:  # noqa: ASYNC110 - the simulator tells nobody
        await asyncio.sleep(0.01)
    call.cancel()
    assert (stops(dcs), dcs.calls.count("batch_stop")) == (0, 0)
    while not dcs.calls.count("batch_stop"):  # noqa: ASYNC110 - the simulator tells nobody
        await asyncio.sleep(0.01)
    (arrived,) = dcs.calls.of("batch_stop")
    assert (stops(dcs), arrived.status) == (2, 200)
    assert arrived.decided_at_s - arrived.at_s >= 0.19


async def test_any_fault_can_take_its_time(dcs: Simulator, caller: Caller) -> None:
    """The answer is held back, whatever it is."""
    switch_on(dcs, FaultKind.UNAUTHORIZED, delay_s=0.2)
    begun_s = asyncio.get_running_loop().time()
    assert (await caller.list()).status == 401
    assert asyncio.get_running_loop().time() - begun_s >= 0.19


@pytest.mark.parametrize("kind", [FaultKind.SLOW, FaultKind.DRIP])
async def test_late_answers_are_right(dcs: Simulator, caller: Caller, kind: FaultKind) -> None:
    """Held back as a whole, or sent in small pieces."""
    switch_on(dcs, kind, seconds=0.2)
    begun_s = asyncio.get_running_loop().time()
    reply = await caller.list()
    assert reply.json["count"] == 2
    assert asyncio.get_running_loop().time() - begun_s >= 0.19


async def test_oversize_is_right_but_large(dcs: Simulator, caller: Caller) -> None:
    """The answer has one more field, as long as wanted."""
    switch_on(dcs, FaultKind.OVERSIZE, size_bytes=3_000_000)
    reply = await caller.list()
    assert (len(reply.body) > 3_000_000, reply.json["count"]) == (True, 2)


def shape(reply: Reply) -> list[Any]:
    """Return the ids of a batch answer, with what is no item as it is."""
    items = reply.json["migration_tasks"]
    return [item["task_id"] if isinstance(item, dict) else item for item in items]


async def test_lists_that_are_not_as_promised(
    dcs: Simulator, caller: Caller, ids: list[str]
) -> None:
    """They can be null, missing or of the wrong type; ids can be missing, repeated or foreign."""
    switch_on(dcs, FaultKind.NULL_LIST)
    assert (await caller.batch_stop(ids)).json == {"migration_tasks": None}
    switch_on(dcs, FaultKind.EMPTY_LIST)
    assert (await caller.batch_stop(ids)).json == {"migration_tasks": []}
    switch_on(dcs, FaultKind.MISSING_LIST)
    assert (await caller.batch_stop(ids)).json == {}
    switch_on(dcs, FaultKind.WRONG_TYPES)
    assert (await caller.list()).json == {"count": "many", "migration_tasks": "none"}
    switch_on(dcs, FaultKind.WRONG_TYPES, variant="items")
    assert shape(await caller.batch_stop(ids)) == [17, 17]
    switch_on(dcs, FaultKind.WRONG_TYPES, variant="fields")
    assert shape(await caller.list()) == [17, 17]
    switch_on(dcs, FaultKind.OMIT_IDS)
    assert shape(await caller.batch_stop(ids)) == ids[1:]
    switch_on(dcs, FaultKind.DUPLICATE_IDS)
    assert shape(await caller.batch_stop(ids)) == [*ids, ids[0]]
    switch_on(dcs, FaultKind.EXTRA_IDS)
    assert shape(await caller.list())[:2] == ids
    assert dcs.calls.count(status=200) == dcs.calls.count()


@pytest.mark.parametrize("said", [None, "accepted", "success ", "Success", 17])
async def test_a_result_that_nobody_documents(
    dcs: Simulator, caller: Caller, ids: list[str], said: object
) -> None:
    """For all ids of a batch, or for one of them; the stops count."""
    switch_on(dcs, FaultKind.FIELDS, operation="batch_stop", says={"result": said})
    items = (await caller.batch_stop(ids)).json["migration_tasks"]
    assert [item["result"] for item in items] == [said, said]
    named = {"task_id": ids[1].replace("-", "").upper(), "says": {"result": said}}
    switch_on(dcs, FaultKind.FIELDS, operation="batch_stop", **named)
    items = (await caller.batch_stop(ids)).json["migration_tasks"]
    assert [item["result"] for item in items] == ["success", said]
    assert stops(dcs) == 4


async def test_fields_that_are_called_otherwise_or_missing(
    dcs: Simulator, caller: Caller, ids: list[str]
) -> None:
    """In items, and in an answer without a list."""
    switch_on(dcs, FaultKind.FIELDS, operation="batch_stop", rename={"task_id": "id"})
    items = (await caller.batch_stop(ids)).json["migration_tasks"]
    assert items == [{"id": one, "result": "success"} for one in ids]
    switch_on(dcs, FaultKind.FIELDS, operation="stats", silent=("offset",), says={"extra": [1]})
    shown = (await caller.send("GET", f"/migration-task/{ids[0]}/stats")).json
    assert ("offset" in shown, shown["extra"]) == (False, [1])


async def test_one_row_of_a_list_is_strange(dcs: Simulator, caller: Caller, ids: list[str]) -> None:
    """That of the id which is named."""
    switch_on(dcs, FaultKind.FIELDS, operation="list", task_id=ids[0], says={"status": None})
    rows = (await caller.list()).json["migration_tasks"]
    assert [row["status"] for row in rows] == [None, "INCRMIGEATING"]


async def test_show_of_the_wrong_shape(dcs: Simulator, caller: Caller, ids: list[str]) -> None:
    """It can have only null fields, be empty, be an array, or have a number for a word."""
    switch_on(dcs, FaultKind.NULL_LIST)
    assert set((await caller.show(ids[0])).json.values()) == {None}
    switch_on(dcs, FaultKind.MISSING_LIST)
    assert (await caller.show(ids[0])).json == {}
    switch_on(dcs, FaultKind.WRONG_TYPES)
    assert isinstance((await caller.show(ids[0])).json, list)
    switch_on(dcs, FaultKind.WRONG_TYPES, variant="fields")
    assert (await caller.show(ids[0])).json["status"] == 17


async def test_a_stale_list_shows_the_past() -> None:
    """Show says what is, list what was."""
    now_s = 1_000_000_000.0
    async with Simulator(clock=lambda: now_s) as dcs:
        dcs.add_project(ProjectOptions(running=1))
        now_s += 100
        migration = next(iter(dcs.fleet))
        dcs.fleet.alter(migration.spec.task_id, {"word": "FAILED"})
        now_s += 5
        dcs.faults.add(Fault(kind=FaultKind.STALE_LIST, age_s=10, operation="list"))
        async with Caller(dcs.endpoint, PROJECT_ID, SIGNER) as client:
            listed = (await client.list()).json["migration_tasks"][0]["status"]
            shown = (await client.show(migration.spec.task_id)).json["status"]
    assert (listed, shown) == ("INCRMIGEATING", "FAILED")


def taken(faults: Faults, operation: str = "list", key: str = "K", calls: int = 1) -> list[bool]:
    """Which of so many calls meet a fault."""
    return [faults.take(operation, "P", key, ()) is not None for _ in range(calls)]


def test_a_fault_is_for_whom_it_names() -> None:
    """Operation, project, key and id narrow it down."""
    faults = Faults(lambda: 0.0)
    task_id = "b21989ec-2889-4b8e-99db-19c073425ec2"
    faults.add(Fault(kind=FaultKind.DROP, operation="show"))
    faults.add(Fault(kind=FaultKind.DROP, project_id="Q"))
    faults.add(Fault(kind=FaultKind.DROP, access_key="L"))
    faults.add(Fault(kind=FaultKind.DROP, task_id=task_id))
    assert taken(faults) == [False]
    assert taken(faults, operation="show") == [True]
    assert taken(faults, key="L") == [True]
    assert faults.take("list", "P", "K", [task_id.replace("-", "")]) is not None


def test_a_fault_skips_and_counts() -> None:
    """It spares the first calls, hits the next, and then no more."""
    faults = Faults(lambda: 0.0)
    switched = faults.add(Fault(kind=FaultKind.DROP, skip=1, times=2))
    assert taken(faults, calls=5) == [False, True, True, False, False]
    assert switched.hits == 2


def test_a_fault_ends_after_its_time() -> None:
    """Counted from when it was switched on."""
    now_s = 0.0
    faults = Faults(lambda: now_s)
    faults.add(Fault(kind=FaultKind.DROP, for_s=10))
    assert taken(faults) == [True]
    now_s = 10
    assert taken(faults) == [False]


def test_equal_seeds_hit_the_same_calls() -> None:
    """A probability is reproducible."""
    runs = []
    for _ in range(2):
        faults = Faults(lambda: 0.0, seed=5)
        faults.add(Fault(kind=FaultKind.DROP, probability=0.5))
        runs.append(taken(faults, calls=100))
    assert runs[0] == runs[1]
    assert 20 < sum(runs[0]) < 80


def test_a_thousand_poisoned_ids_are_found_by_their_ids() -> None:
    """A call looks at the faults of its own ids, and at none of the others."""
    faults = Faults(lambda: 0.0)
    for number in range(1000):
        faults.add(Fault(kind=FaultKind.DROP, task_id=f"{number:032x}"))
    assert faults.take("show", "P", "K", [f"{1000:032x}"]) is None
    assert faults.take("show", "P", "K", [f"{999:032x}"]) is not None
    assert [one.hits for one in faults][-2:] == [0, 1]
    assert len(faults._candidates({f"{999:032x}"})) == 1  # noqa: SLF001 - what the lookup costs


@pytest.mark.parametrize("task_ids", [("*", "0" * 32), ("0" * 32, "*")])
def test_the_fault_that_was_added_first_is_met(task_ids: tuple[str, str]) -> None:
    """Be it one for an id or one for all."""
    faults = Faults(lambda: 0.0)
    for task_id in task_ids:
        faults.add(Fault(kind=FaultKind.DROP, task_id=task_id))
    assert faults.take("show", "P", "K", ["0" * 32]) is not None
    assert [one.hits for one in faults] == [1, 0]


def test_faults_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """One too many is refused, and a fault that is switched off makes room."""
    monkeypatch.setattr("sandbox.dcs.faults.FAULTS_MAX", 1)
    faults = Faults(lambda: 0.0)
    on = faults.add(Fault(kind=FaultKind.DROP, task_id="0" * 32))
    with pytest.raises(ValueError, match="switch some off"):
        faults.add(Fault(kind=FaultKind.DROP))
    faults.remove(on.number)
    faults.add(Fault(kind=FaultKind.DROP))


@pytest.mark.parametrize(
    "fields",
    [
        {"status": 200},
        {"probability": 2},
        {"ids": -1},
        {"delay_s": -1},
        {"retry_after_s": -1},
        {"operation": "fly"},
    ],
)
def test_a_senseless_fault_is_refused(fields: dict[str, Any]) -> None:
    """When it is made."""
    with pytest.raises(ValueError, match="must"):
        Fault(kind=FaultKind.ERROR, **fields)
