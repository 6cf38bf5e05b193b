"""What becomes of a key whose calls are refused: rows of 401s, locks, time, and what is denied."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from sandbox.dcs import PROJECT_ID, Fault, FaultKind, ProjectOptions, Simulator, SimulatorOptions
from sandbox.dcs.caller import Caller, Signer
from sandbox.dcs.keys import KeyRing

KEY = ProjectOptions().access_key
SIGNER = Signer(access_key=KEY, secret_key=ProjectOptions().secret_key)
WRONG = Signer(access_key=KEY, secret_key="wrong")


@pytest.fixture
async def dcs() -> AsyncIterator[Simulator]:
    """One project with one key, and nine more on the same key."""
    async with Simulator(SimulatorOptions(shared_projects=9, shared_running=1)) as simulator:
        yield simulator


async def list_with(dcs: Simulator, signer: Signer, times: int = 1) -> list[int]:
    """Return the statuses of some lists in a row."""
    async with Caller(dcs.endpoint, PROJECT_ID, signer) as client:
        return [(await client.list()).status for _ in range(times)]


async def test_the_most_401s_in_a_row_are_remembered(dcs: Simulator) -> None:
    """A success ends the row; the maximum stays, and so it does for each key."""
    await list_with(dcs, WRONG, 3)
    await list_with(dcs, SIGNER)
    await list_with(dcs, WRONG, 2)
    await list_with(dcs, Signer(access_key="INVENTED", secret_key="x"))
    standing = dcs.keys.standing(KEY)
    assert (standing.rejections, standing.in_a_row, standing.most_in_a_row) == (5, 2, 3)
    assert dcs.keys.most_in_a_row == 3
    assert dcs.keys.to_json()["INVENTED"]["most_in_a_row"] == 1


async def test_the_row_goes_on_while_the_key_is_locked(dcs: Simulator) -> None:
    """Also for calls with the right secret; one lock, and all of it is reset."""
    await list_with(dcs, WRONG, 6)
    await list_with(dcs, SIGNER, 4)
    shown = dcs.keys.to_json()[KEY]
    assert (shown["most_in_a_row"], shown["locks"]) == (10, 1)
    assert 0 < shown["locked_for_s"] <= 300
    dcs.reset()
    assert (dcs.keys.most_in_a_row, await list_with(dcs, SIGNER)) == (0, [200])


async def test_all_projects_of_a_key_share_its_row(dcs: Simulator) -> None:
    """Ten projects with one wrong secret make ten 401s in a row."""
    assert len(dcs.projects) == 10
    for project_id in dcs.projects:
        async with Caller(dcs.endpoint, project_id, WRONG) as client:
            await client.list()
    assert dcs.keys.standing(KEY).most_in_a_row == 10


async def test_a_401_of_the_service_counts_but_does_not_lock(dcs: Simulator) -> None:
    """It says that the project is another's; the key itself was right."""
    dcs.switch(unknown_project="401")
    async with Caller(dcs.endpoint, "f" * 32, SIGNER) as client:
        statuses = [(await client.list()).status for _ in range(7)]
    standing = dcs.keys.standing(KEY)
    assert (statuses, standing.most_in_a_row, standing.locks) == ([401] * 7, 7, 0)


async def test_401s_side_by_side_take_their_time_and_all_count(dcs: Simulator) -> None:
    """Eight calls are on their way before the first is answered."""
    dcs.keys.slow_down(KEY, 0.2)
    begun_s = asyncio.get_running_loop().time()
    async with Caller(dcs.endpoint, PROJECT_ID, WRONG) as client:
        replies = await asyncio.gather(*(client.list() for _ in range(8)))
    assert {reply.status for reply in replies} == {401}
    assert asyncio.get_running_loop().time() - begun_s >= 0.19
    assert (dcs.calls.concurrency_max, dcs.keys.most_in_a_row) == (8, 8)


async def test_a_right_signature_is_not_slowed_down(dcs: Simulator) -> None:
    """However long a 401 would take."""
    dcs.keys.slow_down(KEY, 3600.0)
    assert await list_with(dcs, SIGNER) == [200]


async def test_a_401_that_a_fault_makes_takes_as_long_as_a_real_one(dcs: Simulator) -> None:
    """Nobody can tell the two apart."""
    dcs.keys.slow_down(KEY, 0.2)
    dcs.faults.add(Fault(kind=FaultKind.UNAUTHORIZED))
    begun_s = asyncio.get_running_loop().time()
    assert await list_with(dcs, SIGNER) == [401]
    assert asyncio.get_running_loop().time() - begun_s >= 0.19


@pytest.mark.parametrize("forget_s, locks", [(300.0, 0), (None, 1)])
def test_failures_can_be_forgotten(forget_s: float | None, locks: int) -> None:
    """If they are further apart than that; by default all add up."""
    now_s = 0.0
    keys = KeyRing(lambda: now_s, forget_s=forget_s)
    for _ in range(6):
        keys.failed("KEY")
        now_s += 301
    assert (keys.standing("KEY").locks, keys.most_in_a_row) == (locks, 6)


async def test_a_clock_that_is_off_refuses_every_signature(dcs: Simulator) -> None:
    """The text names both times, as gateways do."""
    dcs.keys.skew_s = 16 * 60
    async with Caller(dcs.endpoint, PROJECT_ID, SIGNER) as client:
        reply = await client.list()
    assert reply.status == 401
    assert "request time: " in reply.json["error_msg"]
    assert "server time: " in reply.json["error_msg"]


async def test_locks_end_on_the_clock_of_the_simulator() -> None:
    """A test that moves it need not wait for five minutes."""
    now_s = 0.0
    async with Simulator(clock=lambda: now_s) as dcs:
        await list_with(dcs, WRONG, 6)
        assert await list_with(dcs, SIGNER) == [401]
        now_s += 300
        assert await list_with(dcs, SIGNER) == [200]


def test_made_up_keys_cost_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a number of them, no new one is remembered."""
    monkeypatch.setattr("sandbox.dcs.keys.KEYS_MAX", 3)
    keys = KeyRing(lambda: 0.0)
    for number in range(10):
        keys.failed(f"INVENTED{number}")
    assert len(keys.to_json()) == 3
