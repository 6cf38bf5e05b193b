"""One simulated migration: what it was told to be, and what became of it so far.

Pure data without a clock: `MigrationSpec` is the configuration (frozen), `Migration` the state
that `fleet.py` moves along. The status words and their classes live here too. All times are
seconds on the clock of the fleet, which is Unix time unless a test injects its own.
"""

import re
from dataclasses import dataclass, field
from typing import Final

TERMINATING: Final = "TERMINATING"
TERMINATED: Final = "TERMINATED"
RELEASED: Final = "RELEASED"
IDLE_WORDS: Final = frozenset({"CREATING", "RUNNING"})
"""Created or waiting for its configuration: nothing runs yet."""
MIGRATING_WORDS: Final = ("MIGRATING", "FULLMIGRATING", "INCRMIGEATING", "INCRMIGRATING")
"""At work. The third is the misspelling the live service is said to send."""
SUCCESS_WORDS: Final = frozenset({"SUCCESS", "MIGRATION_SUCCESS", RELEASED})
FAILURE_WORDS: Final = frozenset({"FAILED", "MIGRATION_FAILED", "ERROR"})
ENDED_WORDS: Final = SUCCESS_WORDS | FAILURE_WORDS | {TERMINATED, "DELETED"}
"""Nothing runs anymore. Every other word, known or not, counts as active."""
FOREVER: Final = -1
"""For the two counters of a spec: not a number of times, but always."""

_TASK_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def is_task_id(text: object) -> bool:
    """Whether it has one of the two documented shapes: dashed UUID or 32 hex digits."""
    return isinstance(text, str) and _TASK_ID.fullmatch(text) is not None


def key_of(task_id: str) -> str:
    """The same for both shapes of one id."""
    return task_id.replace("-", "").lower()


def dashed(task_id: str) -> str:
    """The id as a dashed UUID."""
    key = key_of(task_id)
    return "-".join((key[:8], key[8:12], key[12:16], key[16:20], key[20:]))


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationSpec:
    """How one migration behaves. Everything but the id has a default."""

    task_id: str
    """As list and show say it: dashed UUID or 32 hex digits."""
    name: str = ""
    """Empty: made from the id."""
    word: str = "INCRMIGEATING"
    """The status word at first; any string."""
    migration_type: str = "online_migration"
    """Or `backupfile_import`."""
    method: str = "incremental_migration"
    """Or `full_amount_migration`."""
    task_status: str = ""
    """The top-level `task_status`: progress of an IP exchange, e.g. `EXCHANGING`."""
    known: bool = True
    """False: DCS answers as if the id never existed."""
    listed: bool = True
    """False: only show knows it, list leaves it out."""
    lag_s: float | None = None
    """Accepted stop to the word TERMINATING; None: as the fleet."""
    stop_s: float | None = None
    """TERMINATING to the last word; None: as the fleet."""
    stopped_word: str = TERMINATED
    """What a stop ends in."""
    ends_after_s: float | None = None
    """Ends by itself so long after its creation or restart, if still active; None: never."""
    end_word: str = "SUCCESS"
    """What it then says."""
    release_after_s: float | None = None
    """Ended to the word RELEASED; None: as the fleet."""
    refuse_code: str = ""
    """A stop is refused with this code; empty: not."""
    refuse_message: str = "The operation is refused."
    refuse_times: int = FOREVER
    """So many stops are refused, later ones not."""
    ignore_stops: int = 0
    """So many stops are accepted without effect; `FOREVER`: all."""
    script: tuple[tuple[float, str], ...] = ()
    """Words it takes by itself: pairs of seconds since its creation, and word."""
    lag_bytes: int = 50_000
    """How far the target is behind at first (`offset` of stats), incremental ones only."""
    catch_up_bytes_per_s: float = 500.0
    """By how much that shrinks."""

    def __post_init__(self) -> None:
        """Raises `ValueError` for an id in neither shape."""
        if not is_task_id(self.task_id):
            raise ValueError(f"task_id is neither a dashed UUID nor 32 hex digits: {self.task_id}")


@dataclass(slots=True, eq=False)
class Migration:
    """The state of one migration; compared and hashed by identity."""

    spec: MigrationSpec
    created_at_s: float
    word: str = ""
    active_word: str = "MIGRATING"
    """The last word before a stop or an end: what a restart brings back."""
    started_at_s: float = 0.0
    """Creation or last restart."""
    ends_at_s: float | None = None
    """When it ends by itself, unless it is stopped before."""
    ended_at_s: float | None = None
    released_at_s: float | None = None
    deleted_at_s: float | None = None
    stopping: bool = False
    """A stop was accepted and has effect, and the last word is still to come."""
    generation: int = 0
    """Rises when what was scheduled no longer holds."""
    refusals_left: int = FOREVER
    ignores_left: int = 0
    accepted_at_s: list[float] = field(default_factory=list)
    """Times of all accepted stops, those without effect included."""
    failed_stops: int = 0
    """Stops answered with `failed`, or refused for this id alone."""
    history: list[tuple[float, str]] = field(default_factory=list)
    """(time, word), oldest first."""
    rows: dict[str, bytes] = field(default_factory=dict)
    """Its encoded list item by word: encoded once per word, not once per answer."""

    @property
    def is_ended(self) -> bool:
        """Whether the word is one of those after which nothing runs."""
        return self.word in ENDED_WORDS

    @property
    def is_online(self) -> bool:
        """Whether it is not a backup import."""
        return self.spec.migration_type == "online_migration"

    @property
    def is_incremental(self) -> bool:
        """Whether it goes on until somebody stops it."""
        return self.spec.method == "incremental_migration"

    def word_at(self, time_s: float) -> str | None:
        """The word it had then; None if it did not exist then."""
        if self.deleted_at_s is not None and self.deleted_at_s <= time_s:
            return None
        return next((word for at_s, word in reversed(self.history) if at_s <= time_s), None)
