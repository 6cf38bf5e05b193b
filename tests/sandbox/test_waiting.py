"""Waiting for facts: when it ends, what counts as not yet, and what it says on giving up."""

from __future__ import annotations

import pytest

from sandbox.waiting import eventually, eventually_async


def test_the_true_value_is_returned() -> None:
    """The look that finds something is the last one."""
    values = iter([0, "", None, "found", "too far"])
    assert eventually(lambda: next(values), interval_s=0) == "found"


def test_an_error_that_means_not_yet_is_waited_out() -> None:
    """A missing key, a refused connection or a failed assertion may still come right."""
    causes = iter([KeyError("status"), ConnectionRefusedError(), AssertionError()])

    def look() -> bool:
        for cause in causes:
            raise cause
        return True

    assert eventually(look, interval_s=0)


def test_any_other_error_ends_the_wait() -> None:
    """A mistake in the look itself is shown at once."""
    with pytest.raises(ZeroDivisionError):
        eventually(lambda: 1 / 0)


def test_giving_up_tells_what_was_seen_last() -> None:
    """The message holds the time and the last value."""
    with pytest.raises(TimeoutError, match=r"Not true within 0 s; the last look was 0\."):
        eventually(lambda: 0, timeout_s=0)


def test_giving_up_keeps_the_cause() -> None:
    """The last error is chained, so that its traceback is shown."""
    missing: dict[str, int] = {}
    with pytest.raises(TimeoutError, match=r"raised KeyError\('phase'\)") as error:
        eventually(lambda: missing["phase"], timeout_s=0)
    assert isinstance(error.value.__cause__, KeyError)


async def test_the_asynchronous_form_takes_both_kinds_of_look() -> None:
    """A coroutine function is awaited, a plain one is called."""
    values = iter([0, 1, 2])

    async def look() -> int:
        return next(values)

    assert await eventually_async(look, interval_s=0) == 1
    assert await eventually_async(lambda: next(values), interval_s=0) == 2


async def test_the_asynchronous_form_gives_up_too() -> None:
    """It tells the same on giving up."""
    with pytest.raises(TimeoutError, match="the last look was None"):
        await eventually_async(lambda: None, timeout_s=0)
