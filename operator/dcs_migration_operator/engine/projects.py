"""Resolves project resources to channels, and keeps each project usable or its trouble known.

A Secret may only be read by name, not watched, so it is read again periodically. Changed
credentials mean a different channel; projects with equal accounts share one. The route of each
project goes into the store.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.backoff import Backoff
from dcs_migration_operator.core.conditions import READY
from dcs_migration_operator.core.decide import TROUBLE_PATIENCE_S
from dcs_migration_operator.core.endpoints import is_allowed, is_named
from dcs_migration_operator.core.errors import ReadError
from dcs_migration_operator.core.model import Account, Trouble, TroubleKind
from dcs_migration_operator.core.projects import describe_project
from dcs_migration_operator.engine.key_ledger import CLOCK_S, LOCK_S
from dcs_migration_operator.engine.pump import EARLY_S, FAILED
from dcs_migration_operator.engine.store import UNKNOWN, Route

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcs_migration_operator.core.model import Credentials, Project, ProjectRef
    from dcs_migration_operator.engine.ambient import AmbientCredentials
    from dcs_migration_operator.engine.channel import Channel
    from dcs_migration_operator.engine.ports import Clock, SecretReader, StatusSink
    from dcs_migration_operator.engine.pump import Pump
    from dcs_migration_operator.engine.store import ProjectEntry, Store
    from dcs_migration_operator.settings import Settings

_log = logging.getLogger(__name__)

DRAIN_S_MAX: Final = 3.0
"""How long a channel that is no longer needed may take to send its waiting stops."""

READS_PARALLEL_MAX: Final = 8
"""Most Secrets that are read at once: while the API server cannot decrypt them, each read hangs and
must not take the place of other calls."""

JITTER: Final = 0.1
"""Reads are spread by this share in both directions."""

UNUSED_S: Final = 600.0
"""Interval at which a project that no task names is resolved, since only its status depends on
it."""


@dataclass(frozen=True, slots=True)
class Past:
    """What a new channel takes over from the time before it.

    Attributes:
        trusted_at: When its key may be tried first, in monotonic seconds: later if a status from
            before a restart says that it was refused.
        settled_due_at: When its settled tasks are due, in monotonic seconds, if it replaces a
            channel with other credentials; so frequent renewals do not delay their polls.
    """

    trusted_at: float = float("-inf")
    settled_due_at: float | None = None


class Projects:
    """Keeps one channel per account, and the route of every project to its channel.

    Args:
        store: Holds the projects and receives their routes.
        pump: Drives the queue of due projects.
        read_secret: Reads credentials by name.
        ambient: The operator's own credentials.
        open_channel: Creates a channel for an account.
        draw: Returns a random number in [0, 1), for the jitter.
    """

    def __init__(
        self,
        store: Store,
        pump: Pump[ProjectRef],
        *,
        read_secret: SecretReader,
        ambient: AmbientCredentials,
        open_channel: Callable[[Account, Past], Channel],
        sink: StatusSink,
        clock: Clock,
        settings: Settings,
        draw: Callable[[], float],
    ) -> None:
        self._store, self._queue, self._failed = store, pump.queue, pump.failed
        self._read_secret, self._ambient = read_secret, ambient
        self._open_channel, self._sink = open_channel, sink
        self._clock, self._settings, self._draw = clock, settings, draw
        self._reads = asyncio.Semaphore(READS_PARALLEL_MAX)
        self._resolving: dict[ProjectRef, asyncio.Task[None]] = {}
        self._again: set[ProjectRef] = set()
        self._failures: dict[ProjectRef, int] = {}
        self._trusted_at: dict[ProjectRef, float] = {}
        self._channels: dict[Account, Channel] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def channels(self) -> list[Channel]:
        """The channels that are open."""
        return list(self._channels.values())

    def process(self, ref: ProjectRef) -> float | None:
        """Start to resolve one project, which schedules the next time itself."""
        entry = self._store.project(ref)
        if entry is None:
            return None
        if entry.project is None and not self._store.in_use(ref):
            self._forget(ref)
        elif ref in self._resolving:
            self._again.add(ref)
        else:
            task = asyncio.get_running_loop().create_task(self._look_at(ref, entry))
            self._resolving[ref] = task
        return None

    async def close(self, drain_s: float) -> None:
        """Close all channels; their waiting stops are sent within `drain_s` or dropped."""
        tasks = list(self._resolving.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        channels, self._channels = list(self._channels.values()), {}
        await asyncio.gather(*(channel.close(drain_s) for channel in channels), *self._closing)

    async def _look_at(self, ref: ProjectRef, entry: ProjectEntry) -> None:
        """Resolve one project, set its route, and report its state."""
        project, before, moment = entry.project, entry.route, None
        try:
            found = await self._resolve(ref, entry)
            if entry.project == project and self._store.project(ref) is entry:
                if isinstance(found, Account):
                    found = Route(self._channel(ref, entry, found))
                self._lead(ref, found)
                moment = self._next_look_at(ref, entry)
                self._show(entry, healed=before.trouble is not None)
            else:
                self._again.add(ref)
        except Exception:  # noqa: BLE001 - whatever it is concerns this project alone
            failures = self._failures[ref] = self._failures.get(ref, 0) + 1
            pause_s = FAILED.seconds(failures)
            _log.exception("a project could not be looked at", extra={"retry_in_s": pause_s})
            self._failed()
            moment = self._clock().mono + pause_s
        finally:
            del self._resolving[ref]
        if moment is not None:
            self._queue.add_at(ref, moment)
        if ref in self._again:
            self._again.discard(ref)
            self._queue.add(ref)

    async def _resolve(self, ref: ProjectRef, entry: ProjectEntry) -> Account | Route:
        """Return the account of a project, or its route if it has no usable account."""
        project, before = entry.project, entry.route
        if project is None:
            text = f"{ref} does not exist. Create it, or name another in spec.projectRef."
            return self._blocked(before, TroubleKind.PROJECT, text)
        if not is_allowed(project.endpoint, self._settings.allow_endpoints):
            text = (
                f"The endpoint {project.endpoint} of {ref} is not allowed. "
                "The operator's administrator allows it with --allow-endpoint."
            )
            return self._blocked(before, TroubleKind.ENDPOINT, text)
        try:
            credentials = await self._credentials(project, before.channel)
        except ReadError as error:
            if not error.passing:
                return self._blocked(before, TroubleKind.PROJECT, str(error))
            if project.ambient:  # valid credentials would have been returned, so there are none
                return self._blocked(before, TroubleKind.UNAVAILABLE, str(error))
            if before.channel and before.channel.site == (project.endpoint, project.project_id):
                return before
            return self._blocked(before, TroubleKind.PROJECT, str(error))
        return Account(
            project.endpoint,
            project.project_id,
            credentials,
            named=is_named(project.endpoint, self._settings.allow_endpoints),
            ca_bundle=project.ca_bundle,
        )

    def _channel(self, ref: ProjectRef, entry: ProjectEntry, account: Account) -> Channel:
        """Return the channel of an account, and open it if necessary."""
        if ref not in self._trusted_at:
            ready = entry.shadow.shown.condition(READY)
            refused = ready is not None and ready.reason == TroubleKind.CREDENTIALS.value
            until = self._clock().mono + LOCK_S
            self._trusted_at[ref] = until if refused else float("-inf")
        channel = self._channels.get(account)
        if channel is None:
            past = Past(self._trusted_at[ref], _settled_due_at(entry, account))
            channel = self._channels[account] = self._open_channel(account, past)
        return channel

    async def _credentials(self, project: Project, before: Channel | None) -> Credentials:
        """Read a project's credentials; raises `ReadError`."""
        if project.ambient and not project.ref.namespace:
            return await self._ambient.read(project.ambient, _refused(before))
        if not project.secret:
            raise ReadError(f"{project.ref} names no credentials that this operator knows.")
        namespace = project.ref.namespace or self._settings.operator_namespace
        async with self._reads:
            return await self._read_secret(namespace, project.secret)

    def _blocked(self, before: Route, kind: TroubleKind, message: str) -> Route:
        """Return a route with this trouble, which keeps its age if it is not new."""
        known = before.trouble
        if known and (known.kind, known.message) == (kind, message):
            return before
        return Route(trouble=Trouble(kind, self._clock().mono, message))

    def _lead(self, ref: ProjectRef, route: Route) -> None:
        entry = self._store.project(ref)
        if entry and entry.route != route:
            self._store.lead(ref, route)
            self._close_unused()

    def _forget(self, ref: ProjectRef) -> None:
        self._lead(ref, UNKNOWN)
        self._close_unused()
        self._store.forget_project(ref)
        self._failures.pop(ref, None)
        self._trusted_at.pop(ref, None)

    def _next_look_at(self, ref: ProjectRef, entry: ProjectEntry) -> float:
        """Return when to resolve again: soon if there is a trouble, since it may get fixed."""
        now = self._clock().mono
        trouble = _trouble_of(entry.route)
        settings = self._settings
        if trouble is None:
            self._failures.pop(ref, None)
            pause_s = settings.secret_read_s
        else:
            failures = self._failures[ref] = self._failures.get(ref, 0) + 1
            pause_s = Backoff(settings.secret_retry_s, settings.secret_read_s).seconds(failures)
        if not self._store.in_use(ref):
            pause_s = max(pause_s, UNUSED_S)
        moments = [now + pause_s * (1.0 + JITTER * (2.0 * self._draw() - 1.0))]
        if trouble:
            person_at = float("-inf") if trouble.person_at is None else trouble.person_at
            moments += [at + CLOCK_S for at in (trouble.since + TROUBLE_PATIENCE_S, person_at)]
        # A moment within the pump's tolerance would make the project due again at once, repeatedly.
        return min(moment for moment in moments if moment > now + EARLY_S)

    def _show(self, entry: ProjectEntry, *, healed: bool) -> None:
        """Write to the status of a project what is wrong with it, or that it works.

        Args:
            entry: The project.
            healed: Whether the trouble that kept it from having a channel is over.
        """
        now = self._clock()
        route, shadow = entry.route, entry.shadow
        if not entry.project or route == UNKNOWN:
            return
        trouble = _trouble_of(route)
        if trouble and now.mono < trouble.since + _patience_s(trouble):
            return
        # After a restart a channel is unknown until its first call: keep the status as it is.
        untried = route.channel is not None and route.channel.facts.progress_at == float("-inf")
        ref = entry.project.ref
        remembered = now.mono < self._trusted_at.get(ref, now.mono)
        awaited = untried and not healed and (remembered or self._store.in_use(ref))
        if not trouble and awaited and shadow.shown.condition(READY):
            return
        status = describe_project(entry.project, shadow.shown, trouble, now)
        if shadow.wants(status) and shadow.write_at(now.mono) <= now.mono:
            shadow.hand_on(status, now.mono)
            self._sink.want(entry.project.object, status)

    def _close_unused(self) -> None:
        for account, channel in list(self._channels.items()):
            if not channel.facts.leading:
                del self._channels[account]
                task = asyncio.get_running_loop().create_task(channel.close(DRAIN_S_MAX))
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)


def _patience_s(trouble: Trouble) -> float:
    """Return how long a trouble has to last before the project reports it, in seconds.

    A refused key is reported at once: its pause is longer anyway, and the next process has to know
    about it, however this one ends.
    """
    return 0.0 if trouble.kind is TroubleKind.CREDENTIALS else TROUBLE_PATIENCE_S


def _trouble_of(route: Route) -> Trouble | None:
    """Return the trouble that keeps a project from working, whatever calls its tasks need."""
    if route.channel is None:
        return route.trouble
    return next(iter(route.channel.facts.troubles.values()), None)


def _settled_due_at(entry: ProjectEntry, account: Account) -> float | None:
    """Return when the settled tasks are due on the channel that a new one replaces."""
    before = entry.route.channel
    if before is None or before.site != (account.endpoint, account.project_id):
        return None
    return before.poller.settled_due_at


def _refused(channel: Channel | None) -> Credentials | None:
    """Return the credentials of a channel if DCS does not accept them."""
    trouble = _trouble_of(Route(channel)) if channel else None
    refused = trouble is not None and trouble.kind is TroubleKind.CREDENTIALS
    return channel.account.credentials if channel and refused else None
