"""An event loop in a thread of its own, for helpers that serve tests which are not coroutines.

Everything that touches the state of such a helper runs in its loop, so that no test reads what is
being written.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")

ANSWER_S_MAX: Final = 30.0
"""For one act in the thread; it takes milliseconds."""


class LoopThread:
    """A running loop; `name` is the thread's."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop and return what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(ANSWER_S_MAX)

    def soon(self, act: Callable[..., object], *arguments: object) -> None:
        """Have a function called in the loop, and do not wait for it."""
        self._loop.call_soon_threadsafe(act, *arguments)

    def close(self) -> None:
        """End loop and thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
