"""Lists the metadata of all objects independently of the watch, and compares the two.

kopf does not report objects that were deleted while a watch was broken; a periodic count finds
those, and also finds a watch that misses events. Before a standby acts, a count shows that it knows
everything that exists: each counted object has arrived, in that version or a newer one, or is gone
again.
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
"""Interval between checks for arrival. Both listings are sorted by name, so a check only has to
process the objects that arrived since the last one and the first that has not."""

RECOUNT_S: Final = 2.0
"""After this long without an arrival the objects are counted again, as some may be gone."""

COUNT_S: Final = 600.0
"""Pause between two counts; for 10,000 objects a count is 20 pages of metadata, 0.3 s of work."""

COUNTS_MAX: Final = 15
"""Most failed counts in a row; with the pauses between them this takes half a minute."""

LATE_S: Final = 60.0
"""A counted object has to arrive within this time, otherwise the watch counts as deaf."""


class DeafWatch(Exception):
    """The watch does not report what exists; only a restart helps."""


async def keep_counting(
    count: Callable[[], Awaitable[dict[str, int]]],
    known: Callable[[], dict[str, int]],
    forget: Callable[[str], None],
    relisted: asyncio.Event,
) -> None:
    """Count periodically, forget objects that are gone, and raise when the watch is deaf.

    Args:
        count: Lists uid → resourceVersion; after an `ApiError` the next count tries again.
        known: Returns what the watch has reported, in the same form.
        forget: Called with the uid of each object that is gone.
        relisted: Set when the watch had to list again and so may have missed deletions.

    Raises:
        DeafWatch: A counted object did not arrive in time, or is older than the known version.
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
    """Return once the known objects match the existing ones; see `keep_counting` for the arguments.

    Raises:
        ApiError: The objects could not be counted.
        DeafWatch: A counted object did not arrive in time; another replica should act instead.
    """
    before = known()
    _forget_gone(before, await _counted(count), forget)
    try:
        async with asyncio.timeout(LATE_S):
            await arrived(count, version_of)
    except TimeoutError:
        raise DeafWatch("the watch does not tell of objects that exist") from None


async def _counted(count: Callable[[], Awaitable[dict[str, int]]]) -> dict[str, int]:
    """Count, with a limited number of attempts if that fails."""
    for _ in range(COUNTS_MAX - 1):
        with contextlib.suppress(ApiError):
            return await count()
        await asyncio.sleep(RECOUNT_S)
    return await count()


async def arrived(
    count: Callable[[], Awaitable[dict[str, int]]], version_of: Callable[[str], int | None]
) -> None:
    """Return once every counted object is known.

    Args:
        count: Lists uid → resourceVersion.
        version_of: Returns the version of an object that has arrived, None if it has not.

    Raises:
        ApiError: The objects could not be counted.
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
