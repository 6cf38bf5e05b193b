"""When and how DCS is asked about the tasks of one channel.

Every watched task has a pace. The tasks of one pace are due together; when anything is due, one
list serves all, or one call per task where that costs less. What a list does not mention is asked
for by itself before it is called gone. Sightings are reported page by page as they arrive.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from dcs_migration_operator.core.cases import Pace
from dcs_migration_operator.core.cloud import LIST_ROWS_MAX
from dcs_migration_operator.core.decide import OBSERVATION_AGE_S_MAX
from dcs_migration_operator.core.errors import DcsError, NotFound, Refused
from dcs_migration_operator.core.model import Observation, task_key
from dcs_migration_operator.core.phases import DELETED

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from dcs_migration_operator.core.cloud import Page
    from dcs_migration_operator.core.model import ErrorDetail
    from dcs_migration_operator.settings import ChannelSettings

PAGES_MAX: Final = 200
"""Bound on one list: 200,000 tasks in one project, far above any quota."""

CONFIRM_MAX: Final = 20
"""Single questions per round, so that a thousand unknown ids do not keep the others waiting."""

SLACK_S: Final = 0.01
"""What is due this soon is due now: timers may fire early by the clock's resolution."""

GROWTH: Final = 1.5
"""Each look at a task being stopped waits this much longer than the one before."""

OBSERVE_JITTER: Final = 0.1
"""Observing is spread by this share in both directions, so that channels do not fall into step."""


class Reporter(Protocol):
    """Hears what DCS said."""

    def seen(self, key: str, seen: Observation, asked_at: float, *, confirmed: bool) -> None:
        """DCS said this about one task; `confirmed` if it was asked about this task alone."""

    def unanswered(self, key: str, detail: ErrorDetail) -> None:
        """DCS refuses to say anything about this one task."""


