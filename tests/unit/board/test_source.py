"""Where the news come from: one watch per kind, for as long as the board runs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from kubectl_dcs.board import source as sources
from kubectl_dcs.board.live import Live, Scope
from kubectl_dcs.board.source import Source
from kubectl_dcs.board.state import LIVE, LOST, REFUSED
from kubectl_dcs.kinds import PROJECT, TASK, WAVE
from kubectl_dcs.problems import WrongUsage
from unit.board.conftest import namespace_fault
from unit.plugin import bodies
from unit.plugin.fake_api import HANG_UP, Asked, FakeApi, Reply, refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from kubectl_dcs.board.access import BoardCluster

WAIT_S_MAX = 30.0


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "WAIT_S", 0.02)
    monkeypatch.setattr(sources, "AGAIN_S", 0.05)
    monkeypatch.setattr(sources, "NAMESPACE_S", 0.05)


class Followed:
    """A board that follows the fake cluster."""

    def __init__(self, cluster: BoardCluster, labels: str = "") -> None:
        scope = Scope("shop", labels, "", "")
        self.live = Live(scope)
        self.source = Source(cluster, "shop", labels, self.live.state, self.live.hear)
        self.jobs: list[asyncio.Task[None]] = []

    def word(self, plural: str = TASK.plural) -> str:
        """Return how good the watch of a kind is."""
        return self.live.state.links[plural].word

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for something; the first wait begins to follow."""
        if not self.jobs:
            self.jobs.append(asyncio.create_task(self.source.run()))
            looking = self.source.run_namespace(self.live.namespace_is)
            self.jobs.append(asyncio.create_task(looking))
        async with asyncio.timeout(WAIT_S_MAX):
            while not true():
                await asyncio.sleep(0.005)
                for job in self.jobs:
                    if job.done():
                        job.result()

    async def end(self) -> None:
        """End it."""
        for job in self.jobs:
            job.cancel()
        await asyncio.gather(*self.jobs, return_exceptions=True)


@pytest.fixture
async def followed(cluster: BoardCluster) -> AsyncIterator[Followed]:
    """Follow the fake cluster from the first wait on."""
    one = Followed(cluster)
    yield one
    await one.end()


async def test_each_kind_is_listed_and_watched_once(followed: Followed, api: FakeApi) -> None:
    """With the user's rights, whatever the number of tabs."""
    for number in range(3):
        api.put("migrationtasks", bodies.task(f"t{number}"))
    api.put("migrationwaves", bodies.wave())
    plurals = (TASK.plural, WAVE.plural, PROJECT.plural)
    await followed.until(lambda: all(followed.word(one) == LIVE for one in plurals))
    await followed.until(lambda: len([o for o in api.asked if o.query.get("watch")]) == 3)
    api.put("migrationtasks", bodies.task("new"))
    await followed.until(lambda: "shop/new" in followed.live.state.tasks)
    watches = [one.path.rpartition("/")[2] for one in api.asked if one.query.get("watch")]
    assert sorted(watches) == sorted(plurals)
    assert len([one for one in api.asked if not one.query.get("watch")]) == 3
    said = {one.headers.get("authorization") for one in api.asked}
    assert said == {"Bearer TOKEN-OF-A-PERSON"}


async def test_a_cut_connection_is_told_and_made_again(followed: Followed, api: FakeApi) -> None:
    """And what happened meanwhile is there afterwards."""
    api.put("migrationtasks", bodies.task("a"))
    await followed.until(lambda: "shop/a" in followed.live.state.tasks)
    cut = True

    def fault(asked: Asked) -> Reply | None:
        return Reply(HANG_UP) if cut and "migrationtasks" in asked.path else None

    api.faults.append(fault)
    api.end_watches()
    await followed.until(lambda: followed.word() == LOST)
    assert followed.live.state.links[TASK.plural].since_s > 0
    assert "shop/a" in followed.live.state.tasks
    api.put("migrationtasks", bodies.task("b"))
    cut = False
    await followed.until(lambda: followed.word() == LIVE)
    assert set(followed.live.state.tasks) == {"shop/a", "shop/b"}


async def test_a_right_that_is_given_later_is_noticed(followed: Followed, api: FakeApi) -> None:
    """Without loading the page again; the others are shown meanwhile."""
    allowed = False

    def fault(asked: Asked) -> Reply | None:
        return (
            None if allowed or "migrationtasks" not in asked.path else refusal(403, "you may not")
        )

    api.faults.append(fault)
    api.put("migrationtasks", bodies.task("a"))
    api.put("migrationwaves", bodies.wave())
    await followed.until(lambda: followed.word() == REFUSED)
    link = followed.live.state.links[TASK.plural]
    assert (link.code, "you may not" in link.why) == (403, True)
    await followed.until(lambda: "shop/night" in followed.live.state.waves)
    allowed = True
    await followed.until(lambda: "shop/a" in followed.live.state.tasks)
    assert followed.word() == LIVE


async def test_a_selector_that_is_none_ends_the_board(cluster: BoardCluster, api: FakeApi) -> None:
    """As wrong usage: asking again would not change it."""
    api.faults.append(
        lambda asked: refusal(400, "unable to parse") if "labelSelector" in asked.query else None
    )
    one = Followed(cluster, "a==(")
    with pytest.raises(WrongUsage, match="the selector 'a==\\(' is none: unable to parse"):
        await one.until(lambda: False)
    await one.end()


async def test_labels_select_tasks_and_nothing_else(cluster: BoardCluster, api: FakeApi) -> None:
    """Waves and projects have labels of their own."""
    api.put("migrationtasks", bodies.task("a", labels={"team": "x"}))
    api.put("migrationtasks", bodies.task("b"))
    api.put("migrationwaves", bodies.wave())
    one = Followed(cluster, "team=x")
    await one.until(lambda: bool(one.live.state.tasks and one.live.state.waves))
    assert set(one.live.state.tasks) == {"shop/a"}
    await one.end()


@pytest.mark.parametrize("word", ["missing", "terminating"])
async def test_a_namespace_that_goes_is_told_apart_from_an_empty_one(
    followed: Followed, api: FakeApi, word: str
) -> None:
    """By asking for it as long as there is no task."""
    api.faults.append(namespace_fault(word))
    await followed.until(lambda: followed.live.state.namespace == word)


@pytest.mark.parametrize("word", ["there", "no"])
async def test_a_namespace_that_is_there_or_may_not_be_seen_is_just_empty(
    followed: Followed, api: FakeApi, word: str
) -> None:
    """Nobody needs a right on namespaces for the board."""
    asked: list[str] = []
    fault = namespace_fault(word)

    def counting(one: Asked) -> Reply | None:
        reply = fault(one)
        asked.extend([one.path] if reply else [])
        return reply

    api.faults.append(counting)
    await followed.until(lambda: len(asked) >= 2)
    assert followed.live.state.namespace == ""


async def test_with_tasks_nobody_asks_for_the_namespace(followed: Followed, api: FakeApi) -> None:
    """The watch tells what happens to them."""
    api.put("migrationtasks", bodies.task("a"))
    await followed.until(lambda: "shop/a" in followed.live.state.tasks)
    before = len(api.asked)
    await asyncio.sleep(0.2)
    assert not [
        one
        for one in api.asked[before:]
        if "namespaces/shop" in one.path and "apis" not in one.path
    ]
