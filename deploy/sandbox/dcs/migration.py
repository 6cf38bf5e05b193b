"""One simulated migration: its configuration, and its state so far.

Pure data without a clock: `MigrationSpec` is the configuration (frozen), `Migration` the state
that `fleet.py` moves along, `Sync` the part of it that `lag.py` computes with. The status words
and their classes live here too. All times are seconds on the clock of the fleet, which is Unix
time unless a test injects its own.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

TERMINATING: Final = "TERMINATING"
TERMINATED: Final = "TERMINATED"
RELEASED: Final = "RELEASED"
FULL_WORD: Final = "FULLMIGRATING"
INCREMENTAL_WORD: Final = "INCRMIGEATING"
"""The misspelling that the live service is said to send."""
IDLE_WORDS: Final = frozenset({"CREATING", "RUNNING"})
"""Created or waiting for its configuration: nothing runs yet."""
MIGRATING_WORDS: Final = ("MIGRATING", FULL_WORD, INCREMENTAL_WORD, "INCRMIGRATING")
"""At work."""
SUCCESS_WORDS: Final = frozenset({"SUCCESS", "MIGRATION_SUCCESS", RELEASED})
FAILURE_WORDS: Final = frozenset({"FAILED", "MIGRATION_FAILED", "ERROR"})
ENDED_WORDS: Final = SUCCESS_WORDS | FAILURE_WORDS | {TERMINATED, "DELETED"}
"""Nothing runs anymore. Every other word, known or not, counts as active."""
FOREVER: Final = -1
"""For the counters of a spec: always, instead of a number of times."""
HISTORY_MAX: Final = 1000
"""Words, acceptances and notes that one migration remembers; older ones are forgotten."""

_TASK_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def is_task_id(text: object) -> bool:
    """Return whether it has one of the two documented shapes: dashed UUID or 32 hex digits."""
    return isinstance(text, str) and _TASK_ID.fullmatch(text) is not None


def key_of(task_id: str) -> str:
    """Return the same text for both shapes of one id."""
    return task_id.replace("-", "").lower()


def dashed(task_id: str) -> str:
    """Return the id as a dashed UUID."""
    key = key_of(task_id)
    return "-".join((key[:8], key[8:12], key[12:16], key[16:20], key[20:]))


def _fits_gbk(text: str) -> bool:
    try:
        text.encode("gbk")
    except UnicodeEncodeError:
        return False
    return True


class Phase(StrEnum):
    """What the replication of a migration does."""

    IDLE = "idle"
    """Nothing yet: the task is being created or waits for its configuration."""
    FULL = "full"
    """It copies every key; writes in the meantime accumulate."""
    INCREMENTAL = "incremental"
    """It passes on whatever is written."""
    STOPPED = "stopped"
    """Nothing anymore."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationSpec:
    """How one migration behaves. Everything but the id has a default."""

    task_id: str
    """As in list and show: dashed UUID or 32 hex digits."""
    name: str = ""
    """Empty: derived from the id."""
    name_form: Literal["json", "raw", "gbk"] = "json"
    """How the name appears in an answer, see `names.py`."""
    word: str = INCREMENTAL_WORD
    """The status word at first; any string."""
    migration_type: str = "online_migration"
    """Or `backupfile_import`."""
    method: str = "incremental_migration"
    """Or `full_amount_migration`."""
    task_status: str = ""
    """The top-level `task_status`: progress of an IP exchange, e.g. `EXCHANGING`."""
    error_message: str = ""
    """The failure message in the list; empty: a standard one."""
    says: Mapping[str, object] = field(default_factory=dict)
    """Fields that list and show override, whatever the truth: `{"status": null}`."""
    silent: tuple[str, ...] = ()
    """Fields that list and show leave out."""
    known: bool = True
    """False: DCS answers as if the id never existed."""
    listed: bool = True
    """False: only show knows it, list leaves it out."""
    lag_s: float | None = None
    """Accepted stop to the word TERMINATING; None: as the fleet."""
    stop_s: float | None = None
    """TERMINATING to the last word; None: as the fleet."""
    stopped_word: str = TERMINATED
    """The final status of a stop."""
    ends_after_s: float | None = None
    """Seconds from its creation or restart until it ends by itself, if active; None: never."""
    end_word: str = "SUCCESS"
    """The status after that."""
    release_after_s: float | None = None
    """Ended to the word RELEASED; None: as the fleet."""
    restarts_after_s: float | None = None
    """Seconds from each end until another person starts it again; None: never."""
    restart_times: int = FOREVER
    """Number of such restarts; later ends stay."""
    refuse_code: str = ""
    """A stop is refused with this code; empty: not."""
    refuse_message: str = "The operation is refused."
    refuse_times: int = FOREVER
    """Number of stops that are refused; later ones are not."""
    ignore_stops: int = 0
    """Number of stops that are accepted without effect; `FOREVER`: all."""
    script: tuple[tuple[float, str], ...] = ()
    """Statuses that it takes by itself: pairs of seconds since its creation, and status."""
    writers: bool = False
    """Whether its source has writers at first; see `lag.py` for the consequences."""
    writes_per_s: float = 200.0
    """Keys that its writers change each second, when they write."""
    bytes_per_write: int = 200
    """How much one such change adds to the lag."""
    lag_bytes: int = 0
    """How far the target is behind at first (`offset` of stats), incremental ones only."""
    catch_up_bytes_per_s: float = 1_000_000.0
    """How much the target takes in; less than the writers write: the lag grows for ever."""
    keys: int = 100_000
    """Keys of the source."""
    full_s: float | None = None
    """How long a full sync takes; None: the first one never ends, later ones take `lag.FULL_S`."""
    incremental_word: str = INCREMENTAL_WORD
    """The word that follows a full sync."""
    resume_mode: Literal["auto", "manual"] = "auto"
    """After a break: `auto` begins a full sync again, `manual` fails."""
    breaks_after_s: float | None = None
    """Seconds from each start of the incremental phase until the connection breaks; None: never."""
    dead: bool = False
    """Nothing is passed on, stats report a lag of 0 and no replication, and the status stays."""
    log_lines: tuple[tuple[str, str], ...] = ()
    """Lines its log begins with: pairs of level and message."""
    debug_lines: int = 0
    """Number of further lines of level DEBUG, for logs of many pages."""

    def __post_init__(self) -> None:
        """Check the fields; raises `ValueError` with what is wrong."""
        if not is_task_id(self.task_id):
            raise ValueError(f"task_id is neither a dashed UUID nor 32 hex digits: {self.task_id}")
        if self.name_form == "gbk" and not _fits_gbk(self.name):
            raise ValueError("name has characters that GBK lacks")
        figures = (
            self.writes_per_s,
            self.bytes_per_write,
            self.lag_bytes,
            self.catch_up_bytes_per_s,
            self.keys,
            self.debug_lines,
        )
        if min(figures) < 0:
            raise ValueError(
                "writes_per_s, bytes_per_write, lag_bytes, catch_up_bytes_per_s, keys and "
                "debug_lines must not be negative"
            )


