"""The engine on virtual time: exact counts of orders, looks and writes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from dcs_migration_operator.core.errors import (
    AuthFailed,
    Misconfigured,
    OutcomeUnknown,
    PermissionDenied,
    Refused,
    Throttled,
    Unavailable,
)
from dcs_migration_operator.core.model import Credentials, ErrorDetail
from dcs_migration_operator.core.status import Status
from dcs_migration_operator.engine.ports import SecretReadError
from simulation.cloud import Migration, task_id
from simulation.rig import KEYS, ModelApi, Rig

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Interfere = Callable[[object, str, str, Sequence[str]], None]

pytestmark = pytest.mark.looptime


def fleet(count: int, word: str = "MIGRATING") -> dict[str, Migration]:
    """Return a fleet of equal migrations."""
    return {task_id(n): Migration(word) for n in range(count)}


async def settle(seconds: float) -> None:
    """Let virtual time pass."""
    await asyncio.sleep(seconds)


class TestManyAtOnce:
    """n tasks that wait at the start."""

    @pytest.mark.parametrize("count", [1, 49, 50, 51, 120, 1000])
    async def test_they_cost_one_list_and_ceil_n_by_50_orders(self, count: int) -> None:
        """And at most two writes each, until DCS says TERMINATED."""
        async with Rig(fleet(count)) as rig:
            rig.add_project()
            uids = [rig.add_task(n) for n in range(count)]
            rig.engine.activate()
            await settle(1.2)
            pages = count // 1000 + 1  # a full page may have another one behind it
            assert rig.calls == {"list": pages, "batch_stop": -(-count // 50)}
            await settle(10.0)
            assert {tuple(rig.phases(uid)) for uid in uids} == {("TERMINATING", "TERMINATED")}
            assert len(rig.batches) == -(-count // 50)
            assert sum(map(len, rig.batches)) == count

    async def test_polls_after_an_acceptance_grow_from_one_second(self) -> None:
        """They come after 1 s, then 1.3, 1.7, 2.2, 2.9 … s, up to 10 s."""
        migrations = {task_id(0): Migration(stop_s=45.0)}
        async with Rig(migrations, answer_s=0.0) as rig:
            rig.add_project()
            rig.add_task(0)
            rig.engine.activate()
            await settle(60.0)
            looks = [at for at, operation in rig.dcs[0].times if operation == "list"]
        gaps = [round(b - a, 1) for a, b in pairwise(looks[1:])]
        ordered = next(at for at, operation in rig.dcs[0].times if operation == "batch_stop")
        assert looks[1] - ordered == pytest.approx(1.0, abs=0.1)
        expected = [1.3, 1.69, 2.2, 2.86, 3.71, 4.83, 6.27, 8.16, 10.0]
        assert gaps[: len(expected)] == pytest.approx(expected, abs=0.15)

    async def test_a_fulfilled_fleet_is_polled_every_ten_minutes(self) -> None:
        """One list for all, and no write, however long it stands there."""
        async with Rig(fleet(20)) as rig:
            rig.add_project()
            uids = [rig.add_task(n) for n in range(20)]
            rig.engine.activate()
            await settle(20.0)
            before, writes = rig.calls, [len(rig.phases(uid)) for uid in uids]
            await settle(7200.0)
            assert rig.calls == before | {"list": before["list"] + 12}
            assert [len(rig.phases(uid)) for uid in uids] == writes

    async def test_a_restart_over_a_fulfilled_fleet_costs_nothing(self) -> None:
        """No call to DCS and no write at all."""
        migrations, api = fleet(20), ModelApi()
        async with Rig(migrations, api=api) as rig:
            rig.add_project()
            for n in range(20):
                rig.add_task(n)
            rig.engine.activate()
            await settle(20.0)
        async with Rig(migrations, api=api) as again:
            again.add_project()
            again.tell_all()
            again.engine.activate()
            await settle(100.0)
            assert again.calls == {}
            assert {len(stored.history) for stored in api.objects.values()} == {2}

    async def test_a_restart_in_the_middle_goes_on_without_a_second_order(self) -> None:
        """What was accepted is only looked at; what was written is not written again."""
        migrations, api = {task_id(n): Migration(stop_s=30.0) for n in range(20)}, ModelApi()
        async with Rig(migrations, api=api) as rig:
            rig.add_project()
            for n in range(20):
                rig.add_task(n)
            rig.engine.activate()
            await settle(5.0)
            assert {tuple(rig.phases(uid)) for uid in api.objects} == {("TERMINATING",)}
        async with Rig(migrations, api=api) as again:
            again.add_project()
            again.tell_all()
            again.engine.activate()
            await settle(60.0)
            assert "batch_stop" not in again.calls
            assert {tuple(again.phases(uid)) for uid in api.objects} == {
                ("TERMINATING", "TERMINATED")
            }

    async def test_two_resources_of_one_task_share_its_entry(self) -> None:
        """One id in the order, two resources that are told; spelling does not matter."""
        async with Rig(fleet(1)) as rig:
            rig.add_project()
            first = rig.add_task(0, uid="a")
            second = rig.add_task(0, uid="b", task_id=task_id(0).replace("-", "").upper())
            rig.engine.activate()
            await settle(10.0)
            assert rig.batches == [(task_id(0),)]
            assert rig.phases(first) == rig.phases(second) == ["TERMINATING", "TERMINATED"]


class TestOneByOne:
    """Tasks that come while the operator runs."""

    async def test_a_fresh_list_serves_those_who_come_later(self) -> None:
        """Within 30 s nobody asks again before an order."""
        async with Rig(fleet(30)) as rig:
            rig.add_project()
            rig.engine.activate()
            for n in range(10):
                rig.add_task(n)
                await settle(0.1)
            await settle(1.0)
            assert rig.calls == {"list": 1, "batch_stop": 1}

    async def test_a_wish_that_comes_later_is_fulfilled(self) -> None:
        """Observed first, stopped when the wish comes: one write, then two."""
        async with Rig(fleet(3)) as rig:
            rig.add_project()
            uids = [rig.add_task(n, stopped=False) for n in range(3)]
            rig.engine.activate()
            await settle(100.0)
            assert {tuple(rig.phases(uid)) for uid in uids} == {("MIGRATING",)}
            assert "batch_stop" not in rig.calls
            for uid in uids:
                rig.wish(uid)
            await settle(20.0)
            assert {tuple(rig.phases(uid)) for uid in uids} == {
                ("MIGRATING", "TERMINATING", "TERMINATED")
            }
            assert rig.calls["batch_stop"] == 1

    async def test_observing_costs_one_list_a_minute(self) -> None:
        """However many tasks there are, and no write while nothing changes."""
        async with Rig(fleet(500)) as rig:
            rig.add_project()
            uids = [rig.add_task(n, stopped=False) for n in range(500)]
            rig.engine.activate()
            await settle(3601.0)
            assert rig.calls == {"list": 60}  # each takes 50 ms, so the 61st is not due yet
            assert {len(rig.phases(uid)) for uid in uids} == {1}

    async def test_a_deleted_resource_is_not_ordered(self) -> None:
        """Even if it already waited in the window."""
        async with Rig(fleet(3)) as rig:
            rig.add_project()
            uids = [rig.add_task(n) for n in range(3)]
            rig.engine.activate()
            await settle(0.25)  # looked at, waiting for company
            rig.delete(uids[1])
            await settle(10.0)
            assert [set(batch) for batch in rig.batches] == [{task_id(0), task_id(2)}]

    async def test_old_news_is_dropped(self) -> None:
        """An event that is older than our own write changes nothing."""
        async with Rig(fleet(1)) as rig:
            rig.add_project()
            uid = rig.add_task(0)
            stored = rig.api.objects[uid]
            old = (stored.task, stored.status, stored.version)
            rig.engine.activate()
            await settle(10.0)
            rig.engine.intake.task_changed(*old)
            await settle(100.0)
            assert rig.phases(uid) == ["TERMINATING", "TERMINATED"]
            assert rig.calls["batch_stop"] == 1

    async def test_a_wish_that_changed_just_before_our_write_is_not_lost(self) -> None:
        """The answer of a write carries a newer version, but says nothing of the wish."""
        async with Rig(fleet(1)) as rig:
            rig.add_project()
            uid = rig.add_task(0, stopped=False)
            rig.engine.activate()
            await settle(0.15)  # looked at; the first status is on its way
            stored = rig.api.objects[uid]
            rig.api.version += 1
            wish = replace(stored.task, stopped=True, generation=2)
            late = (wish, stored.status, rig.api.version)
            stored.task = wish
            await settle(1.0)
            rig.engine.intake.task_changed(*late)  # told only after the write was answered
            await settle(20.0)
            assert rig.phases(uid)[-1] == "TERMINATED"

    async def test_a_status_that_somebody_wiped_is_written_again(self) -> None:
        """The table is the truth; a newer version without a status is put right."""
        async with Rig(fleet(1)) as rig:
            rig.add_project()
            uid = rig.add_task(0)
            rig.engine.activate()
            await settle(10.0)
            stored = rig.api.objects[uid]
            rig.api.version += 1
            stored.version, stored.status = rig.api.version, type(stored.status)()
            rig.api.tell(uid)
            await settle(10.0)
            assert rig.phases(uid)[-1] == "TERMINATED"

    async def test_a_status_that_somebody_replaced_just_after_ours_is_put_right(self) -> None:
        """The event overtakes the answer to our write, and was left out at the door."""
        async with Rig(fleet(1)) as rig:
            rig.add_project()
            uid = rig.add_task(0)
            rig.engine.activate()
            await settle(10.0)
            stored, writes = rig.api.objects[uid], len(rig.phases(uid))
            rig.api.version += 1
            stored.version, stored.status = rig.api.version, Status()
            rig.api.tell(uid)
            await settle(0.001)  # it is being written again
            theirs = rig.api.version + 2
            assert rig.engine.intake.is_echo(uid, stored.task.generation, theirs)
            rig.engine.intake.echoed(uid, theirs)
            await settle(10.0)
            assert rig.phases(uid)[writes:] == ["TERMINATED"] * 2


class TestWhatDcsSays:
    """Odd answers about single tasks."""

    async def test_an_id_missing_from_the_list_is_asked_for_before_it_is_called_gone(self) -> None:
        """Hidden from the list but known to show: it is stopped like any other."""
        migrations = fleet(3) | {task_id(9): Migration(listed=False)}
        async with Rig(migrations) as rig:
            rig.add_project()
            for n in (0, 1, 9):
                rig.add_task(n)
            gone = rig.add_task(7)
            rig.engine.activate()
            await settle(30.0)
            assert rig.phases("uid-9") == ["TERMINATING", "TERMINATED"]
            assert (rig.phases(gone), rig.reason(gone)) == (["DELETED"], "TaskNotFound")
            assert all(task_id(7) not in batch for batch in rig.batches)

    async def test_an_unknown_id_is_looked_for_again_rarely_and_found(self) -> None:
        """Every ten minutes; when it appears the wish is fulfilled."""
        migrations = fleet(2)
        async with Rig(migrations) as rig:
            rig.add_project()
            uid = rig.add_task(7)
            rig.engine.activate()
            await settle(590.0)
            assert sum(rig.calls.values()) == 2
            migrations[task_id(7)] = Migration()
            await settle(60.0)
            assert rig.phases(uid) == ["DELETED", "TERMINATING", "TERMINATED"]

    async def test_many_unknown_ids_cost_one_list_and_one_show_each(self) -> None:
        """And they do not keep a stop in the same project waiting."""
        async with Rig(fleet(1)) as rig:
            rig.add_project()
            rig.add_task(0)
            for n in range(100, 300):
                rig.add_task(n)
            rig.engine.activate()
            await settle(10.0)
            assert rig.phases("uid-0") == ["TERMINATING", "TERMINATED"]
            await settle(20.0)
            assert rig.calls["show"] == 200
            assert rig.reason("uid-299") == "TaskNotFound"

    async def test_single_tasks_in_a_large_project_are_shown_not_listed(self) -> None:
        """Two tasks of 3,500 cost two shows a look, once it is known that the list has 4 pages."""
        async with Rig(fleet(3500)) as rig:
            rig.add_project()
            rig.add_task(0, stopped=False)
            rig.add_task(1, stopped=False)
            rig.engine.activate()
            await settle(10.0)
            assert rig.calls == {"list": 4}
            await settle(60.0)
            assert rig.calls == {"list": 4, "show": 2}

    async def test_a_refused_stop_is_told_and_ordered_again_with_growing_pauses(self) -> None:
        """After 15, 30, 60 … s; it is stopped as soon as DCS accepts."""
        migrations = {task_id(0): Migration(refuses="DCS.4957")}
        async with Rig(migrations) as rig:
            rig.add_project()
            uid = rig.add_task(0)
            rig.engine.activate()
            await settle(120.0)
            orders = migrations[task_id(0)].orders
            gaps = [round(b - a) for a, b in pairwise(orders)]
            assert gaps == pytest.approx([15, 30, 60], abs=2)
            assert (rig.phases(uid)[-1], rig.reason(uid)) == ("MIGRATING", "StopRejected")
            migrations[task_id(0)].refuses = ""
            await settle(200.0)
            assert (rig.phases(uid)[-1], rig.reason(uid)) == ("TERMINATED", "Terminated")

    async def test_a_refusal_because_it_ended_is_not_told(self) -> None:
        """The look after the refusal finds the truth."""
        migrations = fleet(1)

        def end(_: object, operation: str, moment: str, *__: object) -> None:
            if (operation, moment) == ("batch_stop", "before"):
                migrations[task_id(0)].word = "SUCCESS"

        async with Rig(migrations) as rig:
            rig.interfere = end
            rig.add_project()
            uid = rig.add_task(0)
            rig.engine.activate()
            await settle(10.0)
            assert (rig.phases(uid), rig.reason(uid)) == (["SUCCESS"], "EndedBeforeStop")

    async def test_a_stop_without_effect_is_ordered_again(self) -> None:
        """After 60 and 120 s; the phase stays TERMINATING and the reason says why."""
        migrations = {task_id(0): Migration(ignores=2)}
        async with Rig(migrations) as rig:
            rig.add_project()
            uid = rig.add_task(0)
            rig.engine.activate()
            await settle(100.0)
            assert (rig.phases(uid)[-1], rig.reason(uid)) == ("TERMINATING", "StopNotEffective")
            await settle(300.0)
            orders = migrations[task_id(0)].orders
            gaps = [b - a for a, b in pairwise(orders)]
            assert gaps == pytest.approx([60.0, 120.0], abs=2.0)
            assert rig.reason(uid) == "Terminated"
            assert set(rig.phases(uid)) == {"TERMINATING", "TERMINATED"}

    async def test_a_race_to_success_ends_the_wait(self) -> None:
        """A task that ends by itself after the acceptance is not waited for forever."""
        migrations = {task_id(0): Migration(ends_as="SUCCESS")}
        async with Rig(migrations) as rig:
            rig.add_project()
            uid = rig.add_task(0)
            rig.engine.activate()
            await settle(30.0)
            assert (rig.phases(uid)[-1], rig.reason(uid)) == ("SUCCESS", "EndedBeforeStop")


def is_ready(status: Status) -> bool:
    """Tell whether a project says that it is ready."""
    ready = status.condition("Ready")
    return ready is not None and ready.status == "True"


def failing(
    error: Exception, operation: str, *, when: str = "before", times: int = 10**9
) -> Interfere:
    """Return an interference that raises at some calls."""
    left = [times]

    def interfere(_: object, called: str, moment: str, *__: object) -> None:
        if (called, moment) == (operation, when) and left[0]:
            left[0] -= 1
            raise error

    return interfere


FAULT = ErrorDetail("APIGW.0308", "throttled", "req-9")


class TestStandby:
    """A replica that watches while another one acts, and then has to act itself."""

    async def test_it_goes_on_from_what_the_other_one_wrote(self) -> None:
        """DCS lags after the acceptance: no second order for a minute, and nothing is forgotten."""
        async with Rig({task_id(0): Migration(lag_s=20.0)}) as leader:
            leader.add_project()
            uid = leader.add_task(0)
            leader.engine.activate()
            async with Rig(leader.fleet, api=ModelApi()) as standby:
                standby.add_project()
                standby.add_task(0)
                await settle(3.0)
                stored = leader.api.objects[uid]
                assert stored.status.phase == "TERMINATING"
                standby.api.objects[uid] = replace(
                    stored, version=standby.api.version + 1, history=[]
                )
                standby.api.version += 1
                standby.api.tell(uid)
                standby.engine.activate()
                await settle(10.0)
                assert standby.batches == []
                assert standby.api.objects[uid].history == []
                await settle(30.0)
                told = standby.api.objects[uid].status
                assert (told.phase, told.stop and told.stop.attempts) == ("TERMINATED", 1)


class TestTrouble:
    """What keeps a whole project from working."""

    @pytest.mark.parametrize(
        "error,reason",
        [
            (Unavailable(FAULT), "CloudUnavailable"),
            (OutcomeUnknown(FAULT), "CloudUnavailable"),
            (Throttled(FAULT), "Throttled"),
            (AuthFailed(FAULT, http_status=401), "CredentialsInvalid"),
            (PermissionDenied(FAULT, http_status=403), "PermissionDenied"),
            (Misconfigured(FAULT, http_status=404), "ProjectNotReady"),
        ],
        ids=lambda value: value if isinstance(value, str) else type(value).__name__,
    )
    async def test_a_first_status_appears_with_the_reason(
        self, error: Exception, reason: str
    ) -> None:
        """Within 5 s of creation, when no look works."""
        async with Rig(fleet(3)) as rig:
            rig.interfere = failing(error, "list")
            rig.add_project()
            rig.engine.activate()
            uids = [rig.add_task(n) for n in range(3)]
            await settle(5.0)
            assert {(tuple(rig.phases(uid)), rig.reason(uid)) for uid in uids} == {
                (("PENDING",), reason)
            }
            assert "batch_stop" not in rig.calls

    async def test_a_silent_dcs_is_told_as_pending(self) -> None:
        """A black hole: the reason is known only after the time limit, the status is not."""
        async with Rig(fleet(1), answer_s=1000.0) as rig:
            rig.add_project()
            rig.engine.activate()
            uid = rig.add_task(0)
            await settle(5.0)
            assert (rig.phases(uid), rig.reason(uid)) == (["PENDING"], "Pending")

    async def test_a_project_says_that_it_works_with_its_first_call(self) -> None:
        """What was shown before a restart is put right at once, not at the next reading."""
        async with Rig(fleet(1)) as rig:
            rig.interfere = failing(AuthFailed(FAULT, http_status=401), "list", times=2)
            rig.add_project()
            rig.add_task(0, stopped=False)
            rig.engine.activate()
            await settle(30.0)
            rig.secret = Credentials("AK-2", "SK-2")
            await settle(20.0)
            looked = next(at for at, _ in rig.dcs[1].times)
            times = [at for at, status in rig.api.project_history if is_ready(status)]
            assert times[1:] == [pytest.approx(looked + 0.05, abs=0.1)]

    async def test_throttled_orders_stay_together(self) -> None:
        """120 tasks behind a 429 cost ceil(120/50) orders once it is over, and no storm before."""
        async with Rig(fleet(120)) as rig:
            error = Throttled(FAULT, after_s=20.0)
            rig.interfere = failing(error, "batch_stop", times=2)
            rig.add_project()
            uids = [rig.add_task(n) for n in range(120)]
            rig.engine.activate()
            await settle(15.0)
            assert len(rig.batches) == 2  # the third waits behind the closed gate
            assert {rig.reason(uid) for uid in uids} == {"Throttled"}
            await settle(30.0)
            assert [len(batch) for batch in rig.batches[2:]] == [50, 50, 20]
            assert {rig.reason(uid) for uid in uids} == {"Terminated"}

    async def test_an_unknown_outcome_is_looked_at_before_it_is_ordered_again(self) -> None:
        """A stop that had its effect although the answer was lost is not ordered twice."""
        migrations = fleet(60)
        async with Rig(migrations) as rig:
            error = OutcomeUnknown(ErrorDetail("timeout", "no answer"))
            rig.interfere = failing(error, "batch_stop", when="after", times=2)
            rig.add_project()
            uids = [rig.add_task(n) for n in range(60)]
            rig.engine.activate()
            await settle(60.0)
            assert {len(one.orders) for one in migrations.values()} == {1}
            assert {rig.reason(uid) for uid in uids} == {"Terminated"}

    async def test_one_bad_id_is_found_by_halving(self) -> None:
        """The others are stopped in the same breath, with at most 2·log2 n extra calls."""
        migrations = fleet(50)
        bad = task_id(17)

        def refuse(_: object, operation: str, moment: str, ids: Sequence[str]) -> None:
            if (operation, moment) == ("batch_stop", "before") and bad in ids:
                raise Refused(ErrorDetail("DCS.4855", "invalid migration task id"))

        async with Rig(migrations) as rig:
            rig.interfere = refuse
            rig.add_project()
            uids = [rig.add_task(n) for n in range(50)]
            rig.engine.activate()
            await settle(12.0)
            assert len(rig.batches) <= 1 + 2 * 6
            reasons = [rig.reason(uid) for uid in uids]
            assert (reasons.count("Terminated"), rig.reason("uid-17")) == (49, "StopRejected")
            before = len(rig.batches)
            await settle(60.0)
            assert all(batch == (bad,) for batch in rig.batches[before:])

    async def test_a_wrong_key_is_tried_twice_and_then_rests(self) -> None:
        """The gateway locks a key after more than five; a changed Secret is used at once."""
        async with Rig(fleet(3)) as rig:
            rig.interfere = failing(AuthFailed(FAULT, http_status=401), "list")
            rig.add_project()
            uids = [rig.add_task(n) for n in range(3)]
            rig.engine.activate()
            await settle(300.0)
            assert sum(rig.calls.values()) == 2
            good = replace(KEYS, secret_key="new")

            def only_old(account: object, *_: object) -> None:
                if getattr(account, "credentials", None) != good:
                    raise AuthFailed(FAULT, http_status=401)

            rig.interfere = only_old
            rig.secret = good
            await settle(60.0)
            assert {rig.reason(uid) for uid in uids} == {"Terminated"}

    async def test_a_forbidden_stop_does_not_blind_the_looks(self) -> None:
        """The reason names the missing action; what ends by itself is still seen."""
        migrations = fleet(2)
        async with Rig(migrations) as rig:
            rig.interfere = failing(PermissionDenied(FAULT, http_status=403), "batch_stop")
            rig.add_project()
            uids = [rig.add_task(n) for n in range(2)]
            observed = rig.add_task(0, uid="watcher", stopped=False)
            rig.engine.activate()
            await settle(200.0)
            assert {rig.reason(uid) for uid in uids} == {"PermissionDenied"}
            assert rig.reason(observed) == "Observed"
            ready = rig.api.objects[uids[0]].status.condition("Ready")
            assert ready is not None
            assert "dcs:migrationTask:modify" in ready.message
            assert all(len(rig.phases(uid)) == 1 for uid in uids)

    async def test_a_missing_secret_is_a_reason_and_heals(self) -> None:
        """It is read again by itself; the project and the tasks say what is missing."""
        async with Rig(fleet(2)) as rig:
            rig.secret = SecretReadError("Secret team-a/dcs does not exist.")
            rig.add_project()
            uid = rig.add_task(0)
            rig.engine.activate()
            await settle(5.0)
            assert (rig.phases(uid), rig.reason(uid)) == (["PENDING"], "ProjectNotReady")
            assert rig.api.project_statuses[-1].conditions[0].reason == "ProjectNotReady"
            rig.secret = KEYS
            await settle(40.0)
            assert rig.reason(uid) == "Terminated"
            assert rig.api.project_statuses[-1].conditions[0].reason == "Configured"

    async def test_a_missing_project_is_a_reason_and_heals(self) -> None:
        """At once when it appears."""
        async with Rig(fleet(1)) as rig:
            rig.engine.activate()
            uid = rig.add_task(0)
            await settle(5.0)
            assert rig.reason(uid) == "ProjectNotReady"
            rig.add_project()
            await settle(10.0)
            assert rig.reason(uid) == "Terminated"

    async def test_an_api_server_that_is_away_does_not_lose_the_credentials(self) -> None:
        """What was read before still holds."""
        async with Rig(fleet(1)) as rig:
            rig.add_project()
            uid = rig.add_task(0, stopped=False)
            rig.engine.activate()
            await settle(5.0)
            rig.secret = SecretReadError("cannot be read", passing=True)
            await settle(200.0)
            assert rig.reason(uid) == "Observed"
            assert len(rig.dcs) == 1


async def test_a_close_sends_what_waits_and_orders_nothing_more() -> None:
    """The order in the window leaves at once; its acceptance is still written."""
    async with Rig(fleet(3)) as rig:
        rig.add_project()
        uids = [rig.add_task(n) for n in range(3)]
        rig.engine.activate()
        await settle(0.25)
        await rig.engine.close(3.0)
        await rig.api.settle()
        assert [len(batch) for batch in rig.batches] == [3]
        assert {tuple(rig.phases(uid)) for uid in uids} == {("TERMINATING",)}
        assert all(dcs.closed for dcs in rig.dcs)


async def test_projects_with_equal_accounts_share_a_channel() -> None:
    """Two project resources, one account: their tasks leave in one order."""
    async with Rig(fleet(2)) as rig:
        rig.add_project("default")
        rig.add_project("other")
        rig.add_task(0)
        rig.engine.activate()
        await settle(5.0)
        assert len(rig.dcs) == 1
