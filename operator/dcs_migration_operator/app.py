"""The composition root: builds every part, and starts and stops them in order.

No other module knows all parts. They start in the order: cluster, CRDs, HTTP pages, watch, first
listing, leadership, engine. They stop in the order: engine (pending stop requests are sent or
dropped), statuses, Lease, watch.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import secrets
import signal
import socket
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from dcs_migration_operator import __version__
from dcs_migration_operator.core.conditions import READY
from dcs_migration_operator.core.kinds import CLUSTER_PROJECTS, PROJECTS, TASKS, WAVES
from dcs_migration_operator.core.model import Instant
from dcs_migration_operator.core.status import to_json
from dcs_migration_operator.dcs.ambient import obtain
from dcs_migration_operator.dcs.codes import reason_of
from dcs_migration_operator.dcs.threads import PATIENCE, ThreadedDcs, in_thread
from dcs_migration_operator.engine.build import Surroundings, build
from dcs_migration_operator.engine.cutovers import STATES, count_states
from dcs_migration_operator.engine.ports import ClusterReads
from dcs_migration_operator.kube.api import LEASE_CONNECTIONS_MAX, LEASE_TIMEOUT_S, KubeApi
from dcs_migration_operator.kube.errors import ApiError
from dcs_migration_operator.kube.events import Events
from dcs_migration_operator.kube.lease import Elector
from dcs_migration_operator.kube.listing import Listing
from dcs_migration_operator.kube.login import NoCluster, login
from dcs_migration_operator.kube.neighbors import MarkedLeases, Neighbors, Outranked
from dcs_migration_operator.kube.preflight import Unfit, check
from dcs_migration_operator.kube.pulse import UNPROVEN_S_MAX, Pulse
from dcs_migration_operator.kube.resync import caught_up, keep_counting
from dcs_migration_operator.kube.status import StatusQueue
from dcs_migration_operator.kube.watch import watch
from dcs_migration_operator.settings import ChannelSettings
from dcs_migration_operator.telemetry.health import Health
from dcs_migration_operator.telemetry.logs import report_loop_error
from dcs_migration_operator.telemetry.metrics import CONTENT_TYPE, Metrics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from dcs_migration_operator.core.model import Ambient, ExpiringCredentials, ObjectRef
    from dcs_migration_operator.core.status import Status
    from dcs_migration_operator.kube.session import Cluster
    from dcs_migration_operator.settings import Settings

_log = logging.getLogger(__name__)

DRAIN_S: Final = 3.0
FLUSH_S: Final = 2.0
WATCH_END_S: Final = 2.0
"""Time limits of the shutdown steps; the second applies twice (statuses, Lease). Together they take
less than the promised 10 s."""

LOST_END_S: Final = 1.0
"""Shorter limit for a replica that does not lead, as another one may already act."""


_WHY_ENDED: Final = {"the Lease": "not renewed in time, or taken by another replica"}
"""The reason to report when a part ends without an error."""


class CannotWork(Exception):
    """The operator cannot work here; the text is one line that says what to do."""


def clock() -> Instant:
    """Return the current time on the event loop's clock and in whole seconds of UTC."""
    return Instant(asyncio.get_running_loop().time(), _second(int(time.time())))


@functools.lru_cache(maxsize=1)  # it is asked for several times for each task
def _second(since_1970_s: int) -> datetime:
    return datetime.fromtimestamp(since_1970_s, UTC)


def awake_or_asleep_s() -> float:
    """Return seconds from a monotonic clock that also runs while the machine sleeps.

    `CLOCK_MONOTONIC` stands still while it sleeps: a leader on a node that was suspended for an
    hour would take its Lease to be as fresh as before.
    """
    clock_id = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # the former is Linux only
    return time.clock_gettime(clock_id)


