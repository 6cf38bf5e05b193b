"""What is strange about one stop request harms no other task, and none is repeated in a stream."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from dcs_migration_operator.core.errors import (
    Busy,
    OutcomeUnknown,
    PermissionDenied,
    Unavailable,
)
from dcs_migration_operator.core.model import ErrorDetail
from dcs_migration_operator.engine.ports import SecretReadError
from simulation.bounds import repeats, requests_max
from simulation.cloud import HANGS, Migration, task_id
from simulation.rig import KEYS, ModelApi, Rig

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

pytestmark = pytest.mark.looptime

LATE_S_MAX = 1.0
FAULT = ErrorDetail("model", "strange", "req-1")


def fleet(count: int) -> dict[str, Migration]:
    """Return a fleet of equal migrations."""
    return {task_id(n): Migration() for n in range(count)}


def named(rig: Rig, number: int) -> int:
    """Return in how many requests a task was named."""
    return sum(task_id(number) in batch for batch in rig.batches)


def reasons(rig: Rig, numbers: Sequence[int]) -> set[str]:
    """Return the reasons that these tasks show."""
    return {rig.reason(f"uid-{n}") for n in numbers}


def whole(make: Callable[[], Exception], until_s: float = float("inf")) -> Callable[..., None]:
    """Return an interference that lets every stop request fail until then."""

    def interfere(_: object, operation: str, moment: str, *__: object) -> None:
        now = asyncio.get_running_loop().time()
        if (operation, moment) == ("batch_stop", "before") and now < until_s:
            raise make()

    return interfere


class TestOddAnswers:
    """A 200 that says nothing, or nothing that anybody understands."""

    @pytest.mark.parametrize("odd", ["effect", "no effect"])
    @pytest.mark.parametrize("count", [1, 60])
    async def test_a_request_that_nobody_understands_is_repeated_with_growing_pauses(
        self, odd: str, count: int
    ) -> None:
        """Each time after a question; what had its effect after all is not requested again."""
        migrations = {task_id(n): Migration(odd=odd, lag_s=8.0) for n in range(count)}
        async with Rig(migrations) as rig:
            rig.add_project()
            for n in range(count):
                rig.add_task(n)
            rig.engine.activate()
            await asyncio.sleep(600.0)
            most = 1 if odd == "effect" else requests_max(600.0)
            assert {named(rig, n) for n in range(count)} <= set(range(1, most + 1))
            if odd == "effect":
                assert reasons(rig, range(count)) == {"Terminated"}
                return
            asked = [at for at, operation in rig.dcs[0].times if operation == "list"]
            sent = [at for at, operation in rig.dcs[0].times if operation == "batch_stop"]
            gaps = [b - a for a, b in pairwise(sent) if b - a > 2.0]
            assert gaps == pytest.approx([15.0, 30.0, 60.0, 120.0, 240.0], abs=2.0)
            assert all(any(a < at < b for at in asked) for a, b in pairwise(sent) if b - a > 2.0)
            assert "" not in reasons(rig, range(count))
            assert all(len(rig.phases(f"uid-{n}")) <= 2 + repeats(600.0) for n in range(count))

    async def test_one_odd_answer_delays_no_other_task(self) -> None:
        """The others of its batch are accepted, and those that come later as well."""
        migrations = fleet(60) | {task_id(0): Migration(odd="no effect")}
        async with Rig(migrations) as rig:
            rig.add_project()
            for n in range(50):
                rig.add_task(n)
            rig.engine.activate()
            await asyncio.sleep(10.0)
            assert reasons(rig, range(1, 50)) == {"Terminated"}
            for n in range(50, 60):
                began_at = asyncio.get_running_loop().time()
                rig.add_task(n)
                await asyncio.sleep(7.0)
                assert migrations[task_id(n)].orders[0] - began_at < LATE_S_MAX


class TestSpoilers:
    """Requests that fail as a whole because of one id."""

    @pytest.mark.parametrize("spoils", ["500", "503"])
    @pytest.mark.parametrize("bad", [(17,), (0, 49), (3, 4), (5, 20, 41)])
    async def test_a_server_error_for_a_batch_is_found_out_by_halving(
        self, spoils: str, bad: tuple[int, ...]
    ) -> None:
        """The others are stopped within half a minute, most of it the pause after the first."""
        migrations = {task_id(n): Migration(spoils=spoils if n in bad else "") for n in range(50)}
        async with Rig(migrations) as rig:
            rig.add_project()
            for n in range(50):
                rig.add_task(n)
            rig.engine.activate()
            await asyncio.sleep(30.0)
            good = [n for n in range(50) if n not in bad]
            assert reasons(rig, good) <= {"Stopping", "Terminated"}
            await asyncio.sleep(570.0)
            assert reasons(rig, good) == {"Terminated"}
            assert {len(migrations[task_id(n)].orders) for n in good} == {1}
            assert all(len(rig.phases(f"uid-{n}")) <= 4 for n in good)
            assert reasons(rig, bad) == {"CloudUnavailable"}
            assert all(len(rig.phases(f"uid-{n}")) <= 2 + repeats(600.0) for n in bad)
            assert all(named(rig, n) <= requests_max(600.0, spoils=True) for n in bad)
            alone = [batch for batch in rig.batches if task_id(bad[0]) in batch][-1]
            assert alone == (task_id(bad[0]),)

    async def test_a_request_that_hangs_because_of_one_id_is_divided_at_each_repeat(self) -> None:
        """Each time after a question, since it may have had its effect."""
        migrations = {task_id(n): Migration(spoils=HANGS if n == 17 else "") for n in range(50)}
        async with Rig(migrations) as rig:
            rig.add_project()
            for n in range(50):
                rig.add_task(n)
            rig.engine.activate()
            await asyncio.sleep(1800.0)
            assert reasons(rig, [n for n in range(50) if n != 17]) == {"Terminated"}
            assert rig.reason("uid-17") == "CloudUnavailable"
            assert named(rig, 17) <= requests_max(1800.0)

    @pytest.mark.parametrize("count", [2, 4])
    async def test_a_small_request_that_hangs_is_divided_as_well(self, count: int) -> None:
        """Where nothing else succeeds: the others are stopped within half an hour."""
        migrations = {task_id(n): Migration(spoils=HANGS if n == 0 else "") for n in range(count)}
        async with Rig(migrations) as rig:
            rig.add_project()
            for n in range(count):
                rig.add_task(n)
            rig.engine.activate()
            await asyncio.sleep(1800.0)
            assert reasons(rig, range(1, count)) == {"Terminated"}
            assert rig.reason("uid-0") == "CloudUnavailable"

    @pytest.mark.parametrize("spoils", ["refused", "500", "503", "busy"])
    async def test_wishes_that_come_later_do_not_wait_for_it(self, spoils: str) -> None:
        """However often it is tried again meanwhile: no request of theirs is later by a second."""
        found = []
        for strange in ("", spoils):
            migrations = fleet(80) | {task_id(0): Migration(spoils=strange)}
            began_at = asyncio.get_running_loop().time()
            async with Rig(migrations) as rig:
                rig.add_project()
                rig.add_task(0)
                rig.engine.activate()
                await asyncio.sleep(1.0)
                for n in range(1, 80):
                    rig.add_task(n)
                    await asyncio.sleep(1.7)
                await asyncio.sleep(60.0)
                later = [migrations[task_id(n)].orders for n in range(1, 80)]
                assert {len(orders) for orders in later} == {1}
                found.append([orders[0] - began_at for orders in later])
        assert max(b - a for a, b in zip(*found, strict=True)) <= LATE_S_MAX

    async def test_an_instance_that_is_busy_for_long_holds_up_the_others_for_a_minute(self) -> None:
        """Where DCS refuses the whole request for it; busy is no reason to look for a guilty id."""
        migrations = {task_id(n): Migration(spoils="busy" if n == 3 else "") for n in range(50)}
        async with Rig(migrations) as rig:
            rig.add_project()
            for n in range(50):
                rig.add_task(n)
            rig.engine.activate()
            await asyncio.sleep(70.0)
            good = [n for n in range(50) if n != 3]
            assert reasons(rig, good) == {"Terminated"}
            assert reasons(rig, [3]) == {"StopRejected"}


class TestWholeCalls:
    """All stop requests fail for a while, whatever is in them."""

    async def test_after_a_busy_time_five_hundred_wishes_cost_few_requests(self) -> None:
        """Nobody counts as a spoiler for life because of 20 s."""
        migrations = fleet(550)
        async with Rig(migrations) as rig:
            rig.interfere = whole(lambda: Busy(FAULT, http_status=400), 20.0)
            rig.add_project()
            for n in range(50):
                rig.add_task(n)
            rig.engine.activate()
            await asyncio.sleep(60.0)
            assert reasons(rig, range(50)) == {"Terminated"}
            before = len(rig.batches)
            assert before <= 6
            for n in range(50, 550):
                rig.add_task(n)
            await asyncio.sleep(20.0)
            assert reasons(rig, range(50, 550)) == {"Terminated"}
            assert len(rig.batches) - before == 10

    @pytest.mark.parametrize(
        "error",
        [
            OutcomeUnknown(FAULT, http_status=500),
            Unavailable(FAULT, http_status=503),
            OutcomeUnknown(ErrorDetail("timeout", "no answer")),
            Unavailable(ErrorDetail("no-connection", "no way")),
            PermissionDenied(FAULT, http_status=403),
        ],
        ids=lambda error: f"{type(error).__name__}-{error.http_status}",
    )
    @pytest.mark.parametrize("count", [1, 120])
    async def test_an_hour_of_it_costs_few_calls_and_few_writes(
        self, error: Exception, count: int
    ) -> None:
        """The reason is told once and stays; then everything is stopped by few requests."""
        async with Rig(fleet(count)) as rig:
            rig.interfere = whole(lambda: error, 3600.0)
            rig.add_project()
            for n in range(count):
                rig.add_task(n)
            rig.engine.activate()
            await asyncio.sleep(3590.0)
            denied = isinstance(error, PermissionDenied)
            reason = "PermissionDenied" if denied else "CloudUnavailable"
            assert reasons(rig, range(count)) == {reason}
            writes = 2 + repeats(3600.0)  # `stop.attempts` counts up
            assert all(len(rig.phases(f"uid-{n}")) <= writes for n in range(count))
            assert len(rig.batches) <= 3600.0 / 8.0
            await asyncio.sleep(1300.0)
            assert reasons(rig, range(count)) == {"Terminated"}
            assert all(len(rig.phases(f"uid-{n}")) <= writes + 2 for n in range(count))


class TestRestart:
    """What was requested before a restart."""

    async def test_an_acceptance_outlives_a_secret_that_cannot_be_read(self) -> None:
        """The reason is told, and what was accepted is not requested again before its minute."""
        migrations, api = {task_id(0): Migration(ignores=1)}, ModelApi()
        async with Rig(migrations, api=api) as rig:
            rig.add_project()
            rig.add_task(0)
            rig.engine.activate()
            await asyncio.sleep(1.0)
        async with Rig(migrations, api=api) as again:
            again.secret = SecretReadError("nobody answers", passing=True)
            again.tell_all()
            again.engine.activate()
            await asyncio.sleep(10.0)
            assert again.reason("uid-0") == "ProjectNotReady"
            again.secret = KEYS
            await asyncio.sleep(40.0)
            assert again.batches == []
            await asyncio.sleep(30.0)
            assert again.batches == [(task_id(0),)]


class TestMeanwhile:
    """What happens to a task while its request waits for the end of a pause."""

    async def test_what_has_ended_is_not_requested_any_more(self) -> None:
        """A refusal of all requests rests for 30 s; a list says meanwhile that some have ended."""
        async with Rig(fleet(4)) as rig:
            rig.interfere = whole(lambda: PermissionDenied(FAULT, http_status=403), 10.0)
            rig.add_project()
            for n in range(4):
                rig.add_task(n)
            rig.engine.activate()
            await asyncio.sleep(5.0)
            rig.fleet[task_id(1)].halt()
            rig.fleet[task_id(2)].halt()
            rig.add_task(9)  # unknown, so that a list is made
            await asyncio.sleep(70.0)
            assert reasons(rig, range(4)) == {"Terminated"}
            assert sorted(rig.batches[-1]) == [task_id(0), task_id(3)]


class TestEqualIds:
    """Several resources of one task."""

    async def test_what_is_accepted_counts_for_all_that_name_the_task(self) -> None:
        """Six resources in both spellings, one every 1.5 s while DCS lags, cost one request."""
        async with Rig({task_id(0): Migration(lag_s=12.0)}) as rig:
            rig.add_project()
            rig.engine.activate()
            for n in range(6):
                text = task_id(0).replace("-", "") if n % 2 else task_id(0)
                rig.add_task(0, uid=f"uid-{n}", task_id=text)
                await asyncio.sleep(1.5)
            await asyncio.sleep(20.0)
            assert rig.batches == [(task_id(0),)]
            assert reasons(rig, range(6)) == {"Terminated"}

    async def test_both_spellings_in_one_window_are_one_entry(self) -> None:
        """This holds for upper case as well."""
        async with Rig(fleet(3)) as rig:
            rig.add_project()
            for n in range(3):
                rig.add_task(n, uid=f"uid-{n}")
                rig.add_task(n, uid=f"uid-{n}-b", task_id=task_id(n).replace("-", "").upper())
            rig.engine.activate()
            await asyncio.sleep(10.0)
            assert [sorted(batch) for batch in rig.batches] == [sorted(rig.fleet)]

    @pytest.mark.parametrize("gap_s", [0.25, 0.45, 3.0])
    async def test_deleted_and_applied_again_while_dcs_lags(self, gap_s: float) -> None:
        """Whether before, during or after the request, it stays a single one."""
        async with Rig({task_id(0): Migration(lag_s=12.0)}, answer_s=0.1) as rig:
            rig.add_project()
            rig.add_task(0, uid="first")
            rig.engine.activate()
            await asyncio.sleep(gap_s)
            rig.delete("first")
            await asyncio.sleep(0.01)
            rig.add_task(0, uid="second")
            await asyncio.sleep(30.0)
            assert len(rig.batches) == 1
            assert rig.reason("second") == "Terminated"


class TestLateConnections:
    """The connection stands only long after the request was decided on."""

    @pytest.mark.parametrize("what", ["deleted", "suspended", "moved", "project gone", "nothing"])
    async def test_what_is_not_wished_any_more_does_not_leave(self, what: str) -> None:
        """Whoever deletes, suspends or corrects meanwhile is heard."""
        async with Rig(fleet(2)) as rig:
            rig.connect_s = lambda: 5.0
            rig.add_project()
            rig.add_task(0)
            rig.add_task(1)
            rig.engine.activate()
            await asyncio.sleep(1.0)
            rig.read_s = 60.0  # the Secret cannot be read anew at the moment
            match what:
                case "deleted":
                    rig.delete("uid-0")
                case "suspended":
                    rig.add_project(suspended=True)
                case "moved":
                    rig.add_project(project_id="corrected")
                case "project gone":
                    rig.delete_project()
                case _:
                    pass
            await asyncio.sleep(6.0)
            left = {"deleted": [(task_id(1),)], "nothing": [(task_id(0), task_id(1))]}
            assert rig.batches == left.get(what, [])
