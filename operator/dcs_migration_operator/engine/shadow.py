"""Tracks the status of one object on the server, and our writes to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.status import Status, same_meaning

if TYPE_CHECKING:
    from dcs_migration_operator.core.status import StopRecord

WRITES_MAX: Final = 8
WRITE_S: Final = 20.0
"""Limit of writes to one object: a burst of 8, then one in 20 s. A stop takes two writes and, with
failures, a few more; more than that means that another client writes the same status."""


@dataclass(slots=True, eq=False)
class StatusShadow:
    """The status of one object, as far as this process knows it.

    Attributes:
        version: The newest `resourceVersion` that the watch has reported.
        written: The newest `resourceVersion` returned by a write of ours. It says nothing about
            the spec, which may have changed just before the write.
        shown: The status that the object has, or is about to get.
        writing: Whether `shown` was passed to the status queue and is not on the server yet.
        stop: The stop record from our own facts when `shown` was last compared with them. While
            another client's status is shown, a difference in it alone is no reason to write.
    """

    version: int = 0
    written: int = 0
    shown: Status = field(default_factory=Status)
    writing: bool = False
    stop: StopRecord | None = None
    compared: bool = False
    _writes: float = 0.0
    _writes_at: float = float("-inf")

    def is_echo(self, version: int) -> bool:
        """Tell whether an event only has a status that we wrote or are about to replace.

        This is valid only for an event that does not change the spec.
        """
        return self.writing or version <= max(self.written, self.version)

    def told(self, version: int, status: Status) -> bool:
        """Record the version and status from a watch event.

        Returns:
            Whether another client replaced a status of ours with one of different meaning.
        """
        self.version = max(self.version, version)
        if self.writing or version <= self.written:
            return False
        replaced = self.written > 0 and not same_meaning(status, self.shown)
        self.shown, self.compared = status, False
        return replaced

    def wants(self, status: Status) -> bool:
        """Tell whether this status has to be written because the object does not have it yet."""
        if not self.compared:
            self.stop, self.compared = status.stop, True
            return not same_meaning(status, self.shown)
        return status.stop != self.stop or not same_meaning(status, self.shown)

    def hand_on(self, status: Status, now: float) -> None:
        """Note that a status goes to the status queue at this monotonic time, in seconds."""
        self.shown, self.writing = status, True
        self.stop, self.compared = status.stop, True
        passed = (now - self._writes_at) / WRITE_S
        self._writes = max(self._writes - passed, 0.0) + 1.0
        self._writes_at = now

    def confirm(self, version: int, status: Status) -> bool:
        """Note that a status was written to the server.

        Returns:
            Whether `shown` has to be written once more: an event newer than our write may come from
            another client that replaced it; if none did, the extra write changes nothing.
        """
        self.written = max(self.written, version)
        self.writing = self.writing and self.shown is not status
        if self.version > version and not self.writing:
            self.writing = True
            return True
        return False

    def write_at(self, now: float) -> float:
        """Return the monotonic time in seconds from which one more write is within the limit."""
        left = max(self._writes - (now - self._writes_at) / WRITE_S, 0.0)
        return now + max(left - (WRITES_MAX - 1), 0.0) * WRITE_S
