"""The facts from DCS: the calls it received, and the outcome of its migrations.

Owns the counts of orders and polls. They come from the call log of the simulator, so they do not
depend on what the operator reports about itself.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sandbox.dcs.migration import ENDED_WORDS, key_of
from sandbox.pages import read_page

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

ORDER = "batch_stop"
LIST = "list"
SHOW = "show"

TIMEOUT_S = 10.0
"""Time limit of one call to the simulator, which answers in milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call that DCS received."""

    operation: str
    at_s: float
    """Unix time."""
    ids: tuple[str, ...] = ()
    """Without dashes, in lower case."""


@dataclass(frozen=True, slots=True)
class Orders:
    """All orders to stop, as DCS received them."""

    first: tuple[Call, ...]
    """Those with at least one task that had not been ordered before."""
    again: tuple[Call, ...]
    """Those in which every task had been ordered before."""

    def times(self) -> Counter[str]:
        """Return how often each task was ordered."""
        return Counter(key for call in (*self.first, *self.again) for key in call.ids)


def orders(calls: Iterable[Call]) -> Orders:
    """Separate first orders from repeated ones; `calls` are in the order of arrival."""
    known: set[str] = set()
    first: list[Call] = []
    again: list[Call] = []
    for call in calls:
        if call.operation == ORDER:
            (again if known.issuperset(call.ids) else first).append(call)
            known.update(call.ids)
    return Orders(tuple(first), tuple(again))


def shows_one_by_one(
    calls: Iterable[Call], tasks: Collection[str], ended_at_s: Mapping[str, float]
) -> int:
    """Return how many shows the same polls would have cost, one for each task still open.

    Args:
        calls: The calls that DCS received; each list is one poll of everything.
        tasks: Keys of all watched tasks.
        ended_at_s: When a task ended, Unix time; those that did not are missing.
    """
    looks = sorted(call.at_s for call in calls if call.operation == LIST)
    total = 0
    for key in tasks:
        end_s = ended_at_s.get(key, float("inf"))
        # The first poll that sees the end is the last one that the task needs.
        before = sum(1 for look_s in looks if look_s < end_s)
        total += min(before + 1, len(looks))
    return total


class Dcs:
    """Asks the simulator through its admin address; not logged as a call to DCS."""

    def __init__(self, admin: str) -> None:
        self._address = urlsplit(admin).netloc

    def counts(self) -> dict[str, int]:
        """Return the number of calls by operation."""
        operations: Mapping[str, Mapping[str, int]] = self._get("/counts")["operations"]
        return {name: sum(by_status.values()) for name, by_status in operations.items()}

    def calls(self) -> list[Call]:
        """Return all calls in the order of arrival."""
        return [
            Call(
                operation=one["operation"],
                at_s=one["at_s"],
                ids=tuple(key_of(task_id) for task_id in one["ids"]),
            )
            for one in self._get("/calls")["calls"]
        ]

    def histories(self) -> dict[str, Sequence[tuple[float, str]]]:
        """Return the words of each migration with their Unix times, oldest first."""
        shown = self._get("/migrations")["migrations"]
        return {key_of(one["task_id"]): one["history"] for one in shown}

    def _get(self, path: str) -> Any:
        return json.loads(read_page(self._address, path, TIMEOUT_S)[1])


def words(histories: Mapping[str, Sequence[tuple[float, str]]]) -> dict[str, str]:
    """Return the last word of each migration."""
    return {key: history[-1][1] for key, history in histories.items()}


def ends(histories: Mapping[str, Sequence[tuple[float, str]]]) -> dict[str, float]:
    """Return when each migration ended, Unix time; those that did not are missing."""
    found = {}
    for key, history in histories.items():
        for at_s, word in history:
            if word in ENDED_WORDS:
                found[key] = at_s
                break
    return found
