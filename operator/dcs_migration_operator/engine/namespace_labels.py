"""Reads the labels of the namespaces whose tasks need a cluster-scoped project with a selector.

Each namespace is read by name, and only for tasks that are not finished. The labels go into the
store, where they decide whether a task may use its project (`core.admission`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.admission import LABELS_S_MAX, NamespaceLabels
from dcs_migration_operator.core.errors import ReadError

if TYPE_CHECKING:
    from dcs_migration_operator.core.model import ProjectRef
    from dcs_migration_operator.engine.ports import Clock, LabelsReader
    from dcs_migration_operator.engine.store import Store

_log = logging.getLogger(__name__)

READ_S: Final = 30.0
"""Labels are read again after this time, which leaves several attempts before they are too old."""

RETRY_S: Final = 5.0
"""Pause after an attempt without an answer."""

SCAN_S: Final = 5.0
"""Interval between scans for labels due a refresh; only while there are projects with
selectors."""

READS_PARALLEL_MAX: Final = 8

NAMESPACES_MAX: Final = 10_000
"""Most namespaces whose labels are kept; bounds memory, and is far above what clusters have."""

_FAILED: Final = "Namespace {namespace}, whose labels decide, cannot be read ({error})."

_TOO_MANY: Final = NamespaceLabels(
    problem=f"More than {NAMESPACES_MAX} namespaces use projects that select them by labels. The "
    "administrator of the project names them in spec.allowedNamespaces instead."
)


class NamespaceLabelsReader:
    """Keeps the labels in the store fresh.

    Args:
        store: Tells which namespaces are needed, and receives the labels.
        read_labels: Reads the labels of one namespace.
        clock: Returns the current time.
    """

    def __init__(self, store: Store, read_labels: LabelsReader, clock: Clock) -> None:
        self._store, self._read_labels, self._clock = store, read_labels, clock

    async def run(self) -> None:
        """Read the labels that are needed and due, until cancelled."""
        while True:
            self._store.labels_wanted.clear()
            selecting = self._store.selecting_projects()
            await self._read_due(selecting)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SCAN_S if selecting else None):
                    await self._store.labels_wanted.wait()

    async def _read_due(self, selecting: list[ProjectRef]) -> None:
        needed = set[str]().union(*map(self._store.namespaces_of, selecting))
        self._store.keep_labels(needed)
        known = self._store.labels
        kept = {namespace for namespace, one in known.items() if one is not _TOO_MANY}
        new, room = sorted(needed - kept), NAMESPACES_MAX - len(kept)
        for namespace in new[room:]:
            self._store.learn_labels(namespace, _TOO_MANY, news=namespace not in known)
        due = [namespace for namespace in (*sorted(kept), *new[:room]) if self._is_due(namespace)]
        for first in range(0, len(due), READS_PARALLEL_MAX):
            await asyncio.gather(*map(self._read, due[first : first + READS_PARALLEL_MAX]))

    def _is_due(self, namespace: str) -> bool:
        known = self._store.labels.get(namespace, NamespaceLabels())
        pause_s = RETRY_S if known.problem else READ_S
        return self._clock().mono >= known.asked_at + pause_s

    async def _read(self, namespace: str) -> None:
        """Read the labels of one namespace."""
        before = self._store.labels.get(namespace, NamespaceLabels())
        asked_at = self._clock().mono
        try:
            labels = dict(await self._read_labels(namespace))
            after = NamespaceLabels(labels, read_at=asked_at, asked_at=asked_at)
        except ReadError as error:
            after = replace(before, asked_at=asked_at, problem=str(error))
            if not error.passing:
                after = replace(after, labels=None)
        except Exception as error:  # noqa: BLE001 - whatever it is concerns this namespace alone
            _log.exception("labels could not be read", extra={"namespace": namespace})
            problem = _FAILED.format(namespace=namespace, error=type(error).__name__)
            after = replace(before, asked_at=asked_at, problem=problem)
        news = (before.labels, before.problem) != (after.labels, after.problem)
        since = self._clock().mono if news else before.since
        stale = asked_at >= before.read_at + LABELS_S_MAX
        self._store.learn_labels(namespace, replace(after, since=since), news=news or stale)
