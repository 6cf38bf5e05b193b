"""The sources and their writers: the simulator's lags and losses, and what can be changed.

Owns the calls to its admin API that only this demo makes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from sandbox.pages import ask

if TYPE_CHECKING:
    from collections.abc import Iterable

ANSWER_S_MAX: Final = 10.0
"""Time limit of one call, which is answered in milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """The losses of all stops together.

    Attributes:
        stops: Stops that had effect.
        keys: Keys that the targets lack, or have in an old version.
        with_loss: Stops that lost at least one key.
    """

    stops: int
    keys: int
    with_loss: int


class Sources:
    """The sources of one simulator.

    Args:
        admin: The address of its admin API.
    """

    def __init__(self, admin: str) -> None:
        self._address = urlsplit(admin).netloc

    def stop_writers(self, task_ids: Iterable[str]) -> None:
        """Stop all writers to the sources of these tasks."""
        self._ask("POST", "/writers", {"on": False, "task_ids": list(task_ids)})

    def break_connection(self, task_id: str) -> None:
        """Break the connection of one task to its source; a full sync begins again."""
        self._ask("POST", "/others", {"act": "break", "task_ids": [task_id]})

    def would_lose(self) -> int:
        """Return how many keys would be lost by stopping everything at this moment."""
        return int(self._ask("GET", "/lag")["missing_keys"])

    def lag(self) -> int:
        """Return the sum of the lags of all targets, in bytes, as DCS reports it."""
        return int(self._ask("GET", "/lag")["offset"])

    def losses(self) -> Losses:
        """Return the losses of the stops so far."""
        found = self._ask("GET", "/losses")
        return Losses(stops=found["stops"], keys=found["lost_keys"], with_loss=found["with_loss"])

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        return ask(self._address, method, path, body, ANSWER_S_MAX)
