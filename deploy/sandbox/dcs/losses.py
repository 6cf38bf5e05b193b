"""The losses of stops: a bounded record of the lag at each stop, and its sum.

The sums count every stop since the record was cleared, also those that the record has forgotten.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from sandbox.dcs.migration import Loss

LOSSES_MAX: Final = 20_000
"""Stops remembered one by one: two for each task of the largest fleet we simulate."""


class Losses:
    """The record of one fleet."""

    def __init__(self) -> None:
        self._last: deque[Loss] = deque(maxlen=LOSSES_MAX)
        self.clear()

    def __iter__(self) -> Iterator[Loss]:
        return iter(list(self._last))

    def clear(self) -> None:
        """Forget all of them."""
        self._last.clear()
        self.stops = 0
        """Stops that had effect."""
        self.keys = 0
        """Keys lost by all of them."""
        self.with_loss = 0
        """Stops that lost at least one key."""

    def record(self, loss: Loss) -> None:
        """Add what one stop cost."""
        self._last.append(loss)
        self.stops += 1
        self.keys += loss.keys
        self.with_loss += loss.keys > 0

    def to_json(self) -> dict[str, Any]:
        """Return the sums, and the remembered stops, oldest first."""
        return {
            "stops": self.stops,
            "with_loss": self.with_loss,
            "lost_keys": self.keys,
            "losses": [asdict(loss) for loss in self._last],
        }
