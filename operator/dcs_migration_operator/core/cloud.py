"""The DCS API as the engine knows it: its calls, its documented limits and the rights they need.

Sources: the vendor's API pages (batch-stop: 50 ids; list: 1,000 rows) and its list of actions for
identity policies.
"""

from __future__ import annotations

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


class Operation(Enum):
    """The DCS calls that are made; the value is the label in metrics."""

    BATCH_STOP = "batch_stop"
    LIST = "list"
    SHOW = "show"


PERMISSIONS: Final[Mapping[Operation, str]] = MappingProxyType(
    {
        Operation.BATCH_STOP: "dcs:migrationTask:modify",
        Operation.LIST: "dcs:migrationTask:list",
        Operation.SHOW: "dcs:migrationTask:get",
    }
)
"""The identity-policy action that each call needs (DCS's own API pages)."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the list.

    Attributes:
        rows: Rows received, readable or not; the next page starts behind them.
        tasks: The readable ones.
    """

    rows: int
    tasks: tuple[Observation, ...]
