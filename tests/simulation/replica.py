"""One process of the operator in the model world: the real engine, status queue and elector.

It can be killed between any two awaits (its tasks end, its state is lost) and it can stand still:
then nothing that it has begun goes on until the pause is over, whatever the clock says meanwhile.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from dcs_migration_operator.core.model import Task, Wave
from dcs_migration_operator.core.status import to_json
from dcs_migration_operator.engine.build import Surroundings, build
from dcs_migration_operator.kube.errors import ApiError
from dcs_migration_operator.kube.lease import Elector
from dcs_migration_operator.kube.status import StatusQueue
from dcs_migration_operator.settings import ChannelSettings, Settings
from simulation.calls import Calls
from simulation.claims import Knowledge
from simulation.probe import NoProbe
from simulation.trials import Trials
from simulation.virtual import now
from simulation.world import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcs_migration_operator.core.model import Account, Credentials, Instant, ObjectRef
    from dcs_migration_operator.core.status import Status
    from simulation.notes import At
    from simulation.world import News, World


OPENED: Final = "CutoverOpened"
COPIED_ANEW: Final = "FullSyncAgain"

TOLD_S: Final = 10.0
"""People are told by then: a round of samples is over after 5 s."""

KOPF_S: Final = 0.05
"""How long an event waits in kopf's queues, while later ones are read already."""


