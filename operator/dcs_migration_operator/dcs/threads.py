"""What blocks as coroutines: the DCS client, a bounded number of calls at once, and single calls.

The only place where the event loop meets threads. A call that does not come back in time is left
to its thread and counts as one with an unknown outcome. A thread lives for one call: that costs
less than 0.1 ms of a call's 50, an idle project holds none, and none keeps the process from ending.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from dcs_migration_operator.core.errors import OutcomeUnknown, ReadError, Unavailable
from dcs_migration_operator.core.model import ErrorDetail
from dcs_migration_operator.dcs.client import DcsClient
from dcs_migration_operator.dcs.transport import IDLE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dcs_migration_operator.core.cloud import Page
    from dcs_migration_operator.core.model import Account, Observation, StopAnswer
    from dcs_migration_operator.settings import ChannelSettings

P = ParamSpec("P")
R = TypeVar("R")

PATIENCE: Final = 1.5
"""The client keeps its own time limit; this share of it passes before a thread is given up."""


class ThreadedDcs:
    """Implements `engine.ports.Dcs` over `DcsClient`."""

    def __init__(self, account: Account, settings: ChannelSettings) -> None:
        # Orders and shows at once, and one for the list.
        threads_max = settings.orders_parallel_max + settings.shows_parallel_max + 1
        self._client = DcsClient(
            account,
            connect_timeout_s=settings.connect_timeout_s,
            timeout_s=settings.request_timeout_s,
            connections_max=threads_max,
        )
        self._patience_s = settings.request_timeout_s * PATIENCE
        self._slots = asyncio.Semaphore(threads_max)
        self._calls = 0
        self._resting: asyncio.TimerHandle | None = None

    async def batch_stop(
        self, task_ids: Sequence[str], permit: Callable[[Sequence[str]], Sequence[str]]
    ) -> Mapping[str, StopAnswer]:
        """Order a stop for each id that is still permitted; answers by key."""
        permitted = permit(task_ids)
        return await self._call(self._client.batch_stop, permitted) if permitted else {}

    async def list_page(self, offset: int) -> Page:
        """Return one page of the list."""
        return await self._call(self._client.list_page, offset)

    async def show(self, task_id: str) -> Observation:
        """Return what DCS says about one task."""
        return await self._call(self._client.show, task_id)

    def close(self) -> None:
        """Close idle connections; calls under way end by their own time limit."""
        self._disturb()
        self._client.close()

    async def _call(self, method: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        await self._slots.acquire()
        self._calls += 1
        self._disturb()
        call = asyncio.ensure_future(in_thread(method, *args, **kwargs))
        call.add_done_callback(self._ended)
        try:
            async with asyncio.timeout(self._patience_s):
                return await asyncio.shield(call)
        except TimeoutError:
            raise OutcomeUnknown(ErrorDetail("timeout", "no answer in time")) from None
        except NoThread as error:
            raise Unavailable(ErrorDetail("threads", str(error))) from None

    def _ended(self, call: asyncio.Future[R]) -> None:
        """Give the slot back when the thread has ended, which may be after its caller left."""
        self._slots.release()
        self._calls -= 1
        if not self._calls:
            self._resting = call.get_loop().call_later(IDLE_S, self._client.close)
        if not call.cancelled():
            call.exception()  # looked at, so that asyncio does not report it

    def _disturb(self) -> None:
        if self._resting:
            self._resting.cancel()
            self._resting = None


class NoThread(ReadError):
    """No thread could be started, so nothing was called."""

    def __init__(self) -> None:
        super().__init__(
            "This machine allows no further thread; is the number of the pod's processes limited?",
            passing=True,
        )


async def in_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Return what a blocking function returns, or raise what it raises.

    Its thread is a daemon: unlike one of a pool, it does not keep a process from ending.

    Raises:
        NoThread: The function was not called.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[R] = loop.create_future()

    def settle(outcome: Callable[[], None]) -> None:
        if not future.done():
            outcome()

    def work() -> None:
        try:
            result = function(*args, **kwargs)
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the caller
            outcome = functools.partial(future.set_exception, error)
        else:
            outcome = functools.partial(future.set_result, result)
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, outcome)

    try:
        threading.Thread(target=work, name="blocking", daemon=True).start()
    except RuntimeError:  # "can't start new thread"
        raise NoThread from None
    return await future
