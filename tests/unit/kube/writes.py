"""An API server for statuses on virtual time: slow, failing on demand, and taking notes."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from dcs_migration_operator.core.model import ObjectRef
from dcs_migration_operator.core.status import Status
from dcs_migration_operator.kube.errors import api_error
from dcs_migration_operator.kube.status import StatusQueue

if TYPE_CHECKING:
    from collections.abc import Mapping

WRITE_S: Final = 1.0


def ref(number: int = 1) -> ObjectRef:
    """Return the name of one object."""
    return ObjectRef("migrationtasks", "team-a", f"task-{number}", f"uid-{number}")


def status(word: str) -> Status:
    """Return a status that can be told from others."""
    return Status(phase=word)


class Server:
    """Takes a write; the tests read off what was asked of it.

    Args:
        failures: HTTP statuses of the first answers, None for a success; 0 is no answer.
        write_s: How long each write takes.
    """

    def __init__(self, *failures: int | None, write_s: float = WRITE_S) -> None:
        self.failures = list(failures)
        self.started: list[tuple[float, str, str]] = []
        """Time, object and phase of each write that began."""
        self.written: list[tuple[str, int, str]] = []
        self.outcomes: Counter[str] = Counter()
        self.busy: Counter[str] = Counter()
        self.most_busy = 0
        self.doubled: list[str] = []
        """Objects that were written while they were being written."""
        self._write_s = write_s

    async def patch(self, target: ObjectRef, body: Mapping[str, Any]) -> int:
        """Write one status."""
        now = asyncio.get_running_loop().time()
        self.started.append((now, target.name, body["phase"]))
        self.busy[target.name] += 1
        if self.busy[target.name] > 1:
            self.doubled.append(target.name)
        self.most_busy = max(self.most_busy, self.busy.total())
        try:
            await asyncio.sleep(self._write_s)
        finally:
            self.busy[target.name] -= 1
        if self.failures and (code := self.failures.pop(0)) is not None:
            raise api_error(code, "no")
        return len(self.started)

    def queue(self, writers_max: int = 16) -> StatusQueue:
        """Return a queue that writes here."""
        return StatusQueue(
            patch=self.patch,
            encode=lambda one: {"phase": one.phase},
            written=lambda to, version, one: self.written.append((to.uid, version, one.phase)),
            count=lambda outcome: self.outcomes.update([outcome]),
            writers_max=writers_max,
        )

    def times(self, name: str = "task-1") -> list[float]:
        """Return when the writes of one object began."""
        return [round(at, 3) for at, one, _ in self.started if one == name]
