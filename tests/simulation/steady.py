"""Draws that depend on nothing but their seed and their strategies.

Hypothesis mixes into what it draws the constants of all modules of the project that happen to be
imported: good for finding the odd value, but then another test that runs before, or a new constant
in the operator, draws other cases. Here a change of the operator is to be the only difference.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from unittest import SkipTest, mock

from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

if TYPE_CHECKING:
    from collections.abc import Iterator


class Enough(SkipTest):
    """As many cases were played as were asked for; Hypothesis draws no more."""

    def __init__(self) -> None:
        super().__init__("as many cases were played as were asked for")


@contextlib.contextmanager
def steady() -> Iterator[None]:
    """Draw the same whatever is imported, and end quietly at `Enough`."""
    with (
        mock.patch.object(providers, "_get_local_constants", Constants),
        mock.patch.object(providers, "CONSTANTS_CACHE", {}),
        contextlib.suppress(Enough),
    ):
        yield
