"""Kubernetes Events: one per resource and cause, a Warning when a person is needed.

A status with `Stalled` is told when it is on the server; the same cause again is not news. Where
very many resources say the same, some are told and the last of them says that there are more.
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
"""So many events of one namespace, kind and reason within this time, as client-go aggregates."""

SORTS_MAX: Final = 1_000
"""Sorts that are counted; the oldest is forgotten, which costs ten events more."""

WAITING_MAX: Final = 100
"""Events that wait to be posted; beyond that the oldest is given up: the status says it anyway."""

REMEMBERED_MAX: Final = 10_000
"""Causes told; the oldest is forgotten, and its event would only be counted up."""

NAME_CHARS_MAX: Final = 200
"""Of the resource's name in the event's: with dot and digest it stays below Kubernetes' 253."""

DIGEST_CHARS: Final = 16


class Events:
    """Posts events one after the other; best effort, as events are.

    Args:
        create: Creates an Event in a namespace; raises `ApiError`.
        again: Updates (namespace, name) of an Event that exists; raises `ApiError`.
        monotonic: Seconds of a clock that never goes back.
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
        """Take in that a status is on the server, and tell if it needs a person anew."""
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
        """Post a Normal event (`engine.ports.EventRecorder`), unless very many say the same."""
        self._post_soon(ref, "Normal", reason, message)

    def warn(self, ref: ObjectRef, reason: str, message: str) -> None:
        """Post a Warning (`engine.ports.EventRecorder`), unless very many say the same."""
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
        """Give up what waits."""
        self._waiting.clear()
        if self._poster:
            self._poster.cancel()
            await asyncio.gather(self._poster, return_exceptions=True)

    def _count_alike(self, ref: ObjectRef, reason: str) -> int:
        """Return how many of its sort there were within the time, this one included."""
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
            # The same resource and cause within the hour that events live: it is told once.
            news = {key: event[key] for key in ("message", "lastTimestamp")}
            await self._again(namespace, event["metadata"]["name"], news)


def _event(ref: ObjectRef, kind: str, reason: str, message: str) -> dict[str, Any]:
    """Return the Event; its name follows from resource and cause, so that it exists once."""
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
