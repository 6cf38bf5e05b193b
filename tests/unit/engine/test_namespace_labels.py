"""The reader of namespace labels: which it reads, how often, and what a failure costs."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self

import pytest

from dcs_migration_operator.core.admission import (
    LABELS_S_MAX,
    NOBODY,
    AllowedNamespaces,
    NamespaceLabels,
    Requirement,
    Selector,
)
from dcs_migration_operator.core.cases import Pace
from dcs_migration_operator.core.errors import ReadError
from dcs_migration_operator.core.model import (
    CLUSTER_PROJECT_KIND,
    ObjectRef,
    ProjectRef,
    StopRequest,
)
from dcs_migration_operator.engine import namespace_labels as labels_module
from dcs_migration_operator.engine.namespace_labels import (
    READ_S,
    READS_PARALLEL_MAX,
    RETRY_S,
    SCAN_S,
    NamespaceLabelsReader,
)
from dcs_migration_operator.engine.shadow import StatusShadow
from dcs_migration_operator.engine.store import Entry, Store
from simulation.virtual import clock
from support import make
from unit.engine.parts import Stand, due, queue

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.looptime

SHARED = ProjectRef(CLUSTER_PROJECT_KIND, "", "shared")
BY_LABEL = AllowedNamespaces(selector=Selector((Requirement("dcs", "In", ("yes",)),)))
YES, NO = {"dcs": "yes"}, {"dcs": "no"}
AWAY = ReadError("Namespace team-a cannot be read at the moment.", passing=True)
FORBIDDEN = ReadError("The operator may not read Namespace team-a.")


class Ground:
    """A reader over a store, and a cluster whose namespaces have labels."""

    def __init__(self) -> None:
        self.resources = queue()
        self.store = Store(self.resources, queue(), queue(), clock, cluster_projects=True)
        self.found: dict[str, Mapping[str, str] | Exception] = {"team-a": YES}
        self.reads: list[tuple[float, str]] = []
        self.read_s = 0.0
        self.at_once = self.at_once_max = 0
        self.reader = NamespaceLabelsReader(self.store, self._read, clock)
        self.running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to read."""
        self.running = asyncio.create_task(self.reader.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        """End it; nothing may have failed in it."""
        assert self.running
        assert not self.running.done()
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)

    def apply(self, allowed: AllowedNamespaces = BY_LABEL) -> None:
        """Apply the cluster-scoped project, or change whom it admits."""
        named = ObjectRef("clusterdcsprojects", "", "shared", "uid-s")
        self.store.put_project(make.project(ref=SHARED, object=named, allowed=allowed))

    def name(self, namespace: str = "team-a", uid: str = "", pace: Pace | None = None) -> Entry:
        """Let a task of a namespace name the project, and look where that leads."""
        ref = ObjectRef("migrationtasks", namespace, "cache", uid or f"uid-{namespace}")
        entry = Entry(make.task(ref=ref, project=SHARED), StatusShadow())
        if pace is not None:
            entry.cloud = Stand().facts.join(ref.uid, "key", "id", StopRequest())
            entry.cloud.paces[ref.uid] = pace
        self.store.add(entry)
        self.store.route_of(entry.task)
        due(self.resources)
        return entry

    def times(self, namespace: str = "team-a") -> list[float]:
        """Return when the labels of a namespace were read."""
        return [at for at, one in self.reads if one == namespace]

    def known(self, namespace: str = "team-a") -> NamespaceLabels:
        """Return what is known of the labels of a namespace."""
        return self.store.labels[namespace]

    async def _read(self, namespace: str) -> Mapping[str, str]:
        self.reads.append((round(clock().mono, 2), namespace))
        self.at_once += 1
        self.at_once_max = max(self.at_once, self.at_once_max)
        await asyncio.sleep(self.read_s)
        self.at_once -= 1
        found = self.found[namespace]
        if isinstance(found, Exception):
            raise found
        return found


async def test_labels_are_read_when_a_task_needs_them() -> None:
    """At once, and what depends on them is due."""
    async with Ground() as ground:
        ground.apply()
        await asyncio.sleep(1.0)
        assert ground.reads == []
        ground.name()
        await asyncio.sleep(0.1)
        assert (ground.times(), ground.known().labels) == ([1.0], YES)
        assert due(ground.resources) == ["uid-team-a"]


async def test_they_are_read_again_twice_a_minute_while_they_are_needed() -> None:
    """A thousand tasks of a namespace cost one read."""
    async with Ground() as ground:
        ground.apply()
        for number in range(1000):
            ground.name(uid=f"uid-{number}")
        await asyncio.sleep(100.0)
        assert ground.times() == [0.0, READ_S, 2 * READ_S, 3 * READ_S]


