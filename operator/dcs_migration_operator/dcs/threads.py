"""Offers blocking calls as coroutines: the DCS client with limited concurrency, and single calls.

This is the only module where the event loop meets threads. If a call does not return in time, or
its caller is gone, its thread is abandoned; a stop request that was not written by then is never
written, otherwise its outcome is unknown. Each call has its own thread. That costs less than 0.1 ms
of the 50 ms of a call, an idle project holds no thread, and no thread keeps the process from
ending.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from dcs_migration_operator.core.errors import (
    TIMEOUT,
    OutcomeUnknown,
    ReadError,
    Unavailable,
    Untrusted,
)
from dcs_migration_operator.core.model import ErrorDetail
from dcs_migration_operator.dcs.client import DcsClient
from dcs_migration_operator.dcs.transport import IDLE_S
from dcs_migration_operator.dcs.trust import NoCertificate, trust_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dcs_migration_operator.core.cloud import Page, Permit, Stats
    from dcs_migration_operator.core.model import Account, Observation, StopAnswer
    from dcs_migration_operator.dcs.trust import Trust
    from dcs_migration_operator.settings import ChannelSettings

_log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

PATIENCE: Final = 1.5
"""Multiple of the client's own time limit after which its thread is abandoned."""

STATS_PARALLEL_MAX: Final = 4
"""Most concurrent stats calls, in addition to all others: 10 per second at 0.4 s each."""


class NoThread(ReadError):
    """No thread could be started, so the function was not called."""

    def __init__(self) -> None:
        super().__init__(
            "This machine allows no further thread; is the number of the pod's processes limited?",
            passing=True,
        )


class ThreadedDcs:
    """Implements `engine.ports.Dcs` over `DcsClient`.

    The file of a private CA is read when a client is created, and again after a certificate was not
    trusted, so that a replaced CA is picked up without a restart.
    """

    def __init__(self, account: Account, settings: ChannelSettings) -> None:
        # The concurrent stop requests and shows, and one list call.
        calls_max = settings.orders_parallel_max + settings.shows_parallel_max + 1
        self._ca_file = settings.ca_file
        self._trust = _trust(settings.ca_file, None)
        self._client = DcsClient(
            account,
            connect_timeout_s=settings.connect_timeout_s,
            timeout_s=settings.request_timeout_s,
            connections_max=calls_max + STATS_PARALLEL_MAX,
            trust=self._trust,
            proxy_url=settings.proxy_url or None,
        )
        self._patience_s = settings.request_timeout_s * PATIENCE
        self._late = ErrorDetail(TIMEOUT, f"{account.endpoint}: no answer in time")
        self._slots = asyncio.Semaphore(calls_max)
        self._stats_slots = asyncio.Semaphore(STATS_PARALLEL_MAX)
        self._calls = 0
        self._resting: asyncio.TimerHandle | None = None

    async def batch_stop(self, task_ids: Sequence[str], permit: Permit) -> Mapping[str, StopAnswer]:
        """Request a stop for each id that `permit` returns; return the answers by key.

        `permit` is called on the event loop once the connection is established, right before the
        first byte is written; see `DcsClient.batch_stop`.
        """
        permission = _Permission(permit, self._patience_s)
        try:
            return await self._call(self._slots, self._client.batch_stop, task_ids, permission.ask)
        except OutcomeUnknown as error:
            if error.detail is self._late and not permission.give_up():
                # The code differs from that of a call that was sent: no id can be the cause.
                unsent = ErrorDetail("connect-timeout", self._late.message)
                raise Unavailable(unsent) from None
            raise
        except asyncio.CancelledError:
            permission.give_up()
            raise

    async def list_page(self, offset: int) -> Page:
        """Return one page of the list."""
        return await self._call(self._slots, self._client.list_page, offset)

    async def show(self, task_id: str) -> Observation:
        """Return what DCS says about one task."""
        return await self._call(self._slots, self._client.show, task_id)

    async def stats(self, task_id: str) -> Stats:
        """Return the progress of one online task; calls of other kinds never wait for this one."""
        return await self._call(self._stats_slots, self._client.stats, task_id)

    def close(self) -> None:
        """Close idle connections; calls in progress end by their own time limit."""
        self._disturb()
        self._client.close()

    async def _call(
        self,
        slots: asyncio.Semaphore,
        method: Callable[P, R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        await slots.acquire()
        self._calls += 1
        self._disturb()
        call = asyncio.ensure_future(in_thread(method, *args, **kwargs))
        call.add_done_callback(functools.partial(self._ended, slots))
        try:
            async with asyncio.timeout(self._patience_s):
                return await asyncio.shield(call)
        except TimeoutError:
            raise OutcomeUnknown(self._late) from None
        except NoThread as error:
            raise Unavailable(ErrorDetail("no-thread", str(error))) from None
        except Untrusted:
            self._trust_anew()
            raise

    def _ended(self, slots: asyncio.Semaphore, call: asyncio.Future[R]) -> None:
        """Release the slot when the thread has ended, which may be after its caller left."""
        slots.release()
        self._calls -= 1
        if not self._calls:
            self._resting = call.get_loop().call_later(IDLE_S, self._client.close)
        if not call.cancelled():
            call.exception()  # retrieve it, so that asyncio does not report it

    def _disturb(self) -> None:
        if self._resting:
            self._resting.cancel()
            self._resting = None

    def _trust_anew(self) -> None:
        """Read the file of the private CA again, in case it was replaced."""
        self._trust = _trust(self._ca_file, self._trust)
        self._client.trust_instead(self._trust)


class _Permission:
    """The permission of one request; it ends when no caller waits for the answer any more.

    Permission is decided on the event loop, so that its state needs no lock: the thread of the call
    asks there and waits. A loop that is frozen or has ended permits nothing.
    """

    def __init__(self, permit: Permit, patience_s: float) -> None:
        self._permit, self._patience_s = permit, patience_s
        self._loop = asyncio.get_running_loop()
        self._over = self._granted = False

    def ask(self, task_ids: Sequence[str]) -> Sequence[str]:
        """Return the ids that may be in the request; called in the thread of the call."""
        answer: Future[Sequence[str]] = Future()
        with contextlib.suppress(RuntimeError, TimeoutError):  # the loop has ended, or is frozen
            self._loop.call_soon_threadsafe(self._decide, task_ids, answer)
            return answer.result(self._patience_s)
        answer.cancel()
        return ()

    def give_up(self) -> bool:
        """Permit nothing from now on; return whether anything was permitted before."""
        self._over = True
        return self._granted

    def _decide(self, task_ids: Sequence[str], answer: Future[Sequence[str]]) -> None:
        if not answer.set_running_or_notify_cancel():
            return
        try:
            permitted = () if self._over else self._permit(task_ids)
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the caller
            answer.set_exception(error)
            return
        self._granted = self._granted or bool(permitted)
        answer.set_result(permitted)


def _trust(path: str, before: Trust | None) -> Trust | None:
    """Read the file of a private CA; if that fails, return what was read before."""
    if not path:
        return None
    try:
        return trust_in(path)
    except NoCertificate as error:
        _log.warning("the file of the private CA cannot be used", extra={"why": str(error)})
        return before


async def in_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a blocking function in a thread and return or raise its outcome.

    The thread is a daemon: unlike one of a pool, it does not keep the process from ending.

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
        with contextlib.suppress(RuntimeError):  # the loop has ended in the meantime
            loop.call_soon_threadsafe(settle, outcome)

    try:
        threading.Thread(target=work, name="blocking", daemon=True).start()
    except RuntimeError:  # "can't start new thread"
        raise NoThread from None
    return await future
