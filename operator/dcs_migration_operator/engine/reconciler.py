"""Turns news about one resource into the verdict's deeds: an order, a status, the next look.

News comes from three sides: the watch (`changed`, `gone`), DCS (`seen`, `unanswered`, `troubled`,
the answer of an order) and time. Whatever it was, the same thing follows: gather, decide, hand on.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core import orders
from dcs_migration_operator.core.cases import Case, Pace
from dcs_migration_operator.core.decide import OBSERVATION_AGE_S_MAX, Situation, decide
from dcs_migration_operator.core.describe import describe
from dcs_migration_operator.core.errors import DcsError, OutcomeUnknown
from dcs_migration_operator.core.model import (
    ErrorDetail,
    Outcome,
    StopRequest,
    Trouble,
    TroubleKind,
)
from dcs_migration_operator.core.phases import PhaseClass, class_of
from dcs_migration_operator.engine.batches import NOT_SENT
from dcs_migration_operator.engine.coalescer import Unanswered, Withdrawn
from dcs_migration_operator.engine.table import Entry, Table, channel_and_trouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcs_migration_operator.core.decide import Decision
    from dcs_migration_operator.core.model import Observation, ProjectRef, Task
    from dcs_migration_operator.core.status import Status
    from dcs_migration_operator.engine.batches import StopResult
    from dcs_migration_operator.engine.channel import Channel
    from dcs_migration_operator.engine.ports import Clock, Probe, StatusSink

QUIET_S: Final = 3.0
"""A state that passes by itself is written only if it lasts longer: this is what keeps a stop at
two writes, and still shows a first status within the promised 5 s."""

BACKLOG_S_MAX: Final = 30.0
"""While DCS answers, a task that waits behind many others stays quiet for so long."""

CLOCK_S: Final = 0.001
"""Timers may fire early by the clock's resolution; this makes sure that the moment has come."""

_PACES: Final = tuple(Pace)