async def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT.

    Raises:
        CannotWork: The cluster, a CRD or a permission is missing, or a part ended by itself.
    """
    stop = asyncio.Event()
    _on_signals(stop)
    asyncio.get_running_loop().set_exception_handler(report_loop_error)
    try:
        cluster = login(settings.kubeconfig, settings.service_account_dir)
    except NoCluster as error:
        raise CannotWork(str(error)) from None
    async with (
        KubeApi(cluster, connections_max=settings.status_writers + 4) as api,
        KubeApi(cluster, LEASE_CONNECTIONS_MAX, LEASE_TIMEOUT_S) as leases,
    ):
        settings = replace(
            settings,
            lease_namespace=settings.lease_namespace or cluster.namespace,
            operator_namespace=settings.operator_namespace or cluster.namespace,
        )
        try:
            await check(api, settings.namespaces, cluster_projects=settings.cluster_projects)
        except Unfit as error:
            raise CannotWork(str(error)) from None
        operator = _Operator(settings, cluster, api, leases)
        await operator.run(stop)


class _Operator:
    """All parts of the operator; the module docstring tells their order."""

    def __init__(
        self,
        settings: Settings,
        cluster: Cluster,
        api: KubeApi,
        leases: KubeApi | None = None,
    ) -> None:
        self._settings, self._cluster, self._api = settings, cluster, api
        self._heard_at = clock().mono
        self._pulse = Pulse(asyncio.get_running_loop().time)
        leases = leases or api
        self._neighbors = Neighbors(
            leases,
            own=(settings.lease_namespace, settings.lease_name),
            watched=settings.namespaces,
            leads=self._leads,
            elects=settings.leader_elect,
        )
        self._elector = Elector(
            MarkedLeases(leases, settings.namespaces),
            namespace=settings.lease_namespace,
            name=settings.lease_name,
            identity=f"{socket.gethostname()}_{secrets.token_hex(4)}",
            monotonic=awake_or_asleep_s,
            server_now=leases.server_now,
            yields=self._neighbors.yields,
        )
        self._metrics = Metrics(
            tasks=self._count_tasks,
            snapshot_ages=self._snapshot_ages,
            leads=self._leads,
            overlaps=self._neighbors.count,
            cutovers=self._count_cutovers,
            split_reason=reason_of,
        )
        self._events = Events(
            create=api.create_event,
            again=api.patch_event,
            monotonic=asyncio.get_running_loop().time,
        )
        self._queue = StatusQueue(
            patch=self._patch,
            encode=to_json,
            written=self._written,
            count=self._metrics.status_write,
            writers_max=settings.status_writers,
        )
        self._engine = build(
            Surroundings(
                sink=self._queue,
                recorder=self._events,
                read_secret=api.read_credentials,
                open_dcs=lambda account: ThreadedDcs(account, settings.channel),
                probe=self._metrics,
                clock=clock,
                settings=settings,
                may_act=self._leads,
                cluster_reads=ClusterReads(labels=api.read_labels, fetch=_fetch),
            )
        )
        self._listing = Listing(
            self._engine.intake, settings.namespaces, cluster_projects=settings.cluster_projects
        )
        self._health = Health(
            stuck_s=self._stuck_s,
            ready=self._listing.complete.is_set,
            unproven_s=self._pulse.unproven_s,
            unproven_s_max=UNPROVEN_S_MAX,
            metrics=lambda: (self._metrics.page(), CONTENT_TYPE),
        )

    async def run(self, stop: asyncio.Event) -> None:
        settings, watch_stop, watch_ready = self._settings, asyncio.Event(), asyncio.Event()
        try:
            await self._health.start(settings.listen_host, settings.listen_port)
        except OSError as error:
            address = f"{settings.listen_host}:{settings.listen_port}"
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise CannotWork(f"cannot listen on {address} ({reason}); see --listen") from None
        watching = asyncio.create_task(
            watch(
                self._cluster,
                self._engine.intake,
                settings.namespaces,
                cluster_projects=settings.cluster_projects,
                heard=self._heard,
                listing=self._listing,
                pulse=self._pulse,
                ready=watch_ready,
                stop=watch_stop,
            )
        )
        parts = {"the watch": watching, "the start": asyncio.create_task(self._start())}
        parts["the look around"] = asyncio.create_task(self._neighbors.run())
        if settings.leader_elect:
            parts["the Lease"] = asyncio.create_task(self._elector.run())
        try:
            await watch_ready_or_done(watch_ready, watching)
            _on_signals(stop)  # replace kopf's handlers, which would stop the watch first
            _log.info("watching", extra={"version": __version__, "server": self._cluster.server})
            await _until_stopped(stop, parts)
        finally:
            await self._end(parts, watch_stop)

    async def _start(self) -> None:
        """Wait for the first listing and for leadership, then let the engine act."""
        await self._listing.complete.wait()
        self._listing.begun.clear()
        tasks = len(self._engine.store)
        _log.info("the first listing is complete", extra={"tasks": tasks})
        if self._settings.leader_elect and not self._elector.elected.is_set():
            await self._elector.elected.wait()
            # A standby may have missed an earlier deletion or the leader's latest writes.
            await caught_up(
                self._count_versions,
                self._engine.store.versions,
                self._engine.store.version_of,
                self._engine.intake.deleted,
            )
        await self._neighbors.looked.wait()
        self._engine.activate()
        await keep_counting(
            self._count_versions,
            self._engine.store.versions,
            self._engine.intake.deleted,
            self._listing.begun,
        )

    async def _count_versions(self) -> dict[str, int]:
        found = await self._api.versions(TASKS, self._settings.namespaces)
        found |= await self._api.versions(PROJECTS, self._settings.namespaces)
        found |= await self._api.versions(WAVES, self._settings.namespaces)
        if self._settings.cluster_projects:
            found |= await self._api.versions(CLUSTER_PROJECTS, ())
        return found

    async def _end(
        self, parts: Mapping[str, asyncio.Task[None]], watch_stop: asyncio.Event
    ) -> None:
        """Stop all parts in order; work that cannot be finished in time is dropped."""
        leads = self._leads()  # a replica that does not lead may no longer send or write
        await self._engine.close(DRAIN_S if leads else 0.0)
        await self._queue.drain(FLUSH_S if leads else 0.0)
        await self._queue.close()
        await self._events.close()
        if self._settings.leader_elect:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_S):
                    await self._elector.release()
        watch_stop.set()
        await asyncio.wait({parts["the watch"]}, timeout=WATCH_END_S if leads else LOST_END_S)
        for task in parts.values():
            task.cancel()
        await asyncio.gather(*parts.values(), return_exceptions=True)
        await self._health.close()

    async def _patch(self, ref: ObjectRef, status: Mapping[str, Any]) -> int:
        if not self._leads():
            raise ApiError(0, "this replica is not the leader")
        return await self._api.patch_status(ref, status)

    def _written(self, ref: ObjectRef, version: int, status: Status) -> None:
        self._engine.intake.written(ref.uid, version, status)
        self._events.note(ref, status)

    def _heard(self) -> None:
        self._heard_at = clock().mono

    def _stuck_s(self) -> Mapping[str, float]:
        return {
            "the watch": clock().mono - self._heard_at,
            "the polling": self._engine.stuck_s() - self._longer_call_s(),
            "the writing": self._queue.stuck_s(),
            "the Lease": self._elector.stuck_s() if self._settings.leader_elect else 0.0,
        }

    def _longer_call_s(self) -> float:
        """Return the seconds by which the limit of a DCS call exceeds the default."""
        ours, default = self._settings.channel, ChannelSettings()
        return max(ours.request_timeout_s - default.request_timeout_s, 0.0) * PATIENCE

    def _leads(self) -> bool:
        return not self._settings.leader_elect or self._elector.leads()

    def _count_tasks(self) -> Mapping[tuple[str, str], int]:
        counts: Counter[tuple[str, str]] = Counter()
        for entry in self._engine.store:
            shown = entry.shadow.shown
            ready = shown.condition(READY)
            counts[shown.phase or "NONE", ready.status if ready else "Unknown"] += 1
        return counts

    def _count_cutovers(self) -> Mapping[str, int]:
        # A standby takes no samples and so does not know the state of any cutover.
        return count_states(self._engine.store) if self._leads() else dict.fromkeys(STATES, 0)

    def _snapshot_ages(self) -> Mapping[str, float]:
        return self._engine.snapshot_ages(clock().mono)


async def watch_ready_or_done(ready: asyncio.Event, watching: asyncio.Task[None]) -> None:
    """Wait until the watch has started, or has ended before it started."""
    waiter = asyncio.create_task(ready.wait())
    await asyncio.wait({waiter, watching}, return_when=asyncio.FIRST_COMPLETED)
    waiter.cancel()


async def _until_stopped(stop: asyncio.Event, parts: Mapping[str, Awaitable[None]]) -> None:
    """Wait for the stop signal; raise if a part ends before it."""
    tasks = {name: asyncio.ensure_future(part) for name, part in parts.items()}
    while not stop.is_set() and not any(task.done() for task in tasks.values()):
        # Repeat if cancelled: when kopf fails, it cancels every task that is younger than itself.
        waiter = asyncio.create_task(stop.wait())
        await asyncio.wait({waiter, *tasks.values()}, return_when=asyncio.FIRST_COMPLETED)
        waiter.cancel()
    if stop.is_set():
        return
    for name, task in tasks.items():
        if task.done():
            error = task.exception() if not task.cancelled() else None
            if isinstance(error, Outranked):
                raise CannotWork(str(error))
            reason = (
                f"{type(error).__name__}: {error}" if error else _WHY_ENDED.get(name, "it ended")
            )
            raise CannotWork(f"{name} cannot go on ({reason}); restarting resumes everything")


async def _fetch(ambient: Ambient) -> ExpiringCredentials:
    return await in_thread(obtain, ambient)


def _on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