@pytest.mark.parametrize(
    "pace, needed",
    [(Pace.SETTLED, False), (Pace.OBSERVING, True), (Pace.NEVER, False), (None, True)],
)
async def test_a_fulfilled_wish_needs_none(pace: Pace | None, *, needed: bool) -> None:
    """And its labels are forgotten."""
    async with Ground() as ground:
        ground.apply()
        ground.name(pace=pace)
        await asyncio.sleep(100.0)
        assert bool(ground.reads) is needed
        assert ("team-a" in ground.store.labels) is needed


@pytest.mark.parametrize("allowed", [NOBODY, AllowedNamespaces(names=("team-a",))])
async def test_names_need_none(allowed: AllowedNamespaces) -> None:
    """The right to read namespaces is needed for selectors only."""
    async with Ground() as ground:
        ground.apply(allowed)
        ground.name()
        await asyncio.sleep(100.0)
        assert ground.reads == []


async def test_a_project_that_begins_to_select_is_noticed() -> None:
    """By the first task that is looked at after that."""
    async with Ground() as ground:
        ground.apply(NOBODY)
        entry = ground.name()
        await asyncio.sleep(100.0)
        ground.apply()
        ground.store.route_of(entry.task)
        await asyncio.sleep(0.1)
        assert ground.times() == [100.0]


@pytest.mark.parametrize(
    "found, labels, news",
    [
        pytest.param(YES, YES, False, id="the same"),
        pytest.param(NO, NO, True, id="others"),
        pytest.param(AWAY, YES, True, id="nobody answers"),
        pytest.param(FORBIDDEN, None, True, id="forbidden"),
    ],
)
async def test_what_the_next_read_brings(found: Any, labels: Any, *, news: bool) -> None:
    """Tasks are looked at again only if something changed; what was read holds for a while."""
    async with Ground() as ground:
        ground.apply()
        ground.name()
        await asyncio.sleep(1.0)
        due(ground.resources)
        ground.found["team-a"] = found
        await asyncio.sleep(READ_S)
        assert ground.known().labels == labels
        assert ground.known().since == (pytest.approx(READ_S, abs=0.1) if news else 0.0)
        assert due(ground.resources) == (["uid-team-a"] if news else [])


async def test_a_problem_is_tried_again_soon_and_told_once() -> None:
    """Every five seconds; and again when what was read before has become too old."""
    async with Ground() as ground:
        ground.apply()
        ground.name()
        await asyncio.sleep(1.0)
        ground.found["team-a"] = AWAY
        due(ground.resources)
        told = []
        while clock().mono < READ_S + LABELS_S_MAX:
            await asyncio.sleep(1.0)
            told += [round(clock().mono)] * len(due(ground.resources))
        gaps = {after - before for before, after in pairwise(ground.times()[1:])}
        assert gaps == {max(RETRY_S, SCAN_S)}
        assert told[0] == pytest.approx(READ_S, abs=1)
        assert told[1] == pytest.approx(LABELS_S_MAX, abs=1)
        ground.found["team-a"] = YES
        await asyncio.sleep(RETRY_S)
        assert (ground.known().problem, ground.known().labels) == ("", YES)
        assert due(ground.resources) == ["uid-team-a"]


async def test_a_namespace_in_trouble_keeps_no_other_waiting() -> None:
    """Whatever it is: an answer that says no, none at all, or an error of our own."""
    async with Ground() as ground:
        ground.found = {"a": FORBIDDEN, "b": AWAY, "c": KeyError("our own"), "d": YES}
        ground.apply()
        for namespace in ground.found:
            ground.name(namespace)
        await asyncio.sleep(0.1)
        assert ground.known("d").labels == YES
        assert all(ground.known(namespace).problem for namespace in "abc")
        assert "our own" not in ground.known("c").problem
        ground.found["c"] = YES
        await asyncio.sleep(RETRY_S + 0.1)
        assert ground.known("c").labels == YES


async def test_a_few_namespaces_are_read_at_once_and_no_more() -> None:
    """Whatever their number; the next ones follow."""
    async with Ground() as ground:
        ground.read_s = 1.0
        ground.found = {f"n-{number:02}": YES for number in range(20)}
        ground.apply()
        for namespace in ground.found:
            ground.name(namespace)
        await asyncio.sleep(3.5)
        assert (ground.at_once_max, len(ground.reads)) == (READS_PARALLEL_MAX, 20)


async def test_there_is_a_limit_on_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever meets it reads what to do; the next one in line is read when there is room again."""
    monkeypatch.setattr(labels_module, "NAMESPACES_MAX", 1)
    async with Ground() as ground:
        ground.found = {"a": YES, "b": YES}
        ground.apply()
        for namespace in ("b", "a"):
            ground.name(namespace)
        await asyncio.sleep(100.0)
        assert (len(ground.times("a")), ground.times("b")) == (4, [])
        assert "spec.allowedNamespaces" in ground.known("b").problem
        assert sorted(due(ground.resources)) == ["uid-a", "uid-b"]
        ground.store.remove("uid-a")
        await asyncio.sleep(SCAN_S + 0.1)
        assert ground.known("b").labels == YES
