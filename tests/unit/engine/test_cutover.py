"""A conditional wish through the whole engine: stopped when the target has caught up, else not."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from dcs_migration_operator.core.cutover import Cutover, TermsSaid, Window
from dcs_migration_operator.engine.cutovers import STATES, count_states
from simulation.cloud import HANGS, Migration, task_id
from simulation.lags import LagModel
from simulation.rig import ModelApi, Rig
from simulation.virtual import clock

pytestmark = pytest.mark.looptime

FOREVER = 1e9


def fleet(count: int, **lag: Any) -> dict[str, Migration]:
    """Return incremental migrations with equal lags."""
    return {task_id(n): Migration("INCRMIGEATING", lag=LagModel(**lag)) for n in range(count)}


def wait(*, stable_s: float | None = None, timeout_s: float | None = None, **said: bool) -> Cutover:
    """Return a wish without a wave."""
    return Cutover(TermsSaid(None, stable_s, timeout_s, said.get("anyway")))


def in_s(seconds: float) -> datetime:
    """Return the wall time in so many seconds."""
    return clock().wall + timedelta(seconds=seconds)


class TestOneTask:
    """Without a wave."""

    async def test_it_is_stopped_once_its_lag_has_rested_at_zero(self) -> None:
        """The writers stop after 60 s, the lag falls for 5 s more, and rests for 10 s."""
        async with Rig(fleet(1, quiet_at=60.0, left=500)) as rig:
            rig.add_project()
            uid = rig.cut_over(0, wait())
            rig.engine.activate()
            await asyncio.sleep(70.0)
            assert rig.batches == []
            assert rig.reason(uid) == "CatchingUp"
            await asyncio.sleep(30.0)
            assert rig.batches == [(task_id(0),)]
            assert rig.reason(uid) == "Terminated"
            assert rig.fleet[task_id(0)].lost == [0]
            status = rig.api.objects[uid].status
            assert status.stop
            assert status.stop.lag_at_order == 0
            caught_up = status.condition("CaughtUp")
            assert caught_up
            assert caught_up.status == "True"

    async def test_a_busy_source_is_not_stopped(self) -> None:
        """Its lag is 0 now and then; two samples in a row that span the time are needed."""
        async with Rig(fleet(1, quiet_at=FOREVER)) as rig:
            rig.add_project()
            uid = rig.cut_over(0, wait())
            rig.engine.activate()
            await asyncio.sleep(1700.0)
            assert rig.batches == []
            assert rig.reason(uid) == "CatchingUp"
            await asyncio.sleep(200.0)
            assert rig.reason(uid) == "CutoverTimedOut"
            assert (uid, "CutoverOpened") in rig.events

    async def test_stop_anyway_says_what_it_lost(self) -> None:
        """When the time is up the stop is requested, and a Warning tells the lag."""
        async with Rig(fleet(1, quiet_at=FOREVER)) as rig:
            rig.add_project()
            uid = rig.cut_over(0, wait(timeout_s=60.0, anyway=True))
            rig.engine.activate()
            await asyncio.sleep(55.0)
            assert rig.batches == []
            await asyncio.sleep(30.0)
            assert len(rig.batches) == 1
            assert (uid, "StoppedWithLag") in rig.events

    @pytest.mark.parametrize("lag, told", [(LagModel(), False), (LagModel(silent=True), True)])
    async def test_only_a_stop_that_left_anyway_is_told_so(
        self, lag: LagModel, *, told: bool
    ) -> None:
        """What has caught up in time is no loss; an unknown lag may be one."""
        async with Rig({task_id(0): Migration("INCRMIGEATING", lag=lag)}) as rig:
            rig.add_project()
            uid = rig.cut_over(0, wait(timeout_s=60.0, anyway=True))
            rig.engine.activate()
            await asyncio.sleep(100.0)
            assert rig.reason(uid) == "Terminated"
            assert ((uid, "StoppedWithLag") in rig.events) is told

    async def test_the_time_does_not_run_while_its_project_is_suspended(self) -> None:
        """It begins again when the project is resumed."""
        async with Rig(fleet(1, quiet_at=350.0)) as rig:
            rig.add_project()
            uid = rig.cut_over(0, wait(timeout_s=100.0))
            rig.engine.activate()
            await asyncio.sleep(30.0)
            rig.add_project(suspended=True)
            await asyncio.sleep(250.0)
            assert rig.reason(uid) == "Suspended"
            rig.add_project()
            await asyncio.sleep(60.0)
            assert (rig.batches, rig.reason(uid)) == ([], "CatchingUp")
            await asyncio.sleep(60.0)
            assert rig.reason(uid) == "Terminated"

    @pytest.mark.parametrize("how", ["silent", "500", HANGS])
    async def test_an_unknown_lag_is_never_caught_up(self, how: str) -> None:
        """Stats that fail, hang or say nothing hold the stop back, and the reason says so."""
        migrations = fleet(1)
        migrations[task_id(0)].lag = LagModel(silent=how == "silent")
        migrations[task_id(0)].shows = "" if how == "silent" else how
        async with Rig(migrations) as rig:
            rig.add_project()
            uid = rig.cut_over(0, wait())
            rig.engine.activate()
            await asyncio.sleep(120.0)
            assert rig.batches == []
            assert rig.reason(uid) == "LagUnknown"
            error = rig.api.objects[uid].status.error
            assert (error.code if error else "") == {"500": "model", HANGS: "timeout"}.get(how, "")

    async def test_a_sample_that_says_otherwise_counts_at_once(self) -> None:
        """A request that is about to leave does not wait for the end of the round."""
        async with Rig(fleet(1)) as rig:
            rig.add_project()
            rig.cut_over(0, wait())
            asked: list[float] = []

            def note(_: object, operation: str, moment: str, __: object) -> None:
                if (operation, moment) == ("stats", "before"):
                    asked.append(clock().mono)

            def until_the_next_sample() -> float:
                rig.fleet[task_id(0)].lag = LagModel(silent=True)
                return asked[-1] + 5.0 + 0.25 - clock().mono

            rig.interfere, rig.connect_s = note, until_the_next_sample
            rig.engine.activate()
            await asyncio.sleep(60.0)
            assert rig.batches == []

    async def test_stats_that_hang_are_no_turn_that_is_waited_for(self) -> None:
        """Between two of them may be more than a minute; the reason stays what it is."""
        migrations = fleet(1)
        migrations[task_id(0)].shows = HANGS
        async with Rig(migrations) as rig:
            rig.add_project()
            uid = rig.cut_over(0, wait())
            rig.engine.activate()
            await asyncio.sleep(100.0)
            for _ in range(40):
                await asyncio.sleep(10.0)
                assert rig.reason(uid) == "LagUnknown"

    async def test_a_task_that_waits_for_its_first_sample_says_so_within_seconds(self) -> None:
        """Its stats may hang until their time limit, while DCS answers about all others."""
        migrations = fleet(2, left=10**6)
        migrations[task_id(0)].shows = HANGS
        async with Rig(migrations) as rig:
            rig.add_project()
            uids = [rig.cut_over(n, wait()) for n in range(2)]
            rig.engine.activate()
            await asyncio.sleep(5.0)
            assert [rig.reason(uid) for uid in uids] == ["Queued", "CatchingUp"]

    @pytest.mark.parametrize("anyway, reason", [(False, "CutoverTimedOut"), (True, "Terminated")])
    async def test_the_time_is_up_also_where_samples_take_longer_than_they_are_good_for(
        self, *, anyway: bool, reason: str
    ) -> None:
        """No sample is fresh when it comes; one that was asked for since then is enough."""
        async with Rig(fleet(1)) as rig:
            rig.add_project()
            uid = rig.cut_over(0, wait(timeout_s=60.0, anyway=anyway))
            rig.engine.activate()
            await asyncio.sleep(0.1)
            rig.dcs[0].stats_s = 12.0
            await asyncio.sleep(55.0)
            assert (rig.batches, rig.reason(uid)) == ([], "CatchingUp")
            await asyncio.sleep(60.0)
            assert rig.reason(uid) == reason

    async def test_a_dead_replication_is_told(self) -> None:
        """A lag that rests at 0 because nothing is replicated proves nothing."""
        migrations = fleet(1)
        migrations[task_id(0)].lag.dead = True
        async with Rig(migrations) as rig:
            rig.add_project()
            uid = rig.cut_over(0, wait())
            rig.engine.activate()
            await asyncio.sleep(120.0)
            assert (rig.batches, rig.reason(uid)) == ([], "NotReplicating")

    async def test_a_full_sync_that_begins_again_is_waited_for(self) -> None:
        """The streak is lost, a Warning tells, and the stop comes after it."""
        async with Rig(fleet(1, again=(7.0, 60.0))) as rig:
            rig.add_project()
            uid = rig.cut_over(0, wait())
            rig.engine.activate()
            await asyncio.sleep(60.0)
            assert rig.batches == []
            assert (uid, "FullSyncAgain") in rig.events
            await asyncio.sleep(30.0)
            assert rig.reason(uid) == "Terminated"

    async def test_a_window_bounds_the_order(self) -> None:
        """Nothing leaves before it begins; what has not caught up at its end is not stopped."""
        async with Rig(fleet(2)) as rig:
            rig.add_project()
            rig.fleet[task_id(1)].lag = LagModel(quiet_at=FOREVER)
            window = Window(in_s(100.0), in_s(200.0))
            first, second = (rig.cut_over(n, Cutover(window=window)) for n in range(2))
            rig.engine.activate()
            await asyncio.sleep(95.0)
            assert (rig.batches, rig.reason(first)) == ([], "Holding")
            await asyncio.sleep(40.0)
            assert rig.reason(first) == "Terminated"
            await asyncio.sleep(100.0)
            assert (len(rig.batches), rig.reason(second)) == (1, "WindowMissed")

    async def test_without_a_cutover_nothing_is_sampled(self) -> None:
        """A task that is only stopped or observed costs no call for stats, ever."""
        async with Rig(fleet(2)) as rig:
            rig.add_project()
            rig.add_task(0)
            rig.add_task(1, stopped=False)
            rig.engine.activate()
            await asyncio.sleep(700.0)
            assert "stats" not in rig.calls

    async def test_removed_before_its_order_it_is_only_observed(self) -> None:
        """A `git revert` takes the wish back."""
        async with Rig(fleet(1, quiet_at=60.0)) as rig:
            rig.add_project()
            uid = rig.cut_over(0, wait())
            rig.engine.activate()
            await asyncio.sleep(30.0)
            rig.change_cutover(uid, None)
            await asyncio.sleep(300.0)
            assert (rig.batches, rig.reason(uid)) == ([], "Observed")


class TestRestart:
    """A new process, or another leader."""

    async def test_the_streak_begins_anew_and_the_deadline_stands(self) -> None:
        """What was sampled before counts no more; the time goes on."""
        api = ModelApi()
        migrations = fleet(1, quiet_at=FOREVER)
        async with Rig(migrations, api=api) as rig:
            rig.add_project()
            uid = rig.cut_over(0, wait(timeout_s=100.0))
            rig.engine.activate()
            await asyncio.sleep(40.0)
        async with Rig(migrations, api=api) as rig:
            rig.tell_all()
            rig.engine.activate()
            await asyncio.sleep(50.0)
            assert rig.reason(uid) == "CatchingUp"
            await asyncio.sleep(20.0)
            assert (rig.batches, rig.reason(uid)) == ([], "CutoverTimedOut")
        migrations[task_id(0)].lag = LagModel()
        async with Rig(migrations, api=api) as rig:
            rig.tell_all()
            rig.engine.activate()
            await asyncio.sleep(300.0)
            assert (rig.batches, rig.reason(uid)) == ([], "CutoverTimedOut")

    @pytest.mark.parametrize(
        "failures_max, before, after",
        [
            pytest.param(0, "Going", ("Terminated", "Complete"), id="opens its tasks anew"),
            pytest.param(
                1,
                "PausedByFailures",
                ("Holding", "PausedByFailures"),
                id="stays paused: two other changes look the same",
            ),
        ],
    )
    async def test_a_wave_that_held_and_went_meanwhile(
        self, failures_max: int, before: str, after: tuple[str, str]
    ) -> None:
        """No process was there to hear of it; the generation of its spec tells."""
        api = ModelApi()
        migrations = fleet(1, quiet_at=FOREVER)
        changes: dict[str, Any] = {"said": TermsSaid(timeout_s=60.0), "failures_max": failures_max}
        async with Rig(migrations, api=api) as rig:
            rig.add_project()
            rig.add_wave(goes=True, **changes)
            uid = rig.cut_over(0)
            rig.engine.activate()
            await asyncio.sleep(100.0)
            assert (rig.reason(uid), rig.wave_reason()) == ("CutoverTimedOut", before)
        migrations[task_id(0)].lag = LagModel()
        async with Rig(migrations, api=api) as rig:
            api.engine = None
            rig.add_wave(goes=False, **changes)
            rig.add_wave(goes=True, **changes)
            api.engine = rig.engine
            rig.tell_all()
            rig.engine.activate()
            await asyncio.sleep(60.0)
            assert (rig.reason(uid), rig.wave_reason()) == after


class TestWaves:
    """Many tasks that are opened together."""

    async def test_ready_tasks_leave_in_full_orders(self) -> None:
        """A hundred that have caught up are stopped by two orders."""
        async with Rig(fleet(100)) as rig:
            rig.add_project()
            rig.add_wave(under_way_max=100)
            uids = [rig.cut_over(n) for n in range(100)]
            rig.engine.activate()
            await asyncio.sleep(120.0)
            assert rig.batches == []
            assert {rig.reason(uid) for uid in uids} == {"Holding"}
            assert rig.wave_reason() == "Holding"
            rig.add_wave(goes=True, under_way_max=100)
            await asyncio.sleep(60.0)
            assert [len(batch) for batch in rig.batches] == [50, 50]
            assert {rig.reason(uid) for uid in uids} == {"Terminated"}
            assert rig.wave_reason() == "Complete"

    async def test_no_more_than_so_many_are_under_way(self) -> None:
        """One order after the other leaves; the rest waits for its turn."""
        async with Rig(fleet(30)) as rig:
            rig.add_project()
            rig.add_wave(under_way_max=10)
            uids = [rig.cut_over(n) for n in range(30)]
            rig.engine.activate()
            await asyncio.sleep(60.0)
            rig.add_wave(goes=True, under_way_max=10)
            await asyncio.sleep(60.0)
            assert [len(batch) for batch in rig.batches] == [10, 10, 10]
            assert {rig.reason(uid) for uid in uids} == {"Terminated"}

    async def test_hold_stops_what_has_not_left(self) -> None:
        """After Hold no order leaves, and Go opens everything anew."""
        async with Rig(fleet(20, quiet_at=60.0)) as rig:
            rig.add_project()
            rig.add_wave(goes=True)
            uids = [rig.cut_over(n) for n in range(20)]
            rig.engine.activate()
            await asyncio.sleep(65.0)
            rig.add_wave(goes=False)
            await asyncio.sleep(120.0)
            assert rig.batches == []
            assert {rig.reason(uid) for uid in uids} == {"Holding"}
            rig.add_wave(goes=True)
            await asyncio.sleep(60.0)
            assert len(rig.batches) == 1

    async def test_an_order_under_way_at_hold_is_written_down(self) -> None:
        """It has left: its acceptance and its lag stand in the status."""
        async with Rig(fleet(1), answer_s=2.0) as rig:
            rig.add_project()
            rig.add_wave()
            uid = rig.cut_over(0)
            rig.engine.activate()
            await asyncio.sleep(60.0)

            def hold(_: object, operation: str, moment: str, __: object) -> None:
                if (operation, moment) == ("batch_stop", "before"):
                    rig.add_wave()

            rig.interfere = hold
            rig.add_wave(goes=True)
            await asyncio.sleep(40.0)
            assert rig.reason(uid) == "Terminated"
            stop = rig.api.objects[uid].status.stop
            assert stop
            assert (stop.accepted_at != "", stop.lag_at_order) == (True, 0)

    @pytest.mark.parametrize("how", ["hold", "change"])
    async def test_a_repeat_on_its_way_at_hold_needs_a_fresh_round(self, how: str) -> None:
        """Nothing of it has left while its connection is made, and people write again by then."""
        async with Rig(fleet(1)) as rig:
            rig.add_project()
            rig.add_wave(goes=True, failures_max=0)
            uid = rig.cut_over(0)
            one = rig.fleet[task_id(0)]
            one.refuses = "DCS.4957"
            rig.engine.activate()
            await asyncio.sleep(25.0)
            assert (len(rig.batches), rig.reason(uid)) == (1, "StopRejected")
            begun = asyncio.Event()

            def slowly() -> float:
                begun.set()
                return 12.0

            one.refuses, rig.connect_s = "", slowly
            await begun.wait()
            assert isinstance(one.lag, LagModel)
            one.lag.quiet_at = 100.0
            if how == "hold":
                rig.add_wave()
                await asyncio.sleep(1.0)
                rig.add_wave(goes=True, failures_max=0)
            else:
                rig.change_cutover(uid, Cutover(TermsSaid(stable_for_s=20.0), "wave"))
            await asyncio.sleep(60.0)
            assert len(rig.batches) == 1
            assert rig.reason(uid) == "CatchingUp"
            await asyncio.sleep(60.0)
            assert one.lost == [0]

    async def test_a_failure_pauses_the_wave(self) -> None:
        """One task times out: nothing more is admitted until Hold and Go."""
        migrations = fleet(4)
        migrations[task_id(0)].lag = LagModel(quiet_at=FOREVER)
        async with Rig(migrations) as rig:
            rig.add_project()
            said = TermsSaid(timeout_s=60.0)
            rig.add_wave(goes=True, under_way_max=1, said=said)
            uids = [rig.cut_over(n) for n in range(4)]
            rig.engine.activate()
            await asyncio.sleep(200.0)
            assert rig.reason(uids[0]) == "CutoverTimedOut"
            assert rig.wave_reason() == "PausedByFailures"
            assert (rig.batches, rig.reason(uids[1])) == ([], "Holding")
            counts = count_states(rig.engine.store)
            assert counts == dict.fromkeys(STATES, 0) | {"trouble": 1, "paused": 3}
            migrations[task_id(0)].lag = LagModel()
            rig.add_wave(goes=False, said=said)
            await asyncio.sleep(1.0)
            rig.add_wave(goes=True, said=said)
            await asyncio.sleep(120.0)
            assert {rig.reason(uid) for uid in uids} == {"Terminated"}
            counts = count_states(rig.engine.store)
            assert counts == dict.fromkeys(STATES, 0) | {"stopped": 4}

    @pytest.mark.parametrize("how", ["missing", "deleted"])
    async def test_without_its_wave_a_task_holds(self, how: str) -> None:
        """It says which wave it misses."""
        async with Rig(fleet(2, quiet_at=60.0)) as rig:
            rig.add_project()
            if how == "deleted":
                rig.add_wave(goes=True)
            uid = rig.cut_over(0)
            rig.engine.activate()
            await asyncio.sleep(30.0)
            if how == "deleted":
                rig.delete_wave()
            await asyncio.sleep(120.0)
            assert (rig.batches, rig.reason(uid)) == ([], "WaveNotFound")

    @pytest.mark.parametrize("at_s", [120.0, 125.0, 130.0, 135.0])
    async def test_a_wave_that_had_much_to_say_says_at_once_that_it_holds(
        self, at_s: float
    ) -> None:
        """It is written at most once in 5 s, and never later than that, however often it was."""
        migrations = fleet(30)
        for number in range(30):
            migrations[task_id(number)].lag = LagModel(quiet_at=6.0 * number)
        async with Rig(migrations) as rig:
            rig.add_project()
            rig.add_wave(goes=True)
            for number in range(30):
                rig.cut_over(number)
            rig.engine.activate()
            await asyncio.sleep(at_s)
            assert len(rig.api.waves["wave-wave"].history) <= at_s / 5.0 + 1
            rig.add_wave(goes=False)
            await asyncio.sleep(6.0)
            assert rig.wave_reason() == "Holding"

    async def test_a_task_that_waits_for_room_says_so_within_seconds(self) -> None:
        """A wave that is full may be so for long."""
        async with Rig(fleet(2, quiet_at=FOREVER)) as rig:
            rig.add_project()
            rig.add_wave(goes=True, under_way_max=1)
            uids = [rig.cut_over(n) for n in range(2)]
            rig.engine.activate()
            await asyncio.sleep(5.0)
            assert rig.reason(uids[1]) == "Queued"

    async def test_a_wave_with_nothing_left_but_what_needs_people_is_stalled(self) -> None:
        """One task is stopped, the other ends by itself or never: nobody waits for the wave."""
        migrations = fleet(2)
        migrations[task_id(1)].method = "full_amount_migration"
        async with Rig(migrations) as rig:
            rig.add_project()
            rig.add_wave(goes=True)
            uids = [rig.cut_over(n) for n in range(2)]
            rig.engine.activate()
            await asyncio.sleep(60.0)
            assert [rig.reason(uid) for uid in uids] == ["Terminated", "NotIncremental"]
            status = rig.api.waves["wave-wave"].status
            assert rig.wave_reason() == "Going"
            assert status.condition("Stalled")
            assert not status.condition("Reconciling")

    async def test_late_tasks_join(self) -> None:
        """A task that names a wave that goes is opened at once."""
        async with Rig(fleet(2)) as rig:
            rig.add_project()
            rig.add_wave(goes=True)
            rig.cut_over(0)
            rig.engine.activate()
            await asyncio.sleep(60.0)
            assert rig.wave_reason() == "Complete"
            uid = rig.cut_over(1)
            await asyncio.sleep(60.0)
            assert rig.reason(uid) == "Terminated"

    async def test_samples_keep_within_what_a_key_may_ask(self) -> None:
        """Of a thousand opened tasks, a hundred are sampled at once; the others queue."""
        async with Rig(fleet(1000, quiet_at=FOREVER)) as rig:
            rig.add_project()
            uids = [rig.cut_over(n, wait()) for n in range(1000)]
            rig.engine.activate()
            await asyncio.sleep(61.0)
            assert rig.calls["stats"] <= 10 * 61 + 1
            reasons = [rig.reason(uid) for uid in uids]
            assert reasons.count("Queued") >= 800
            assert reasons.count("CatchingUp") <= 200

    async def test_a_suspended_project_holds(self) -> None:
        """The emergency brake stands above every wave."""
        async with Rig(fleet(3)) as rig:
            rig.add_project(suspended=True)
            rig.add_wave(goes=True)
            uids = [rig.cut_over(n) for n in range(3)]
            rig.engine.activate()
            await asyncio.sleep(60.0)
            assert rig.batches == []
            assert {rig.reason(uid) for uid in uids} == {"Suspended"}
            rig.add_project()
            await asyncio.sleep(60.0)
            assert [len(batch) for batch in rig.batches] == [3]
