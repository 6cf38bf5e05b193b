"""A whole cutover as somebody does it by hand: with the calls that cluster tests and demos make."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from sandbox.dcs import PROJECT_ID, MigrationSpec, ProjectOptions, Simulator, SimulatorOptions
from sandbox.dcs.caller import Caller, Signer

SIGNER = Signer(access_key=ProjectOptions().access_key, secret_key=ProjectOptions().secret_key)
TASKS = 60
BATCH = 50


class Stage:
    """A simulator with 60 busy tasks on a clock that is moved by hand, and its admin API."""

    def __init__(self) -> None:
        self.now_s = 1_000_000_000.0
        self.dcs = Simulator(SimulatorOptions(admin_port=0), clock=lambda: self.now_s)
        self.ids = [f"{number:032x}" for number in range(TASKS)]
        self.dcs.fleet.add(
            *(
                MigrationSpec(task_id=one, name=f"wave1-{one[-2:]}", writers=True)
                for one in self.ids
            )
        )

    async def admin(self, method: str, path: str, body: object = None) -> dict[str, int]:
        """Call the admin API."""
        async with (
            aiohttp.ClientSession(self.dcs.admin_endpoint, trust_env=False) as session,
            session.request(method, path, json=body) as response,
        ):
            shown: dict[str, int] = await response.json()
            return shown

    async def offsets(self, caller: Caller) -> list[int]:
        """Return the lag of every task, as stats say it."""
        replies = [await caller.send("GET", f"/migration-task/{one}/stats") for one in self.ids]
        return [int(reply.json["offset"]) for reply in replies]

    async def stop_all(self, caller: Caller) -> None:
        """Stop all tasks in as few calls as it takes."""
        for begin in range(0, TASKS, BATCH):
            assert (await caller.batch_stop(self.ids[begin : begin + BATCH])).status == 200
        self.now_s += 10


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """All is running."""
    stage = Stage()
    async with stage.dcs:
        yield stage


async def test_a_stop_at_once_loses_what_was_said_before(stage: Stage) -> None:
    """While writers write, no lag is ever 0, and the losses are what the lag had promised."""
    async with Caller(stage.dcs.endpoint, PROJECT_ID, SIGNER) as caller:
        stage.now_s += 7
        assert min(await stage.offsets(caller)) > 0
        promised = (await stage.admin("GET", "/lag"))["missing_keys"]
        await stage.stop_all(caller)
    lost = await stage.admin("GET", "/losses")
    assert (lost["stops"], lost["with_loss"]) == (TASKS, TASKS)
    assert lost["lost_keys"] == promised >= TASKS


async def test_whoever_stops_the_writers_first_loses_nothing(stage: Stage) -> None:
    """Writers off, two samples at 0, stop: every task terminates and no key is lost."""
    async with Caller(stage.dcs.endpoint, PROJECT_ID, SIGNER) as caller:
        await stage.admin("POST", "/writers", {"on": False, "name": "wave1-*"})
        for _ in range(2):
            stage.now_s += 5
            assert set(await stage.offsets(caller)) == {0}
        await stage.stop_all(caller)
    lost = await stage.admin("GET", "/losses")
    assert (lost["stops"], lost["lost_keys"]) == (TASKS, 0)
    assert stage.dcs.fleet.words() == {"TERMINATED": TASKS}
    assert stage.dcs.calls.sizes() == [10, 50]
