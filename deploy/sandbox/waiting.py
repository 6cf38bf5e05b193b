"""Waits for facts instead of for time.

Owns the one loop with which the sandbox and the cluster tests wait: check, pause briefly, check
again and, on giving up, report the last value.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import TYPE_CHECKING, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

TIMEOUT_S = 30.0
"""Long enough for a slow machine; a fact that takes longer is a failure."""

INTERVAL_S = 0.05
"""Pause between two checks: too short for a person to notice, and light on the API server."""

NOT_YET = (AssertionError, LookupError, OSError)
"""The exceptions that a check may raise while the fact is not true yet; any other is an error."""


def eventually(
    look: Callable[[], T], timeout_s: float = TIMEOUT_S, interval_s: float = INTERVAL_S
) -> T:
    """Call `look` until it returns something true, and return that.

    A check may also raise an assertion, lookup or connection error for "not yet".

    Raises:
        TimeoutError: The fact did not come true; the cause and the last value are in it.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        cause: Exception | None = None
        value: T | None = None
        try:
            value = look()
        except NOT_YET as error:
            cause = error
        if value:
            return value
        if time.monotonic() >= deadline:
            raise _timeout(timeout_s, value, cause) from cause
        time.sleep(interval_s)


@overload
async def eventually_async(
    look: Callable[[], Awaitable[T]], timeout_s: float = ..., interval_s: float = ...
) -> T: ...
@overload
async def eventually_async(
    look: Callable[[], T], timeout_s: float = ..., interval_s: float = ...
) -> T: ...
async def eventually_async(
    look: Callable[[], T | Awaitable[T]],
    timeout_s: float = TIMEOUT_S,
    interval_s: float = INTERVAL_S,
) -> T:
    """Do the same without blocking the event loop; `look` may be a coroutine function or not."""
    deadline = time.monotonic() + timeout_s
    while True:
        cause: Exception | None = None
        value: T | None = None
        try:
            answer = look()
            value = await answer if inspect.isawaitable(answer) else answer
        except NOT_YET as error:
            cause = error
        if value:
            return value
        if time.monotonic() >= deadline:
            raise _timeout(timeout_s, value, cause) from cause
        await asyncio.sleep(interval_s)


def _timeout(timeout_s: float, value: object, cause: Exception | None) -> TimeoutError:
    last = f"raised {cause!r}" if cause else f"was {value!r}"
    return TimeoutError(f"Not true within {timeout_s:g} s; the last look {last}.")
