"""What every test needs, whichever folder it is in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", autouse=True)
def outer_event_loop() -> Iterator[None]:
    """Own the event loop that is current between asynchronous tests, and close it at the end.

    pytest-asyncio remembers the current loop around each test. Where there is none, Python 3.11
    makes one for it that nobody closes, and that warning would fail a test at random.
    """
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()
