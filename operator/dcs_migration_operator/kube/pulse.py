"""Records when each watch last proved that the API server still serves it.

Sending a request proves nothing, because a frozen API server still accepts connections. A watch is
proven by the head of a response and by each chunk of it. An idle watch reconnects every
`kube.watch.SILENCE_S`, and so is proven at least that often.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

UNPROVEN_S_MAX: Final = 25.0
"""A watch that was not proven for this long is not served. This is 10 s more than an idle watch
needs, so that a slow API server is not taken for a frozen one, which is reported within 30 s."""


class Pulse:
    """Records the requests and responses of all watches.

    Args:
        monotonic: The monotonic clock, in seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._proven_at: dict[str, float] = {}

    def asked(self, watch: str) -> None:
        """Note that a watch was requested; its first proof is due from now on."""
        self._proven_at.setdefault(watch, self._monotonic())

    def proven(self, watch: str) -> None:
        """Note that a watch was answered."""
        self._proven_at[watch] = self._monotonic()

    def unproven_s(self) -> float:
        """Return the longest time in seconds since any watch was proven; 0 without a watch."""
        return self._monotonic() - min(self._proven_at.values(), default=self._monotonic())
