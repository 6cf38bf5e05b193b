"""Knows when each watch last proved that the API server still serves it.

A request proves nothing: a frozen API server lets itself be asked for ever. A watch is proven by
the begin of an answer and by each piece of it; one that has nothing to tell is connected anew every
`kube.watch.SILENCE_S`, and so proves itself at least that often.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

UNPROVEN_S_MAX: Final = 25.0
"""A watch without a proof for this long is not served. Ten seconds more than an idle one needs, so
that a slow API server is not called a frozen one, and a frozen one is told within 30 s."""


class Pulse:
    """Takes note of what watches ask and are answered.

    Args:
        monotonic: Seconds of a clock that never goes back.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._proven_at: dict[str, float] = {}

    def asked(self, watch: str) -> None:
        """Take in that a watch is being begun; its first proof is waited for from now on."""
        self._proven_at.setdefault(watch, self._monotonic())

    def proven(self, watch: str) -> None:
        """Take in that a watch was answered."""
        self._proven_at[watch] = self._monotonic()

    def unproven_s(self) -> float:
        """Return for how long the watch that is worst off was not proven; 0 without any watch."""
        return self._monotonic() - min(self._proven_at.values(), default=self._monotonic())
