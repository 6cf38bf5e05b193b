"""How far a target is behind its source: the arithmetic of one migration.

Pure: a migration and a time in, figures out. Nothing runs; between two events everything is
linear, so ten thousand busy sources cost nothing until they are queried.

| phase | what happens to the lag |
| --- | --- |
| idle (CREATING, RUNNING) | nothing is passed on and nothing counts yet |
| full (FULLMIGRATING) | it grows by what is written, and is passed on after the last key |
| incremental (others) | it grows by what is written, and shrinks by what the target takes |
| incremental, but dead | it grows, and stats say 0 and `is_migrating` false |
| stopped (TERMINATING and every ended word) | stats keep what they said last; the source goes on |

The lag of an idle source falls to 0 and stays there. That of a busy one never does: even when the
target keeps up, the amount in transit varies from moment to moment and is never zero. Keys are
missing from a target if they have not been copied yet, or if a change to them is in transit.
"""

import math
import zlib
from dataclasses import dataclass
from typing import Final

from sandbox.dcs.migration import (
    ENDED_WORDS,
    FAILURE_WORDS,
    FULL_WORD,
    IDLE_WORDS,
    SUCCESS_WORDS,
    TERMINATING,
    Migration,
    Phase,
)

FULL_S: Final = 10.0
"""How long a full sync that begins again takes, unless the spec says so."""
IN_FLIGHT_S: Final = 0.5
"""Most seconds of writes that are in transit while a target keeps up."""
UNREST_S: Final = 0.25
"""How long the amount in transit stays the same: shorter than any pause between samples."""
PERCENT_MAX: Final = 100.0
PERCENT_BEFORE_END: Final = 99.9
"""The highest progress that a full sync reports before it is complete."""
PERCENT_STUCK: Final = 50.0
"""The progress of a full sync that never ends."""
KILOBYTE: Final = 1024
_AT_WORK: Final = (Phase.FULL, Phase.INCREMENTAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All figures of one replication at one moment."""

    phase: Phase
    progress: float
    """Progress of the full sync, in percent."""
    offset: int
    """The lag that stats report, in bytes."""
    behind_bytes: int
    """The true lag."""
    source_keys: int
    target_keys: int
    missing_keys: int
    """What a stop at this moment would lose; 0 once the replication has ended."""
    bytes_per_s: float
    """What the target takes in."""
    operations_per_s: float
    is_migrating: bool


def figures(migration: Migration, now_s: float) -> Figures:
    """Compute all figures of a migration at a moment."""
    sync, spec = migration.sync, migration.spec
    behind = _behind(migration, now_s)
    progress = _progress(migration, now_s)
    arrived = int(spec.keys * progress / PERCENT_MAX)
    replicates = sync.phase in _AT_WORK and not spec.dead
    bytes_per_s = _intake(migration, behind) if replicates else 0.0
    return Figures(
        phase=sync.phase,
        progress=progress,
        offset=_offset(migration, behind),
        behind_bytes=math.ceil(behind),
        source_keys=spec.keys,
        target_keys=spec.keys if sync.copied else arrived,
        missing_keys=_missing(migration, behind, arrived),
        bytes_per_s=bytes_per_s,
        operations_per_s=bytes_per_s / max(1, spec.bytes_per_write),
        is_migrating=replicates,
    )


def settle(migration: Migration, now_s: float) -> None:
    """Move the anchor to this moment; must precede every change of what the lag depends on."""
    sync = migration.sync
    sync.behind_bytes, sync.anchor_s = _behind(migration, now_s), now_s


def enter(migration: Migration, at_s: float, full_s: float | None) -> None:
    """Follow the word of a migration, which has changed, into the phase that belongs to it.

    Args:
        migration: Its `word` is the new one, its `sync` still in the old phase.
        at_s: The time of the change.
        full_s: How long the full sync takes if one begins; None: it never ends.
    """
    sync = migration.sync
    before, after = sync.phase, _phase_of(migration)
    if before is after:
        return
    settle(migration, at_s)
    if after is Phase.STOPPED:
        sync.stopped_offset = _offset(migration, sync.behind_bytes)
        sync.stopped_progress = _last_progress(migration, at_s)
    elif after is Phase.FULL:
        sync.carried_bytes = sync.carried_bytes + sync.behind_bytes if sync.copied else 0.0
        sync.behind_bytes = 0.0
        sync.full_since_s = at_s
        sync.full_until_s = None if full_s is None else at_s + full_s
    elif after is Phase.INCREMENTAL:
        sync.copied, sync.carried_bytes = True, 0.0
    sync.phase = after


def seed_of(seed: int, key: str) -> int:
    """Return the seed that makes the fluctuation of one migration differ from others."""
    return zlib.crc32(f"{seed}/{key}".encode())


def _phase_of(migration: Migration) -> Phase:
    word = migration.word
    if word in IDLE_WORDS:
        return Phase.IDLE
    if word == TERMINATING or word in ENDED_WORDS:
        return Phase.STOPPED
    full = word == FULL_WORD or not migration.is_incremental
    return Phase.FULL if full else Phase.INCREMENTAL


def _behind(migration: Migration, now_s: float) -> float:
    """Return the true lag in bytes, without what a repeated full sync will make up for."""
    sync, spec = migration.sync, migration.spec
    if not migration.is_incremental or sync.phase is Phase.IDLE:
        return 0.0
    passes_on = sync.phase is Phase.INCREMENTAL and not spec.dead
    rate = spec.writes_per_s * spec.bytes_per_write if sync.writing else 0.0
    rate -= spec.catch_up_bytes_per_s if passes_on else 0.0
    behind = max(0.0, sync.behind_bytes + rate * (now_s - sync.anchor_s))
    if sync.writing and passes_on:
        return max(behind, _on_its_way(migration, now_s))
    return behind


def _on_its_way(migration: Migration, now_s: float) -> float:
    """Return the bytes in transit: at least one write, at most half a second of them, varying."""
    spec = migration.spec
    most = max(1, int(spec.writes_per_s * IN_FLIGHT_S))
    moment = b"%d/%d" % (migration.sync.seed, int(now_s / UNREST_S))
    return float(max(1, spec.bytes_per_write) * (1 + zlib.crc32(moment) % most))


def _offset(migration: Migration, behind: float) -> int:
    sync = migration.sync
    if sync.phase is Phase.STOPPED:
        return sync.stopped_offset
    if sync.phase is not Phase.INCREMENTAL or migration.spec.dead:
        return 0
    return math.ceil(behind)


def _progress(migration: Migration, now_s: float) -> float:
    sync = migration.sync
    match sync.phase:
        case Phase.IDLE:
            return 0.0
        case Phase.INCREMENTAL:
            return PERCENT_MAX
        case Phase.STOPPED:
            return sync.stopped_progress
        case Phase.FULL:
            return _full_progress(migration, now_s)


def _full_progress(migration: Migration, now_s: float) -> float:
    since_s, until_s = migration.sync.full_since_s, migration.sync.full_until_s
    if not migration.is_incremental:
        since_s, until_s = migration.started_at_s, migration.ends_at_s
    if until_s is None:
        return PERCENT_STUCK
    worked = (now_s - since_s) / (until_s - since_s) if until_s > since_s else 1.0
    return min(PERCENT_BEFORE_END, PERCENT_MAX * max(0.0, worked))


def _last_progress(migration: Migration, at_s: float) -> float:
    """Return what stats still report after the end, even of a task that was never seen running."""
    if migration.sync.phase is Phase.IDLE:
        never_ran = migration.word in FAILURE_WORDS or migration.word == TERMINATING
        return 0.0 if never_ran else PERCENT_MAX
    if migration.word in SUCCESS_WORDS:
        return PERCENT_MAX
    return _progress(migration, at_s)


def _intake(migration: Migration, behind: float) -> float:
    """Return the bytes that the target takes in each second."""
    sync, spec = migration.sync, migration.spec
    written = spec.writes_per_s * spec.bytes_per_write if sync.writing else 0.0
    if sync.phase is Phase.FULL or behind > written * IN_FLIGHT_S:
        return spec.catch_up_bytes_per_s
    return min(written, spec.catch_up_bytes_per_s)


def _missing(migration: Migration, behind: float, arrived: int) -> int:
    sync, spec = migration.sync, migration.spec
    if sync.phase not in _AT_WORK:
        return 0
    changed = math.ceil((behind + sync.carried_bytes) / max(1, spec.bytes_per_write))
    never_copied = 0 if sync.copied else spec.keys - arrived
    return min(spec.keys, never_copied + changed)
