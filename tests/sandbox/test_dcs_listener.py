"""Connections that cannot be made, and connections that nobody reads from."""

import asyncio
import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest

from sandbox.dcs import PROJECT_ID, ProjectOptions, Simulator, simulate
from sandbox.dcs.caller import Caller, Signer

SIGNER = Signer(access_key=ProjectOptions().access_key, secret_key=ProjectOptions().secret_key)
SOON_S = 0.3
"""A call over loopback needs milliseconds; whoever hangs does so for a second at least."""


@pytest.fixture
async def dcs() -> AsyncIterator[Simulator]:
    """Run a simulator with one migration."""
    async with simulate(running=1) as simulator:
        yield simulator


async def test_nobody_gets_through_while_it_stalls(dcs: Simulator, caller: Caller) -> None:
    """A caller hangs before it has written a byte, and gets its answer after the end."""
    address = dcs.endpoint.partition("://")[2].split(":")
    await dcs.listener.stall()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.open_connection(*address), SOON_S)
    waiting = asyncio.create_task(caller.list())
    await asyncio.sleep(SOON_S)
    assert (waiting.done(), dcs.calls.count()) == (False, 0)
    await dcs.listener.resume()
    assert (await waiting).status == 200
    assert dcs.calls.count() == 1


async def test_a_stall_cuts_what_was_connected(dcs: Simulator, caller: Caller) -> None:
    """A caller that kept its connection would notice nothing otherwise."""
    assert (await caller.list()).status == 200
    await dcs.listener.stall()
    with pytest.raises((TimeoutError, aiohttp.ClientConnectionError)):
        await asyncio.wait_for(caller.list(), SOON_S)
    await dcs.listener.resume()
    assert (await caller.list()).status == 200


async def test_stalling_twice_and_resuming_twice_is_harmless(
    dcs: Simulator, caller: Caller
) -> None:
    """Both are states, not events."""
    states = []
    for act in (dcs.listener.stall, dcs.listener.resume):
        for _ in range(2):
            await act()
            states.append(dcs.listener.stalled)
    assert states == [True, True, False, False]
    assert (await caller.list()).status == 200


async def test_it_ends_while_it_stalls(dcs: Simulator) -> None:
    """And can be opened again at the same address, where everybody gets through."""
    await dcs.listener.stall()
    await dcs.hang_up()
    await dcs.listen()
    async with Caller(dcs.endpoint, PROJECT_ID, SIGNER) as client:
        assert (await client.list()).status == 200


async def test_a_new_connection_is_read_late(dcs: Simulator) -> None:
    """It is made at once and then waits; a second call on it does not wait again."""
    dcs.listener.read_after_s = 0.3
    async with Caller(dcs.endpoint, PROJECT_ID, SIGNER) as client:
        begun_s = asyncio.get_running_loop().time()
        assert (await client.list()).status == 200
        assert asyncio.get_running_loop().time() - begun_s >= 0.29
        dcs.listener.read_after_s = 3600.0
        assert (await client.list()).status == 200
    assert len(dcs.calls.connections) == 1


async def test_a_connection_nobody_reads_from_does_not_outlive_the_simulator() -> None:
    """However long it should have waited."""
    async with simulate() as dcs, Caller(dcs.endpoint, PROJECT_ID, SIGNER) as client:
        dcs.listener.read_after_s = 3600.0
        waiting = asyncio.create_task(client.list())
        await asyncio.sleep(0.05)
        await dcs.stop()
        with pytest.raises(aiohttp.ClientConnectionError):
            await waiting


async def test_a_stall_cuts_what_nobody_reads_from_yet(dcs: Simulator) -> None:
    """Such a connection is one that exists, like any other."""
    dcs.listener.read_after_s = 3600.0
    host, _, port = dcs.endpoint.partition("://")[2].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    await asyncio.sleep(0.05)
    await dcs.listener.stall()
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()
    await writer.wait_closed()


async def test_no_file_descriptor_is_left_for_a_while(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Accepting fails, and goes on by itself a moment later."""
    failures = [OSError(24, "Too many open files")]
    accept = socket.socket.accept

    def failing(own: socket.socket) -> tuple[socket.socket, object]:
        if failures:
            raise failures.pop()
        return accept(own)

    monkeypatch.setattr(socket.socket, "accept", failing)
    assert (await caller.list()).status == 200
    assert failures == []
