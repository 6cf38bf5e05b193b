"""The DCS API as the engine knows it: its calls, its documented limits and the rights they need.

Sources: the vendor's API pages (batch-stop: 50 ids; list: 1,000 rows) and its list of actions for
identity policies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcs_migration_operator.core.model import Observation

BATCH_IDS_MAX: Final = 50
"""DCS's documented limit of ids per batch-stop."""

LIST_ROWS_MAX: Final = 1000
"""DCS's documented limit of rows per page of the list."""

LOG_LINES_MAX: Final = 1000
"""Lines per page of a task's log. DCS documents 10 as the default and no limit; this one is that of
the list."""


Permit = Callable[[Sequence[str]], Sequence[str]]
"""Asked with the ids of a request right before it leaves; returns those that may be in it."""


class Operation(Enum):
    """The DCS calls that are made; the value is the label in metrics."""

    BATCH_STOP = "batch_stop"
    LIST = "list"
    SHOW = "show"
    STATS = "stats"


PERMISSIONS: Final[Mapping[Operation, str]] = MappingProxyType(
    {
        Operation.BATCH_STOP: "dcs:migrationTask:modify",
        Operation.LIST: "dcs:migrationTask:list",
        Operation.SHOW: "dcs:migrationTask:get",
        Operation.STATS: "dcs:migrationTask:get",
    }
)
"""The identity-policy action that each call needs (DCS's own API pages)."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the list.

    A page may be shorter than `LIST_ROWS_MAX` for two reasons: the list ends, or the server caps
    pages below what was asked for. Only an empty page proves the end by itself. A full page proves
    nothing; neither does a short one until the server's real size is known, which is that of the
    largest page that another row followed. So the next page is asked for at `offset + rows` until a
    page is empty, or is shorter than one that is known not to have been the last. `count` of the
    answer is not read: whether it is the total or the size of the page is documented nowhere.

    Attributes:
        rows: Rows received, readable or not; the next page starts behind them.
        tasks: The readable ones.
    """

    rows: int
    tasks: tuple[Observation, ...]


@dataclass(frozen=True, slots=True)
class Stats:
    """How far one online migration is; None is what DCS does not say, or not understandably.

    Attributes:
        offset: The sum of the differences between source and target in the incremental phase, in
            DCS's own unit; 0 means none.
        full_progress: Of the full phase, in whole percent, rounded down.
        source_keys: Keys in the source.
        target_keys: Keys in the target.
        is_migrating: Whether DCS says that it migrates at the moment.
    """

    offset: int | None = None
    full_progress: int | None = None
    source_keys: int | None = None
    target_keys: int | None = None
    is_migrating: bool | None = None


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of DCS's own log of a task; `at` is the time as DCS writes it."""

    at: str
    level: str
    message: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class LogPage:
    """One page of such a log.

    Attributes:
        rows: Lines received, readable or not; the next page starts behind them.
        lines: The readable ones.
    """

    rows: int
    lines: tuple[LogLine, ...]
