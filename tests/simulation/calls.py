"""The DCS calls of one replica, in the weather of the world; what they teach it is noted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from dcs_migration_operator.core.errors import (
    AuthFailed,
    DcsError,
    NotFound,
    OutcomeUnknown,
    Throttled,
)
from dcs_migration_operator.core.model import Outcome, task_key
from dcs_migration_operator.core.phases import DELETED, PhaseClass, class_of
from simulation.claims import Sample, blame
from simulation.cloud import ModelDcs, dashed
from simulation.gateway import Signer
from simulation.lags import LIES, Replication
from simulation.notes import Cut, Rule, SentOrder
from simulation.virtual import now

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from dcs_migration_operator.core.cloud import Page, Permit, Stats
    from dcs_migration_operator.core.model import Account, Observation, StopAnswer
    from simulation.replica import Replica

R = TypeVar("R")

LOOK_S: Final = 30.0
"""No order for what was not seen for so long."""

PATIENCE_S: Final = 59.0
"""So long nothing is ordered again after an acceptance; a second for the status's coarse times."""

HEARD_S: Final = 16.0
"""The latest that any watch delivers, in any weather."""

RUNS: Final = frozenset({PhaseClass.ACTIVE, PhaseClass.TERMINATING})


class Calls:
    """Implements the engine's `Dcs` for one account."""

    def __init__(self, replica: Replica, account: Account) -> None:
        world = self._world = replica.world
        self._replica, self._site = replica, account.project_id
        self._credentials = account.credentials
        self._access_key = account.credentials.access_key
        self._dcs = ModelDcs(
            world.fleets.get(account.project_id, {}),
            interfere=lambda operation, moment, _: world.weather.cloud(operation, moment),
            signer=Signer(world.gateway, account),
            page_rows=world.case.page_rows,
            connect_s=world.weather.connect_s,
            undashed=world.case.undashed,
        )

    async def batch_stop(self, task_ids: Sequence[str], permit: Permit) -> Mapping[str, StopAnswer]:
        """Request stops; notes those that leave, and what is not known of them afterwards."""
        left: list[str] = []
        sent: list[SentOrder] = []

        def leave(asked: Sequence[str]) -> Sequence[str]:
            left.extend(permit(asked))
            if left:
                sent.append(self._note_order(tuple(left)))
            return left

        try:
            answers = await self._take_time(self._dcs.batch_stop(task_ids, leave))
        except OutcomeUnknown as error:
            if not error.answered:
                self._doubt(left)
            raise
        except Throttled:
            for order in sent:
                order.throttled = True
            raise
        finally:
            for one in left:
                self._replica.knows.answered(task_key(one))
        self._doubt([one for one in left if not _is_accepted(answers[task_key(one)])])
        for one in left:
            if _is_accepted(answers[task_key(one)]):
                self._world.notes.accepted_at[self._site, task_key(one)] = now()
        return answers

    async def list_page(self, offset: int) -> Page:
        """Return one page."""
        asked_at = now()
        page = await self._take_time(self._dcs.list_page(offset))
        self._world.notes.looked_at[self._site, ""] = now()
        for one in page.tasks:
            self._saw(task_key(one.task_id), one.word, asked_at)
            self._note_method(one)
        return page

    async def show(self, task_id: str) -> Observation:
        """Return one migration."""
        asked_at = now()
        try:
            seen = await self._take_time(self._dcs.show(task_id))
        except NotFound:
            self._saw(task_key(task_id), DELETED, asked_at)
            raise
        except DcsError:
            one = self._world.fleets[self._site].get(dashed(task_id))
            if one and one.shows and one.is_strange(now()):
                self._world.notes.failed_shows[self._site, task_key(task_id)].append(asked_at)
            raise
        self._saw(task_key(task_id), seen.word, asked_at)
        self._note_method(seen)
        return seen

    async def stats(self, task_id: str) -> Stats:
        """Return how far one migration is."""
        at, asked_at, knows = (self._site, task_key(task_id)), now(), self._replica.knows
        if not knows.knows_cutover(at[1]):
            self._world.notes.idle_stats.append(f"{task_id} at {asked_at}")
        try:
            stats, said = await self._take_time(self._ask(task_id), sample=True)
        except DcsError:
            knows.samples[at].append(Sample(asked_at, None))
            raise
        knows.samples[at].append(Sample(asked_at, said, knows.word(at)))
        self._replica.expect_told(at)
        return stats

    async def _ask(self, task_id: str) -> tuple[Stats, Stats]:
        """Return what the operator reads in an answer, and what is in it."""
        stats = await self._dcs.stats(task_id)
        lag = self._world.fleets[self._site][dashed(task_id)].lag
        return stats, lag.said(now()) if isinstance(lag, Replication) else stats

    def close(self) -> None:
        """Take note."""
        self._dcs.close()

    async def _take_time(self, call: Awaitable[R], *, sample: bool = False) -> R:
        """Let a call take as long as the weather has it, and the replica hear of its end."""
        if sample:
            self._dcs.stats_s = self._world.weather.sample_s(self._site)
        else:
            self._dcs.answer_s = self._world.weather.answer_s(self._site)
        trial, worked = self._replica.trials.begin(self._credentials, now()), False
        try:
            answer = await call
            worked = True
        except (AuthFailed, Throttled):
            self._world.notes.failed_at |= {self._site: now(), self._access_key: now()}
            raise
        except DcsError as error:
            worked = error.answered
            self._world.notes.failed_at[self._site] = now()
            raise
        finally:
            self._replica.trials.end(trial, worked=worked)
        await self._replica.step()
        return answer

    def _saw(self, key: str, word: str, asked_at: float) -> None:
        notes, task = self._world.notes, (self._site, key)
        notes.said[task].add(word)
        notes.looked_at[task] = now()
        if class_of(word) not in RUNS:
            notes.over_at[task] = max(asked_at, notes.over_at.get(task, -1.0))
        seen = self._replica.knows.seen
        if task not in seen or seen[task][0] < asked_at:
            seen[task] = (asked_at, word)

    def _note_method(self, seen: Observation) -> None:
        if "full" in seen.method:
            self._replica.knows.ends_alone.add((self._site, task_key(seen.task_id)))

    def _doubt(self, task_ids: Sequence[str]) -> None:
        if task_ids:
            self._world.notes.failed_at[self._site] = now()
        self._replica.doubts |= {(self._site, task_key(one)): now() for one in task_ids}

    def _note_order(self, task_ids: tuple[str, ...]) -> SentOrder:
        """Take note of an order, and of what its replica knew and was at that moment."""
        broken = {one: rules for one in task_ids if (rules := self._broken_by(task_key(one)))}
        led = self._world.holds_lease(self._replica.name)
        notes, name = self._world.notes, self._replica.name
        order = SentOrder(now(), name, self._site, task_ids, led, broken)
        notes.orders.append(order)
        notes.ordered_at |= {(self._site, task_key(one)): now() for one in task_ids}
        for one in task_ids:
            self._note_cut(one)
            self._replica.knows.leave(self._site, task_key(one))
        return order

    def _note_cut(self, task_id: str) -> None:
        """Take note of what an order loses that leaves because a target has caught up."""
        key = task_key(task_id)
        claims = [one for one in self._replica.knows.claims(self._site, key) if not one.broken]
        first_at = max((one.first_at or -1.0 for one in claims), default=-1.0)
        migration = self._world.fleets[self._site].get(dashed(task_id))
        lag = migration.lag if migration else None
        if first_at < 0.0 or any(one.first_at is None for one in claims):
            return
        if isinstance(lag, Replication):
            quiet, honest = lag.quiet_since <= first_at, lag.form not in LIES
            exact = all(one.exact for one in claims)
            cut = Cut(now(), (self._site, key), quiet, honest, exact, lag.behind(now()))
            self._world.notes.cuts.append(cut)

    def _broken_by(self, key: str) -> frozenset[Rule]:
        """Return what forbids an order for a task, if anything does."""
        task = (self._site, key)
        seen_at, word = self._replica.knows.seen.get(task, (float("-inf"), ""))
        broken = set(blame(self._replica.knows.claims(self._site, key)))
        if seen_at < now() - LOOK_S - 0.01:
            broken.add(Rule.LOOK)
        if seen_at < self._replica.doubts.get(task, -1.0):
            broken.add(Rule.DOUBT)
        if class_of(word) is not PhaseClass.ACTIVE:
            broken.add(Rule.ENDED)
        if self._accepted_lately(task):
            broken.add(Rule.PATIENCE)
        return frozenset(broken)

    def _accepted_lately(self, task: tuple[str, str]) -> bool:
        """Tell whether every watch has heard that a stop was accepted less than a minute ago."""
        accepted_at = self._world.notes.accepted_at.get(task, float("-inf"))
        if now() - accepted_at >= PATIENCE_S:
            return False
        stored = [s for s in self._world.objects.values() if s.task.key == task[1]]
        if any(s.forged for s in stored):
            return False  # an end that a stranger claims is as if it had been started again
        return any(
            s.status.phase == "TERMINATING" and accepted_at < s.history[-1][0] < now() - HEARD_S
            for s in stored
            if s.history
        )


def _is_accepted(answer: StopAnswer) -> bool:
    return answer.outcome is Outcome.ACCEPTED
