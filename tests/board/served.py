"""A board in a thread, fed by tests instead of a cluster."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from kubectl_dcs.board.live import Live, Scope
from kubectl_dcs.board.security import Keys
from kubectl_dcs.board.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from kubectl_dcs.board.server import Answers
    from kubectl_dcs.following import News

START_S_MAX = 30.0

SCOPE = Scope("shop", "", "https://cluster.example:6443", "")


class Clock:
    """A clock that tests set, and that goes on by itself from there; seconds since 1970."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def set(self, now_s: float) -> None:
        """Set it."""
        self._ahead_s = now_s - time.time()

    def __call__(self) -> float:
        """Return the time."""
        return time.time() + self._ahead_s


class Served:
    """A server in a thread of its own. Use it as a context manager.

    Args:
        answers: What it answers; made in the thread, so that it finds the loop.
        port: Where it listens; 0 for any.
        keys: The secrets of another run, to be started again.

    Attributes:
        loop: Of the thread.
    """

    def __init__(
        self, answers: Callable[[], Answers], port: int = 0, keys: Keys | None = None
    ) -> None:
        self._make, self._port = answers, port
        self.keys = keys or Keys()
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="board")
        self._jobs: list[asyncio.Task[Any]] = []
        self.answers: Any = None
        self.server: Server | None = None
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        self.do(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        if not self._thread.is_alive():
            return
        self.do(self._stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def do(self, what: Coroutine[Any, Any, Any]) -> Any:
        """Run something in the loop of the board, and wait for it."""
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(START_S_MAX)

    async def _start(self) -> None:
        self.answers = self._make()
        self.server = Server(self.answers, self.keys)
        if isinstance(self.answers, Live):
            self._jobs.append(asyncio.create_task(self.answers.stream.run()))
            if self.answers.recorder:
                self._jobs.append(asyncio.create_task(self.answers.recorder.run(time.time)))
        self.url = await self.server.start(self._port)

    async def _stop(self) -> None:
        if self.server:
            await self.server.stop()
        for job in self._jobs:
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)
        await self.loop.shutdown_default_executor()

    def hear(self, *news: News, contact_s: float | None = None) -> None:
        """Let the board hear news."""

        async def heard() -> None:
            for one in news:
                self.answers.hear(one, contact_s)

        self.do(heard())

    def publish(self) -> None:
        """Make a message of what was heard, without waiting for the next one's turn."""

        async def published() -> None:
            self.answers.stream.publish()

        self.do(published())
