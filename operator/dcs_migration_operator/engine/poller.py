"""Polls DCS for the tasks of one channel.

Every task has a pace, and the tasks of one pace are due together. When any are due, one list serves
all, or one show call for each task where that costs less. A task that a complete list does not
mention is reported at once, and polled by a show call. A task whose show call fails is retried with
growing pauses of its own, while lists and the other tasks continue.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol

from dcs_migration_operator.core.backoff import Backoff
from dcs_migration_operator.core.cases import Pace
from dcs_migration_operator.core.cloud import LIST_ROWS_MAX, PERMISSIONS, Operation, Page
from dcs_migration_operator.core.decide import OBSERVATION_AGE_S_MAX
from dcs_migration_operator.core.errors import (
    TIMEOUT,
    AuthFailed,
    DcsError,
    NotFound,
    PermissionDenied,
    Throttled,
)
from dcs_migration_operator.core.model import Observation, Trouble, TroubleKind, task_key
from dcs_migration_operator.core.phases import DELETED
from dcs_migration_operator.engine.room import YOUNG_S, room_at
from dcs_migration_operator.engine.workqueue import WorkQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dcs_migration_operator.engine.facts import ChannelFacts
    from dcs_migration_operator.engine.key_ledger import KeyLedger
    from dcs_migration_operator.settings import ChannelSettings

PAGES_MAX: Final = 200
"""Most pages of one list: 200,000 tasks in one project, far above any quota."""

PEEK_TASKS_MIN: Final = 2
"""Number of missing tasks from which one more page is requested: a single one can be polled by a
show call at the same cost."""

SLACK_S: Final = 0.01
"""Polls that are due this soon are due now: timers may fire early by the clock's resolution."""

GROWTH: Final = 1.3
"""Factor by which each poll interval of a task being stopped is longer than the one before."""

RATE_SHARE: Final = 0.25
"""Share of the key's rate that polling may take; the rest is for stops and for other projects."""

OBSERVE_JITTER: Final = 0.1
"""Rare polls are spread by this share in both directions, so that channels do not poll in step."""

UNREADABLE: Final = Backoff(5.0, 600.0)
"""Pause before the show call of a task is retried after a failure."""

SUSPECT_SHOWS_SHARE: Final = 0.5
"""Largest share of the concurrent shows for tasks whose show call has failed before, so that there
is always room for others."""

_LISTED: Final = tuple(pace for pace in Pace if pace not in {Pace.NEVER, Pace.CONFIRM})
"""The paces that a list serves."""

_UNMISSED: Final = frozenset({Pace.SETTLED, Pace.RARELY})
"""The paces of tasks that may be missing from a list: a task that DCS forgot does not run."""


class Polls(Protocol):
    """The calls of a poller; each returns the monotonic time of its request before the answer."""

    async def list_page(self, offset: int) -> tuple[float, Page]:
        """Return one page of the list."""

    async def show(self, task_id: str) -> tuple[float, Observation]:
        """Return what DCS says about one task."""

    def is_waiting(self, operation: Operation) -> bool:
        """Tell whether such a call waits for its turn at the moment."""

    def left_at(self, operation: Operation) -> float:
        """Return the monotonic time in seconds at which such a call was last admitted."""


@dataclass(slots=True)
class _Unreadable:
    """The number of failed shows of a task in a row, and since when (monotonic seconds)."""

    since: float
    failures: int = 0