class Replica:
    """One process; `start` it, and `kill` or `end` it."""

    def __init__(self, world: World, number: int) -> None:
        self.world, self.number, self.name = world, number, f"replica-{number}"
        self.dead = self.ending = False
        self.acts_since = float("inf")
        self.knows = Knowledge(world.notes, now, lambda: self._clock().wall)
        self.trials = Trials()
        self.warned: list[tuple[float, str, str]] = []
        self.doubts: dict[At, float] = {}
        """When an order for a task came back without a clear answer."""
        self.elector = Elector(
            _Steps(self), namespace="ns", name="lease", identity=self.name, monotonic=now
        )
        self.queue = StatusQueue(
            patch=self._patch,
            encode=to_json,
            written=self._written,
            count=lambda _: None,
            writers_max=16,
        )
        self.engine = build(
            Surroundings(
                sink=self.queue,
                recorder=self,
                read_secret=self._read_secret,
                open_dcs=self._open_dcs,
                probe=NoProbe(),
                clock=self._clock,
                settings=Settings(
                    channel=ChannelSettings(
                        poll_settled_s=world.case.poll_settled_s,
                        batch_max_wait_s=world.case.window_s,
                    )
                ),
                draw=lambda: 0.5,
                may_act=self._may_act,
            )
        )
        self._runner: asyncio.Task[None] | None = None

    def warn(self, ref: ObjectRef, reason: str, _message: str) -> None:
        """Take note of a Warning (`engine.ports.EventRecorder`)."""
        self.warned.append((now(), ref.uid, reason))

    def tell(self, ref: ObjectRef, reason: str, _message: str) -> None:
        """Take note of what is admitted (`engine.ports.EventRecorder`)."""
        wrong = self.knows.opened(ref.uid) if reason == OPENED else ""
        if wrong:
            self.world.notes.crowded.append(wrong)

    def expect_told(self, at: At) -> None:
        """Expect a Warning soon, if DCS has begun to copy a task once more."""
        for task in self.knows.copied_anew(at):
            asyncio.get_running_loop().call_later(TOLD_S, self._check_told, task)

    def _check_told(self, task: Task) -> None:
        since = now() - 2.0 * TOLD_S
        paused = any(one.replica == self.number for one in self.world.weather.pauses)
        if self.dead or self.ending or paused or not self.knows.is_unchanged(task):
            return
        told = {uid for at, uid, reason in self.warned if reason == COPIED_ANEW and at >= since}
        if task.ref.uid not in told:
            self.world.notes.untold.append(f"{task.ref.uid} at {now() - TOLD_S}")

    def start(self) -> None:
        """Begin: list, campaign, act once elected."""
        self.world.replicas.append(self)
        self.world.notes.starts += 1
        self.world.notes.trials.append(self.trials)
        self.world.notes.started_at = now()
        self.world.list_to(self)
        self._runner = asyncio.create_task(self._run())

    async def kill(self) -> None:
        """End at once, as by SIGKILL: nothing is finished, nothing is released."""
        self.dead = True
        if self in self.world.replicas:
            self.world.replicas.remove(self)
        if self._runner:
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)
        await self.queue.close()
        await self.engine.close(0.0)
        await self.queue.close()

    async def end(self) -> None:
        """End in order, as by SIGTERM."""
        self.ending = True
        await self.engine.close(3.0)
        await self.queue.drain(2.0)
        await self.elector.release()
        await self.kill()

    def hear(self, uid: str, news: News | None) -> None:
        """Take in one line of the watch: an echo ends at the door, kopf hands on what is left."""
        if news:
            wish, _, version = news
            echo = self.engine.intake.is_echo
            known = not self.dead and isinstance(wish, Task)
            if known and echo(uid, wish.generation, version):
                self.engine.intake.echoed(uid, version)
                return
        asyncio.get_running_loop().call_later(KOPF_S, self._hear, uid, news)

    def _hear(self, uid: str, news: News | None) -> None:
        if self.dead:
            return
        if news is None:
            self.knows.hear_end(uid)
            self.engine.intake.deleted(uid)
            return
        wish, status, version = news
        if isinstance(wish, Task):
            self.knows.hear_task(wish, status, version)
            self.engine.intake.task_changed(wish, status, version)
        elif isinstance(wish, Wave):
            self.knows.hear_wave(wish, version)
            self.engine.intake.wave_changed(wish, status, version)
        else:
            self.knows.hear_project(uid, wish, version)
            self.engine.intake.project_changed(wish, status, version)

    async def step(self) -> None:
        """Stand still while paused; a dead process never goes on."""
        left_s = self.world.weather.pause_left_s(self.number)
        if left_s > 0:
            await asyncio.sleep(left_s)
        if self.dead:
            await asyncio.Event().wait()

    async def _run(self) -> None:
        campaign = asyncio.create_task(self.elector.run())
        try:
            await self.elector.elected.wait()
            await asyncio.sleep(2.0 * KOPF_S)  # until the first listing has been heard
            await self.step()
            self.acts_since = now()
            self.engine.activate()
            await campaign  # ends when leadership is lost; the process leaves and starts anew
            if not self.dead and not self.ending:
                self.world.replicas.remove(self)
                self.dead = True
                await self.queue.close()
                await self.engine.close(0.0)
                Replica(self.world, self.number).start()
        finally:
            campaign.cancel()

    def _clock(self) -> Instant:
        return self.world.clock(self.number)

    def _may_act(self) -> bool:
        paused = self.world.weather.pause_left_s(self.number) > 0
        return self.elector.leads() and not paused and not self.dead

    async def _patch(self, ref: ObjectRef, body: Mapping[str, Any]) -> int:
        await self.step()
        if not self.elector.leads():
            raise ApiError(0, "not the leader")
        version = await self.world.patch(self.name, ref, body)
        await self.step()
        return version

    def _written(self, ref: ObjectRef, version: int, status: Status) -> None:
        self.engine.intake.written(ref.uid, version, status)

    async def _read_secret(self, namespace: str, name: str) -> Credentials:
        assert namespace == NAMESPACE
        await self.step()
        found = await self.world.read_secret(name)
        await self.step()
        return found

    def _open_dcs(self, account: Account) -> Calls:
        return Calls(self, account)


class _Steps:
    """The Lease calls of one replica, which stand still with it."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica

    async def get_lease(self, namespace: str, name: str) -> dict[str, Any]:
        await self._replica.step()
        return await self._replica.world.get_lease(namespace, name)

    async def create_lease(self, namespace: str, name: str, spec: Mapping[str, Any]) -> None:
        await self._replica.step()
        await self._replica.world.create_lease(namespace, name, spec)

    async def put_lease(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        await self._replica.step()
        return await self._replica.world.put_lease(lease)
