"""The window: who shares a batch, when it leaves, and who gets which result."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcs_migration_operator.engine.coalescer import (
    STREAM_GAPS,
    STREAM_KEYS_MIN,
    Coalescer,
    Unanswered,
    Withdrawn,
)

pytestmark = pytest.mark.looptime

Execute = Callable[[Sequence[int]], Awaitable[Mapping[int, str]]]


class Calls:
    """Records batches with their times and echoes each key."""

    def __init__(self, answer_s: float = 0.0) -> None:
        self.batches: list[tuple[float, tuple[int, ...]]] = []
        self._answer_s = answer_s

    async def __call__(self, keys: Sequence[int]) -> Mapping[int, str]:
        """Do one batch."""
        self.batches.append((asyncio.get_running_loop().time(), tuple(keys)))
        await asyncio.sleep(self._answer_s)
        return {key: f"done {key}" for key in keys}


async def no_gate() -> None:
    """Let everything through."""


def coalescer(
    execute: Execute,
    *,
    gate: Callable[[], Awaitable[None]] = no_gate,
    admit: Callable[[int], bool] = lambda _: True,
    parallel_max: int = 4,
) -> Coalescer[int, str]:
    """Return a coalescer with the product's window."""
    return Coalescer(
        execute=execute,
        gate=gate,
        admit=admit,
        idle_s=0.2,
        longest_s=2.0,
        cap=50,
        parallel_max=parallel_max,
    )


async def test_a_lone_key_leaves_after_the_idle_window() -> None:
    """It leaves after 0.2 s without company."""
    calls = Calls()
    assert await coalescer(calls).submit(7) == "done 7"
    assert calls.batches == [(0.2, (7,))]


async def test_a_full_batch_leaves_at_once() -> None:
    """The cap is hard, and reaching it ends the wait."""
    calls = Calls()
    window = coalescer(calls)
    await asyncio.gather(*(window.submit(n) for n in range(50)))
    assert calls.batches == [(0.0, tuple(range(50)))]


async def test_a_steady_trickle_leaves_after_the_longest_window() -> None:
    """Nobody waits longer than 2 s, however steadily others come."""
    calls = Calls()
    window = coalescer(calls)
    futures = []
    for n in range(15):
        futures.append(window.submit(n))
        await asyncio.sleep(0.15)
    await asyncio.gather(*futures)
    assert calls.batches[0][0] == pytest.approx(2.0)
    assert calls.batches[0][1] == tuple(range(14))


async def test_each_new_key_starts_the_idle_window_again() -> None:
    """Keys 0.15 s apart share one batch."""
    calls = Calls()
    window = coalescer(calls)
    first = window.submit(1)
    await asyncio.sleep(0.15)
    await asyncio.gather(first, window.submit(2))
    assert calls.batches[0][0] == pytest.approx(0.35)
    assert [keys for _, keys in calls.batches] == [(1, 2)]


async def test_equal_keys_share_one_place_and_every_caller_hears() -> None:
    """Three callers of one key get one result each."""
    calls = Calls()
    window = coalescer(calls)
    assert await asyncio.gather(*(window.submit(7) for _ in range(3))) == ["done 7"] * 3
    assert [keys for _, keys in calls.batches] == [(7,)]


