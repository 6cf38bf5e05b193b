"""Messages for any number of tabs: merged, numbered, kept for a while, never queued per tab.

The only state per tab is the number of its last message. Messages that it missed are in the ring;
if it missed more, or comes from an earlier run, it gets a snapshot. So neither many tabs nor a slow
one cost memory.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubectl_dcs.board.state import State

PAUSE_S: Final = 0.2
"""Interval between messages: the eye follows no more than five per second."""

BEAT_S: Final = 10.0
"""A heartbeat after this silence, so that a tab can tell a quiet board from a lost one."""

MESSAGES_MAX: Final = 150
"""Messages kept for tabs that were away: half a minute of continuous changes."""

BYTES_MAX: Final = 8 * 2**20
"""Size of all kept messages; a snapshot of 5,000 tasks is shorter."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message, encoded once for all tabs; `number` counts from 1."""

    number: int
    data: bytes


def encoded(value: Any) -> bytes:
    """Return compact JSON without line breaks, as server-sent events require."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


class Stream:
    """Turns the changes of a state into numbered messages.

    Args:
        state: The state to show.
        clock: Returns seconds since 1970.
    """

    def __init__(self, state: State, clock: Callable[[], float]) -> None:
        self._state, self._clock = state, clock
        self._epoch = secrets.token_hex(4)
        self._ring: deque[Message] = deque()
        self._ring_bytes = 0
        self._number = 0
        self._dirty, self._news = asyncio.Event(), asyncio.Event()
        self._snapshot: Message | None = None

    @property
    def number(self) -> int:
        """The number of the last message."""
        return self._number

    def touch(self) -> None:
        """Note that the state has changed."""
        self._dirty.set()

    async def run(self) -> None:
        """Publish changes as messages, until cancelled."""
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            self.publish()
            await asyncio.sleep(PAUSE_S)

    def publish(self) -> None:
        """Publish all pending changes as one message, if there are any."""
        now_s = self._clock()
        self._state.note_counts(now_s)
        if not self._state.changed:
            return
        self._number += 1
        changes = self._state.take_changes() | {"now": now_s}
        self._keep(Message(self._number, encoded(changes)))
        self._snapshot = None
        self._news.set()
        self._news = asyncio.Event()

    def _keep(self, message: Message) -> None:
        self._ring.append(message)
        self._ring_bytes += len(message.data)
        while len(self._ring) > MESSAGES_MAX or self._ring_bytes > BYTES_MAX:
            self._ring_bytes -= len(self._ring.popleft().data)

    def snapshot(self) -> Message:
        """Return a snapshot; made only once for tabs that connect at the same time."""
        self.publish()
        if self._snapshot is None:
            made = self._state.snapshot() | {"now": self._clock()}
            self._snapshot = Message(self._number, encoded(made))
        return self._snapshot

    def place_of(self, event_id: str) -> int | None:
        """Return the number in an id of this stream; None if it is not one of its ids."""
        epoch, _, number = event_id.partition("-")
        known = epoch == self._epoch and number.isascii() and number.isdecimal()
        return int(number) if known and int(number) <= self._number else None

    def id_of(self, message: Message) -> str:
        """Return the id of a message, which a tab sends when it reconnects."""
        return f"{self._epoch}-{message.number}"

    def after(self, number: int) -> list[Message] | None:
        """Return the messages after a number; None if some of them are no longer kept."""
        missing = self._number - number
        if missing > len(self._ring):
            return None
        return list(self._ring)[len(self._ring) - missing :]

    async def wait(self, number: int) -> bool:
        """Wait for a message after this one; False if none arrived within `BEAT_S`."""
        if self._number > number:
            return True
        try:
            await asyncio.wait_for(self._news.wait(), BEAT_S)
        except TimeoutError:
            return False
        return True
