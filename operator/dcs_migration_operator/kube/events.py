"""Posts Kubernetes Events, one per resource and cause, as a Warning when a person is needed.

A status with `Stalled` is reported once it is on the server; the same cause is not reported again.
When very many resources have the same cause, only some get an event, and the last of these says
that there are more.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict, deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from dcs_migration_operator.core.conditions import STALLED, clip
from dcs_migration_operator.core.kinds import API_VERSION, KINDS
from dcs_migration_operator.core.status import rfc3339
from dcs_migration_operator.kube.errors import ApiError, Conflict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from dcs_migration_operator.core.model import ObjectRef
    from dcs_migration_operator.core.status import Status

_log = logging.getLogger(__name__)

COMPONENT: Final = "dcs-migration-operator"

ALIKE_MAX: Final = 10
ALIKE_S: Final = 600.0
"""Most events of one namespace, kind and reason within this time, as in client-go's aggregator."""

SORTS_MAX: Final = 1_000
"""Combinations that are counted; forgetting the oldest one costs at most ten more events."""

WAITING_MAX: Final = 100
"""Events that wait to be posted; beyond that the oldest is dropped: the status says it anyway."""

REMEMBERED_MAX: Final = 10_000
"""Reported causes that are remembered; if a forgotten one recurs, only its event's count grows."""

NAME_CHARS_MAX: Final = 200
"""Length of the resource's name within the event's; with dot and digest it stays below 253."""

DIGEST_CHARS: Final = 16


class Events:
    """Posts events one after the other, without retrying: events are best effort.

    Args:
        create: Creates an Event in a namespace; raises `ApiError`.
        again: Updates the existing Event (namespace, name); raises `ApiError`.
        monotonic: The monotonic clock, in seconds.
    """

    def __init__(
        self,
        *,
        create: Callable[[str, Mapping[str, Any]], Awaitable[None]],
        again: Callable[[str, str, Mapping[str, Any]], Awaitable[None]],
        monotonic: Callable[[], float],
    ) -> None:
        self._create, self._again, self._monotonic = create, again, monotonic
        self._told: OrderedDict[str, str] = OrderedDict()
        self._alike: OrderedDict[tuple[str, str, str], deque[float]] = OrderedDict()
        self._waiting: deque[tuple[str, dict[str, Any]]] = deque(maxlen=WAITING_MAX)
        self._poster: asyncio.Task[None] | None = None

    def note(self, ref: ObjectRef, status: Status) -> None:
        """Post a Warning for a written status if it newly needs a person."""
        stalled = status.condition(STALLED)
        if stalled is None:
            self._told.pop(ref.uid, None)
            return
        if self._told.get(ref.uid) == stalled.reason:
            return
        self._told[ref.uid] = stalled.reason
        if len(self._told) > REMEMBERED_MAX:
            self._told.popitem(last=False)
        self.warn(ref, stalled.reason, stalled.message)

    def tell(self, ref: ObjectRef, reason: str, message: str) -> None:
        """Post a Normal event (`engine.ports.EventRecorder`), unless there are too many alike."""
        self._post_soon(ref, "Normal", reason, message)

    def warn(self, ref: ObjectRef, reason: str, message: str) -> None:
        """Post a Warning (`engine.ports.EventRecorder`), unless there are too many alike."""
        self._post_soon(ref, "Warning", reason, message)

    def _post_soon(self, ref: ObjectRef, kind: str, reason: str, message: str) -> None:
        alike = self._count_alike(ref, reason)
        if alike > ALIKE_MAX:
            return
        if alike == ALIKE_MAX:
            message += (
                f" Further {KINDS[ref.plural]}s that say {reason} get no event for"
                f" {ALIKE_S / 60:.0f} minutes; see kubectl get {ref.plural}."
            )
        self._waiting.append((ref.namespace or "default", _event(ref, kind, reason, message)))
        if self._poster is None or self._poster.done():
            self._poster = asyncio.get_running_loop().create_task(self._post_all())

    async def close(self) -> None:
        """Drop the events that still wait."""
        self._waiting.clear()
        if self._poster:
            self._poster.cancel()
            await asyncio.gather(self._poster, return_exceptions=True)

    def _count_alike(self, ref: ObjectRef, reason: str) -> int:
        """Return how many events like this one there were within `ALIKE_S`, including this one."""
        now, key = self._monotonic(), (ref.namespace, ref.plural, reason)
        times = self._alike.setdefault(key, deque())
        if len(self._alike) > SORTS_MAX:
            self._alike.popitem(last=False)
        while times and times[0] <= now - ALIKE_S:
            times.popleft()
        if len(times) <= ALIKE_MAX:
            times.append(now)
        return len(times)

    async def _post_all(self) -> None:
        while self._waiting:
            namespace, event = self._waiting.popleft()
            try:
                await self._post(namespace, event)
            except ApiError as error:
                _log.warning(
                    "an event could not be posted",
                    extra={"http_status": error.status, "reason": str(error)},
                )

    async def _post(self, namespace: str, event: dict[str, Any]) -> None:
        try:
            await self._create(namespace, event)
        except Conflict:
            # The same resource and cause within the hour that events live: update the first one.
            news = {key: event[key] for key in ("message", "lastTimestamp")}
            await self._again(namespace, event["metadata"]["name"], news)


def _event(ref: ObjectRef, kind: str, reason: str, message: str) -> dict[str, Any]:
    """Return the Event; its name is derived from resource and cause, so that it exists once."""
    moment = rfc3339(datetime.now(UTC).replace(microsecond=0))
    digest = hashlib.sha256(f"{ref.uid} {reason}".encode()).hexdigest()[:DIGEST_CHARS]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{ref.name[:NAME_CHARS_MAX]}.{digest}"},
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": KINDS[ref.plural],
            "name": ref.name,
            "uid": ref.uid,
            **({"namespace": ref.namespace} if ref.namespace else {}),
        },
        "type": kind,
        "reason": reason,
        "message": clip(message),
        "source": {"component": COMPONENT},
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
    }
