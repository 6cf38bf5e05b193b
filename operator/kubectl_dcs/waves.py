"""A `MigrationWave` as people see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from kubectl_dcs.tasks import Condition, conditions_of, number

if TYPE_CHECKING:
    from collections.abc import Mapping

COUNTS: Final = ("total", "waiting", "caughtUp", "stopping", "stopped", "trouble")
"""The counts in the status of a wave."""


@dataclass(frozen=True, slots=True)
class WaveView:
    """One `MigrationWave`; times are RFC 3339, empty if not set or not reached.

    Attributes:
        state: `Hold` or `Go`, from the spec.
        counts: The operator's counts; empty before it has counted.
        body: The object itself.
    """

    namespace: str
    name: str
    uid: str
    state: str
    not_before: str
    not_after: str
    generation: int
    observed: int
    counts: Mapping[str, int]
    opened_at: str
    completed_at: str
    conditions: Mapping[str, Condition]
    body: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def current(self) -> bool:
        """Whether the status describes the latest spec."""
        return 0 < self.generation <= self.observed

    @property
    def ready(self) -> Condition:
        """The condition `Ready`."""
        return self.conditions.get("Ready", Condition())

    @property
    def stalled(self) -> bool:
        """Whether only a person can help."""
        return self.current and self.conditions.get("Stalled", Condition()).status == "True"


def wave_view(body: Mapping[str, Any]) -> WaveView:
    """Return the view of an object."""
    metadata, spec, status = (body.get(part) or {} for part in ("metadata", "spec", "status"))
    tasks = status.get("tasks") or {}
    return WaveView(
        namespace=str(metadata.get("namespace", "")),
        name=str(metadata.get("name", "")),
        uid=str(metadata.get("uid", "")),
        state=str(spec.get("state") or "Hold"),
        not_before=str(spec.get("notBefore") or ""),
        not_after=str(spec.get("notAfter") or ""),
        generation=number(metadata.get("generation")) or 0,
        observed=number(status.get("observedGeneration")) or 0,
        counts={name: n for name in COUNTS if (n := number(tasks.get(name))) is not None},
        opened_at=str(status.get("openedAt") or ""),
        completed_at=str(status.get("completedAt") or ""),
        conditions=conditions_of(status),
        body=body,
    )
