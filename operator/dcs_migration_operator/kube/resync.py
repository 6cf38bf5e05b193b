"""Counts the objects behind the watch's back, by their metadata alone.

kopf does not say when its first listing is complete, so that is told from here: everything that a
listing of our own found has arrived, in that version or a newer one, or is gone again. Nor does it
tell of objects that vanished while a watch was broken; a count from time to time finds those, and
a watch that has gone deaf.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.kube.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

CHECK_S: Final = 0.05
"""How often arrival is checked. Both listings have the order of the names, so a check looks only at
what has arrived since the last one and at the first object that has not."""

RECOUNT_S: Final = 2.0
"""After this long without an arrival the objects are counted again: some may be gone."""

COUNT_S: Final = 600.0
"""Pause between two counts: 10,000 objects are 20 pages of metadata, 0.3 s of work."""

COUNTS_MAX: Final = 15
"""Counts that may fail in a row; with the pauses between them that is half a minute."""

LATE_S: Final = 60.0
"""An object that was counted has to arrive within this time, or the watch is deaf."""


class DeafWatch(Exception):
    """What the watch tells is not what is there; only a new start helps."""


async def keep_counting(
    count: Callable[[], Awaitable[dict[str, int]]],
    known: Callable[[], dict[str, int]],
    forget: Callable[[str], None],
    relisted: asyncio.Event,
) -> None:
    """Count again and again: forget what is gone, and end when the watch is deaf.

    Args:
        count: Lists uid → resourceVersion; may raise `ApiError`, which is left for the next time.
        known: What the watch has told, in the same form.
        forget: Told the uid of each object that is gone.
        relisted: Set when the watch had to begin anew, and so has missed deletions.

    Raises:
        DeafWatch: What was counted did not arrive in time, or is older than what is known.
    """
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(COUNT_S):
                await relisted.wait()
        relisted.clear()
        before = known()
        try:
            counted = await _counted(count)
        except ApiError:
            continue
        _forget_gone(before, counted, forget)
        if any(version < before.get(uid, 0) for uid, version in counted.items()):
            raise DeafWatch("the API server's versions went back; was it restored from a backup?")
        late = {uid for uid, version in counted.items() if before.get(uid, 0) < version}
        if late:
            await asyncio.sleep(LATE_S)
            now = known()
            deaf = [uid for uid in late if now.get(uid, 0) < counted[uid]]
            if deaf and not await _gone_again(count, deaf):
                raise DeafWatch(f"the watch does not tell of {len(deaf)} objects that exist")


async def _gone_again(count: Callable[[], Awaitable[dict[str, int]]], deaf: list[str]) -> bool:
    try:
        counted = await count()
    except ApiError:
        return True
    return not any(uid in counted for uid in deaf)


def _forget_gone(
    before: Mapping[str, int], counted: Mapping[str, int], forget: Callable[[str], None]
) -> None:
    for uid in before.keys() - counted.keys():
        forget(uid)


async def caught_up(
    count: Callable[[], Awaitable[dict[str, int]]],
    known: Callable[[], dict[str, int]],
    version_of: Callable[[str], int | None],
    forget: Callable[[str], None],
) -> None:
    """Return once what is known is what is there; the parameters are those of the others.

    Raises:
        ApiError: Nothing could be counted.
        DeafWatch: What was counted did not arrive in time: better that somebody else acts.
    """
    before = known()
    _forget_gone(before, await _counted(count), forget)
    try:
        async with asyncio.timeout(LATE_S):
            await arrived(count, version_of)
    except TimeoutError:
        raise DeafWatch("the watch does not tell of objects that exist") from None


async def _counted(count: Callable[[], Awaitable[dict[str, int]]]) -> dict[str, int]:
    """Count, again and again if that fails, up to a limit."""
    for _ in range(COUNTS_MAX - 1):
        with contextlib.suppress(ApiError):
            return await count()
        await asyncio.sleep(RECOUNT_S)
    return await count()


async def arrived(
    count: Callable[[], Awaitable[dict[str, int]]], version_of: Callable[[str], int | None]
) -> None:
    """Return once everything that was counted is known.

    Args:
        count: Lists uid → resourceVersion.
        version_of: The version that has arrived, if any has.

    Raises:
        ApiError: Nothing could be counted.
    """
    loop = asyncio.get_running_loop()
    while True:
        missing = deque((await _counted(count)).items())
        progress_at = loop.time()
        while loop.time() < progress_at + RECOUNT_S:
            before = len(missing)
            while missing and _has_arrived(*missing[0], version_of):
                missing.popleft()
            if not missing:
                return
            if len(missing) < before:
                progress_at = loop.time()
            await asyncio.sleep(CHECK_S)


def _has_arrived(uid: str, version: int, version_of: Callable[[str], int | None]) -> bool:
    known = version_of(uid)
    return known is not None and known >= version
