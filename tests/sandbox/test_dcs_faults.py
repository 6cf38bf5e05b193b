"""Every kind of fault once, over the wire; and how faults are chosen."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from sandbox.dcs import PROJECT_ID, Fault, FaultKind, ProjectOptions, Simulator, simulate
from sandbox.dcs.caller import Caller, Reply, Signer
from sandbox.dcs.faults import Faults

SIGNER = Signer(access_key=ProjectOptions().access_key, secret_key=ProjectOptions().secret_key)


@pytest.fixture
async def dcs() -> AsyncIterator[Simulator]:
    """A simulator with two migrations."""
    async with simulate(running=2) as simulator:
        yield simulator


@pytest.fixture
async def caller(dcs: Simulator) -> AsyncIterator[Caller]:
    """Calls it with the right key."""
    async with Caller(dcs.endpoint, PROJECT_ID, SIGNER) as client:
        yield client


@pytest.fixture
def ids(dcs: Simulator) -> list[str]:
    """The ids of both migrations."""
    return [migration.spec.task_id for migration in dcs.fleet]


def switch_on(dcs: Simulator, kind: FaultKind, **fields: Any) -> None:
    """One fault, for one call."""
    dcs.faults.add(Fault(kind=kind, times=1, **fields))


def stops(dcs: Simulator) -> int:
    """Accepted stops of all migrations."""
    return sum(len(migration.accepted_at_s) for migration in dcs.fleet)


async def test_throttle_names_limit_and_window(dcs: Simulator, caller: Caller) -> None:
    """429 with the gateway's code, and with Retry-After if wanted."""
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


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_error_is_json_or_html(dcs: Simulator, caller: Caller, status: int) -> None:
    """As the cloud's service, or as something in front of it."""
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
    """After half of what Content-Length promised."""
    switch_on(dcs, FaultKind.TRUNCATE)
    with pytest.raises(aiohttp.ClientError):
        await caller.list()


@pytest.mark.parametrize("kind", [FaultKind.SLOW, FaultKind.DRIP])
async def test_late_answers_are_right(dcs: Simulator, caller: Caller, kind: FaultKind) -> None:
    """Held back as a whole, or sent in small pieces."""
    switch_on(dcs, kind, seconds=0.2)
    begun_s = asyncio.get_running_loop().time()
    reply = await caller.list()
    assert reply.json["count"] == 2
    assert asyncio.get_running_loop().time() - begun_s >= 0.19


async def test_oversize_is_right_but_large(dcs: Simulator, caller: Caller) -> None:
    """One more field, as long as wanted."""
    switch_on(dcs, FaultKind.OVERSIZE, size_bytes=3_000_000)
    reply = await caller.list()
    assert (len(reply.body) > 3_000_000, reply.json["count"]) == (True, 2)


def shape(reply: Reply) -> list[Any]:
    """The ids of a batch answer, with what is no item as it is."""
    items = reply.json["migration_tasks"]
    return [item["task_id"] if isinstance(item, dict) else item for item in items]


async def test_lists_that_are_not_as_promised(
    dcs: Simulator, caller: Caller, ids: list[str]
) -> None:
    """Null, missing, of the wrong type; ids missing, twice, or foreign."""
    switch_on(dcs, FaultKind.NULL_LIST)
    assert (await caller.batch_stop(ids)).json == {"migration_tasks": None}
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


async def test_show_of_the_wrong_shape(dcs: Simulator, caller: Caller, ids: list[str]) -> None:
    """All fields null, an empty object, an array, numbers."""
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


@pytest.mark.parametrize("fields", [{"status": 200}, {"probability": 2}, {"ids": -1}])
def test_a_senseless_fault_is_refused(fields: dict[str, Any]) -> None:
    """When it is made."""
    with pytest.raises(ValueError, match="must"):
        Fault(kind=FaultKind.ERROR, **fields)
