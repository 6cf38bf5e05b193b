"""One batch of stops: whole where DCS takes it whole, in parts where one id spoils it.

A batch that is refused because of an id is halved at once: the spoiler is found with at most
2·log2 n further calls, the others are stopped in the same breath, and from then on it is sent alone
until a request with it succeeds. An answer that names no id (5xx, busy) may be about an id all the
same: a batch that meets it again is halved as well, as long as any part of it works. Silence may
hide an effect, so that its batch is only sent in smaller parts when it is repeated. A service that
fails for all is never asked much more often: what fails while nothing succeeds makes no id more
suspect than the last time.

What each id came to is the result; nothing is repeated here.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from dcs_migration_operator.core.cloud import BATCH_IDS_MAX
from dcs_migration_operator.core.errors import (
    TIMEOUT,
    Busy,
    DcsError,
    OutcomeUnknown,
    Refused,
    Unavailable,
)
from dcs_migration_operator.core.model import ErrorDetail, Outcome, StopAnswer, task_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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

SIZES: Final = (BATCH_IDS_MAX, BATCH_IDS_MAX, 13, 4)
"""Ids per request by the failed requests that they have been in, a quarter each time, since pauses
double; with more failures than these each id is a request of its own."""

SPOILER: Final = len(SIZES)

BLIND_STEPS: Final = (1, 2, 6)
"""At so many failures in which nothing else succeeded the next smaller size is tried: a service
that fails for all is asked ten times for 50 ids, and after a quarter of an hour thirteen times."""

BLIND_HALVINGS: Final = 2
"""How often a batch is halved although none of its parts was answered well so far; then four parts
have failed, which is hardly because of single ids."""


class Call(Protocol):
    """Makes one request."""

    async def __call__(
        self, task_ids: Sequence[str], /, *, suspects: bool
    ) -> Mapping[str, StopAnswer]:
        """Request a stop for up to 50 ids; answers by key, or raises `DcsError`.

        An id that it leaves out was not sent, because nobody wished it any more. That the ids are
        suspects means that a failure is about them rather than about the service.
        """


@dataclass(slots=True)
class _Suspect:
    """An id of requests that failed.

    Attributes:
        proven: Failures while others succeeded.
        blind: Failures since then, in which nothing else succeeded.
        successes: Requests that had succeeded when it failed last.
        silent: It failed last without any answer.
    """

    proven: int = 0
    blind: int = 0
    successes: int = 0
    silent: bool = False

    def failures(self, successes: int) -> int:
        """Return how many failures count: once others succeed again, blind ones say little."""
        blind = sum(self.blind >= step for step in BLIND_STEPS)
        return max(self.proven, blind if successes == self.successes else min(blind, 1))


@dataclass(slots=True)
class _Round:
    """What has been found out while one batch is sent in parts.

    Attributes:
        works: A part was answered well.
        blind: Halvings that are left without that.
        failed: Ids of parts that failed.
        silent: Those of them that had no answer.
    """

    works: bool = False
    blind: int = BLIND_HALVINGS
    failed: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)


class Batches:
    """Sends batches over one call.

    Args:
        call: Makes one request.
        probe: Takes note of sizes, splits and results.
    """

    def __init__(self, call: Call, probe: Probe) -> None:
        self._call, self._probe = call, probe
        self._suspects: OrderedDict[str, _Suspect] = OrderedDict()
        self._successes = 0

    def is_suspect(self, key: str) -> bool:
        """Tell whether the last request with the task of this key failed."""
        return key in self._suspects

    async def stop(self, task_ids: Sequence[str]) -> dict[str, StopResult]:
        """Request a stop for each id; one result per id."""
        by_failures: dict[int, list[str]] = {}
        for task_id in task_ids:
            by_failures.setdefault(self._failures(task_id), []).append(task_id)
        results: dict[str, StopResult] = {}
        found = _Round()
        for failures, ids in sorted(by_failures.items()):
            size = SIZES[failures] if failures < SPOILER else 1
            if failures == SPOILER - 1 and len(ids) <= size and all(map(self._is_silent, ids)):
                size = 1  # nothing else would ever tell which of the last few it is
            for first in range(0, len(ids), size):
                results |= await self._send(ids[first : first + size], failures, found)
        for task_id in found.failed:
            if not _is_accepted(results[task_id]):
                self._fail(task_id, found)
                self._suspects[task_key(task_id)].silent = task_id in found.silent
        return results

    async def _send(
        self, task_ids: Sequence[str], failures: int, found: _Round
    ) -> dict[str, StopResult]:
        try:
            answers = await self._call(task_ids, suspects=failures > 0)
        except Refused as error:
            return await self._refused(task_ids, error, found)
        except DcsError as error:
            return await self._failed(task_ids, error, failures, found)
        return self._answered(task_ids, answers, found)

    async def _refused(
        self, task_ids: Sequence[str], error: Refused, found: _Round
    ) -> dict[str, StopResult]:
        """Halve what one of its ids is guilty of."""
        self._succeed(found)
        if len(task_ids) == 1:
            self._suspect(task_ids[0], _Suspect(proven=SPOILER))
            self._count(["rejected"])
            return {task_ids[0]: _rejection(error)}
        self._probe.split(error.detail.code)
        results: dict[str, StopResult] = {}
        for half in _halves(task_ids):
            results |= await self._send(half, 0, found)
        return results

    async def _failed(
        self, task_ids: Sequence[str], error: DcsError, failures: int, found: _Round
    ) -> dict[str, StopResult]:
        """Divide what failed before, if an answer says so; else leave it as it is."""
        limit = _divided_after(error)
        if limit is None and error.detail.code != TIMEOUT:
            return self._without_answer(task_ids, error)
        found.failed.update(task_ids)
        if limit is None:
            found.silent.update(task_ids)
        if limit is None or failures < limit:
            return self._without_answer(task_ids, error)
        return await self._divide(task_ids, error, found)

    async def _divide(
        self, task_ids: Sequence[str], error: DcsError, found: _Round
    ) -> dict[str, StopResult]:
        """Send the halves of what failed, and again of those that fail, while any part works."""
        results: dict[str, StopResult] = {}
        level = [(task_ids, error)]
        while level and (found.works or found.blind):
            found.blind -= not found.works
            failed: list[tuple[Sequence[str], DcsError]] = []
            for ids, failure in level:
                if len(ids) == 1:
                    if found.works:
                        self._suspect(ids[0], _Suspect(proven=SPOILER))
                    results |= self._without_answer(ids, failure)
                    continue
                self._probe.split(failure.detail.code)
                for half in _halves(ids):
                    again = await self._send_part(half, results, found)
                    if again:
                        failed.append((half, again))
            level = failed
        for ids, failure in level:
            results |= self._without_answer(ids, failure)
        return results

    async def _send_part(
        self, task_ids: Sequence[str], results: dict[str, StopResult], found: _Round
    ) -> DcsError | None:
        """Send one part and add its results; return the error if it may be divided again."""
        try:
            answers = await self._call(task_ids, suspects=True)
        except Refused as refusal:
            results |= await self._refused(task_ids, refusal, found)
        except DcsError as error:
            if _divided_after(error) is not None:
                return error
            found.failed.difference_update(task_ids)
            results |= self._without_answer(task_ids, error)
        else:
            results |= self._answered(task_ids, answers, found)
        return None

    def _answered(
        self, task_ids: Sequence[str], answers: Mapping[str, StopAnswer], found: _Round
    ) -> dict[str, StopResult]:
        if answers:
            self._succeed(found)
            self._probe.batch(len(answers))
        self._count([answer.outcome.name.lower() for answer in answers.values()])
        for task_id in task_ids:
            answer = answers.get(task_key(task_id))
            if answer and _is_accepted(answer):
                self._suspects.pop(task_key(task_id), None)
        return {task_id: answers.get(task_key(task_id), NOT_SENT) for task_id in task_ids}

    def _without_answer(self, task_ids: Sequence[str], error: DcsError) -> dict[str, StopResult]:
        """Return what a call that failed as a whole means for each of its ids."""
        if isinstance(error, Busy):
            self._count(["rejected"] * len(task_ids))
            return dict.fromkeys(task_ids, _rejection(error))
        if isinstance(error, OutcomeUnknown):
            self._count(["unknown"] * len(task_ids))
        return dict.fromkeys(task_ids, error)

    def _succeed(self, found: _Round) -> None:
        self._successes += 1
        found.works = True

    def _is_silent(self, task_id: str) -> bool:
        suspect = self._suspects.get(task_key(task_id))
        return suspect is not None and suspect.silent

    def _failures(self, task_id: str) -> int:
        suspect = self._suspects.get(task_key(task_id))
        return suspect.failures(self._successes) if suspect else 0

    def _fail(self, task_id: str, found: _Round) -> None:
        """Make an id more suspect."""
        suspect = self._suspects.get(task_key(task_id), _Suspect(successes=self._successes))
        if found.works or self._successes > suspect.successes:
            proven = min(suspect.failures(suspect.successes) + 1, SPOILER)
            self._suspect(task_id, _Suspect(proven))
        else:
            self._suspect(task_id, _Suspect(suspect.proven, suspect.blind + 1))

    def _suspect(self, task_id: str, suspect: _Suspect) -> None:
        suspect.successes = self._successes
        key = task_key(task_id)
        self._suspects[key] = suspect
        self._suspects.move_to_end(key)
        if len(self._suspects) > SUSPECTS_MAX:
            self._suspects.popitem(last=False)

    def _count(self, results: Sequence[str]) -> None:
        for result in results:
            self._probe.stop_result(result)


def _is_accepted(result: StopResult) -> bool:
    return isinstance(result, StopAnswer) and result.outcome is Outcome.ACCEPTED


def _halves(task_ids: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    middle = len(task_ids) // 2
    return task_ids[:middle], task_ids[middle:]


def _divided_after(error: DcsError) -> int | None:
    """Return after how many failed requests such an error divides one.

    None means never: it is not about an id, or nobody has answered.
    """
    kinds = DIVIDED_AFTER.items() if error.answered else ()
    return next((failures for kind, failures in kinds if isinstance(error, kind)), None)


def _rejection(error: DcsError) -> StopAnswer:
    return StopAnswer(Outcome.REJECTED, error.detail.request_id, error.detail)
