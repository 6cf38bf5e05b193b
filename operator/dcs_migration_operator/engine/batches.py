"""One batch of stops: whole where DCS takes it whole, in halves where one id spoils it.

The spoiler is found with at most 2·log2 n further calls, the others are stopped in the same breath,
and from then on it is ordered alone. What each id came to is the result; nothing is retried here.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.errors import DcsError, OutcomeUnknown, Refused, Unavailable
from dcs_migration_operator.core.model import ErrorDetail, Outcome, StopAnswer, task_key

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from dcs_migration_operator.engine.ports import Probe

StopResult = StopAnswer | DcsError
"""What became of one id: DCS's answer, or the error of a call that had no answer for it."""

NOT_SENT: Final = Unavailable(ErrorDetail("withdrawn", "the order was not sent"))

SPOILERS_MAX: Final = 10_000
"""Ids remembered for spoiling an order; the oldest is forgotten, and found again if need be."""


class Batches:
    """Orders batches over one call.

    Args:
        call: Orders a stop for up to 50 ids; answers by key, or raises `DcsError`. An id that
            it leaves out was not sent, because nobody wished it any more.
        probe: Takes note of sizes, splits and results.
    """

    def __init__(
        self,
        call: Callable[[Sequence[str]], Awaitable[Mapping[str, StopAnswer]]],
        probe: Probe,
    ) -> None:
        self._call, self._probe = call, probe
        self._spoilers: OrderedDict[str, None] = OrderedDict()

    async def order(self, task_ids: Sequence[str]) -> dict[str, StopResult]:
        """Order a stop for each id; one result per id."""
        together = [task_id for task_id in task_ids if task_id not in self._spoilers]
        alone = [task_id for task_id in task_ids if task_id in self._spoilers]
        results = await self._halve(together) if together else {}
        for task_id in alone:
            results |= await self._halve([task_id])
        return results

    async def _halve(self, task_ids: Sequence[str]) -> dict[str, StopResult]:
        try:
            answers = await self._call(task_ids)
        except Refused as error:
            if len(task_ids) == 1:
                return {task_ids[0]: self._spoiled(task_ids[0], error)}
            self._probe.split(error.detail.code)
            middle = len(task_ids) // 2
            return await self._halve(task_ids[:middle]) | await self._halve(task_ids[middle:])
        except DcsError as error:
            if isinstance(error, OutcomeUnknown):
                self._count(["unknown"] * len(task_ids))
            return dict.fromkeys(task_ids, error)
        if answers:
            self._probe.batch(len(answers))
        self._count([answer.outcome.name.lower() for answer in answers.values()])
        return {task_id: answers.get(task_key(task_id), NOT_SENT) for task_id in task_ids}

    def _spoiled(self, task_id: str, error: Refused) -> StopAnswer:
        self._spoilers[task_id] = None
        if len(self._spoilers) > SPOILERS_MAX:
            self._spoilers.popitem(last=False)
        self._count(["rejected"])
        return StopAnswer(Outcome.REJECTED, error.detail.request_id, error.detail)

    def _count(self, results: Sequence[str]) -> None:
        for result in results:
            self._probe.stop_result(result)
