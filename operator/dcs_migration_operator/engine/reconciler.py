"""Reconciles task resources: compares the wish of one resource with the facts and acts on it.

The steps are the same whatever has changed: route, gather, decide and describe, and then set the
status, the stop request and the pace. No step waits, and none calls back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core import requests
from dcs_migration_operator.core.cases import Case
from dcs_migration_operator.core.decide import OBSERVATION_AGE_S_MAX, Situation, decide
from dcs_migration_operator.core.describe import describe
from dcs_migration_operator.core.model import NO_TROUBLES, Outcome, StopRequest
from dcs_migration_operator.engine.cutovers import Cutovers

if TYPE_CHECKING:
    from dcs_migration_operator.core.decide import Decision
    from dcs_migration_operator.core.model import Instant
    from dcs_migration_operator.engine.ports import Clock, EventRecorder, Probe, StatusSink
    from dcs_migration_operator.engine.store import Entry, Route, Store

STARTED_AGAIN: Final = "StartedAgain"

_NO_REQUEST: Final = StopRequest()


class Reconciler:
    """Reconciles task resources.

    Args:
        store: Holds all facts.
        sink: Receives the statuses.
        recorder: Receives events, for what a status cannot say.
    """

    def __init__(
        self,
        store: Store,
        *,
        sink: StatusSink,
        recorder: EventRecorder,
        probe: Probe,
        clock: Clock,
    ) -> None:
        self._store, self._sink, self._recorder = store, sink, recorder
        self._probe, self._clock = probe, clock
        self._cutovers = Cutovers(store, recorder, probe)
        self._retiring = False

    def retire(self) -> None:
        """Request no more stops; requests in progress are still reported in a status."""
        self._retiring = True

    def reconcile(self, uid: str) -> float | None:
        """Reconcile one resource.

        Returns:
            The next monotonic time in seconds at which to reconcile even without an event, or None.
        """
        entry = self._store.get(uid)
        if entry is None:
            return None
        now = self._clock()
        self._follow(entry, self._store.route_of(entry.task), now)
        self._borrow_observation(entry, now)
        self._cutovers.open(entry, now)
        situation = self._gather(entry)
        decision = decide(situation, now)
        if decision.case is Case.STARTED_AGAIN:
            self._begin_again(entry, situation, now)
            situation = self._gather(entry)
            decision = decide(situation, now)
        if entry.troubled and not decision.trouble:
            entry.news_at = now.mono  # the trouble is over, so the next step may follow soon
            situation = replace(situation, news_at=now.mono)
            decision = decide(situation, now)
        entry.troubled = decision.trouble is not None and decision.speak
        write_at = self._show(entry, situation, decision, now) if decision.speak else None
        self._pace(entry, decision)
        self._cutovers.note(entry, situation, decision)
        if decision.stop and not self._retiring and entry.channel and entry.cloud:
            entry.channel.stops.submit(entry.cloud)
        moments = (decision.wake_at, write_at)
        return min((moment for moment in moments if moment is not None), default=None)

    def release(self, entry: Entry) -> None:
        """Release everything in progress for a resource that is gone."""
        self._sink.drop(entry.task.ref)
        self._leave(entry)

    def _follow(self, entry: Entry, route: Route, now: Instant) -> None:
        """Move the resource to the channel that its project leads to now."""
        if entry.blocked and not route.trouble:
            entry.news_at = now.mono
        entry.blocked = route.trouble
        first = entry.site is None and entry.task.wishes_stop
        if first and not entry.recalled.attempts:  # before the status is overwritten
            entry.recalled = requests.recalled(entry.shadow.shown, now)
        if entry.channel is route.channel:
            return
        self._leave(entry)
        channel = entry.channel = route.channel
        if channel is None:
            return
        if first:
            self._cutovers.recall(entry, now)
        elif entry.site and entry.site != channel.site:
            entry.recalled, entry.moved = StopRequest(), True
            entry.news_at = now.mono
        entry.site = channel.site
        task = entry.task
        entry.cloud = channel.facts.join(task.ref.uid, task.key, task.task_id, entry.recalled)

    def _leave(self, entry: Entry) -> None:
        channel, cloud = entry.channel, entry.cloud
        if channel and cloud:
            entry.recalled = cloud.request
            channel.facts.leave(entry.task.ref.uid, cloud)
            channel.poller.watch(cloud.key, cloud.task_id, cloud.pace)
            channel.sampler.watch(cloud.key, cloud.task_id, cloud.sampling)
        entry.channel = entry.cloud = None

    def _borrow_observation(self, entry: Entry, now: Instant) -> None:
        """Use the channel's last list, if it is fresh, for a task that was added after it."""
        cloud, channel = entry.cloud, entry.channel
        if cloud and channel and cloud.asked_at < now.mono - OBSERVATION_AGE_S_MAX:
            recent = channel.poller.recent(cloud.key)
            if recent:
                observed, asked_at = recent
                channel.facts.observe(cloud.key, observed, asked_at, confirmed=False)

    def _gather(self, entry: Entry) -> Situation:
        task, cloud, channel = entry.task, entry.cloud, entry.channel
        request = entry.recalled if cloud is None else cloud.request
        if not task.wishes_stop:
            request = _NO_REQUEST
        elif cloud and cloud.requested:
            request = replace(request, outcome=Outcome.WAITING)
        return Situation(
            task=task,
            shown=entry.shadow.shown,
            wished_at=entry.wished_at,
            wished=entry.wished,
            news_at=entry.news_at,
            observed=cloud.observed if cloud else None,
            asked_at=cloud.asked_at if cloud else float("-inf"),
            confirmed=cloud.confirmed if cloud else False,
            unlisted_at=cloud.unlisted_at if cloud else float("-inf"),
            request=request,
            moved=entry.moved,
            started_again=entry.started_again,
            suspended=self._store.is_suspended(task),
            blocked=entry.blocked,
            unreadable=cloud.unreadable if cloud else None,
            troubles=channel.facts.troubles if channel else NO_TROUBLES,
            progress_at=channel.facts.progress_at if channel else float("-inf"),
            wish=self._store.conditional(entry),
        )

    def _begin_again(self, entry: Entry, situation: Situation, now: Instant) -> None:
        """Forget earlier requests if the task was started again after its end."""
        entry.started_again = True
        entry.news_at = now.mono
        cloud = entry.cloud
        self._cutovers.begin_again(entry)
        if cloud is None or situation.observed is None:
            return
        if not cloud.requested and cloud.request.answered_at < cloud.asked_at:
            cloud.request = requests.begun_again(cloud.request)
        again = "Its target has to catch up again first."
        if entry.task.stopped:
            again = "It is stopped again, since spec.stopped is true."
        self._recorder.warn(
            entry.task.ref,
            STARTED_AGAIN,
            f"DCS says {situation.observed.word} after {situation.shown.phase}: somebody started "
            f"the task again. {again}",
        )

    def _show(
        self, entry: Entry, situation: Situation, decision: Decision, now: Instant
    ) -> float | None:
        """Write the wanted status if it differs; return the time of the write if it has to wait."""
        status = describe(situation, decision, now)
        if not entry.shadow.wants(status):
            return None
        write_at = entry.shadow.write_at(now.mono)
        if write_at > now.mono:
            return write_at
        if decision.case is Case.TERMINATED and entry.wished and situation.request.attempts:
            self._probe.stopped((now.wall - entry.wished).total_seconds())
            self._cutovers.ended(situation, now)
        if situation.observed:  # from now on the status is about the task on this channel
            entry.moved = entry.started_again = False
        entry.shadow.hand_on(status, now.mono)
        self._sink.want(entry.task.ref, status)
        return None

    def _pace(self, entry: Entry, decision: Decision) -> None:
        """Poll the task at the most urgent pace of its resources."""
        cloud, channel = entry.cloud, entry.channel
        if cloud and channel:
            cloud.paces[entry.task.ref.uid] = decision.pace
            channel.poller.watch(cloud.key, cloud.task_id, cloud.pace)
        self._cutovers.sample(entry, decision.sampling)
