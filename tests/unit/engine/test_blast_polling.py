"""What is strange about one answer to a question harms no other task, and none is asked in vain."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from dcs_migration_operator.core.model import Credentials
from dcs_migration_operator.engine.key_ledger import AT_RISK_S, REFUSALS_MAX, SINGLES_AT_RISK_MAX
from simulation.cloud import HANGS, SHOWS, Migration, task_id
from simulation.rig import Rig

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.looptime

FIRST_WORD_S = 5.0
LATE_S_MAX = 1.0
"""So much later an order may be because of somebody else's trouble."""

STRANGE_SHOWS = [*SHOWS, HANGS]


def reasons(rig: Rig, uids: Sequence[str]) -> set[str]:
    """Return the reasons that these tasks show."""
    return {rig.reason(uid) for uid in uids}


def late_s(usual: Sequence[float], found: Sequence[float]) -> float:
    """Return by how much the latest order is later than usual."""
    return max(b - a for a, b in zip(usual, found, strict=True))


class TestSingleQuestions:
    """Tasks that the list does not mention are asked for one by one; some cannot be shown."""

    @pytest.mark.parametrize("count", [1, 12])
    @pytest.mark.parametrize("shows", STRANGE_SHOWS)
    async def test_one_that_cannot_be_shown_delays_nobody(self, shows: str, count: int) -> None:
        """Nor do a dozen: others, listed or not, are stopped as soon as ever."""
        found = []
        for strange in ("", shows):
            migrations = {task_id(n): Migration(listed=False, shows=strange) for n in range(count)}
            migrations |= {task_id(n): Migration(listed=n % 2 == 0) for n in range(12, 52)}
            began_at = asyncio.get_running_loop().time()
            async with Rig(migrations) as rig:
                rig.add_project()
                for n in [*range(count), *range(12, 32)]:
                    rig.add_task(n)
                rig.engine.activate()
                await asyncio.sleep(100.0)
                for n in range(32, 52):
                    rig.add_task(n)
                    await asyncio.sleep(7.0)
                await asyncio.sleep(20.0)
                assert reasons(rig, [f"uid-{n}" for n in range(12, 52)]) == {"Terminated"}
                healthy = range(12, 52)
                found.append([migrations[task_id(n)].orders[0] - began_at for n in healthy])
        late = [b - a for a, b in zip(*found, strict=True)]
        listed, unlisted, later = late[:20:2], late[1:20:2], late[20:]
        assert max(listed) <= LATE_S_MAX
        assert max(later) <= LATE_S_MAX
        # A dozen calls that hang for the first time, two by two, hold up the next such question.
        first_s = AT_RISK_S * count / SINGLES_AT_RISK_MAX if shows == HANGS and count > 1 else 0.0
        assert max(unlisted) <= LATE_S_MAX + first_s

    @pytest.mark.parametrize("shows", STRANGE_SHOWS)
    async def test_it_says_why_and_is_asked_for_again_and_again(self, shows: str) -> None:
        """Within 5 s, or when its call has hung for 30 s; and each takes its turn."""
        migrations = {task_id(n): Migration(listed=False, shows=shows) for n in range(12)}
        async with Rig(migrations) as rig:
            rig.add_project()
            uids = [rig.add_task(n) for n in range(12)]
            asked: dict[str, int] = dict.fromkeys(migrations, 0)

            def count(_: object, operation: str, moment: str, ids: Sequence[str]) -> None:
                if (operation, moment) == ("show", "before"):
                    asked[ids[0]] += 1

            rig.interfere = count
            rig.engine.activate()
            await asyncio.sleep(FIRST_WORD_S)
            assert all(len(rig.phases(uid)) == 1 for uid in uids)
            await asyncio.sleep(3600.0)
            reason = {"403": "PermissionDenied"}.get(shows, "CloudUnavailable")
            assert reasons(rig, uids) == {reason}
            assert all(len(rig.phases(uid)) <= 2 for uid in uids)
            assert 8 <= min(asked.values()) <= max(asked.values()) <= 14
            for one in migrations.values():
                one.shows = ""
            await asyncio.sleep(700.0)
            assert reasons(rig, uids) == {"Terminated"}

    @pytest.mark.parametrize("shows", STRANGE_SHOWS)
    async def test_what_the_list_says_counts_where_a_show_fails(self, shows: str) -> None:
        """In a large project single questions cost less; one that fails leaves it to the list."""
        migrations = {task_id(n): Migration("SUCCESS") for n in range(3500)}
        migrations |= {task_id(n): Migration(shows=shows, stop_s=20.0) for n in range(2)}
        async with Rig(migrations) as rig:
            rig.add_project()
            uids = [rig.add_task(n) for n in range(2)]
            rig.engine.activate()
            await asyncio.sleep(100.0)
            assert reasons(rig, uids) == {"Terminated"}


