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
from simulation.cloud import ModelDcs
from simulation.gateway import Signer
from simulation.notes import SentOrder
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
        return page

    async def show(self, task_id: str) -> Observation:
        """Return one migration."""
        asked_at = now()
        try:
            seen = await self._take_time(self._dcs.show(task_id))
        except NotFound:
            self._saw(task_key(task_id), DELETED, asked_at)
            raise
        self._saw(task_key(task_id), seen.word, asked_at)
        return seen

    async def stats(self, task_id: str) -> Stats:
        """Return how far one migration is."""
        return await self._take_time(self._dcs.stats(task_id))

    def close(self) -> None:
        """Take note."""
        self._dcs.close()

    async def _take_time(self, call: Awaitable[R]) -> R:
        """Let a call take as long as the weather has it, and the replica hear of its end."""
        self._dcs.answer_s = self._world.weather.answer_s(self._site)
        try:
            answer = await call
        except (AuthFailed, Throttled):
            self._world.notes.failed_at |= {self._site: now(), self._access_key: now()}
            raise
        except DcsError:
            self._world.notes.failed_at[self._site] = now()
            raise
        await self._replica.step()
        return answer

    def _saw(self, key: str, word: str, asked_at: float) -> None:
        notes, task = self._world.notes, (self._site, key)
        notes.said[task].add(word)
        notes.looked_at[task] = now()
        if class_of(word) not in RUNS:
            notes.over_at[task] = max(asked_at, notes.over_at.get(task, -1.0))
        known = self._replica.seen.get(task)
        if known is None or known[0] < asked_at:
            self._replica.seen[task] = (asked_at, word)

    def _doubt(self, task_ids: Sequence[str]) -> None:
        if task_ids:
            self._world.notes.failed_at[self._site] = now()
        self._replica.doubts |= {(self._site, task_key(one)): now() for one in task_ids}

    def _note_order(self, task_ids: tuple[str, ...]) -> SentOrder:
        """Take note of an order, and of what its replica knew and was at that moment."""
        wrong = {one: why for one in task_ids if (why := self._forbids(task_key(one)))}
        led = self._world.holds_lease(self._replica.name)
        notes, name = self._world.notes, self._replica.name
        order = SentOrder(now(), name, self._site, task_ids, led, wrong)
        notes.orders.append(order)
        notes.ordered_at |= {(self._site, task_key(one)): now() for one in task_ids}
        return order

    def _forbids(self, key: str) -> str:
        """Return what forbids an order for a task, if anything does."""
        task = (self._site, key)
        seen_at, word = self._replica.seen.get(task, (float("-inf"), ""))
        if not self._replica.knows_wish(self._site, key):
            return "without a wish"
        if seen_at < now() - LOOK_S - 0.01:
            return "without a look lately"
        if seen_at < self._replica.doubts.get(task, -1.0):
            return "again without a look"
        if class_of(word) is not PhaseClass.ACTIVE:
            return f"although DCS had said {word}"
        return "too soon after an acceptance" if self._accepted_lately(task) else ""

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
