"""A probe that takes no notes, for tests that count in other ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dcs_migration_operator.core.cloud import Operation


class NoProbe:
    """A probe that takes no notes."""

    def cloud_request(self, operation: Operation, outcome: str, seconds: float) -> None:
        """Do nothing."""

    def batch(self, size: int) -> None:
        """Do nothing."""

    def split(self, reason: str) -> None:
        """Do nothing."""

    def stop_result(self, result: str) -> None:
        """Do nothing."""

    def stopped(self, seconds: float) -> None:
        """Do nothing."""