@dataclass(slots=True)
class Sync:
    """How far the target of one migration is behind its source, as of one moment.

    Between two moments everything is linear, so that nothing has to run: `lag.py` computes every
    figure from these and the time.
    """

    phase: Phase = Phase.IDLE
    writing: bool = False
    """Whether the source has writers."""
    seed: int = 0
    """Makes the small fluctuation of a busy source differ from task to task."""
    anchor_s: float = 0.0
    """The time of the two figures that follow."""
    behind_bytes: float = 0.0
    """Written to the source and not yet to the target."""
    carried_bytes: float = 0.0
    """From an earlier phase, and made up for only once a repeated full sync is complete."""
    full_since_s: float = 0.0
    full_until_s: float | None = None
    """None: it never ends."""
    copied: bool = False
    """A full sync was completed once, so that the target has every key in some version."""
    stopped_offset: int = 0
    stopped_progress: float = 0.0
    """What stats report after the replication has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """The loss of one stop: the lag at the moment the replication ended."""

    task_id: str
    at_s: float
    """The moment, which is that of TERMINATING."""
    accepted_at_s: float
    """When the stop was accepted."""
    by: str
    """`order`: a call; `others`: a person in the console."""
    phase: str
    writing: bool
    """Whether the source was being written to."""
    dead: bool
    offset: int
    """The lag that stats reported, in bytes."""
    behind_bytes: int
    """The true lag."""
    keys: int
    """Keys that the target lacks, or has in an old version."""


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
    sync: Sync = field(default_factory=Sync)
    ends_at_s: float | None = None
    """When it ends by itself, unless it is stopped before."""
    ended_at_s: float | None = None
    released_at_s: float | None = None
    deleted_at_s: float | None = None
    told_at_s: float | None = None
    """When an answer first contained its final status; None: not yet."""
    stopping: bool = False
    """A stop was accepted and takes effect, and the final status is still to come."""
    generation: int = 0
    """Incremented when what was scheduled is no longer valid."""
    refusals_left: int = FOREVER
    ignores_left: int = 0
    restarts_left: int = FOREVER
    accepted_at_s: list[float] = field(default_factory=list)
    """Times of all accepted stops, those without effect included."""
    failed_stops: int = 0
    """Stops answered with `failed`, or refused for this id alone."""
    history: list[tuple[float, str]] = field(default_factory=list)
    """(time, word), oldest first."""
    notes: list[tuple[float, str, str]] = field(default_factory=list)
    """(time, level, message) of events without a new status, for its log."""
    loss: Loss | None = None
    """The loss of its last effective stop."""
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
        """Whether it runs until it is stopped."""
        return self.spec.method == "incremental_migration"

    def word_at(self, time_s: float) -> str | None:
        """Return the word it had then; None if it did not exist then."""
        if self.deleted_at_s is not None and self.deleted_at_s <= time_s:
            return None
        return next((word for at_s, word in reversed(self.history) if at_s <= time_s), None)

    def remember(self, at_s: float, word: str) -> None:
        """Add a word to the history, which stays bounded."""
        self.history.append((at_s, word))
        del self.history[:-HISTORY_MAX]

    def note(self, at_s: float, level: str, message: str) -> None:
        """Add a line to the log, which stays bounded."""
        self.notes.append((at_s, level, message))
        del self.notes[:-HISTORY_MAX]

    def accepted(self, at_s: float) -> None:
        """Remember that a stop was accepted."""
        self.accepted_at_s.append(at_s)
        del self.accepted_at_s[:-HISTORY_MAX]
