"""The stop requests of one channel: one per task, many per call, and what each came to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import pytest

from dcs_migration_operator.core.errors import (
    DcsError,
    Misconfigured,
    OutcomeUnknown,
    Refused,
    Throttled,
    Unavailable,
)
from dcs_migration_operator.core.model import (
    Outcome,
    StopAnswer,
    StopRequest,
    task_key,
)
from dcs_migration_operator.engine.facts import ChannelFacts, CloudTask
from dcs_migration_operator.engine.stops import Stops
from dcs_migration_operator.settings import ChannelSettings
from simulation.cloud import task_id
from simulation.virtual import clock
from unit.engine.parts import DETAIL, Notes, due, named, queue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dcs_migration_operator.core.cloud import Operation, Permit

pytestmark = pytest.mark.looptime


class Calls:
    """Stands for the paced calls: accepts what is permitted, or fails (`PacedDcs`)."""

    def __init__(self) -> None:
        self.batches: list[Sequence[str]] = []
        self.suspects: list[bool] = []
        self.error: Exception | None = None
        self.answer_s = 0.05
        self.closed_gate: asyncio.Event | None = None
        self.silent: set[str] = set()
        """Ids that an answer does not mention."""

    async def ready(self, _: Operation) -> None:
        """Wait for the gate."""
        if self.closed_gate:
            await self.closed_gate.wait()

    async def batch_stop(
        self, task_ids: Sequence[str], permit: Permit, *, suspects: bool
    ) -> Mapping[str, StopAnswer]:
        """Answer one call."""
        self.suspects.append(suspects)
        await asyncio.sleep(self.answer_s)
        permitted = permit(task_ids)
        if not permitted:
            return {}
        self.batches.append(permitted)
        if self.error:
            raise self.error
        answer = StopAnswer(Outcome.ACCEPTED, "req-0")
        return {task_key(one): answer for one in permitted if one not in self.silent}


class Ground:
    """Stop requests, with all that they tell."""

    def __init__(self) -> None:
        self.calls, self.notes, self.resources = Calls(), Notes(), queue()
        self.facts = ChannelFacts(self.resources, queue())
        self.hurried = 0
        self.forbidden: set[str] = set()
        self.stops = Stops(
            cast("Any", self.calls),
            self.facts,
            cast("Any", self),
            lambda key: key not in self.forbidden,
            lambda key: key not in self.forbidden,
            settings=ChannelSettings(),
            probe=self.notes,
            clock=clock,
            project_id="0123456789abcdef",
        )

    def hurry(self) -> None:
        """Count (`Poller`)."""
        self.hurried += 1

    def name(self, number: int, spelling: str = "") -> CloudTask:
        """Let a resource name a task."""
        key = task_key(task_id(number))
        return self.facts.join(
            f"uid-{number}", key, spelling or task_id(number), request_of(self.facts, key)
        )

    async def submit(self, *numbers: int) -> list[CloudTask]:
        """Request stops, and wait until they are settled."""
        clouds = [self.name(number) for number in numbers]
        for cloud in clouds:
            self.stops.submit(cloud)
        await asyncio.sleep(1.0)
        return clouds


def request_of(facts: ChannelFacts, key: str) -> StopRequest:
    """Return what is known of a request, if anything is."""
    cloud = facts.task(key)
    return cloud.request if cloud else StopRequest()


async def test_many_tasks_leave_in_few_calls_and_each_is_told() -> None:
    """120 tasks of one moment: 50, 50 and 20; the poller is hurried for each batch."""
    ground = Ground()
    clouds = await ground.submit(*range(120))
    assert [len(batch) for batch in ground.calls.batches] == [50, 50, 20]
    assert {cloud.request.outcome for cloud in clouds} == {Outcome.ACCEPTED}
    assert {cloud.requested for cloud in clouds} == {False}
    assert ground.hurried == 3
    assert sorted(due(ground.resources)) == sorted(f"uid-{number}" for number in range(120))
    assert (sorted(ground.notes.batches), ground.notes.results) == (
        [20, 50, 50],
        ["accepted"] * 120,
    )


async def test_a_task_has_one_request_under_way_at_most() -> None:
    """It does not matter how many resources wish it, and how often."""
    ground = Ground()
    cloud = ground.name(0)
    for _ in range(3):
        ground.stops.submit(cloud)
        await asyncio.sleep(0.1)
    await asyncio.sleep(1.0)
    assert (len(ground.calls.batches), cloud.request.attempts) == (1, 1)


async def test_a_request_names_its_task_as_dcs_does() -> None:
    """The spelling that the facts know when it leaves."""
    ground = Ground()
    cloud = ground.name(0, task_id(0).replace("-", "").upper())
    ground.stops.submit(cloud)
    cloud.task_id = task_id(0)
    await asyncio.sleep(1.0)
    assert ground.calls.batches == [[task_id(0)]]


@pytest.mark.parametrize(
    "error, outcome, attempts",
    [
        (Refused(DETAIL, http_status=400), Outcome.REJECTED, 1),
        (OutcomeUnknown(DETAIL), Outcome.UNKNOWN, 1),
        (OutcomeUnknown(DETAIL, http_status=500), Outcome.UNKNOWN, 1),
        (Unavailable(DETAIL), Outcome.NONE, 0),
        (Throttled(DETAIL, http_status=429), Outcome.NONE, 0),
        (Misconfigured(DETAIL, http_status=404), Outcome.NONE, 0),
        (ValueError("our own"), Outcome.UNKNOWN, 1),
    ],
    ids=lambda value: named(value) if isinstance(value, DcsError) else str(value),
)
async def test_what_a_failed_call_means_for_a_task(
    error: Exception, outcome: Outcome, attempts: int
) -> None:
    """What had no effect is as if it had not been; whatever fails, nobody waits for ever."""
    ground = Ground()
    ground.calls.error = error
    (cloud,) = await ground.submit(0)
    assert (cloud.request.outcome, cloud.request.attempts) == (outcome, attempts)
    assert (cloud.requested, ground.hurried) == (False, 0)
    assert due(ground.resources) == ["uid-0"]


async def test_what_surely_had_no_effect_is_repeated_at_once_but_not_for_ever() -> None:
    """The second one in a row is spaced like an outcome that nobody knows."""
    ground = Ground()
    ground.calls.error = Unavailable(DETAIL)
    cloud = ground.name(0)
    seen = []
    for _ in range(3):
        ground.stops.submit(cloud)
        await asyncio.sleep(1.0)
        seen.append((cloud.request.outcome, cloud.request.failures, cloud.request.attempts))
    assert seen == [(Outcome.NONE, 0, 0), (Outcome.UNKNOWN, 1, 0), (Outcome.UNKNOWN, 2, 0)]
    ground.calls.error = None
    ground.stops.submit(cloud)
    await asyncio.sleep(1.0)
    assert (cloud.request.unsent, cloud.request.failures) == (False, 0)


async def test_a_task_of_a_request_that_failed_keeps_no_other_one_back() -> None:
    """It leaves by itself, whatever it meets, and however long it takes."""
    ground = Ground()
    ground.calls.error = OutcomeUnknown(DETAIL, http_status=500)
    await ground.submit(0)
    ground.calls.error, ground.calls.answer_s = None, 30.0
    for number in (0, 1):
        ground.stops.submit(ground.name(number))
    await asyncio.sleep(0.3)
    ground.calls.answer_s = 0.05
    await asyncio.sleep(40.0)
    assert ground.calls.batches == [[task_id(0)], [task_id(1)], [task_id(0)]] or (
        ground.calls.batches == [[task_id(0)], [task_id(0)], [task_id(1)]]
    )
    assert ground.calls.suspects.count(True) == 1


async def test_an_id_that_the_answer_does_not_mention_was_not_sent() -> None:
    """The others keep their answers."""
    ground = Ground()
    ground.calls.silent = {task_id(1)}
    one, other = await ground.submit(0, 1)
    assert (one.request.outcome, other.request.outcome) == (Outcome.ACCEPTED, Outcome.NONE)
    assert not other.requested


@pytest.mark.parametrize("when", ["in the window", "while the connection is made"])
async def test_what_may_not_be_stopped_any_more_does_not_leave(when: str) -> None:
    """It is looked at twice: when its window ends, and right before the request leaves."""
    ground = Ground()
    clouds = [ground.name(number) for number in range(3)]
    for cloud in clouds:
        ground.stops.submit(cloud)
    await asyncio.sleep(0.1 if when == "in the window" else 0.22)
    ground.forbidden.add(clouds[1].key)
    await asyncio.sleep(1.0)
    assert ground.calls.batches == [[task_id(0), task_id(2)]]
    assert (clouds[1].request, clouds[1].requested) == (StopRequest(), False)


async def test_a_batch_of_which_nothing_may_leave_is_no_call() -> None:
    """There the permission has ended for all of them."""
    ground = Ground()
    ground.forbidden.add(task_key(task_id(0)))
    (cloud,) = await ground.submit(0)
    assert (ground.calls.batches, cloud.requested) == ([], False)


async def test_a_task_that_nobody_names_any_more_does_not_leave() -> None:
    """Its resource was deleted while it waited; its place in the facts is given back."""
    ground = Ground()
    cloud = ground.name(0)
    ground.stops.submit(cloud)
    ground.facts.leave("uid-0", cloud)
    ground.forbidden.add(cloud.key)  # nobody wishes it
    await asyncio.sleep(1.0)
    assert (ground.calls.batches, ground.facts.task(cloud.key)) == ([], None)


async def test_requests_gather_behind_a_closed_gate() -> None:
    """And leave together when it opens, also those that came meanwhile."""
    ground = Ground()
    ground.calls.closed_gate = asyncio.Event()
    await ground.submit(*range(30))
    await ground.submit(*range(30, 60))
    assert ground.calls.batches == []
    ground.calls.closed_gate.set()
    await asyncio.sleep(1.0)
    assert [len(batch) for batch in ground.calls.batches] == [50, 10]


async def test_an_answer_in_part_hurries_nobody_without_an_acceptance() -> None:
    """There is nothing to follow."""
    ground = Ground()
    ground.calls.error = Refused(DETAIL, http_status=400)
    await ground.submit(0, 1)
    assert ground.hurried == 0


class TestClose:
    """The end of a channel."""

    async def test_what_waits_leaves_at_once(self) -> None:
        """And what is requested after it is not."""
        ground = Ground()
        cloud, late = ground.name(0), ground.name(1)
        ground.stops.submit(cloud)
        await ground.stops.close(3.0)
        assert cloud.request.outcome is Outcome.ACCEPTED
        assert asyncio.get_running_loop().time() == pytest.approx(0.05)
        ground.stops.submit(late)
        await asyncio.sleep(0)
        assert (late.request, late.requested) == (StopRequest(), False)

    async def test_what_does_not_end_in_time_may_have_been_sent(self) -> None:
        """Its outcome is unknown, and looked for by whoever comes next."""
        ground = Ground()
        ground.calls.answer_s = 60.0
        cloud = ground.name(0)
        ground.stops.submit(cloud)
        await asyncio.sleep(1.0)
        await ground.stops.close(3.0)
        await asyncio.sleep(0.1)
        assert (cloud.request.outcome, cloud.requested) == (Outcome.UNKNOWN, False)

    async def test_what_still_waits_behind_a_gate_was_not_sent(self) -> None:
        """It counts as if it had not been requested."""
        ground = Ground()
        ground.calls.closed_gate = asyncio.Event()
        cloud = ground.name(0)
        ground.stops.submit(cloud)
        await ground.stops.close(1.0)
        await asyncio.sleep(0.1)
        assert (cloud.request, cloud.requested) == (StopRequest(), False)