class Looking:
    """Keeps the looks of one channel.

    Args:
        list_page: Asks for one page; returns the time of asking and the page.
        show: Asks for one task; returns the time of asking and the sighting.
        report: Hears every sighting.
        draw: Returns a number in [0, 1), for the jitter.
    """

    def __init__(
        self,
        *,
        list_page: Callable[[int], Awaitable[tuple[float, Page]]],
        show: Callable[[str], Awaitable[tuple[float, Observation]]],
        report: Reporter,
        settings: ChannelSettings,
        draw: Callable[[], float],
    ) -> None:
        self._list_page, self._show, self._report = list_page, show, report
        self._settings, self._draw = settings, draw
        self._groups: dict[Pace, dict[str, str]] = {
            pace: {} for pace in Pace if pace is not Pace.NONE
        }
        self._pace: dict[str, Pace] = {}
        self._due_at: dict[Pace, float] = {}
        self._missing: dict[str, None] = {}
        self._interval_s = settings.poll_min_s
        self._changed = asyncio.Event()
        self._waiting, self._beat_at = True, 0.0
        self._pages = 1
        self._snapshot: dict[str, Observation] = {}
        self._forgetting: asyncio.TimerHandle | None = None
        self.snapshot_at = float("-inf")
        """Monotonic seconds at which the last complete list was asked for."""

    def watch(self, key: str, task_id: str, pace: Pace) -> None:
        """Look at this task at this pace from now on; `Pace.NONE` forgets it."""
        before = self._pace.get(key, Pace.NONE)
        if before is pace:
            return
        if before is not Pace.NONE:
            del self._groups[before][key]
            del self._pace[key]
        if pace is Pace.NONE:
            self._missing.pop(key, None)
            return
        group = self._groups[pace]
        if not group:
            self._due_at[pace] = self._now() + self._wait_s(pace)
            self._changed.set()
        group[key] = task_id
        self._pace[key] = pace

    def hurry(self) -> None:
        """A stop was accepted: look soon, and grow the interval from its start again."""
        self._interval_s = self._settings.poll_min_s
        if self._groups[Pace.STOPPING]:
            due_at = self._now() + self._interval_s
            self._due_at[Pace.STOPPING] = min(self._due_at[Pace.STOPPING], due_at)
            self._changed.set()

    @property
    def watches(self) -> bool:
        """Whether there is anything to look at."""
        return bool(self._pace)

    def recent(self, key: str) -> tuple[Observation, float] | None:
        """Return what the last complete list said about a task, if that list is still fresh."""
        seen = self._snapshot.get(key)
        return (seen, self.snapshot_at) if seen else None

    def beat(self) -> None:
        """Take note that the looking goes on; also called while a call waits for its turn."""
        self._beat_at = self._now()

    def stuck_s(self) -> float:
        """Return the seconds without progress, 0 while nothing is due."""
        return 0.0 if self._waiting else self._now() - self._beat_at

    async def run(self) -> None:
        """Look whenever something is due, until cancelled."""
        while True:
            self._waiting = True
            await self._until_due()
            self._waiting = False
            self.beat()
            try:
                await self._look()
            except DcsError:
                continue  # the channel took note of it, and its gate spaces the next try

    async def _until_due(self) -> None:
        while True:
            self._changed.clear()
            due_at = min(
                (self._due_at[pace] for pace, group in self._groups.items() if group),
                default=None,
            )
            if self._missing:
                return
            try:
                async with asyncio.timeout_at(due_at):
                    await self._changed.wait()
            except TimeoutError:
                return

    async def _look(self) -> None:
        now = self._now() + SLACK_S
        paces = {p for p, group in self._groups.items() if group and self._due_at[p] <= now}
        confirm = self._groups[Pace.CONFIRM] if Pace.CONFIRM in paces else {}
        due = {
            key: task_id
            for pace in paces - {Pace.CONFIRM}
            for key, task_id in self._groups[pace].items()
            if key not in self._missing
        }
        if due and len(due) < self._pages:
            await self._show_each(due)
        elif due:
            await self._list(rarely=Pace.RARELY in paces)
        self._rearm(paces, listed=bool(due) and len(due) >= self._pages)
        single = [*confirm, *self._missing][:CONFIRM_MAX]
        await self._show_each({key: self._groups[self._pace[key]][key] for key in single})

    async def _list(self, *, rarely: bool) -> None:
        """Ask for all pages; report what they say, and take note of what they do not mention."""
        found: dict[str, Observation] = {}
        first_asked_at, offset = float("-inf"), 0
        for number in range(PAGES_MAX):
            asked_at, page = await self._list_page(offset)
            first_asked_at = asked_at if number == 0 else first_asked_at
            fresh = {task_key(seen.task_id): seen for seen in page.tasks}
            known_before = len(found)
            found.update(fresh)
            for key, seen in fresh.items():
                if key in self._pace:
                    self._report.seen(key, seen, asked_at, confirmed=False)
            offset += page.rows
            last = page.rows < LIST_ROWS_MAX or (page.tasks and len(found) == known_before)
            if last:
                break
        else:
            return  # it does not end, so it is not complete; nothing follows from what it lacks
        self._pages = number + 1
        self._remember(found, first_asked_at)
        for key, pace in self._pace.items():
            if key not in found and pace not in {Pace.RARELY, Pace.CONFIRM}:
                self._missing[key] = None
        if rarely:
            self._report_still_gone(found, first_asked_at)

    def _remember(self, found: dict[str, Observation], asked_at: float) -> None:
        """Keep a complete list as long as it is fresh, for the tasks that come next."""
        self._snapshot, self.snapshot_at = found, asked_at
        if self._forgetting:
            self._forgetting.cancel()
        loop = asyncio.get_running_loop()
        self._forgetting = loop.call_at(asked_at + OBSERVATION_AGE_S_MAX, self._snapshot.clear)

    def _report_still_gone(self, found: Iterable[str], asked_at: float) -> None:
        known = set(found)
        for key, task_id in list(self._groups[Pace.RARELY].items()):
            if key not in known:
                self._report.seen(key, Observation(DELETED, task_id), asked_at, confirmed=False)

    async def _show_each(self, tasks: dict[str, str]) -> None:
        """Ask for each task by itself, a few at a time."""
        todo = iter(list(tasks.items()))

        async def worker() -> None:
            for key, task_id in todo:
                await self._show_one(key, task_id)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._settings.shows_parallel_max, len(tasks))):
                group.create_task(_quietly(worker()))

    async def _show_one(self, key: str, task_id: str) -> None:
        asked_at = self._now()
        try:
            asked_at, seen = await self._show(task_id)
        except NotFound:
            seen = Observation(DELETED, task_id)
        except Refused as error:
            self._missing.pop(key, None)
            self._report.unanswered(key, error.detail)
            return
        self._missing.pop(key, None)
        if key in self._pace:
            self._report.seen(key, seen, asked_at, confirmed=True)

    def _rearm(self, paces: set[Pace], *, listed: bool) -> None:
        """Set the next due times of the paces that were just served."""
        if Pace.STOPPING in paces:
            self._interval_s = min(self._interval_s * GROWTH, self._settings.poll_max_s)
            self._due_at[Pace.STOPPING] = self._now() + self._interval_s
        if not self._groups[Pace.STOPPING]:
            self._interval_s = self._settings.poll_min_s
        for pace in paces - {Pace.STOPPING} | ({Pace.OBSERVING} if listed else set()):
            self._due_at[pace] = self._now() + self._wait_s(pace)

    def _wait_s(self, pace: Pace) -> float:
        match pace:
            case Pace.STOPPING:
                return self._interval_s
            case Pace.OBSERVING:
                jitter = 1.0 + OBSERVE_JITTER * (2.0 * self._draw() - 1.0)
                return self._settings.poll_observe_s * jitter
            case Pace.RARELY:
                return self._settings.poll_rarely_s
            case _:
                return self._settings.poll_gather_s

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


async def _quietly(work: Awaitable[None]) -> None:
    """Let one worker end at a trouble of the whole channel; the tasks stay due."""
    try:
        await work
    except DcsError:
        return