class TestUnknownIds:
    """Ids that DCS does not know."""

    @pytest.mark.parametrize("count", [1_000, 5_000])
    async def test_a_first_word_about_each_comes_within_five_seconds(self, count: int) -> None:
        """It says that the list does not mention it; a healthy neighbor is stopped as ever."""
        async with Rig({task_id(0): Migration()}) as rig:
            rig.engine.activate()
            rig.add_project()
            uids = [rig.add_task(n) for n in range(count + 1)]
            await asyncio.sleep(FIRST_WORD_S)
            assert all(rig.phases(uid) for uid in uids)
            ready = rig.api.objects[uids[-1]].status.condition("Ready")
            assert ready is not None
            assert ready.reason == "TaskNotFound" or "list" in ready.message
            await asyncio.sleep(FIRST_WORD_S)
            assert rig.reason(uids[0]) == "Terminated"
            await asyncio.sleep(count / 10.0)
            assert reasons(rig, uids[1:]) == {"TaskNotFound"}
            assert rig.calls["show"] == count
            assert all(len(rig.phases(uid)) <= 2 for uid in uids)

    async def test_they_take_no_place_from_another_project_of_the_key(self) -> None:
        """Its tasks are looked for and stopped while 2,000 unknown ones are asked for."""
        async with Rig({task_id(n): Migration(listed=n > 0) for n in range(2)}) as rig:
            rig.add_project()
            rig.add_project("other", project_id="other")
            for n in range(100, 2100):
                rig.add_task(n)
            rig.engine.activate()
            await asyncio.sleep(10.0)
            uids = [rig.add_task(n, project="other") for n in range(2)]
            await asyncio.sleep(2.0)
            assert all(one.orders for one in rig.fleet.values())
            await asyncio.sleep(10.0)
            assert reasons(rig, uids) == {"Terminated"}


