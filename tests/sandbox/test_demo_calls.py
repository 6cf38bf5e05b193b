"""What the demo takes from DCS: orders and looks, told apart and counted by themselves."""

import asyncio

from sandbox import dcs
from sandbox.dcs import MigrationSpec
from sandbox.dcs.caller import Caller, Signer
from sandbox.demo.calls import Call, Dcs, ends, orders, shows_one_by_one, words


def order(*ids: str, at_s: float = 0.0) -> Call:
    """Return an order for some tasks."""
    return Call(operation="batch_stop", at_s=at_s, ids=ids)


def look(at_s: float) -> Call:
    """Return a list call."""
    return Call(operation="list", at_s=at_s)


def test_an_order_is_repeated_if_all_its_tasks_were_ordered_before() -> None:
    """One new task among them makes it a first order."""
    calls = [order("a", "b"), look(1), order("b"), order("b", "c"), order("c", "a")]
    found = orders(calls)
    assert [call.ids for call in found.first] == [("a", "b"), ("b", "c")]
    assert [call.ids for call in found.again] == [("b",), ("c", "a")]
    assert found.times() == {"a": 2, "b": 3, "c": 2}


def test_one_show_per_task_ends_with_the_look_that_sees_its_end() -> None:
    """Looks at 1, 2, 3: ended before all, between two, at one, and never."""
    calls = [look(1), order("a"), look(2), look(3)]
    for end_s, shows in ((0.5, 1), (1.5, 2), (2.0, 2), (None, 3), (3.5, 3)):
        ended = {} if end_s is None else {"a": end_s}
        assert shows_one_by_one(calls, ["a"], ended) == shows
    assert shows_one_by_one(calls, ["a", "b"], {"a": 0.5}) == 4
    assert shows_one_by_one([], ["a"], {}) == 0


def test_a_history_tells_the_last_word_and_the_first_end() -> None:
    """A release after the end does not move it."""
    history = [(1.0, "MIGRATING"), (2.0, "TERMINATING"), (3.0, "TERMINATED"), (4.0, "RELEASED")]
    histories = {"a": history, "b": history[:2]}
    assert words(histories) == {"a": "RELEASED", "b": "TERMINATING"}
    assert ends(histories) == {"a": 3.0}


async def test_the_simulator_tells_what_it_was_asked() -> None:
    """Ids come without dashes, and asking the simulator itself is no call."""
    task_id = "5130d57f-640a-435b-bc3a-0fb1860a5340"
    options = dcs.SimulatorOptions(
        admin_port=0,
        projects=(dcs.ProjectOptions(migrations=(MigrationSpec(task_id=task_id),)),),
    )
    async with dcs.Simulator(options) as simulator:
        signer = Signer(access_key=dcs.ACCESS_KEY, secret_key=dcs.SECRET_KEY)
        async with Caller(simulator.endpoint, dcs.PROJECT_ID, signer) as caller:
            await caller.batch_stop([task_id])
            await caller.list()
            await caller.list()
        assert simulator.admin_endpoint is not None
        asked = Dcs(simulator.admin_endpoint)
        key = task_id.replace("-", "")
        assert await asyncio.to_thread(asked.counts) == {"batch_stop": 1, "list": 2}
        assert [call.ids for call in await asyncio.to_thread(asked.calls)] == [(key,), (), ()]
        assert words(await asyncio.to_thread(asked.histories)) == {key: "TERMINATING"}
