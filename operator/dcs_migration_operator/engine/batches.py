"""One batch of stops: whole where DCS takes it whole, in parts where one id spoils it.

A batch that is refused because of an id is halved at once: the spoiler is found with at most
2·log2 n further calls, the others are stopped in the same breath, and from then on it is sent alone
until a request with it succeeds. An answer that names no id (5xx, busy) may be about an id all the
same: a batch that meets it again and again is divided, twice as finely each time, so that a failing
service is never asked much more often and one bad id does not hold up the others.

What each id came to is the result; nothing is repeated here.
"""

from __future__ import annotations

from collections import OrderedDict
from math import ceil
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.cloud import BATCH_IDS_MAX
from dcs_migration_operator.core.errors import (
    Busy,
    DcsError,
    OutcomeUnknown,
    Refused,
    Unavailable,
)
from dcs_migration_operator.core.model import ErrorDetail, Outcome, StopAnswer, task_key

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from dcs_migration_operator.engine.ports import Probe

StopResult = StopAnswer | DcsError
"""What became of one id: DCS's answer, or the error of a call that had no answer for it."""

NOT_SENT: Final = Unavailable(ErrorDetail("withdrawn", "the request was not sent"))

SUSPECTS_MAX: Final = 10_000
"""Ids remembered for spoiling a request, or for being in one that failed; the oldest is forgotten,
and found again if need be."""

DIVIDED_AFTER: Final[dict[type[DcsError], int]] = {OutcomeUnknown: 1, Unavailable: 1, Busy: 2}
"""How many failed requests an id has to have been in before the next failure divides its request: a
5xx once; an instance that is busy twice, which with the pauses between them is 45 s."""

SPOILER: Final = 6
"""As many failures as make an id a request of its own: 50 halved so often is less than 2."""


class Batches:
    """Sends batches over one call.

    Args:
        call: Requests a stop for up to 50 ids; answers by key, or raises `DcsError`. An id that
            it leaves out was not sent, because nobody wished it any more.
        probe: Takes note of sizes, splits and results.
    """

    def __init__(
        self,
        call: Callable[[Sequence[str]], Awaitable[Mapping[str, StopAnswer]]],
        probe: Probe,
    ) -> None:
        self._call, self._probe = call, probe
        self._failures: OrderedDict[str, int] = OrderedDict()

    async def stop(self, task_ids: Sequence[str]) -> dict[str, StopResult]:
        """Request a stop for each id; one result per id."""
        by_failures: dict[int, list[str]] = {}
        for task_id in task_ids:
            by_failures.setdefault(self._failures.get(task_id, 0), []).append(task_id)
        together = by_failures.pop(0, []) + by_failures.pop(1, [])
        results = await self._send(together) if together else {}
        for failures, suspects in sorted(by_failures.items()):
            size = max(ceil(BATCH_IDS_MAX / 2 ** (failures - 1)), 1) if failures < SPOILER else 1
            for first in range(0, len(suspects), size):
                results |= await self._send(suspects[first : first + size])
        return results

    async def _send(self, task_ids: Sequence[str]) -> dict[str, StopResult]:
        try:
            answers = await self._call(task_ids)
        except Refused as error:
            return await self._refused(task_ids, error)
        except DcsError as error:
            return await self._failed(task_ids, error)
        return self._answered(task_ids, answers)

    async def _refused(self, task_ids: Sequence[str], error: Refused) -> dict[str, StopResult]:
        """Halve what one of its ids is guilty of."""
        if len(task_ids) == 1:
            self._suspect(task_ids[0], SPOILER)
            self._count(["rejected"])
            return {task_ids[0]: _rejection(error)}
        self._probe.split(error.detail.code)
        middle = len(task_ids) // 2
        return await self._send(task_ids[:middle]) | await self._send(task_ids[middle:])

    async def _failed(self, task_ids: Sequence[str], error: DcsError) -> dict[str, StopResult]:
        """Divide what failed before, if an answer says so; else leave it as it is."""
        limit = _divided_after(error)
        if limit is None:
            return self._without_answer(task_ids, error)
        failures = min(self._failures.get(task_id, 0) for task_id in task_ids)
        for task_id in task_ids:
            self._suspect(task_id, min(self._failures.get(task_id, 0) + 1, SPOILER))
        if len(task_ids) == 1 or failures < limit:
            return self._without_answer(task_ids, error, first=failures == 0)
        return await self._divide(task_ids, error)

    async def _divide(
        self, task_ids: Sequence[str], error: DcsError, *, works: bool = False
    ) -> dict[str, StopResult]:
        """Request the halves; go on within those that fail, as soon as any other part works.

        Args:
            task_ids: Of a request that failed.
            error: With which it failed.
            works: Another part of the same request was answered well, so that the service works.
        """
        self._probe.split(error.detail.code)
        middle = len(task_ids) // 2
        results: dict[str, StopResult] = {}
        failed: list[tuple[Sequence[str], DcsError]] = []
        for half in (task_ids[:middle], task_ids[middle:]):
            try:
                answers = await self._call(half)
            except Refused as refusal:
                results |= await self._refused(half, refusal)
            except DcsError as failure:
                failed.append((half, failure))
            else:
                results |= self._answered(half, answers)
        works = works or len(failed) == 1
        for half, again in failed:
            guilty = works and _divided_after(again) is not None
            if guilty and len(half) > 1:
                results |= await self._divide(half, again, works=True)
                continue
            if guilty:
                self._suspect(half[0], SPOILER)
            results |= self._without_answer(half, again)
        return results

    def _answered(
        self, task_ids: Sequence[str], answers: Mapping[str, StopAnswer]
    ) -> dict[str, StopResult]:
        if answers:
            self._probe.batch(len(answers))
        self._count([answer.outcome.name.lower() for answer in answers.values()])
        for task_id in task_ids:
            answer = answers.get(task_key(task_id))
            if answer and answer.outcome is Outcome.ACCEPTED:
                self._failures.pop(task_id, None)
        return {task_id: answers.get(task_key(task_id), NOT_SENT) for task_id in task_ids}

    def _without_answer(
        self, task_ids: Sequence[str], error: DcsError, *, first: bool = False
    ) -> dict[str, StopResult]:
        """Return what a call that failed as a whole means for each of its ids.

        A service that says that it had no effect is asked again as soon as its pause is over, once;
        whatever says so again is spaced like an outcome that nobody knows.
        """
        if isinstance(error, Busy):
            self._count(["rejected"] * len(task_ids))
            return dict.fromkeys(task_ids, _rejection(error))
        if isinstance(error, Unavailable) and error.answered and not first:
            error = OutcomeUnknown(error.detail, http_status=error.http_status)
        if isinstance(error, OutcomeUnknown):
            self._count(["unknown"] * len(task_ids))
        return dict.fromkeys(task_ids, error)

    def _suspect(self, task_id: str, failures: int) -> None:
        self._failures[task_id] = failures
        self._failures.move_to_end(task_id)
        if len(self._failures) > SUSPECTS_MAX:
            self._failures.popitem(last=False)

    def _count(self, results: Sequence[str]) -> None:
        for result in results:
            self._probe.stop_result(result)


def _divided_after(error: DcsError) -> int | None:
    """Return after how many failed requests such an error divides one.

    None means never: it is not about an id, or nobody has answered.
    """
    kinds = DIVIDED_AFTER.items() if error.answered else ()
    return next((failures for kind, failures in kinds if isinstance(error, kind)), None)


def _rejection(error: DcsError) -> StopAnswer:
    return StopAnswer(Outcome.REJECTED, error.detail.request_id, error.detail)