class Poller:
    """Polls the tasks of one channel.

    Args:
        dcs: Makes the calls.
        facts: Receives the observations.
        ledger: The ledger of the access key, whose rate the pollers of all its channels share.
        draw: Returns a random number in [0, 1), for the jitter.
        settled_due_at: Monotonic time in seconds at which settled tasks are first due, taken from
            the channel that this one replaces; None if there was none.
    """

    def __init__(
        self,
        dcs: Polls,
        facts: ChannelFacts,
        *,
        ledger: KeyLedger,
        settings: ChannelSettings,
        draw: Callable[[], float],
        settled_due_at: float | None = None,
    ) -> None:
        self._dcs, self._facts, self._ledger = dcs, facts, ledger
        self._settings, self._draw = settings, draw
        self._groups: dict[Pace, dict[str, str]] = {p: {} for p in Pace if p is not Pace.NEVER}
        self._pace: dict[str, Pace] = {}
        self._due_at: dict[Pace, float] = {}
        self._interval_s = settings.poll_min_s
        self._listed_at = float("-inf")
        self._pages = 1
        self._full_rows = LIST_ROWS_MAX
        self._often = self._closed = False
        self._changed = asyncio.Event()
        self._bell = asyncio.Event()
        self._singles: WorkQueue[str] = WorkQueue(self._bell.set)
        self._asking: set[str] = set()
        self._showing: dict[str, float] = {}
        self._absent: set[str] = set()
        self._unreadable: dict[str, _Unreadable] = {}
        self._snapshot: dict[str, Observation] = {}
        self._forgetting: asyncio.TimerHandle | None = None
        self._idle, self._beat_at = True, 0.0
        self._settled_due_at = settled_due_at
        self.snapshot_at = float("-inf")
        """Monotonic time in seconds at which the last complete list was requested."""

    @property
    def polls(self) -> bool:
        """Whether any task is polled regularly."""
        return any(group for pace, group in self._groups.items() if pace > Pace.SETTLED)

    @property
    def settled_due_at(self) -> float | None:
        """Monotonic time in seconds at which the settled tasks are due; None if there are none."""
        due_at = self._due_at.get(Pace.SETTLED) if self._groups[Pace.SETTLED] else None
        return self._settled_due_at if due_at is None else due_at

    def watch(self, key: str, task_id: str, pace: Pace) -> None:
        """Poll this task at this pace from now on; `Pace.NEVER` forgets it."""
        before = self._pace.get(key, Pace.NEVER)
        if before is pace:
            return
        if before is not Pace.NEVER:
            del self._groups[before][key]
            del self._pace[key]
        if pace is Pace.NEVER or before is Pace.CONFIRM:
            self._forget_single(key)
        if pace is not Pace.NEVER:
            self._enter(key, task_id, pace)
        self._note_often()

    def recent(self, key: str) -> tuple[Observation, float] | None:
        """Return what the last complete list said about a task and when, if it is still fresh."""
        observed = self._snapshot.get(key)
        return (observed, self.snapshot_at) if observed else None

    def hurry(self) -> None:
        """Poll soon, since a stop was accepted, and restart the growth of the interval."""
        self._interval_s = self._settings.poll_min_s
        if self._groups[Pace.STOPPING]:
            due_at = self._now() + self._interval_s
            self._due_at[Pace.STOPPING] = min(self._due_at[Pace.STOPPING], due_at)
            self._changed.set()

    async def run(self) -> None:
        """Poll whenever a task is due, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._list_again_and_again())
            group.create_task(self._show_again_and_again(group))

    def stuck_s(self) -> float:
        """Return the seconds without progress; 0 while no poll is due or a call waits its turn."""
        if self._idle or self._dcs.is_waiting(Operation.LIST):
            return 0.0
        return self._now() - max(self._beat_at, self._dcs.left_at(Operation.LIST))

    def close(self) -> None:
        """Release the share of the key's rate for good, even if late answers change a pace."""
        if self._forgetting:
            self._forgetting.cancel()
        self._closed = True
        self._note_often()

    def _enter(self, key: str, task_id: str, pace: Pace) -> None:
        group = self._groups[pace]
        if pace is Pace.CONFIRM:
            self._ask_single(key)
        elif not group:
            self._due_at[pace] = self._now() + self._wait_s(pace)
            if pace is Pace.SETTLED and self._settled_due_at is not None:
                self._due_at[pace] = min(self._due_at[pace], max(self._settled_due_at, self._now()))
                self._settled_due_at = None
            self._changed.set()
        group[key] = task_id
        self._pace[key] = pace

    def _note_often(self) -> None:
        often = bool(self._groups[Pace.STOPPING]) and not self._closed
        self._ledger.pollers += int(often) - int(self._often)
        self._often = often

    async def _list_again_and_again(self) -> None:
        while True:
            self._idle = True
            await self._until_due()
            self._idle = False
            self._beat()
            try:
                await self._poll()
            except DcsError:
                continue  # the breaker has recorded the error; its pause delays the next attempt
            finally:
                self._listed_at = self._now()

    async def _until_due(self) -> None:
        while True:
            self._changed.clear()
            dues = [self._due_at[pace] for pace in _LISTED if self._groups[pace]]
            due_at = max(min(dues), self._earliest_list_at()) if dues else None
            try:
                async with asyncio.timeout_at(due_at):
                    await self._changed.wait()
            except TimeoutError:
                return

    def _earliest_list_at(self) -> float:
        """Return when the next list may be requested within the share of the rate."""
        pages_per_s = RATE_SHARE * self._ledger.rate_per_s(self._now())
        return self._listed_at + self._pages * max(self._ledger.pollers, 1) / pages_per_s

    async def _poll(self) -> None:
        """Poll the tasks that are due."""
        now = self._now() + SLACK_S
        paces: set[Pace] = {p for p in _LISTED if self._groups[p] and self._due_at[p] <= now}
        due = [key for key in self._keys(paces) if key not in self._asking]
        if len(due) >= self._pages or any(map(self._only_listed, self._keys(paces))):
            await self._list()
            paces |= {pace for pace in (Pace.OBSERVING, Pace.SETTLED) if self._groups[pace]}
        else:
            for key in due:
                self._ask_single(key)
        self._rearm(paces)
        if not due and Pace.NOW in paces:  # show calls for all of them are in progress
            self._due_at[Pace.NOW] = self._now() + self._settings.poll_min_s

    def _keys(self, paces: set[Pace]) -> Iterator[str]:
        return (key for pace in paces for key in self._groups[pace])

    def _only_listed(self, key: str) -> bool:
        """Tell whether a task can be listed, but not be shown."""
        return key in self._unreadable and key not in self._absent

    async def _list(self) -> None:
        """Request all pages; report the tasks on them, and those missing from a complete list."""
        found: dict[str, Observation] = {}
        first_asked_at, offset, pages = float("-inf"), 0, 0
        page, complete = Page(0, ()), False
        while pages < PAGES_MAX and not complete:
            asked_at, page = await self._dcs.list_page(offset)
            self._beat()
            pages += 1
            first_asked_at = asked_at if pages == 1 else first_asked_at
            fresh = {task_key(one.task_id): one for one in page.tasks}
            known_before = len(found)
            found.update(fresh)
            for key, observed in fresh.items():
                if key in self._pace:
                    self._facts.observe(key, observed, asked_at, confirmed=False)
            if pages > 1 and page.rows > 0:
                self._full_rows = max(offset // (pages - 1), 1)
            self._full_rows = max(self._full_rows, page.rows)
            offset += page.rows
            repeated = bool(page.tasks) and len(found) == known_before
            complete = page.rows == 0 or repeated or self._ends_with(page.rows, found)
        peeked = page.rows == 0 and offset % self._full_rows != 0
        self._pages = max(pages - int(peeked), 1)
        absent = [key for key in self._pace if key not in found]
        if complete:
            self._absent = set(absent)
            self._remember(found, first_asked_at)
        for key in absent:
            self._miss(key, first_asked_at, complete=complete)

    def _ends_with(self, rows: int, found: dict[str, Observation]) -> bool:
        """Tell whether a page with this number of rows is the last one.

        A short page is the last one, unless DCS returns fewer rows than requested. If some expected
        tasks are missing, one more page is requested to find that out.
        """
        if rows >= self._full_rows:
            return False
        expected = (key for key, pace in self._pace.items() if pace not in _UNMISSED)
        missed = (key for key in expected if key not in found and key not in self._asking)
        return len(list(islice(missed, PEEK_TASKS_MIN))) < PEEK_TASKS_MIN

    def _miss(self, key: str, asked_at: float, *, complete: bool) -> None:
        """Handle a task that a list did not mention."""
        pace = self._pace[key]
        if pace is Pace.SETTLED:
            return
        if pace is Pace.RARELY:
            if complete:
                gone = Observation(DELETED, self._groups[pace][key])
                self._facts.observe(key, gone, asked_at, confirmed=False)
            return
        if complete:
            self._facts.miss(key, asked_at)
        self._ask_single(key)

    def _remember(self, found: dict[str, Observation], asked_at: float) -> None:
        """Keep a complete list while it is fresh, for tasks that are added soon."""
        self._snapshot, self.snapshot_at = found, asked_at
        if self._forgetting:
            self._forgetting.cancel()
        loop = asyncio.get_running_loop()
        self._forgetting = loop.call_at(asked_at + OBSERVATION_AGE_S_MAX, self._snapshot.clear)

    def _ask_single(self, key: str) -> None:
        """Schedule a show call for a task, unless one is scheduled already."""
        if key not in self._asking:
            self._asking.add(key)
            self._singles.add(key)

    def _forget_single(self, key: str) -> None:
        self._singles.discard(key)
        self._asking.discard(key)
        self._unreadable.pop(key, None)

    async def _show_again_and_again(self, group: asyncio.TaskGroup) -> None:
        """Make one show call after the other, whenever one is due and there is room for it."""
        while True:
            self._bell.clear()
            now = self._now()
            soon = now + SLACK_S
            free_at = room_at(self._showing.values(), soon, self._settings.shows_parallel_max)
            key = self._singles.take(soon) if free_at <= soon else None
            if key is not None:
                self._begin_show(key, group, now)
                continue
            next_at = self._singles.next_at()
            waits = next_at is not None and free_at < float("inf")
            try:
                async with asyncio.timeout_at(max(next_at or 0.0, free_at) if waits else None):
                    await self._bell.wait()
            except TimeoutError:
                continue

    def _begin_show(self, key: str, group: asyncio.TaskGroup, now: float) -> None:
        """Start a show call, unless one for this task or too many of its kind are in progress."""
        if key in self._showing:  # a new request may need an answer to a later call
            self._singles.add_at(key, now + YOUNG_S)
            return
        if key in self._unreadable:
            suspects = sum(one in self._unreadable for one in self._showing)
            if suspects >= SUSPECT_SHOWS_SHARE * self._settings.shows_parallel_max:
                self._singles.add_at(key, now + YOUNG_S)
                return
        self._showing[key] = now
        group.create_task(self._show(key))

    async def _show(self, key: str) -> None:
        """Make the show call for one task; schedule a retry if it fails."""
        try:
            if key in self._pace:
                await self._ask(key, self._groups[self._pace[key]][key])
            else:
                self._forget_single(key)
        finally:
            del self._showing[key]
            self._bell.set()

    async def _ask(self, key: str, task_id: str) -> None:
        try:
            asked_at, observed = await self._dcs.show(task_id)
        except NotFound as error:
            asked_at = self._now() if error.asked_at is None else error.asked_at
            observed = Observation(DELETED, task_id)
        except DcsError as error:
            self._fail(key, error)
            return
        self._forget_single(key)
        pace = self._pace.get(key)
        if pace is None:
            return
        if pace is Pace.CONFIRM:  # repeat until the task's pace shows that the answer was enough
            self._asking.add(key)
            self._singles.add_at(key, self._now() + self._settings.poll_min_s)
        self._facts.observe(key, observed, asked_at, confirmed=True)

    def _fail(self, key: str, error: DcsError) -> None:
        """Schedule a retry; an answered error concerns this task, a missing answer all tasks."""
        if key not in self._pace:
            self._forget_single(key)
            return
        of_key = isinstance(error, (AuthFailed, Throttled))
        if of_key or not (error.answered or error.detail.code == TIMEOUT):
            self._singles.add(key)  # the task waits with all others until the pause is over
            return
        unreadable = self._unreadable.setdefault(key, _Unreadable(self._now()))
        unreadable.failures += 1
        self._singles.add_at(key, self._now() + UNREADABLE.seconds(unreadable.failures))
        kind, message = TroubleKind.UNAVAILABLE, _UNREADABLE_TEXT
        if isinstance(error, PermissionDenied):
            kind = TroubleKind.PERMISSION
            message = _FORBIDDEN_TEXT.format(permission=PERMISSIONS[Operation.SHOW])
        self._facts.refuse(key, Trouble(kind, unreadable.since, message, error.detail))

    def _rearm(self, paces: set[Pace]) -> None:
        """Set the next due times of the paces that were just polled."""
        if Pace.STOPPING in paces:
            self._interval_s = min(self._interval_s * GROWTH, self._settings.poll_max_s)
        if not self._groups[Pace.STOPPING]:
            self._interval_s = self._settings.poll_min_s
        for pace in paces:
            self._due_at[pace] = self._now() + self._wait_s(pace)

    def _wait_s(self, pace: Pace) -> float:
        settings = self._settings
        match pace:
            case Pace.STOPPING:
                return self._interval_s
            case Pace.OBSERVING:
                return self._jittered(settings.poll_observe_s)
            case Pace.RARELY:
                return self._jittered(settings.poll_rarely_s)
            case Pace.SETTLED:
                return self._jittered(settings.poll_settled_s or float("inf"))
            case _:
                return settings.poll_gather_s

    def _jittered(self, seconds: float) -> float:
        return seconds * (1.0 + OBSERVE_JITTER * (2.0 * self._draw() - 1.0))

    def _beat(self) -> None:
        self._beat_at = self._now()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


_UNREADABLE_TEXT: Final = "DCS refuses to show this task; it is asked again by itself."
_FORBIDDEN_TEXT: Final = (
    "The access key may not look at this task. Grant it the action {permission} in IAM."
)
