"""The facts that one channel has learnt about its tasks and about its own troubles.

Poller, stop requests and paced calls write facts here, each with the time of its question. A fact
that changes something makes the affected resources due; a fact older than the known one is dropped.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core import requests
from dcs_migration_operator.core.cases import Pace
from dcs_migration_operator.core.cutover import Sampling, Sight, Streak, sight_of
from dcs_migration_operator.core.model import NO_TROUBLES, StopRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dcs_migration_operator.core.cloud import Operation
    from dcs_migration_operator.core.cutover import Lag
    from dcs_migration_operator.core.model import Observation, ProjectRef, Trouble
    from dcs_migration_operator.engine.workqueue import WorkQueue

REMEMBERED_MAX: Final = 10_000
"""Most requests that are remembered for tasks which no resource names any more, so that a resource
which is deleted and applied again does not cause another request. The oldest is forgotten."""

_ASKING: Final = frozenset({Pace.NOW, Pace.CONFIRM})


@dataclass(slots=True, eq=False)
class CloudTask:
    """The facts about one task of a channel, shared by all resources that name it.

    Attributes:
        key: Its id in the form of `task_key`.
        task_id: Its id as DCS writes it or, while that is unknown, as the resource does.
        observed: The last observation; None if it was not polled yet.
        asked_at: Monotonic time in seconds at which that observation was requested.
        confirmed: Whether the observation came from a call for this task alone.
        unlisted_at: When a complete list that did not mention the task was requested.
        unreadable: Why DCS does not show this one task, if so.
        request: The record of its stop requests.
        requested: Whether a stop request is in progress.
        sent: Whether that request was sent, so that its effect is only known after the answer.
        paces: How soon each resource that names it needs a poll, by uid.
        lag: The newest sample.
        streaks: The streak for the limit of each resource with a conditional wish, by uid.
        samplings: How often each of these resources needs a sample, by uid.
    """

    key: str
    task_id: str
    observed: Observation | None = None
    asked_at: float = float("-inf")
    confirmed: bool = False
    unlisted_at: float = float("-inf")
    unreadable: Trouble | None = None
    request: StopRequest = field(default_factory=StopRequest)
    requested: bool = False
    sent: bool = False
    paces: dict[str, Pace] = field(default_factory=dict)
    lag: Lag | None = None
    streaks: dict[str, Streak] | None = None
    samplings: dict[str, Sampling] | None = None

    @property
    def sampling(self) -> Sampling:
        """The most frequent of the samplings."""
        return max((self.samplings or {}).values(), default=Sampling.NEVER)

    def streak(self, uid: str, max_lag: int) -> Streak:
        """Return the streak of one resource; a changed limit starts a new streak."""
        if self.streaks is None:
            self.streaks = {}
        streak = self.streaks.get(uid)
        if streak is None or streak.max_lag != max_lag:
            streak = self.streaks[uid] = Streak(max_lag)
        return streak

    def forget_lag(self) -> None:
        """Forget all samples."""
        self.lag = None
        self.streaks = {u: Streak(one.max_lag) for u, one in (self.streaks or {}).items()}

    @property
    def pace(self) -> Pace:
        """The most urgent of the paces."""
        return max(self.paces.values(), default=Pace.NEVER)


class ChannelFacts:
    """The facts of one channel.

    Args:
        resources: The work queue of the task resources, by uid.
        projects: The work queue of the project resources.
    """

    def __init__(self, resources: WorkQueue[str], projects: WorkQueue[ProjectRef]) -> None:
        self._resources, self._projects = resources, projects
        self._tasks: dict[str, CloudTask] = {}
        self._remembered: OrderedDict[str, StopRequest] = OrderedDict()
        self.leading: set[ProjectRef] = set()
        """The projects that use this channel."""
        self.troubles: Mapping[Operation, Trouble] = NO_TROUBLES
        self.progress_at = float("-inf")
        """Monotonic seconds of the last call that DCS answered."""

    def task(self, key: str) -> CloudTask | None:
        """Return the facts about a task, None if no resource names it on this channel."""
        return self._tasks.get(key)

    def join(self, uid: str, key: str, task_id: str, recalled: StopRequest) -> CloudTask:
        """Add a resource to a task; `recalled` is what the resource knows of earlier requests."""
        cloud = self._tasks.get(key)
        if cloud is None:
            cloud = self._tasks[key] = CloudTask(key, task_id)
            cloud.request = self._remembered.pop(key, StopRequest())
        cloud.request = requests.newer(cloud.request, recalled)
        cloud.paces[uid] = Pace.NEVER
        return cloud

    def leave(self, uid: str, cloud: CloudTask) -> None:
        """Remove a resource that does not name this task on this channel any more."""
        cloud.paces.pop(uid, None)
        for of_wishes in (cloud.streaks, cloud.samplings):
            if of_wishes:
                of_wishes.pop(uid, None)
        if not cloud.requested:  # otherwise the next resource has to know about that request
            self._drop_unnamed(cloud)

    def observe(self, key: str, observed: Observation, asked_at: float, *, confirmed: bool) -> None:
        """Store an observation of a task, unless it answers an older question."""
        cloud = self._tasks.get(key)
        if cloud is None or asked_at <= cloud.asked_at:
            return
        news = (
            cloud.observed is None
            or cloud.observed.word != observed.word
            or cloud.unreadable is not None
            or cloud.unlisted_at > cloud.asked_at
            or cloud.pace in _ASKING
        )
        cloud.observed, cloud.asked_at, cloud.confirmed = observed, asked_at, confirmed
        cloud.task_id, cloud.unreadable = observed.task_id, None
        if news:
            self._wake(cloud)

    def miss(self, key: str, asked_at: float) -> None:
        """Note that a complete list did not mention a task."""
        cloud = self._tasks.get(key)
        if cloud is None or asked_at <= max(cloud.asked_at, cloud.unlisted_at):
            return
        news = cloud.unlisted_at <= cloud.asked_at
        cloud.unlisted_at = asked_at
        if news:
            self._wake(cloud)

    def refuse(self, key: str, trouble: Trouble) -> None:
        """Note that DCS does not show this one task."""
        cloud = self._tasks.get(key)
        if cloud is None:
            return
        before, cloud.unreadable = cloud.unreadable, trouble
        if before is None or before.kind is not trouble.kind:
            self._wake(cloud)

    def sample(self, key: str, lag: Lag) -> bool:
        """Store a sample of a lag and wake the resources that wait for it.

        Returns:
            Whether the lag is within the limit of any of them.
        """
        cloud = self._tasks.get(key)
        if cloud is None or (cloud.lag and lag.asked_at <= cloud.lag.asked_at):
            return False
        cloud.lag = lag
        word = cloud.observed.word if cloud.observed else ""
        streaks = cloud.streaks or {}
        for uid, streak in streaks.items():
            streaks[uid] = streak.after(lag, word)
            self._resources.add(uid)
        return any(streak.sight is Sight.WITHIN for streak in streaks.values())

    def is_good_news(self, key: str, lag: Lag) -> bool:
        """Tell whether a sample is within the limit of everybody who waits for it."""
        cloud = self._tasks.get(key)
        if cloud is None or not cloud.streaks:
            return False
        word = cloud.observed.word if cloud.observed else ""
        limits = {streak.max_lag for streak in cloud.streaks.values()}
        return all(sight_of(lag.stats, limit, word) is Sight.WITHIN for limit in limits)

    def settle(self, cloud: CloudTask, request: StopRequest) -> None:
        """Store the outcome of a request."""
        cloud.request, cloud.requested, cloud.sent = request, False, False
        self._wake(cloud)
        self._drop_unnamed(cloud)

    def trouble(self, troubles: Mapping[Operation, Trouble]) -> bool:
        """Store the current troubles by call; return whether they changed."""
        before, self.troubles = self.troubles, troubles
        if not before and not troubles:
            return False
        if {o: t.kind for o, t in before.items()} == {o: t.kind for o, t in troubles.items()}:
            return False
        for cloud in self._tasks.values():
            self._wake(cloud)
        self._tell(self.leading)
        return True

    def progress(self, now: float) -> None:
        """Note that DCS answered; after the first answer its projects report that they work."""
        before, self.progress_at = self.progress_at, now
        if before == float("-inf"):
            self._tell(self.leading)

    def _drop_unnamed(self, cloud: CloudTask) -> None:
        """Forget a task that no resource names any more, except for its requests."""
        if cloud.paces:
            return
        self._tasks.pop(cloud.key, None)
        if cloud.request.attempts:
            self._remembered[cloud.key] = cloud.request
            if len(self._remembered) > REMEMBERED_MAX:
                self._remembered.popitem(last=False)

    def _tell(self, projects: Iterable[ProjectRef]) -> None:
        for ref in projects:
            self._projects.add(ref)

    def _wake(self, cloud: CloudTask) -> None:
        for uid in cloud.paces:
            self._resources.add(uid)
