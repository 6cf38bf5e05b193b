"""Wires the parts of the engine: each gets its dependencies when it is created, never later.

The order follows the dependencies: queues, store, ledgers, then the parts that fill the store and
those that act on it.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from dcs_migration_operator.engine.ambient import AmbientCredentials
from dcs_migration_operator.engine.breaker import CircuitBreaker
from dcs_migration_operator.engine.channel import Channel, log_failure
from dcs_migration_operator.engine.facts import ChannelFacts
from dcs_migration_operator.engine.intake import Intake
from dcs_migration_operator.engine.key_ledger import KeyLedgers
from dcs_migration_operator.engine.namespace_labels import NamespaceLabelsReader
from dcs_migration_operator.engine.paced import PacedDcs
from dcs_migration_operator.engine.poller import Poller
from dcs_migration_operator.engine.ports import NO_CLUSTER_READS
from dcs_migration_operator.engine.projects import Past, Projects
from dcs_migration_operator.engine.pump import Pump
from dcs_migration_operator.engine.reconciler import Reconciler
from dcs_migration_operator.engine.sampler import Sampler
from dcs_migration_operator.engine.stops import Stops
from dcs_migration_operator.engine.store import Store
from dcs_migration_operator.engine.waves import Waves

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcs_migration_operator.core.model import Account, ProjectRef, WaveRef
    from dcs_migration_operator.engine.ports import (
        Clock,
        ClusterReads,
        Dcs,
        EventRecorder,
        Probe,
        SecretReader,
        StatusSink,
    )
    from dcs_migration_operator.settings import Settings


CALLBACK_TURNS = 3
"""Event loop iterations until the answer to a stop has reached the facts: its future, the callback
of that, and one in reserve."""


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The dependencies of the engine.

    Attributes:
        sink: Receives statuses.
        recorder: Receives events.
        read_secret: Reads credentials by name.
        open_dcs: Returns the DCS client of an account.
        draw: Returns a random number in [0, 1), for jitter.
        may_act: Tells whether this process may act; called right before each DCS call.
        cluster_reads: The further reads that cluster-scoped projects need.
    """

    sink: StatusSink
    recorder: EventRecorder
    read_secret: SecretReader
    open_dcs: Callable[[Account], Dcs]
    probe: Probe
    clock: Clock
    settings: Settings
    draw: Callable[[], float] = random.random
    may_act: Callable[[], bool] = _always
    cluster_reads: ClusterReads = NO_CLUSTER_READS


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine's parts that `app.py` uses: the intake for events, the store for figures."""

    intake: Intake
    store: Store
    projects: Projects
    _reconciler: Reconciler
    _resources: Pump[str]
    _projects_due: Pump[ProjectRef]
    _waves: Waves
    _waves_due: Pump[WaveRef]
    _labels: NamespaceLabelsReader
    _ambient: AmbientCredentials
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def activate(self) -> None:
        """Begin to act; until then the engine only fills the store."""
        self.intake.renew()
        self._projects_due.start(self.projects.process)
        self._resources.start(self._reconciler.reconcile)
        self._waves_due.start(self._waves.reconcile)
        self._tasks.append(asyncio.get_running_loop().create_task(self._labels.run()))

    async def close(self, drain_s: float) -> None:
        """Stop acting: pending stop requests are sent within `drain_s` or dropped."""
        self._reconciler.retire()
        self._projects_due.stop()
        self._waves_due.stop()
        await self.projects.close(drain_s)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._ambient.close()
        for _ in range(CALLBACK_TURNS):
            await asyncio.sleep(0)
        self._resources.drain()  # the outcome of the last stops has yet to be written
        self._resources.stop()

    def stuck_s(self) -> float:
        """Return the longest time in seconds that any channel has made no progress."""
        return max((channel.stuck_s() for channel in self.projects.channels), default=0.0)

    def snapshot_ages(self, now: float) -> dict[str, float]:
        """Return the age of the last complete list in seconds, by cloud project id.

        Projects without polling are left out: no list is made for them, so its age means nothing.
        """
        ages: dict[str, float] = {}
        for channel in self.projects.channels:
            age_s = now - channel.poller.snapshot_at
            if channel.poller.polls and age_s < float("inf"):
                project_id = channel.account.project_id
                ages[project_id] = max(age_s, ages.get(project_id, 0.0))
        return ages


def build(around: Surroundings) -> Engine:
    """Return an engine that is not yet active."""
    resources: Pump[str] = Pump(around.probe.failed)
    projects_due: Pump[ProjectRef] = Pump(around.probe.failed)
    waves_due: Pump[WaveRef] = Pump(around.probe.failed)
    store = Store(
        resources.queue,
        projects_due.queue,
        waves_due.queue,
        around.clock,
        cluster_projects=around.settings.cluster_projects,
    )
    reconciler = Reconciler(
        store,
        sink=around.sink,
        recorder=around.recorder,
        probe=around.probe,
        clock=around.clock,
    )
    ledgers = KeyLedgers(around.draw)
    ambient = AmbientCredentials(around.cluster_reads.fetch, around.clock)
    projects = Projects(
        store,
        projects_due,
        read_secret=around.read_secret,
        ambient=ambient,
        open_channel=partial(_open_channel, around, store, resources, projects_due, ledgers),
        sink=around.sink,
        clock=around.clock,
        settings=around.settings,
        draw=around.draw,
    )
    intake = Intake(
        store,
        reconciler,
        resources,
        sink=around.sink,
        recorder=around.recorder,
        probe=around.probe,
        clock=around.clock,
    )
    waves = Waves(store, sink=around.sink, recorder=around.recorder, clock=around.clock)
    labels = NamespaceLabelsReader(store, around.cluster_reads.labels, around.clock)
    return Engine(
        intake,
        store,
        projects,
        reconciler,
        resources,
        projects_due,
        waves,
        waves_due,
        labels,
        ambient,
    )


def _open_channel(
    around: Surroundings,
    store: Store,
    resources: Pump[str],
    projects_due: Pump[ProjectRef],
    ledgers: KeyLedgers,
    account: Account,
    past: Past,
) -> Channel:
    """Create the channel of an account and start to poll."""
    now = around.clock().mono
    ledger = ledgers.of(account.endpoint, account.credentials, now)
    ledger.know(account.credentials, trusted_at=past.trusted_at, now=now)
    facts = ChannelFacts(resources.queue, projects_due.queue)
    dcs = PacedDcs(
        account,
        around.open_dcs(account),
        breaker=CircuitBreaker(around.draw),
        ledger=ledger,
        facts=facts,
        probe=around.probe,
        may_act=around.may_act,
    )
    settings = around.settings.channel
    poller = Poller(
        dcs,
        facts,
        ledger=ledger,
        settings=settings,
        draw=around.draw,
        settled_due_at=past.settled_due_at,
    )
    stops = Stops(
        dcs,
        facts,
        poller,
        partial(store.may_stop, facts),
        partial(store.commit, facts),
        settings=settings,
        probe=around.probe,
        clock=around.clock,
        project_id=account.project_id,
    )
    sampler = Sampler(dcs, facts, ledger.turns, around.clock)
    polling = asyncio.get_running_loop().create_task(_run(poller, sampler, dcs))
    polling.add_done_callback(log_failure)
    return Channel(account, facts, dcs, poller, stops, sampler, polling)


async def _run(poller: Poller, sampler: Sampler, dcs: PacedDcs) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(poller.run())
        group.create_task(sampler.run())
        group.create_task(dcs.run())