@given(st.integers(0, 400))
@settings(max_examples=25, deadline=None)
def test_n_keys_at_the_same_moment_cost_ceil_n_by_50_batches(count: int) -> None:
    """For all n, exactly; and no batch is above the cap."""

    async def run() -> list[int]:
        calls = Calls()
        window = Coalescer(
            execute=calls,
            gate=no_gate,
            admit=lambda _: True,
            idle_s=0.001,
            longest_s=0.01,
            cap=50,
            parallel_max=4,
        )
        await asyncio.gather(*(window.submit(n) for n in range(count)))
        return [len(keys) for _, keys in calls.batches]

    sizes = asyncio.run(run())
    assert len(sizes) == -(-count // 50)
    assert sum(sizes) == count
    assert max(sizes, default=0) <= 50


async def test_batches_under_way_are_bounded() -> None:
    """Two at once; the third waits for a slot and no key is lost."""
    calls = Calls(answer_s=1.0)
    window = coalescer(calls, parallel_max=2)
    await asyncio.gather(*(window.submit(n) for n in range(150)))
    assert [at for at, _ in calls.batches] == [0.0, 0.0, 1.0]


async def test_a_closed_gate_keeps_the_batch_collecting() -> None:
    """What comes while the gate is closed leaves with the same batch."""
    opened, calls = asyncio.Event(), Calls()

    async def gate() -> None:
        await opened.wait()

    window = coalescer(calls, gate=gate)
    first = window.submit(1)
    await asyncio.sleep(30.0)
    second = window.submit(2)
    opened.set()
    await asyncio.gather(first, second)
    assert [keys for _, keys in calls.batches] == [(1, 2)]


async def test_a_key_that_is_no_longer_wanted_does_not_leave() -> None:
    """It is asked about at the last moment, and its caller hears that it was not sent."""
    calls = Calls()
    window = coalescer(calls, admit=lambda key: key != 2)
    kept, refused = window.submit(1), window.submit(2)
    assert await kept == "done 1"
    with pytest.raises(Withdrawn):
        await refused
    assert [keys for _, keys in calls.batches] == [(1,)]


async def test_a_cancelled_caller_gives_up_its_place() -> None:
    """Nobody waits for the key any more, so it is not sent."""
    calls = Calls()
    window = coalescer(calls)
    window.submit(1).cancel()
    assert await window.submit(2) == "done 2"
    assert [keys for _, keys in calls.batches] == [(2,)]


async def test_an_empty_batch_is_not_sent() -> None:
    """When everything was withdrawn no call is made."""
    calls = Calls()
    window = coalescer(calls, admit=lambda _: False)
    with pytest.raises(Withdrawn):
        await window.submit(1)
    assert calls.batches == []


async def test_a_key_without_a_result_is_unanswered() -> None:
    """The others keep theirs."""

    async def forgetful(keys: Sequence[int]) -> Mapping[int, str]:
        return {key: "done" for key in keys if key != 2}

    window = coalescer(forgetful)
    kept, lost = window.submit(1), window.submit(2)
    assert await kept == "done"
    with pytest.raises(Unanswered):
        await lost


async def test_an_error_reaches_every_caller_of_its_batch_alone() -> None:
    """The next batch is not touched by it."""
    failures = [OSError("broken")]

    async def flaky(keys: Sequence[int]) -> Mapping[int, str]:
        if failures:
            raise failures.pop()
        return dict.fromkeys(keys, "done")

    window = coalescer(flaky)
    results = await asyncio.gather(window.submit(1), window.submit(2), return_exceptions=True)
    assert [type(result) for result in results] == [OSError, OSError]
    assert await window.submit(3) == "done"


async def test_closing_sends_what_waits_at_once() -> None:
    """It does not wait for the window."""
    calls = Calls()
    window = coalescer(calls)
    waiter = window.submit(1)
    await window.close(5.0)
    assert await waiter == "done 1"
    assert asyncio.get_running_loop().time() == 0.0
    with pytest.raises(Withdrawn):
        await window.submit(2)


async def test_closing_gives_up_what_takes_too_long() -> None:
    """Waiting keys are withdrawn; keys under way are unanswered, for they may have arrived."""
    calls = Calls(answer_s=60.0)
    window = coalescer(calls, parallel_max=1)
    under_way = window.submit(1)
    await asyncio.sleep(1.0)
    waiting = window.submit(2)
    await window.close(3.0)
    results = await asyncio.gather(under_way, waiting, return_exceptions=True)
    assert [type(result) for result in results] == [Unanswered, Withdrawn]
    assert asyncio.get_running_loop().time() == 4.0


class TestStream:
    """Keys that come one after the other, as from a `kubectl apply` on a busy machine."""

    @staticmethod
    async def stream(gap_s: float, count: int) -> list[tuple[float, tuple[int, ...]]]:
        """Submit keys this far apart; returns the batches."""
        calls = Calls()
        window = coalescer(calls)
        futures = []
        for number in range(count):
            futures.append(window.submit(number))
            await asyncio.sleep(gap_s)
        await asyncio.gather(*futures)
        return calls.batches

    async def test_a_slow_stream_is_found_out_after_a_few_keys(self) -> None:
        """Keys 0.3 s apart leave alone first; then the window stays open for their gaps."""
        sizes = [len(keys) for _, keys in await self.stream(0.3, 20)]
        assert sizes[:STREAM_KEYS_MIN] == [1] * STREAM_KEYS_MIN
        assert max(sizes) >= 6
        assert sum(sizes) == 20

    async def test_nobody_in_a_stream_waits_longer_than_the_longest_window(self) -> None:
        """However slow it is: a batch leaves 2 s after its oldest key has come."""
        gap_s = 0.9
        for left_at, keys in await self.stream(gap_s, 30):
            assert left_at - min(keys) * gap_s <= 2.0 + 1e-6

    async def test_a_fast_stream_waits_no_longer_than_idle(self) -> None:
        """Three gaps of 10 ms are less than that."""
        batches = await self.stream(0.01, 30)
        assert [len(keys) for _, keys in batches] == [30]
        assert batches[0][0] == pytest.approx(29 * 0.01 + 0.2)

    async def test_the_end_of_a_stream_is_found_after_some_gaps(self) -> None:
        """The last batch does not wait for the longest window."""
        gap_s, count = 0.3, 40
        batches = await self.stream(gap_s, count)
        last_added = (count - 1) * gap_s
        assert batches[-1][0] <= last_added + STREAM_GAPS * gap_s + 1e-6

    async def test_a_pause_ends_a_stream(self) -> None:
        """After it a lone key leaves as soon as ever."""
        calls = Calls()
        window = coalescer(calls)
        futures = []
        for number in range(20):
            futures.append(window.submit(number))
            await asyncio.sleep(0.3)
        await asyncio.gather(*futures)
        await asyncio.sleep(5.0)
        begin = asyncio.get_running_loop().time()
        await window.submit(99)
        left_at, keys = calls.batches[-1]
        assert left_at == pytest.approx(begin + 0.2)
        assert keys == (99,)


class TestErrorsAround:
    """Errors of what the window is given, and not of a batch."""

    async def test_a_key_that_cannot_be_judged_is_its_callers_alone(self) -> None:
        """The others leave, and so do the batches after it."""

        def admit(key: int) -> bool:
            if key == 1:
                raise ValueError("our own")
            return True

        calls = Calls()
        window = coalescer(calls, admit=admit, parallel_max=1)
        for _ in range(3):
            results = await asyncio.gather(
                *(window.submit(number) for number in range(3)), return_exceptions=True
            )
            assert [type(result) for result in results] == [str, ValueError, str]
        assert [keys for _, keys in calls.batches] == [(0, 2)] * 3

    async def test_a_gate_that_fails_is_told_to_whoever_waits_behind_it(self) -> None:
        """Nobody waits for ever; the next ones meet the gate anew."""
        failures = [ValueError("our own")] * 3

        async def gate() -> None:
            if failures:
                raise failures.pop()

        calls = Calls()
        window = coalescer(calls, gate=gate, parallel_max=1)
        for _ in range(3):
            with pytest.raises(ValueError, match="our own"):
                await window.submit(1)
        assert await window.submit(2) == "done 2"


async def test_a_key_that_comes_while_its_batch_is_under_way_starts_a_new_one() -> None:
    """It may be a wish that came after the answer was made."""
    calls = Calls(answer_s=1.0)
    window = coalescer(calls)
    first = window.submit(1)
    await asyncio.sleep(0.5)
    second = window.submit(1)
    assert [await first, await second] == ["done 1", "done 1"]
    assert [keys for _, keys in calls.batches] == [(1,), (1,)]


async def test_one_of_two_callers_may_give_up() -> None:
    """The other one's place stays."""
    calls = Calls()
    window = coalescer(calls)
    first, second = window.submit(1), window.submit(1)
    first.cancel()
    assert await second == "done 1"