class Reconciler:
    """Keeps the table and acts on it.

    Nothing is decided before `activate`: what is listed until then is decided together, so that
    n waiting tasks cost exactly one list and ceil(n / 50) orders.

    Args:
        resolve: Tells where a project leads, and keeps it usable from then on.
        admit: Tells where a task may go of where its project leads; `Permits.admit`.
        sink: Takes the statuses.
    """

    def __init__(
        self,
        *,
        resolve: Callable[[ProjectRef], Channel | Trouble | None],
        admit: Callable[[Task, Channel | Trouble | None], Channel | Trouble | None],
        sink: StatusSink,
        probe: Probe,
        clock: Clock,
    ) -> None:
        self.table = Table()
        self._resolve, self._admit, self._sink = resolve, admit, sink
        self._probe, self._clock = probe, clock
        self._active = self._retiring = False

    def activate(self) -> None:
        """Begin to act on everything that is known, from where the statuses say that it stands."""
        self._active = True
        for entry in self.table:
            now = self._clock()
            if entry.task.stopped and entry.shown.stop:
                entry.order = orders.recalled(entry.shown, now)  # another replica may have ordered
            entry.news_at = now.mono
            self._reconcile(entry)

    def retire(self) -> None:
        """Order nothing more; what is under way still ends in a status."""
        self._retiring = True

    def changed(self, task: Task, status: Status, version: int) -> None:
        """Take in what the watch says about a resource; echoes and old news change nothing."""
        entry = self.table.get(task.ref.uid)
        old = entry is not None and version <= entry.version
        if old or self.table.is_echo(task.ref.uid, task.generation, version):
            return
        now = self._clock()
        if entry and (entry.task.key, entry.task.project) != (task.key, task.project):
            self.gone(task.ref.uid)  # the schema forbids it; a CRD may have been replaced
            entry = None
        if entry is None:
            entry = Entry(task, version, shown=status, news_at=now.mono)
            entry.order = orders.recalled(status, now) if task.stopped else StopRequest()
            self.table.add(entry)
            where = self._admit(task, self._resolve(task.project))
            entry.channel, entry.blocked = channel_and_trouble(where)
        else:
            if task.generation != entry.task.generation:
                entry.news_at = now.mono
            if task.stopped and not entry.task.stopped:
                entry.order = StopRequest(requested=now.wall)
            entry.task, entry.version = task, version
            if not entry.writing and version > entry.written:
                entry.shown = status
        self._reconcile(entry)

    def gone(self, uid: str) -> None:
        """Forget a resource; nothing is ordered for it any more."""
        entry = self.table.get(uid)
        if entry:
            self._let_go(entry)
            self.table.remove(entry)
            self._watch(entry.channel, entry)

    def written(self, uid: str, version: int, status: Status) -> bool:
        """Take in that a status is on the server; returns whether it is one of ours."""
        entry = self.table.get(uid)
        if entry:
            entry.written = max(entry.written, version)
            entry.writing = entry.writing and entry.shown is not status
            if entry.version > version and not entry.writing:
                # Somebody may have replaced it; to write it again costs nothing if nobody has.
                entry.writing = True
                self._sink.want(entry.task.ref, entry.shown)
        return entry is not None

    def bind(self, ref: ProjectRef, where: Channel | Trouble | None) -> None:
        """Take in where a project leads now, or why it leads nowhere; nothing means not known."""
        for entry in self.table.of_project(ref):
            channel, blocked = channel_and_trouble(self._admit(entry.task, where))
            if entry.channel is channel and entry.blocked == blocked:
                continue
            if entry.channel is not channel:
                before, entry.channel = entry.channel, channel
                self._give_up_order(entry)
                self._watch(before, entry)
                entry.pace, entry.refused = Pace.NONE, None
            if entry.blocked and not blocked:
                entry.news_at = self._clock().mono
            entry.blocked = blocked
            self._reconcile(entry)

    def seen(
        self, channel: Channel, key: str, seen: Observation, asked_at: float, *, confirmed: bool
    ) -> None:
        """Take in what DCS said about a task; an answer to an older question is dropped."""
        for entry in self.table.of_task(channel, key):
            if asked_at <= entry.seen_at:
                continue
            news = entry.seen is None or entry.seen.word != seen.word or entry.refused is not None
            asked = entry.pace in {Pace.NOW, Pace.CONFIRM}
            entry.seen, entry.seen_at, entry.confirmed = seen, asked_at, confirmed
            entry.refused = None
            if news or asked:
                self._reconcile(entry)

    def unanswered(self, channel: Channel, key: str, detail: ErrorDetail) -> None:
        """Take in that DCS refuses to say anything about one task."""
        for entry in self.table.of_task(channel, key):
            since = entry.refused.since if entry.refused else self._clock().mono
            message = "DCS refuses to show this task; it is asked again by itself."
            entry.refused = Trouble(TroubleKind.UNAVAILABLE, since, message, detail)
            self._reconcile(entry)

    def troubled(self, channel: Channel) -> None:
        """Take in that a trouble of a channel began or ended."""
        for entry in self.table.of_channel(channel):
            if self._trouble(entry) is None:
                entry.news_at = self._clock().mono
            self._reconcile(entry)

    def wished(self, channel: Channel, key: str) -> bool:
        """Tell whether a stop may leave now: still wished for and allowed, and seen lately."""
        oldest = self._clock().mono - OBSERVATION_AGE_S_MAX
        return self._active and any(
            entry.task.stopped
            and entry.seen_at >= oldest
            and self._admit(entry.task, channel) is channel
            for entry in self.table.of_task(channel, key)
        )

    def _reconcile(self, entry: Entry) -> None:
        """Gather, decide, hand on."""
        if entry.timer:
            entry.timer.cancel()
            entry.timer = None
        if not self._active:
            return
        now = self._clock()
        self._borrow_sighting(entry, now.mono)
        situation = self._gather(entry, now.mono)
        verdict = decide(situation, now)
        if verdict.speak:
            self._show(entry, describe(situation, verdict, now), verdict)
        self._look(entry, verdict)
        due = verdict.order and not entry.waiter and not self._retiring
        if due and entry.channel and entry.seen:
            self._order(entry, entry.channel, entry.seen.task_id)
        if verdict.wake_at is not None:
            loop = asyncio.get_running_loop()
            entry.timer = loop.call_at(verdict.wake_at + CLOCK_S, self._reconcile, entry)

    def _gather(self, entry: Entry, now: float) -> Situation:
        order = replace(entry.order, outcome=Outcome.WAITING) if entry.waiter else entry.order
        moving = entry.channel is not None and entry.channel.progress_at >= now - QUIET_S
        longest = min(now + QUIET_S, entry.news_at + BACKLOG_S_MAX) if moving else 0.0
        return Situation(
            task=entry.task,
            shown=entry.shown,
            seen=entry.seen,
            seen_at=entry.seen_at,
            confirmed=entry.confirmed,
            order=order,
            trouble=self._trouble(entry),
            quiet_until=max(entry.news_at + QUIET_S, longest),
        )

    def _trouble(self, entry: Entry) -> Trouble | None:
        """The nearest trouble: of the project, of the task itself, of the calls it needs."""
        nearest = entry.blocked or entry.refused
        if nearest or entry.channel is None:
            return nearest
        runs = entry.seen is None or class_of(entry.seen.word) is PhaseClass.ACTIVE
        ordering = entry.task.stopped and runs and entry.order.outcome is not Outcome.ACCEPTED
        return entry.channel.trouble(ordering=ordering, showing=entry.seen is None)

    def _borrow_sighting(self, entry: Entry, now: float) -> None:
        """Use a fresh list of the channel for a task that was not there when it was asked for."""
        if entry.channel and entry.seen_at < now - OBSERVATION_AGE_S_MAX:
            recent = entry.channel.recent(entry.task.key)
            if recent and recent[1] > entry.seen_at:
                (entry.seen, entry.seen_at), entry.confirmed = recent, False

    def _show(self, entry: Entry, status: Status, verdict: Decision) -> None:
        if status == entry.shown:
            return
        if verdict.case is Case.TERMINATED and entry.order.requested and entry.order.attempts:
            wished = entry.order.requested
            self._probe.stopped((self._clock().wall - wished).total_seconds())
        entry.shown, entry.writing = status, True
        self._sink.want(entry.task.ref, status)

    def _look(self, entry: Entry, verdict: Decision) -> None:
        pace = verdict.pace
        if entry.refused:
            pace = Pace.OBSERVING
        if pace is not entry.pace:
            entry.pace = pace
            self._watch(entry.channel, entry)

    def _watch(self, channel: Channel | None, entry: Entry) -> None:
        """Let the channel look at a task as soon as the most urgent of its resources wants."""
        if channel is None:
            return
        entries = self.table.of_task(channel, entry.task.key)
        pace = max((e.pace for e in entries), key=_PACES.index, default=Pace.NONE)
        channel.watch(entry.task.key, entry.task.task_id, pace)

    def _order(self, entry: Entry, channel: Channel, task_id: str) -> None:
        entry.waiter = channel.stop(task_id)
        entry.waiter.add_done_callback(lambda waiter: self._answered(entry, waiter))

    def _answered(self, entry: Entry, waiter: asyncio.Future[StopResult]) -> None:
        if entry.waiter is not waiter:
            return  # given up meanwhile
        entry.waiter = None
        now = self._clock()
        try:
            result = waiter.result()
        except (Withdrawn, asyncio.CancelledError):
            result = NOT_SENT
        except Unanswered:
            result = OutcomeUnknown(ErrorDetail("unknown", "the order may have been sent"))
        if isinstance(result, OutcomeUnknown):
            entry.order = orders.unknown(entry.order, result.detail.request_id, now)
        elif not isinstance(result, DcsError):
            entry.order = orders.answered(entry.order, result, now)
        self._reconcile(entry)

    def _give_up_order(self, entry: Entry) -> None:
        waiter, entry.waiter = entry.waiter, None
        if waiter:
            waiter.cancel()
            # It may be on its way already: look before it is ordered again.
            entry.order = replace(entry.order, answered_at=self._clock().mono)

    def _let_go(self, entry: Entry) -> None:
        """Give up everything that is under way for an entry."""
        self._give_up_order(entry)
        self._sink.drop(entry.task.ref)
        entry.writing = False
        if entry.timer:
            entry.timer.cancel()
            entry.timer = None
