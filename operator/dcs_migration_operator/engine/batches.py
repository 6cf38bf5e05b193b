"""Sends a batch of stops, and splits it if one of its ids makes DCS refuse the whole batch.

A batch that is refused because of an id is halved at once: the bad id is found with at most
2·log2 n further calls, the other tasks are stopped on the way, and from then on the bad id is sent
alone until a request with it succeeds. An answer that names no id (5xx, busy) may be caused by an
id all the same: a batch that gets it again is halved too, as long as any part of it succeeds. A
missing answer may hide an effect, so such a batch is only sent in smaller parts when it is
repeated. A service that fails for all ids does not get many more calls: failures while no request
succeeds do not make any id more suspect.

The result has the outcome of each id; this module repeats no request.
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
"""The outcome of one id: DCS's answer, or the error of a call without an answer for it."""

NOT_SENT: Final = Unavailable(ErrorDetail("withdrawn", "the request was not sent"))

SUSPECTS_MAX: Final = 10_000
"""Most ids that are remembered because a request with them failed; the oldest is forgotten, and
found again if necessary."""

DIVIDED_AFTER: Final[dict[type[DcsError], int]] = {OutcomeUnknown: 1, Unavailable: 1, Busy: 2}
"""Number of failed requests of an id after which the next failure splits its request: one for a
5xx, two for a busy instance, which with the pauses in between takes 45 s."""

SIZES: Final = (BATCH_IDS_MAX, BATCH_IDS_MAX, 13, 4)
"""Ids per request by the number of their failed requests: a quarter each time, since the pauses
double. After more failures than listed here, each id is sent alone."""

SPOILER: Final = len(SIZES)

BLIND_STEPS: Final = (1, 2, 6)
"""Numbers of failures without any success at which the next smaller size is tried: a service that
fails for all ids gets ten calls for 50 ids, and after a quarter of an hour thirteen."""

BLIND_HALVINGS: Final = 2
"""How many times a batch is halved while none of its parts has succeeded. After that, four parts
have failed, which is unlikely to be caused by single ids."""


class Call(Protocol):
    """Sends one stop request."""

    async def __call__(
        self, task_ids: Sequence[str], /, *, suspects: bool
    ) -> Mapping[str, StopAnswer]:
        """Request a stop for up to 50 ids; return answers by key, or raise `DcsError`.

        An id without an answer was not sent, because its stop was no longer wanted. `suspects`
        means that a failure is attributed to the ids rather than to the service.
        """


@dataclass(slots=True)
class _Suspect:
    """An id whose requests failed.

    Attributes:
        proven: Number of failures while other requests succeeded.
        blind: Number of failures since then during which no request succeeded.
        successes: Number of successful requests at the time of its last failure.
        silent: Whether no answer came at its last failure.
    """

    proven: int = 0
    blind: int = 0
    successes: int = 0
    silent: bool = False

    def failures(self, successes: int) -> int:
        """Return how many failures count: once other requests succeed, blind ones count less."""
        blind = sum(self.blind >= step for step in BLIND_STEPS)
        return max(self.proven, blind if successes == self.successes else min(blind, 1))


@dataclass(slots=True)
class _Round:
    """The findings while one batch is sent in parts.

    Attributes:
        works: Whether a part has succeeded.
        blind: Number of halvings left while no part has succeeded.
        failed: Ids of the parts that failed.
        silent: Those of them that got no answer.
    """

    works: bool = False
    blind: int = BLIND_HALVINGS
    failed: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)


class Batches:
    """Sends batches over one call.

    Args:
        call: Sends one stop request.
        probe: Counts sizes, splits and results.
    """

    def __init__(self, call: Call, probe: Probe) -> None:
        self._call, self._probe = call, probe
        self._suspects: OrderedDict[str, _Suspect] = OrderedDict()
        self._successes = 0

    def is_suspect(self, key: str) -> bool:
        """Tell whether the last request with the task of this key failed."""
        return key in self._suspects

    async def stop(self, task_ids: Sequence[str]) -> dict[str, StopResult]:
        """Request a stop for each id; return one result per id."""
        by_failures: dict[int, list[str]] = {}
        for task_id in task_ids:
            by_failures.setdefault(self._failures(task_id), []).append(task_id)
        results: dict[str, StopResult] = {}
        found = _Round()
        for failures, ids in sorted(by_failures.items()):
            size = SIZES[failures] if failures < SPOILER else 1
            if failures == SPOILER - 1 and len(ids) <= size and all(map(self._is_silent, ids)):
                size = 1  # only single requests can tell which of the last few is the bad one
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
        """Halve a batch that was refused because of one of its ids."""
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
        """Split a batch that has failed before, if its error calls for that; otherwise give up."""
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
        """Send the halves of a failed batch, and split failed parts again while any part works."""
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
        """Send one part and add its results; return the error if it may be split again."""
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
        """Return the result of each id after a call that failed as a whole."""
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
    """Return after how many failed requests such an error splits a request.

    None means never: the error is not about an id, or no answer came.
    """
    kinds = DIVIDED_AFTER.items() if error.answered else ()
    return next((failures for kind, failures in kinds if isinstance(error, kind)), None)


def _rejection(error: DcsError) -> StopAnswer:
    return StopAnswer(Outcome.REJECTED, error.detail.request_id, error.detail)
