"""Counts the objects behind the watch's back, by their metadata alone.

kopf does not say when its first listing is complete, so that is told from here: everything that a
listing of our own found has arrived, in that version or a newer one, or is gone again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

CHECK_S: Final = 0.05
"""How often arrival is checked; 10,000 objects arrive in seconds."""

RECOUNT_S: Final = 2.0
"""After this long without completion the objects are counted again: some may be gone."""


async def arrived(
    count: Callable[[], Awaitable[dict[str, int]]], version_of: Callable[[str], int | None]
) -> None:
    """Return once everything that was counted is known.

    Args:
        count: Lists uid → resourceVersion.
        version_of: The version that has arrived, if any has.
    """
    loop = asyncio.get_running_loop()
    while True:
        missing = await count()
        recount_at = loop.time() + RECOUNT_S
        while loop.time() < recount_at:
            missing = {
                uid: version
                for uid, version in missing.items()
                if (known := version_of(uid)) is None or known < version
            }
            if not missing:
                return
            await asyncio.sleep(CHECK_S)
