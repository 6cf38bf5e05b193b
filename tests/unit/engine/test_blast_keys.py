"""What is strange about one access key harms no other, and no key is refused too often in a row."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from dcs_migration_operator.core.errors import Throttled
from dcs_migration_operator.core.model import Credentials, ErrorDetail
from dcs_migration_operator.telemetry.health import STALLED_S_MAX
from simulation.cloud import Migration, task_id
from simulation.gateway import Gateway
from simulation.rig import KEYS, ModelApi, Rig

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.looptime

REFUSALS_MAX = 5
"""What the gateway tolerates in a row; one more locks the key for five minutes."""


def fleet(count: int) -> dict[str, Migration]:
    """Return a fleet of equal migrations."""
    return {task_id(n): Migration() for n in range(count)}


def add_projects(rig: Rig, count: int, secret: Callable[[int], str]) -> None:
    """Apply projects, each with a cloud project of its own and one task."""
    for n in range(count):
        rig.fleets[f"project-{n}"] = {task_id(n): rig.fleet[task_id(n)]}
        rig.add_project(f"p-{n}", project_id=f"project-{n}", secret=secret(n))
        rig.add_task(n, project=f"p-{n}")


async def worst_stuck_s(rig: Rig, seconds: float, step_s: float = 1.0) -> float:
    """Let time pass; return the longest time without progress that was seen meanwhile."""
    worst = 0.0
    for _ in range(int(seconds / step_s)):
        await asyncio.sleep(step_s)
        worst = max(worst, rig.engine.stuck_s())
    return worst


def reasons(rig: Rig) -> set[str]:
    """Return the reasons that all tasks show."""
    return {rig.reason(uid) for uid in rig.api.objects}


class TestThrottling:
    """429, also for many calls of one key at once."""

    @pytest.mark.parametrize("count", [100, 200])
    @pytest.mark.parametrize("window_s", [None, 300.0])
    async def test_a_second_of_it_does_not_hold_up_many_projects_of_one_key(
        self, count: int, window_s: float | None
    ) -> None:
        """The last order leaves within a minute of its end, and the health page stays green."""
        migrations = fleet(count)

        def throttle(*_: object) -> None:
            if asyncio.get_running_loop().time() < 1.0:
                detail = ErrorDetail("APIGW.0308", "throttled")
                raise Throttled(detail, window_s=window_s, http_status=429)

        async with Rig(migrations) as rig:
            rig.interfere = throttle
            add_projects(rig, count, lambda _: "dcs")
            rig.engine.activate()
            worst = await worst_stuck_s(rig, 70.0)
            last = max(max(one.orders, default=float("inf")) for one in migrations.values())
            assert last < 1.0 + 60.0
            assert worst < STALLED_S_MAX
            await asyncio.sleep(60.0)
            assert reasons(rig) == {"Terminated"}

    async def test_a_pause_before_a_call_that_hangs_is_no_standstill(self) -> None:
        """Five minutes of `Retry-After` and then 30 s without an answer: never red."""
        migrations = fleet(1)
        answers = iter([Throttled(ErrorDetail("429", ""), after_s=300.0, http_status=429)])

        def throttle(_: object, operation: str, moment: str, *__: object) -> None:
            error = next(answers, None) if (operation, moment) == ("list", "before") else None
            if error:
                raise error

        async with Rig(migrations, answer_s=40.0) as rig:
            rig.interfere = throttle
            rig.add_project()
            rig.add_task(0)
            rig.engine.activate()
            assert await worst_stuck_s(rig, 600.0) < STALLED_S_MAX

    async def test_what_gathers_during_a_pause_leaves_together(self) -> None:
        """Ten wishes, one every 2 s while the key rests, cost one order."""
        migrations = fleet(11)

        def throttle(_: object, operation: str, moment: str, *__: object) -> None:
            now = asyncio.get_running_loop().time()
            if (operation, moment) == ("batch_stop", "before") and now < 5.0:
                raise Throttled(ErrorDetail("429", ""), after_s=28.0, http_status=429)

        async with Rig(migrations) as rig:
            rig.interfere = throttle
            rig.add_project()
            uids = [rig.add_task(n, stopped=n == 0) for n in range(11)]
            rig.engine.activate()
            await asyncio.sleep(1.0)
            for uid in uids[1:]:
                rig.wish(uid)
                await asyncio.sleep(2.0)
            await asyncio.sleep(40.0)
            assert [len(batch) for batch in rig.batches] == [1, 11]


class TestWrongKeys:
    """401, which locks a key at the gateway when there are too many of them in a row."""

    @pytest.mark.parametrize("refusal_s", [0.05, 0.3, 3.0])
    @pytest.mark.parametrize("count", [10, 30])
    async def test_a_key_that_never_worked_is_tried_by_one_call(
        self, count: int, refusal_s: float
    ) -> None:
        """However many projects have it: one call, a second one, and then it rests."""
        async with Rig(fleet(count)) as rig:
            rig.gateway = Gateway({"AK": "right"}, refusal_s)
            add_projects(rig, count, lambda _: "dcs")
            rig.engine.activate()
            await asyncio.sleep(300.0)
            assert rig.gateway.most["AK"] <= (2 if refusal_s < 1.0 else REFUSALS_MAX)
            assert reasons(rig) == {"CredentialsInvalid"}

    @pytest.mark.parametrize("refusal_s", [0.05, 0.3, 3.0])
    async def test_wrong_secret_keys_typed_in_turn_count_together(self, refusal_s: float) -> None:
        """Eight guesses in three minutes for one access key; the right one then works by itself."""
        async with Rig(fleet(10)) as rig:
            rig.gateway = Gateway({"AK": "right"}, refusal_s)
            add_projects(rig, 10, lambda _: "dcs")
            rig.secret = Credentials("AK", "guess-0")
            rig.engine.activate()
            for n in range(1, 9):
                await asyncio.sleep(22.0)
                rig.secret = Credentials("AK", f"guess-{n}")
            await asyncio.sleep(22.0)
            assert rig.gateway.most["AK"] <= REFUSALS_MAX
            rig.secret = Credentials("AK", "right")
            await asyncio.sleep(400.0)
            assert rig.gateway.most["AK"] <= REFUSALS_MAX
            assert reasons(rig) == {"Terminated"}

    async def test_a_right_key_that_has_to_wait_says_so(self) -> None:
        """After five guesses the gateway would lock the key: the reason stays until it is tried."""
        async with Rig(fleet(2)) as rig:
            rig.gateway = Gateway({"AK": "right"})
            add_projects(rig, 2, lambda _: "dcs")
            rig.secret = Credentials("AK", "guess-0")
            rig.engine.activate()
            for n in range(1, 4):
                await asyncio.sleep(22.0)
                rig.secret = Credentials("AK", f"guess-{n}")
            await asyncio.sleep(22.0)
            rig.secret = Credentials("AK", "right")
            await asyncio.sleep(25.0)
            for _ in range(20):
                assert reasons(rig) == {"CredentialsInvalid"}
                await asyncio.sleep(10.0)
            await asyncio.sleep(60.0)
            assert reasons(rig) == {"Terminated"}

    async def test_a_first_refusal_is_written_down_at_once(self) -> None:
        """A process that ends right after it leaves the next one what it has to know."""
        migrations, api, gateway = fleet(3), ModelApi(), Gateway({"AK": "right"})
        for _ in range(8):
            async with Rig(migrations, api=api) as rig:
                rig.gateway = gateway
                if api.projects:
                    rig.tell_all()
                else:
                    add_projects(rig, 3, lambda _: "dcs")
                rig.engine.activate()
                await asyncio.sleep(1.0)
        assert gateway.most["AK"] == 1

    async def test_a_restart_changes_nothing_about_a_refused_key(self) -> None:
        """Until it is tried again the reason stays, and nothing is written."""
        migrations, api, gateway = fleet(3), ModelApi(), Gateway({"AK": "right"})
        async with Rig(migrations, api=api) as rig:
            rig.gateway = gateway
            add_projects(rig, 3, lambda _: "dcs")
            rig.engine.activate()
            await asyncio.sleep(30.0)
        before = {uid: len(stored.history) for uid, stored in api.objects.items()}
        async with Rig(migrations, api=api) as again:
            again.gateway = gateway
            again.tell_all()
            again.engine.activate()
            await asyncio.sleep(80.0)
            assert reasons(again) == {"CredentialsInvalid"}
        assert {uid: len(stored.history) for uid, stored in api.objects.items()} == before

    @pytest.mark.parametrize("gap_s", [2.0, 5.0, 7.0, 13.0])
    async def test_a_call_that_nobody_waits_for_any_more_may_still_be_refused(
        self, gap_s: float
    ) -> None:
        """Secret keys change while calls with the one before are under way."""
        async with Rig(fleet(3)) as rig:
            rig.gateway = Gateway({"AK": "right"}, 3.0)
            add_projects(rig, 3, lambda _: "dcs")
            rig.secret = Credentials("AK", "guess")
            rig.engine.activate()
            for n in range(int(120.0 / gap_s)):
                await asyncio.sleep(gap_s)
                rig.secret = Credentials("AK", f"guess-{n}")
            assert rig.gateway.most["AK"] <= REFUSALS_MAX
            rig.secret = Credentials("AK", "right")
            await asyncio.sleep(400.0)
            assert reasons(rig) == {"Terminated"}

    @pytest.mark.parametrize("lives", [1, 2, 4])
    async def test_a_restart_does_not_forget_how_many_were_typed(self, lives: int) -> None:
        """Guesses go on after it: what is not known of the time before counts as the worst."""
        migrations, api, gateway = fleet(3), ModelApi(), Gateway({"AK": "right"})
        guesses = (Credentials("AK", f"guess-{n}") for n in range(1000))
        for life in range(lives + 1):
            async with Rig(migrations, api=api) as rig:
                rig.gateway, rig.secret = gateway, next(guesses)
                if life:
                    rig.tell_all()
                else:
                    add_projects(rig, 3, lambda _: "dcs")
                rig.engine.activate()
                for _ in range(4):
                    await asyncio.sleep(21.0)
                    rig.secret = next(guesses)
                if life == lives:
                    rig.secret = Credentials("AK", "right")
                    await asyncio.sleep(400.0)
                    assert reasons(rig) == {"Terminated"}
        assert gateway.most["AK"] <= REFUSALS_MAX

    async def test_a_project_without_tasks_is_not_blamed_for_a_key_of_the_past(self) -> None:
        """Nobody calls for it, so nothing is known against the credentials that it has now."""
        async with Rig(fleet(1)) as rig:
            rig.gateway = Gateway({"AK": "right"})
            add_projects(rig, 1, lambda _: "dcs")
            rig.add_project("idle", project_id="idle")
            rig.secret = Credentials("AK", "wrong")
            rig.engine.activate()
            await asyncio.sleep(30.0)
            rig.secret = Credentials("AK", "right")
            await asyncio.sleep(700.0)
            ready = [one.status.condition("Ready") for one in rig.api.projects.values()]
            assert [one.reason for one in ready if one] == ["Configured", "Configured"]

    async def test_a_project_without_tasks_keeps_what_the_next_life_has_to_know(self) -> None:
        """Its status is not put right by a restart alone; a task may name it a moment later."""
        migrations, api, gateway = fleet(4), ModelApi(), Gateway({"AK": "right"})
        for life in range(6):
            async with Rig(migrations, api=api) as rig:
                rig.gateway = gateway
                if life:
                    rig.tell_all()
                else:
                    add_projects(rig, 4, lambda _: "dcs")
                for n in range(0 if life % 2 else 4):
                    rig.add_task(n, project=f"p-{n}")
                rig.engine.activate()
                await asyncio.sleep(30.0)
                for uid in list(api.objects):
                    rig.delete(uid)
                await asyncio.sleep(1.0)
        assert gateway.most["AK"] <= REFUSALS_MAX

    async def test_a_project_that_is_deleted_and_applied_again_keeps_its_past(self) -> None:
        """It is applied eight times in two minutes, each time as another object."""
        async with Rig(fleet(10)) as rig:
            rig.gateway = Gateway({"AK": "right"})
            add_projects(rig, 10, lambda _: "dcs")
            rig.engine.activate()
            for n in range(8):
                await asyncio.sleep(13.0)
                for p in range(10):
                    rig.delete_project(f"project-p-{p}" if n == 0 else f"again-{n}-{p}")
                await asyncio.sleep(2.0)
                for p in range(10):
                    rig.add_project(f"p-{p}", project_id=f"project-{p}", uid=f"again-{n + 1}-{p}")
            await asyncio.sleep(60.0)
            assert rig.gateway.most["AK"] <= 2

    async def test_a_restart_does_not_forget_that_a_key_was_refused(self) -> None:
        """Ten processes one after the other, each of which lives for half a minute."""
        migrations, api, gateway = fleet(3), ModelApi(), Gateway({"AK": "right"})
        async with Rig(migrations, api=api) as rig:
            rig.gateway = gateway
            add_projects(rig, 3, lambda _: "dcs")
            rig.engine.activate()
            await asyncio.sleep(30.0)
        assert gateway.most["AK"] == 2
        for _ in range(10):
            async with Rig(migrations, api=api) as again:
                again.gateway = gateway
                again.tell_all()
                again.engine.activate()
                await asyncio.sleep(30.0)
        assert gateway.most["AK"] <= REFUSALS_MAX

    @pytest.mark.parametrize("refusal_s", [0.05, 0.3, 3.0])
    @pytest.mark.parametrize("answer_s", [0.05, 0.8])
    async def test_a_key_that_dies_while_tasks_stop_is_not_refused_too_often(
        self, answer_s: float, refusal_s: float
    ) -> None:
        """Also not by the calls that are under way at that moment, and it goes on when it heals."""
        migrations = {task_id(n): Migration(stop_s=60.0) for n in range(40)}
        async with Rig(migrations, answer_s=answer_s) as rig:
            rig.gateway = Gateway({"AK": "SK"}, refusal_s)
            add_projects(rig, 40, lambda _: "dcs")
            rig.engine.activate()
            await asyncio.sleep(11.0)
            rig.gateway.secrets["AK"] = "renewed"
            await asyncio.sleep(120.0)
            assert 2 <= rig.gateway.most["AK"] <= REFUSALS_MAX
            rig.secret = Credentials("AK", "renewed")
            await asyncio.sleep(400.0)
            assert rig.gateway.most["AK"] <= REFUSALS_MAX
            assert reasons(rig) == {"Terminated"}

    async def test_a_call_that_was_not_made_proves_nothing(self) -> None:
        """An order whose tasks are all gone when its turn comes does not make a key a right one."""
        async with Rig(fleet(30)) as rig:
            rig.gateway = Gateway({"AK": "SK"})
            add_projects(rig, 30, lambda _: "dcs")
            rig.engine.activate()
            await asyncio.sleep(0.4)
            rig.connect_s = lambda: 1.0
            rig.gateway.secrets["AK"] = "renewed"
            for uid in list(rig.api.objects):
                rig.delete(uid)
            await asyncio.sleep(2.0)
            rig.connect_s = lambda: 0.0
            for n in range(30):
                rig.add_task(n, project=f"p-{n}", uid=f"again-{n}")
            await asyncio.sleep(60.0)
            assert rig.gateway.most["AK"] <= REFUSALS_MAX


class TestStrangers:
    """Somebody names an access key of somebody else, without its secret key."""

    @pytest.mark.parametrize("guesses", [1, 5, 80])
    async def test_their_refusals_cost_the_owner_nothing(self, guesses: int) -> None:
        """However many secret keys they try; the owner's orders leave as soon as ever."""
        migrations = {task_id(n): Migration() for n in range(guesses + 100)}
        orders = []
        for hostile in (False, True):
            began_at = asyncio.get_running_loop().time()
            for one in migrations.values():
                one.orders.clear()
                one.start()
            async with Rig(migrations) as rig:
                rig.gateway = Gateway({"AK": "SK"})
                rig.keys_of = {f"guess-{n}": Credentials("AK", f"{n}") for n in range(guesses)}
                rig.add_project("owner", project_id="owner")
                first = rig.add_task(guesses, project="owner")
                rig.engine.activate()
                await asyncio.sleep(20.0)
                assert rig.reason(first) == "Terminated"
                if hostile:
                    add_projects(rig, guesses, lambda n: f"guess-{n}")
                for n in range(guesses + 1, guesses + 40):
                    rig.add_task(n, project="owner")
                    await asyncio.sleep(4.0)
                await asyncio.sleep(20.0)
                later = range(guesses + 1, guesses + 40)
                orders.append([migrations[task_id(n)].orders[0] - began_at for n in later])
                assert rig.gateway.most["AK"] <= REFUSALS_MAX
        late = [b - a for a, b in zip(*orders, strict=True)]
        assert max(late) < 1.0

    async def test_after_a_restart_the_owner_comes_first(self) -> None:
        """Those who were refused before wait; whoever worked is tried at once."""
        migrations, api, gateway = fleet(12), ModelApi(), Gateway({"AK": "SK"})
        keys = {f"guess-{n}": Credentials("AK", f"{n}") for n in range(8)} | {"own": KEYS}
        async with Rig(migrations, api=api) as rig:
            rig.gateway, rig.keys_of = gateway, dict(keys)
            add_projects(rig, 8, lambda n: f"guess-{n}")
            rig.add_project("owner", project_id="owner", secret="own")
            rig.add_task(8, project="owner")
            rig.engine.activate()
            await asyncio.sleep(400.0)
        async with Rig(migrations, api=api) as again:
            again.gateway, again.keys_of = gateway, dict(keys)
            again.tell_all()
            uid = again.add_task(9, project="owner")
            again.engine.activate()
            await asyncio.sleep(10.0)
            assert again.reason(uid) == "Terminated"
            assert gateway.most["AK"] <= REFUSALS_MAX
