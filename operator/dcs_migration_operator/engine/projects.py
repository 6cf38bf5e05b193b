"""From project resources to channels: each project in use is kept usable, or its trouble known.

A Secret may only be read by name, so it is read again from time to time; other credentials mean
another channel. Projects with equal accounts share one. Whoever asks hears every change (`bind`).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.conditions import READY
from dcs_migration_operator.core.decide import TROUBLE_PATIENCE_S
from dcs_migration_operator.core.endpoints import is_allowed, is_named
from dcs_migration_operator.core.errors import ReadError
from dcs_migration_operator.core.model import Account, Trouble, TroubleKind
from dcs_migration_operator.core.projects import describe_project
from dcs_migration_operator.core.status import Status
from dcs_migration_operator.engine.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from dcs_migration_operator.core.model import Ambient, Credentials, Project, ProjectRef
    from dcs_migration_operator.engine.ports import Clock, SecretReader, StatusSink
    from dcs_migration_operator.settings import Settings

DRAIN_S_MAX: Final = 3.0
"""How long a channel that is no longer needed may take to send what waits."""

_UNTOLD: Final = Trouble(TroubleKind.UNAVAILABLE, 0.0, "")


@dataclass(slots=True, eq=False)
class _Known:
    """What is known about one project that exists or is named by a task."""

    project: Project | None = None
    version: int = 0
    written: int = 0
    shown: Status = field(default_factory=Status)
    writing: bool = False
    where: Channel | Trouble | None = None
    nudge: asyncio.Event = field(default_factory=asyncio.Event)
    keeper: asyncio.Task[None] | None = None


class Projects:
    """Keeps one channel per account, and every project's way to it.

    Args:
        read_secret: Reads credentials by name.
        read_ambient: Returns the operator's own, others than those that DCS refused if there
            are; raises `ReadError` only if none hold.
        open_channel: Makes a channel for an account.
        bind: Told where each project leads.
        in_use: Tells whether a task names this project.
    """

    def __init__(
        self,
        *,
        read_secret: SecretReader,
        read_ambient: Callable[[Ambient, Credentials | None], Awaitable[Credentials]],
        open_channel: Callable[[Account], Channel],
        bind: Callable[[ProjectRef, Channel | Trouble | None], None],
        in_use: Callable[[ProjectRef], bool],
        sink: StatusSink,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._read_secret, self._read_ambient = read_secret, read_ambient
        self._open_channel, self._bind = open_channel, bind
        self._in_use, self._sink, self._clock, self._settings = in_use, sink, clock, settings
        self._known: dict[ProjectRef, _Known] = {}
        self._channels: dict[Account, Channel] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._active = False

    def activate(self) -> None:
        """Begin to resolve every project that is known."""
        self._active = True
        for ref in list(self._known):
            self._keep(ref)

    async def close(self, drain_s: float) -> None:
        """Close all channels; what waits in them is sent within `drain_s` or given up."""
        self._active = False
        keepers = [known.keeper for known in self._known.values() if known.keeper]
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        channels, self._channels = list(self._channels.values()), {}
        await asyncio.gather(*(channel.close(drain_s) for channel in channels), *self._closing)

    def changed(self, project: Project, status: Status, version: int) -> None:
        """Take in what the watch says about a project resource."""
        known = self._known.setdefault(project.ref, _Known())
        if known.project and version <= known.version:
            return
        news = known.project != project
        known.project, known.version = project, version
        if not known.writing and version > known.written:
            known.shown = status
        if news:
            known.nudge.set()
        self._keep(project.ref)

    def gone(self, ref: ProjectRef, uid: str) -> None:
        """Take in that a project resource was deleted."""
        known = self._known.get(ref)
        if known and known.project and known.project.object.uid == uid:
            known.project, known.version, known.shown = None, 0, Status()
            known.nudge.set()

    def written(self, uid: str, version: int, status: Status) -> None:
        """Take in that a project's status is on the server."""
        for known in self._known.values():
            if known.project and known.project.object.uid == uid:
                known.written = max(known.written, version)
                known.writing = known.writing and known.shown is not status

    def versions(self) -> dict[str, int]:
        """Return the uid and newest `resourceVersion` of every project resource that is known."""
        known = self._known.values()
        return {one.project.object.uid: one.version for one in known if one.project}

    def version_of(self, uid: str) -> int | None:
        """Return the newest `resourceVersion` known of a project resource."""
        return self.versions().get(uid)

    def ref_of(self, uid: str) -> ProjectRef | None:
        """Return the name of the project resource with this uid, if it is known."""
        known = self._known.items()
        return next((r for r, k in known if k.project and k.project.object.uid == uid), None)

    def project(self, ref: ProjectRef) -> Project | None:
        """Return a project resource, if it exists."""
        known = self._known.get(ref)
        return known.project if known else None

    def where(self, ref: ProjectRef) -> Channel | Trouble | None:
        """Return where a project leads at the moment; nothing means not known."""
        known = self._known.get(ref)
        return known.where if known else None

    def stuck_s(self) -> float:
        """Return the seconds without progress of the worst channel."""
        return max((c.stuck_s() for c in self._channels.values()), default=0.0)

    def snapshot_ages(self, now: float) -> dict[str, float]:
        """Return the age of the last complete list in seconds, by cloud project id.

        Where nothing is looked at no list is made, and its age says nothing.
        """
        ages: dict[str, float] = {}
        for account, channel in self._channels.items():
            age_s = now - channel.looking.snapshot_at
            if channel.looking.watches and age_s < float("inf"):
                ages[account.project_id] = max(age_s, ages.get(account.project_id, 0.0))
        return ages

    def wanted(self, ref: ProjectRef) -> Channel | Trouble | None:
        """Return where a project leads; from now on it is kept usable."""
        self._known.setdefault(ref, _Known())
        self._keep(ref)
        return self._known[ref].where

    def troubled(self, channel: Channel) -> None:
        """Take in that a trouble of a channel began or ended, or that its first call succeeded."""
        for known in self._known.values():
            if known.where is channel:
                known.nudge.set()

    def _keep(self, ref: ProjectRef) -> None:
        known = self._known[ref]
        if self._active and (known.keeper is None or known.keeper.done()):
            known.keeper = asyncio.get_running_loop().create_task(self._keeper(ref, known))

    async def _keeper(self, ref: ProjectRef, known: _Known) -> None:
        """Resolve one project again and again, until nobody names it and it does not exist."""
        settings = self._settings
        pause_s = settings.secret_retry_s
        while known.project or self._in_use(ref):
            known.nudge.clear()
            where = await self._resolve(ref, known)
            self._lead(ref, known, where)
            well = not isinstance(where, Trouble) and where.trouble(ordering=True) is None
            pause_s = settings.secret_read_s if well else min(pause_s, settings.secret_read_s)
            try:
                async with asyncio.timeout(pause_s):
                    await known.nudge.wait()
            except TimeoutError:
                pause_s = settings.secret_retry_s if well else pause_s * 2.0
            else:
                pause_s = settings.secret_retry_s
        self._lead(ref, known, None)
        del self._known[ref]

    async def _resolve(self, ref: ProjectRef, known: _Known) -> Channel | Trouble:
        project = known.project
        if project is None:
            return self._trouble(
                known,
                TroubleKind.PROJECT,
                f"{ref} does not exist. Create it, or name another in spec.projectRef.",
            )
        if not is_allowed(project.endpoint, self._settings.allow_endpoints):
            return self._trouble(
                known,
                TroubleKind.ENDPOINT,
                f"The endpoint {project.endpoint} of {ref} is not allowed. "
                "The operator's administrator allows it with --allow-endpoint.",
            )
        try:
            credentials = await self._credentials(project, known.where)
        except ReadError as problem:
            if not problem.passing:
                return self._trouble(known, TroubleKind.PROJECT, str(problem))
            if project.ambient:  # what holds is still handed out, so none does
                return self._trouble(known, TroubleKind.UNAVAILABLE, str(problem))
            if isinstance(known.where, Channel):
                return known.where
            return self._trouble(known, TroubleKind.PROJECT, str(problem))
        account = Account(
            project.endpoint,
            project.project_id,
            credentials,
            named=is_named(project.endpoint, self._settings.allow_endpoints),
        )
        channel = self._channels.get(account)
        if channel is None:
            channel = self._channels[account] = self._open_channel(account)
        return channel

    async def _credentials(self, project: Project, before: Channel | Trouble | None) -> Credentials:
        """Read a project's credentials; raises `ReadError`."""
        if project.ambient and not project.ref.namespace:
            return await self._read_ambient(project.ambient, _refused(before))
        if not project.secret:
            raise ReadError(f"{project.ref} names no credentials that this operator knows.")
        namespace = project.ref.namespace or self._settings.operator_namespace
        return await self._read_secret(namespace, project.secret)

    def _trouble(self, known: _Known, kind: TroubleKind, message: str) -> Trouble:
        """Return this trouble, as old as it is."""
        before = known.where
        if isinstance(before, Trouble) and (before.kind, before.message) == (kind, message):
            return before
        return Trouble(kind, self._clock().mono, message)

    def _lead(self, ref: ProjectRef, known: _Known, where: Channel | Trouble | None) -> None:
        """Tell everybody where a project leads now."""
        before, known.where = known.where, where
        if before is not where:
            self._bind(ref, where)
            self._close_unused()
        self._show(known)

    def _show(self, known: _Known) -> None:
        if not known.project or known.where is None:
            return
        trouble = self._settled_trouble(known, known.where)
        if trouble is _UNTOLD:
            return
        status = describe_project(known.project, known.shown, trouble, self._clock())
        if status != known.shown:
            known.shown, known.writing = status, True
            self._sink.want(known.project.object, status)

    def _settled_trouble(self, known: _Known, where: Channel | Trouble) -> Trouble | None:
        """Return the trouble to show; `_UNTOLD` while it is too early to say."""
        trouble = where if isinstance(where, Trouble) else where.trouble(ordering=True)
        if trouble:
            young = self._clock().mono < trouble.since + TROUBLE_PATIENCE_S
            return _UNTOLD if young else trouble
        # After a restart nothing is known of a channel until its first call: what is shown stays.
        untried = isinstance(where, Channel) and where.progress_at == float("-inf")
        return _UNTOLD if untried and known.shown.condition(READY) else None

    def _close_unused(self) -> None:
        used = {id(known.where) for known in self._known.values()}
        for account, channel in list(self._channels.items()):
            if id(channel) not in used:
                del self._channels[account]
                task = asyncio.get_running_loop().create_task(channel.close(DRAIN_S_MAX))
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)


def _refused(where: Channel | Trouble | None) -> Credentials | None:
    """Return the credentials of a channel if DCS does not accept them."""
    if not isinstance(where, Channel):
        return None
    trouble = where.trouble(ordering=True)
    refused = trouble is not None and trouble.kind is TroubleKind.CREDENTIALS
    return where.account.credentials if refused else None
