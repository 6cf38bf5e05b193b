"""Requests the stops of one channel: many tasks per call; the outcomes go into the facts.

A task has at most one request in progress, however many resources want it to stop. It is sent
together with the others of its window, if the task may still be stopped at that moment.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from dcs_migration_operator.core import requests
from dcs_migration_operator.core.cloud import Operation
from dcs_migration_operator.core.errors import DcsError, OutcomeUnknown, Unavailable
from dcs_migration_operator.core.model import ErrorDetail, StopAnswer, task_key
from dcs_migration_operator.engine.batches import NOT_SENT, Batches, StopResult
from dcs_migration_operator.engine.coalescer import Coalescer, Unanswered, Withdrawn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dcs_migration_operator.engine.facts import ChannelFacts, CloudTask
    from dcs_migration_operator.engine.paced import PacedDcs
    from dcs_migration_operator.engine.poller import Poller
    from dcs_migration_operator.engine.ports import Clock, Probe
    from dcs_migration_operator.settings import ChannelSettings

_log = logging.getLogger(__name__)

SUSPECTS_PARALLEL_MAX: Final = 2
"""Most concurrent requests with suspects, which are tasks whose requests failed. These are sent
separately, so that no other task shares their failures or waits for them."""


class MayStop(Protocol):
    """The last check before a stop is sent."""

    def __call__(self, key: str, /) -> bool:
        """Tell whether the task with this key may be stopped at this moment."""


class Stops:
    """Requests stops for the tasks of one channel.

    Args:
        dcs: Makes the calls.
        facts: The facts of the channel.
        poller: Polls soon after a stop was accepted.
        may_stop: Called for each task before its stop is sent.
        commit: The same at the moment of sending; a stop that it permits counts as sent.
        project_id: The cloud project, for the log.
    """

    def __init__(
        self,
        dcs: PacedDcs,
        facts: ChannelFacts,
        poller: Poller,
        may_stop: MayStop,
        commit: MayStop,
        *,
        settings: ChannelSettings,
        probe: Probe,
        clock: Clock,
        project_id: str,
    ) -> None:
        self._dcs, self._facts, self._poller = dcs, facts, poller
        self._commit, self._clock, self._project_id = commit, clock, project_id
        self._batches = Batches(self._send, probe)
        window: partial[Coalescer[str, StopResult]] = partial(
            Coalescer,
            execute=self._execute,
            gate=partial(dcs.ready, Operation.BATCH_STOP),
            admit=may_stop,
            idle_s=settings.batch_idle_s,
            longest_s=settings.batch_max_wait_s,
            cap=settings.batch_size,
        )
        self._window = window(parallel_max=settings.orders_parallel_max - SUSPECTS_PARALLEL_MAX)
        self._suspects = window(parallel_max=SUSPECTS_PARALLEL_MAX)

    def submit(self, cloud: CloudTask) -> None:
        """Request a stop for a task, together with others; the outcome goes into the facts."""
        if not cloud.requested:
            cloud.requested = True
            suspect = self._batches.is_suspect(cloud.key)
            waiter = (self._suspects if suspect else self._window).submit(cloud.key)
            waiter.add_done_callback(partial(self._settle, cloud))

    async def close(self, timeout_s: float) -> None:
        """Send all waiting stops at once, and drop those that are not finished in time."""
        await asyncio.gather(self._window.close(timeout_s), self._suspects.close(timeout_s))

    async def _execute(self, keys: Sequence[str]) -> Mapping[str, StopResult]:
        """Send one batch; requests use DCS's spelling of the task ids."""
        tasks = [cloud for key in keys if (cloud := self._facts.task(key))]
        results = await self._batches.stop([cloud.task_id for cloud in tasks])
        outcomes = Counter(
            result.outcome.name.lower() if isinstance(result, StopAnswer) else "not_answered"
            for result in results.values()
        )
        if outcomes["accepted"]:
            self._poller.hurry()
        _log.info("stops requested", extra={"project": self._project_id, **outcomes})
        answered = {task_key(task_id): result for task_id, result in results.items()}
        return {key: answered.get(key, NOT_SENT) for key in keys}

    async def _send(self, task_ids: Sequence[str], *, suspects: bool) -> Mapping[str, StopAnswer]:
        return await self._dcs.batch_stop(task_ids, self._permit, suspects=suspects)

    def _permit(self, task_ids: Sequence[str]) -> Sequence[str]:
        """Return the ids that may still be stopped, since the call may have waited for long."""
        return [task_id for task_id in task_ids if self._commit(task_key(task_id))]

    def _settle(self, cloud: CloudTask, waiter: asyncio.Future[StopResult]) -> None:
        result: StopResult
        try:
            result = waiter.result()
        except (Withdrawn, asyncio.CancelledError):
            result = NOT_SENT
        except Unanswered:
            result = _lost("the request may have been sent")
        except Exception:  # noqa: BLE001 - whatever it is, the task must not wait for ever
            _log.exception("a stop request failed within the operator")
            result = _lost("the request failed within the operator; see its log")
        now = self._clock()
        request = cloud.request
        if isinstance(result, OutcomeUnknown):
            request = requests.unknown(request, result.detail.request_id, now, result.detail)
        elif isinstance(result, Unavailable) and result is not NOT_SENT:
            request = requests.unsent(request, result.detail, now)
        elif not isinstance(result, DcsError):
            request = requests.answered(request, result, now)
        self._facts.settle(cloud, request)


def _lost(why: str) -> OutcomeUnknown:
    return OutcomeUnknown(ErrorDetail("unknown", why))
