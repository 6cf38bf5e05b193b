"""The DCS API as the engine sees it: its calls, its documented limits and the permissions needed.

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
"""Lines per page of a task's log. DCS documents a default of 10 and no limit; this is the limit of
the list call."""


Permit = Callable[[Sequence[str]], Sequence[str]]
"""Called with the ids of a request right before it is sent; returns those that may be in it."""


class Operation(Enum):
    """The DCS calls that the operator makes; the value is the label in metrics."""

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
    pages below the requested size. Only an empty page proves by itself that the list has ended. A
    full page does not, and neither does a short one until the server's real page size is known:
    the size of the largest page that was followed by another row. So pages are requested at
    `offset + rows` until one is empty, or is shorter than a page that is known not to be the last.
    `count` in the answer is ignored: it is not documented whether it is the total or the page size.

    Attributes:
        rows: Number of rows received, parsed or not; the next page starts after them.
        tasks: The rows that could be parsed.
    """

    rows: int
    tasks: tuple[Observation, ...]


@dataclass(frozen=True, slots=True)
class Stats:
    """The progress of one online migration; None where DCS gives no value or an unparsable one.

    Attributes:
        offset: The sum of the differences between source and target in the incremental phase, in
            DCS's own unit; 0 means that there is no difference.
        full_progress: Progress of the full phase in whole percent, rounded down.
        source_keys: Number of keys in the source.
        target_keys: Number of keys in the target.
        is_migrating: Whether DCS says that data is being migrated at the moment.
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
    """One page of a task's log.

    Attributes:
        rows: Number of lines received, parsed or not; the next page starts after them.
        lines: The lines that could be parsed.
    """

    rows: int
    lines: tuple[LogLine, ...]
