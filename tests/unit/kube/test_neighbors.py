"""Other installations: who is one, what is told of it, and who gives way to whom."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcs_migration_operator.kube.errors import api_error
from dcs_migration_operator.kube.neighbors import (
    ALIVE_S,
    LOOK_S,
    WAIT_S,
    MarkedLeases,
    Neighbor,
    Neighbors,
    Outranked,
    marks,
    neighbor_of,
)
from unit.kube.apiserver import ApiServer, api_of, ok

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

NOW = 2e9
OWN = ("dcs-system", "dcs")
EARLY, LATE = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"


def lease(
    name: str = "dcs-system/other",
    watches: Any = "*",
    created: str = EARLY,
    written_s_ago: float = 1.0,
    holder: str = "pod-1",
) -> dict[str, Any]:
    """Return a Lease as the API server lists it."""
    namespace, _, short = name.partition("/")
    written = f"{datetime.fromtimestamp(NOW - written_s_ago, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return {
        "metadata": {
            "namespace": namespace,
            "name": short,
            "uid": f"uid-of-{short}",
            "creationTimestamp": created,
            "annotations": {"dcs.huaweicloud.com/watches": watches},
            "managedFields": [{"time": written}],
        },
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15},
    }


ALL: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    "ours, theirs, shared",
    [
        ((), "*", ()),
        (("a", "b"), "*", ("a", "b")),
        ((), "a,b", ("a", "b")),
        (("a", "b"), "b,c", ("b",)),
        (("a", "b"), "c,d", None),
        (("a",), "", None),
        ((), ",,", None),
        ((), "not a name,*,a", ("a",)),
        ((), "x" * 64, None),
    ],
)
def test_who_shares_what(
    ours: tuple[str, ...], theirs: str, shared: tuple[str, ...] | None
) -> None:
    """An empty set stands for all namespaces; what is no name of one counts for nothing."""
    found = neighbor_of(lease(watches=theirs), frozenset(ours), NOW)
    assert (None if found is None else found.shared) == (
        None if shared is None else frozenset(shared)
    )


def test_what_it_says_of_itself_is_understood_by_the_other() -> None:
    """Both ends of the annotation."""
    for namespaces in ((), ("a", "b")):
        written = marks(namespaces)["annotations"]["dcs.huaweicloud.com/watches"]
        found = neighbor_of(lease(watches=written), frozenset(namespaces), NOW)
        assert found is not None
        assert found.shared == frozenset(namespaces)


@pytest.mark.parametrize(
    "changes",
    [{"holder": ""}, {"holder": None}, {"written_s_ago": ALIVE_S}, {"watches": None}],
)
def test_who_is_gone_is_no_neighbor(changes: dict[str, Any]) -> None:
    """Its Lease was released, is not renewed any more, or is of a version that says nothing."""
    found = lease(**changes)
    if "watches" in changes:
        found["metadata"]["annotations"] = changes["watches"]
    assert neighbor_of(found, ALL, NOW) is None


def test_without_the_api_servers_clock_nobody_is_one() -> None:
    """Whether it is alive cannot be told."""
    assert neighbor_of(lease(), ALL, None) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from(["metadata", "spec", "annotations", "managedFields", "all"]), JSON)
def test_any_lease_is_read(place: str, value: Any) -> None:
    """For all values in any place: anybody may have written it."""
    found: Any = lease()
    if place == "all":
        found = value
    elif place in found:
        found[place] = value
    else:
        found["metadata"][place] = value
    assert neighbor_of(found, ALL, NOW) is None or place == "annotations"


@pytest.mark.parametrize(
    "shared, words",
    [
        ((), "watches all namespaces too"),
        (("a",), "watches the namespaces a too"),
        (("d", "c", "b", "a"), "watches the namespaces a, b, c and 1 more too"),
    ],
)
def test_a_neighbor_in_words(shared: tuple[str, ...], words: str) -> None:
    """Who it is, what is shared, and what to do."""
    said = str(Neighbor("ns", "other", "u", frozenset(shared), EARLY))
    assert words in said
    assert "with the Lease ns/other" in said
    assert "uninstall one of them" in said


class World:
    """The Leases and Events of an API server; calls fail as told."""

    def __init__(self) -> None:
        self.leases: list[dict[str, Any]] = []
        self.own: dict[str, Any] | None = None
        self.listed: list[str] = []
        self.events: dict[tuple[str, str], Mapping[str, Any]] = {}
        self.renewed: list[str] = []
        self.failing: dict[str, int] = {}
        self.leading = False

    async def get_lease(self, namespace: str, name: str) -> dict[str, Any]:
        """Read our own."""
        assert (namespace, name) == OWN
        self._fail("get")
        if self.own is None:
            raise api_error(404, "not found")
        return self.own

    async def list_leases(self, namespace: str, selector: str, count_max: int) -> list[Any]:
        """List those of a place."""
        assert (selector, count_max) == ("app.kubernetes.io/name=dcs-migration-operator", 500)
        self._fail("list")
        self.listed.append(namespace)
        every = [*self.leases, *([self.own] if self.own else [])]
        return [one for one in every if namespace in {"", one["metadata"]["namespace"]}]

    async def create_event(self, namespace: str, event: Mapping[str, Any]) -> None:
        """Create it, if it is not there."""
        self._fail("event")
        key = (namespace, event["metadata"]["name"])
        if key in self.events:
            raise api_error(409, "exists")
        self.events[key] = event

    async def patch_event(self, namespace: str, name: str, news: Mapping[str, Any]) -> None:
        """Renew it."""
        assert (namespace, name) in self.events
        assert news.keys() == {"message", "lastTimestamp"}
        self.renewed.append(name)

    def server_now(self) -> float:
        """Return its clock, which stands still."""
        return NOW

    def leads(self) -> bool:
        """Tell whether we do."""
        return self.leading

    def _fail(self, call: str) -> None:
        if call in self.failing:
            raise api_error(self.failing[call], "no")


@asynccontextmanager
async def living(
    world: World, *watched: str, elects: bool = True
) -> AsyncIterator[tuple[Neighbors, asyncio.Task[None]]]:
    """Look around from now on."""
    made = Neighbors(world, own=OWN, watched=watched, leads=world.leads, elects=elects)
    running = asyncio.create_task(made.run())
    await asyncio.sleep(0.01)
    try:
        yield made, running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.looptime
class TestLooking:
    """On virtual time."""

    async def test_alone_it_may_begin_at_once(self) -> None:
        """After one look, and not before."""
        world = World()
        assert Neighbors(world, own=OWN, watched=(), leads=bool, elects=True).yields()
        async with living(world) as (found, _):
            assert (found.yields(), found.count(), found.looked.is_set()) == (False, 0, True)

    async def test_it_looks_wherever_it_may(self) -> None:
        """In the whole cluster, or where its Lease is and in each namespace that it watches."""
        world = World()
        async with living(world):
            pass
        async with living(world, "b", "a"):
            pass
        assert world.listed == ["", "a", "b", "dcs-system"]

    async def test_an_older_one_beside_it_does_the_work(self) -> None:
        """It waits, and begins when the other is gone."""
        world = World()
        world.leases = [lease()]
        async with living(world) as (found, running):
            assert (found.yields(), found.count()) == (True, 1)
            await asyncio.sleep(10 * WAIT_S)
            assert found.yields()
            assert not running.done()
            world.leases = [lease(holder="")]
            await asyncio.sleep(WAIT_S)
            assert (found.yields(), found.count()) == (False, 0)

    @pytest.mark.parametrize(
        "own, other, yields",
        [(EARLY, LATE, False), (LATE, EARLY, True), (EARLY, EARLY, False), (None, LATE, True)],
    )
    async def test_the_age_of_the_leases_decides(
        self, own: str | None, other: str, *, yields: bool
    ) -> None:
        """Of two of one age, the names; who has none yet is the youngest."""
        world = World()
        world.leases = [lease(created=other)]
        world.own = lease("/".join(OWN), created=own) if own else None
        async with living(world) as (found, _):
            assert found.yields() is yields
            assert found.count() == 1

    async def test_one_elsewhere_keeps_nobody_from_working(self) -> None:
        """Its Lease may be anybody's: the overlap is only told."""
        world = World()
        world.leases = [lease("team-a/any")]
        world.leading = True
        async with living(world) as (found, running):
            assert (found.yields(), found.count()) == (False, 1)
            await asyncio.sleep(LOOK_S)
            assert not running.done()

    async def test_a_younger_leader_leaves(self) -> None:
        """With a line that says what to do: both would act."""
        world = World()
        world.own = lease("/".join(OWN), created=LATE)
        async with living(world) as (_, running):
            world.leading = True
            world.leases = [lease()]
            with pytest.raises(Outranked, match="the Lease dcs-system/other, watches all"):
                await asyncio.wait_for(running, LOOK_S)

    async def test_without_a_lease_it_does_not_begin(self) -> None:
        """It could not wait for its turn either; alone it may do as it likes."""
        world = World()
        async with living(world, elects=False) as (found, _):
            assert found.looked.is_set()
        world.leases = [lease()]
        async with living(world, elects=False) as (found, running):
            assert not found.looked.is_set()
            with pytest.raises(Outranked):
                await running

    async def test_an_overlap_is_told_once(self, caplog: pytest.LogCaptureFixture) -> None:
        """In the log by everybody, by an Event where the other is by who leads."""
        world = World()
        world.leases = [lease("team-a/any")]
        with caplog.at_level(logging.INFO):
            async with living(world):
                await asyncio.sleep(3 * LOOK_S)
                assert world.events == {}
                world.leading = True
                await asyncio.sleep(WAIT_S)
                assert len(world.events) == 1
                await asyncio.sleep(3 * LOOK_S)
                world.leases = []
                await asyncio.sleep(LOOK_S)
        ((key, event),) = world.events.items()
        assert key[0] == event["involvedObject"]["namespace"] == "team-a"
        assert (event["type"], event["reason"]) == ("Warning", "ScopeOverlap")
        assert event["message"].startswith(
            "Another installation of the operator, with the Lease dcs-system/dcs, watches all"
        )
        assert world.renewed == []
        messages = [record.getMessage() for record in caplog.records]
        assert messages == ["watched by another installation too", "another installation is gone"]

    async def test_an_overlap_that_comes_back_renews_its_event(self) -> None:
        """As every restart does."""
        world = World()
        world.leases, world.leading = [lease("team-a/any")], True
        for _ in range(2):
            async with living(world):
                pass
        assert (len(world.events), len(world.renewed)) == (1, 1)

    @pytest.mark.parametrize("call", ["list", "get"])
    async def test_what_cannot_be_looked_at_is_nobody(
        self, caplog: pytest.LogCaptureFixture, call: str
    ) -> None:
        """Without the right to, it works all the same, and says once that it is blind."""
        world = World()
        world.leases, world.failing = [lease()], {call: 403}
        async with living(world) as (found, _):
            assert not found.yields()
            await asyncio.sleep(3 * LOOK_S)
        messages = [record.getMessage() for record in caplog.records]
        assert messages == ["cannot search for other installations"]

    async def test_an_event_that_may_not_be_posted_is_no_error(self) -> None:
        """Where the other is, we may have no rights."""
        world = World()
        world.leases, world.leading, world.failing = [lease("team-a/any")], True, {"event": 403}
        async with living(world) as (found, running):
            await asyncio.sleep(LOOK_S)
            assert (found.count(), running.done()) == (1, False)


async def test_a_lease_is_marked() -> None:
    """When it is made, and when an older version made it; what others have written stays."""
    server = ApiServer(ok({}))
    async with api_of(server) as api:
        leases = MarkedLeases(api, ("a", "b"))
        await leases.create_lease("dcs-system", "dcs", {})
        metadata = {"namespace": "dcs-system", "name": "dcs", "labels": {"x": "y"}}
        await leases.put_lease({"metadata": metadata, "spec": {}})
    first, second = (ok_body(asked.body) for asked in server.asked)
    label = {"app.kubernetes.io/name": "dcs-migration-operator"}
    assert first["labels"] == label
    assert second["labels"] == label | {"x": "y"}
    for found in (first, second):
        assert found["annotations"] == {"dcs.huaweicloud.com/watches": "a,b"}


def ok_body(body: bytes) -> dict[str, Any]:
    """Return the metadata of what was sent."""
    found: dict[str, Any] = json.loads(body)["metadata"]
    return found
