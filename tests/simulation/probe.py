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

    def split(self, code: str) -> None:
        """Do nothing."""

    def stop_result(self, result: str) -> None:
        """Do nothing."""

    def cut_over(self, seconds: float | None, lag: int | None) -> None:
        """Do nothing."""

    def overwritten(self) -> None:
        """Do nothing."""

    def unreadable(self) -> None:
        """Do nothing."""

    def failed(self) -> None:
        """Fail: there are no errors of our own."""
        raise AssertionError("a resource could not be processed")

    def stopped(self, seconds: float) -> None:
        """Do nothing."""