class TestPages:
    """Lists that do not come as they are documented."""

    @pytest.mark.parametrize("rows", [999, 500, 250, 100])
    async def test_a_list_in_smaller_pages_is_read_as_well(self, rows: int) -> None:
        """The real size of a page is learned; nobody is asked for one by one."""
        async with Rig({task_id(n): Migration() for n in range(1200)}) as rig:
            rig.page_rows = rows
            rig.add_project()
            uids = [rig.add_task(n, stopped=False) for n in range(1200)]
            rig.engine.activate()
            await asyncio.sleep(30.0)
            assert reasons(rig, uids) == {"Observed"}
            assert "show" not in rig.calls
            before = rig.calls["list"]
            await asyncio.sleep(60.0)
            assert rig.calls == {"list": before + 1200 // rows + 1}

    @pytest.mark.parametrize("sizes", [(500, 100), (100, 1000), (1000, 300)])
    async def test_a_page_may_change_its_size(self, sizes: tuple[int, int]) -> None:
        """Nobody is lost, and after the next list it costs what it has to."""
        async with Rig({task_id(n): Migration() for n in range(1200)}) as rig:
            rig.page_rows = sizes[0]
            rig.add_project()
            uids = [rig.add_task(n, stopped=False) for n in range(1200)]
            rig.engine.activate()
            await asyncio.sleep(90.0)
            rig.dcs[0].page_rows = sizes[1]
            await asyncio.sleep(120.0)
            before = dict(rig.calls)
            assert before.get("show", 0) <= 2
            await asyncio.sleep(60.0)
            assert rig.calls["list"] - before["list"] <= 1200 // sizes[1] + 1
            assert rig.calls.get("show", 0) == before.get("show", 0)
            assert reasons(rig, uids) == {"Observed"}

    async def test_a_list_without_an_end_does_not_take_the_key_from_others(self) -> None:
        """Its tasks are asked for one by one, and those of another project are stopped in time."""
        async with Rig({task_id(n): Migration() for n in range(40)}) as rig:
            rig.endless = "project-0"
            rig.add_project("p-0", project_id="project-0")
            rig.add_project("p-1", project_id="project-1")
            uids = [rig.add_task(n, project="p-0") for n in range(20)]
            rig.engine.activate()
            await asyncio.sleep(FIRST_WORD_S)
            assert all(rig.phases(uid) for uid in uids)
            for n in range(20, 40):
                rig.add_task(n, project="p-1")
                await asyncio.sleep(3.0)
                assert rig.fleet[task_id(n)].orders
            await asyncio.sleep(60.0)
            assert reasons(rig, list(rig.api.objects)) == {"Terminated"}
            lists = [at for dcs in rig.dcs for at, operation in dcs.times if operation == "list"]
            await asyncio.sleep(600.0)
            assert lists
            last = rig.calls["list"]
            await asyncio.sleep(600.0)
            assert rig.calls["list"] - last <= 2 * 201 + 2  # one list of 200 pages in 10 minutes


class TestSlowNeighbors:
    """Projects that share one access key, some of which hang."""

    @pytest.mark.parametrize("count", [1, 10])
    async def test_projects_whose_calls_hang_take_no_place_from_others_of_the_key(
        self, count: int
    ) -> None:
        """For 30 s each time, and there are 40 others."""
        late = await self._late(count, slow_s=30.0)
        # Those that hang for the first time, if nobody else's call comes back meanwhile.
        first_s = AT_RISK_S * (count // REFUSALS_MAX)
        assert max(late[:10]) <= LATE_S_MAX + first_s
        assert max(late[10:]) <= LATE_S_MAX

    async def test_a_project_whose_stops_hang_takes_no_place_from_others_of_the_key(self) -> None:
        """It has 300 tasks, so that all stops that may be under way at once hang."""
        late = await self._late(1, spoils=HANGS, tasks=300)
        assert max(late) <= LATE_S_MAX

    async def _late(
        self, count: int, *, slow_s: float = 0.05, spoils: str = "", tasks: int = 1
    ) -> list[float]:
        """Return by how much the order of each healthy project is later than without the others."""
        found = []
        for strange in (False, True):
            migrations = {task_id(n): Migration() for n in range(50)}
            began_at = asyncio.get_running_loop().time()
            async with Rig(migrations) as rig:
                for n in range(50):
                    rig.add_project(f"p-{n}", project_id=f"project-{n}")
                if strange:
                    rig.answer_s_of = lambda account: (
                        slow_s if int(account.project_id[8:]) < count else 0.05
                    )
                rig.add_task(49, project="p-49")
                rig.engine.activate()
                await asyncio.sleep(5.0)
                for n in range(count):
                    for t in range(tasks):
                        number = n if t == 0 else 1000 * (n + 1) + t
                        migrations[task_id(number)] = Migration(spoils=spoils if strange else "")
                        rig.add_task(number, project=f"p-{n}")
                for n in range(10, 49):
                    rig.add_task(n, project=f"p-{n}")
                    await asyncio.sleep(1.3)
                await asyncio.sleep(15.0)
                healthy = [migrations[task_id(n)] for n in range(10, 49)]
                found.append([one.orders[0] - began_at for one in healthy])
        return [b - a for a, b in zip(*found, strict=True)]


class TestDrift:
    """Tasks that run again after their end."""

    async def test_one_that_is_started_again_is_found_in_a_list_that_is_made_anyway(self) -> None:
        """Confirmed by a show, told, and ordered again; the others are not touched."""
        async with Rig({task_id(n): Migration() for n in range(6)}) as rig:
            rig.add_project()
            uids = [rig.add_task(n) for n in range(5)]
            rig.add_task(5, stopped=False)
            rig.engine.activate()
            await asyncio.sleep(20.0)
            writes = [len(rig.phases(uid)) for uid in uids]
            rig.fleet[task_id(2)].start()
            await asyncio.sleep(90.0)
            assert rig.events == [("uid-2", "StartedAgain")]
            assert [len(rig.fleet[task_id(n)].orders) for n in range(5)] == [1, 1, 2, 1, 1]
            assert reasons(rig, uids) == {"Terminated"}
            after = [len(rig.phases(uid)) for uid in uids]
            assert [b - a for a, b in zip(writes, after, strict=True)] == [0, 0, 2, 0, 0]

    async def test_identities_that_are_renewed_often_do_not_put_it_off(self) -> None:
        """A Secret that changes every four minutes: the rare list still comes within eleven."""
        async with Rig({task_id(0): Migration()}) as rig:
            rig.add_project()
            uid = rig.add_task(0)
            rig.engine.activate()
            await asyncio.sleep(20.0)
            rig.fleet[task_id(0)].start()
            for n in range(4):
                await asyncio.sleep(240.0)
                rig.secret = Credentials("AK", f"SK-{n}")
            assert (rig.reason(uid), len(rig.fleet[task_id(0)].orders)) == ("Terminated", 2)
