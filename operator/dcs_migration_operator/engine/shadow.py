"""What is known of the status of one object on the server, and of our writes to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.status import Status, same_meaning

if TYPE_CHECKING:
    from dcs_migration_operator.core.status import StopRecord

WRITES_MAX: Final = 8
WRITE_S: Final = 20.0
"""Writes of one object: a burst of 8, then one in 20 s. A stop takes two, its bad days some more;
what would need more than that is a quarrel with somebody else who writes the same status."""


@dataclass(slots=True, eq=False)
class StatusShadow:
    """The status of one object, as far as this process knows.

    Attributes:
        version: The newest `resourceVersion` that the watch told of.
        written: The newest one that answered a write of ours. It says nothing of the spec: that
            may have changed just before the write.
        shown: What the object says, or is about to say.
        writing: `shown` is handed to the status queue and not yet on the server.
        stop: The stop record that our own facts gave when `shown` was last compared with them;
            while `shown` is somebody else's, their difference alone is no reason to write.
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
        """Tell whether an event says nothing but what we wrote, or are about to replace.

        Valid only for an event that does not change the spec.
        """
        return self.writing or version <= max(self.written, self.version)

    def told(self, version: int, status: Status) -> bool:
        """Take in what the watch says.

        Returns:
            Whether somebody else replaced a status of ours by one that says something else.
        """
        self.version = max(self.version, version)
        if self.writing or version <= self.written:
            return False
        replaced = self.written > 0 and not same_meaning(status, self.shown)
        self.shown, self.compared = status, False
        return replaced

    def wants(self, status: Status) -> bool:
        """Tell whether this status says something that the object does not say yet."""
        if not self.compared:
            self.stop, self.compared = status.stop, True
            return not same_meaning(status, self.shown)
        return status.stop != self.stop or not same_meaning(status, self.shown)

    def hand_on(self, status: Status, now: float) -> None:
        """Take in that a status goes to the status queue at this monotonic second."""
        self.shown, self.writing = status, True
        self.stop, self.compared = status.stop, True
        passed = (now - self._writes_at) / WRITE_S
        self._writes = max(self._writes - passed, 0.0) + 1.0
        self._writes_at = now

    def confirm(self, version: int, status: Status) -> bool:
        """Take in that a status is on the server.

        Returns:
            Whether `shown` has to be written once more: an event that is newer than our write may
            have been somebody else's, who replaced it; it costs nothing if nobody has.
        """
        self.written = max(self.written, version)
        self.writing = self.writing and self.shown is not status
        if self.version > version and not self.writing:
            self.writing = True
            return True
        return False

    def write_at(self, now: float) -> float:
        """Return the monotonic second from which on one more write is within the limit."""
        left = max(self._writes - (now - self._writes_at) / WRITE_S, 0.0)
        return now + max(left - (WRITES_MAX - 1), 0.0) * WRITE_S
