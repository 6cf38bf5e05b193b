"""One entry per resource: the wish, what DCS last said, what was ordered, what was written.

Everything known is in here, and nothing is decided. Older news than what is known is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from dcs_migration_operator.core.cases import Pace
from dcs_migration_operator.core.model import StopRequest, Trouble
from dcs_migration_operator.core.status import Status

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from dcs_migration_operator.core.model import Observation, ProjectRef, Task
    from dcs_migration_operator.engine.batches import StopResult
    from dcs_migration_operator.engine.channel import Channel

N = TypeVar("N", "str", "ProjectRef")


@dataclass(slots=True, eq=False)
class Entry:
    """What is known about one resource.

    Attributes:
        version: The newest `resourceVersion` that the watch told of.
        written: The newest one that answered a write of ours. It says nothing of the wish: that
            may have changed just before the write.
        shown: What the resource says, or is about to say.
        writing: `shown` is handed to the status queue and not yet on the server.
        channel: Where its project leads; nothing while the project cannot be used.
        blocked: Why its project cannot be used.
        refused: Why DCS says nothing about this one task.
        pace: How soon it wants to be looked at.
        news_at: Monotonic seconds of the last change of the wish, or the end of a trouble.
        waiter: The order under way.
        timer: Wakes it when time alone changes the verdict.
    """

    task: Task
    version: int
    written: int = 0
    shown: Status = field(default_factory=Status)
    writing: bool = False
    channel: Channel | None = None
    blocked: Trouble | None = None
    refused: Trouble | None = None
    seen: Observation | None = None
    seen_at: float = float("-inf")
    confirmed: bool = False
    order: StopRequest = field(default_factory=StopRequest)
    pace: Pace = Pace.NONE
    news_at: float = float("-inf")
    waiter: asyncio.Future[StopResult] | None = None
    timer: asyncio.TimerHandle | None = None


class Table:
    """All entries, by uid, by the id of their task and by their project."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._by_key: dict[str, dict[str, Entry]] = {}
        self._by_project: dict[ProjectRef, dict[str, Entry]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def get(self, uid: str) -> Entry | None:
        """Return the entry of a resource."""
        return self._entries.get(uid)

    def version_of(self, uid: str) -> int | None:
        """Return the newest `resourceVersion` known of a resource."""
        entry = self._entries.get(uid)
        return entry.version if entry else None

    def is_echo(self, uid: str, generation: int, version: int) -> bool:
        """Tell whether an event says nothing but what we wrote, or are about to replace.

        If so, its version counts as told.
        """
        entry = self._entries.get(uid)
        if not entry or generation != entry.task.generation:
            return False
        echo = entry.writing or version <= max(entry.written, entry.version)
        if echo:
            entry.version = max(entry.version, version)
        return echo

    def of_task(self, channel: Channel, key: str) -> list[Entry]:
        """Return the entries that name this task on this channel."""
        return [e for e in self._by_key.get(key, {}).values() if e.channel is channel]

    def of_project(self, ref: ProjectRef) -> list[Entry]:
        """Return the entries that name this project."""
        return list(self._by_project.get(ref, {}).values())

    def of_channel(self, channel: Channel) -> list[Entry]:
        """Return the entries that a channel serves."""
        return [entry for entry in self._entries.values() if entry.channel is channel]

    def projects(self) -> list[ProjectRef]:
        """Return the projects that are named by at least one entry."""
        return list(self._by_project)

    def add(self, entry: Entry) -> None:
        """Add an entry whose uid is new."""
        uid = entry.task.ref.uid
        self._entries[uid] = entry
        self._by_key.setdefault(entry.task.key, {})[uid] = entry
        self._by_project.setdefault(entry.task.project, {})[uid] = entry

    def remove(self, entry: Entry) -> None:
        """Remove an entry."""
        uid = entry.task.ref.uid
        del self._entries[uid]
        _discard(self._by_key, entry.task.key, uid)
        _discard(self._by_project, entry.task.project, uid)


def _discard(index: dict[N, dict[str, Entry]], name: N, uid: str) -> None:
    group = index[name]
    del group[uid]
    if not group:
        del index[name]


def channel_and_trouble(
    where: Channel | Trouble | None,
) -> tuple[Channel | None, Trouble | None]:
    """Return where a project leads as the two fields of an entry."""
    return (None, where) if isinstance(where, Trouble) else (where, None)
