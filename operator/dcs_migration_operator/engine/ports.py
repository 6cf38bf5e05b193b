"""What the engine needs from the packages around it, as protocols.

`app.py` hands in the real ones; tests hand in their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from dcs_migration_operator.core.errors import ReadError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dcs_migration_operator.core.cloud import Operation, Page, Permit, Stats
    from dcs_migration_operator.core.model import (
        Ambient,
        Credentials,
        ExpiringCredentials,
        Instant,
        ObjectRef,
        Observation,
        StopAnswer,
    )
    from dcs_migration_operator.core.status import Status


class Clock(Protocol):
    """Both clocks at once."""

    def __call__(self) -> Instant:
        """Return this moment."""


class StatusSink(Protocol):
    """Where statuses go; the newest one of an object wins."""

    def want(self, ref: ObjectRef, status: Status) -> None:
        """Write this status as soon as possible, instead of any that still waits."""

    def drop(self, ref: ObjectRef) -> None:
        """Forget what still waits for this object."""


class EventRecorder(Protocol):
    """Where events go; best effort, as events are."""

    def tell(self, ref: ObjectRef, reason: str, message: str) -> None:
        """Tell of something about an object that went as it should."""

    def warn(self, ref: ObjectRef, reason: str, message: str) -> None:
        """Tell of something about an object that a person should know."""


class SecretReader(Protocol):
    """Reads credentials from the cluster."""

    async def __call__(self, namespace: str, name: str) -> Credentials:
        """Return the credentials of one Secret.

        Raises:
            SecretReadError: It is not there, may not be read, or is malformed.
        """


class SecretReadError(ReadError):
    """Says in words why a Secret cannot be used; never holds any of it.

    `passing` tells that the API server did not answer: what was read before still holds.
    """


class LabelsReader(Protocol):
    """Reads the labels of namespaces."""

    async def __call__(self, namespace: str, /) -> Mapping[str, str]:
        """Return the labels of one Namespace.

        Raises:
            ReadError: It is not there or may not be read, or, `passing`, nobody answers.
        """


class CredentialsFetcher(Protocol):
    """Makes credentials of the operator's own identity."""

    async def __call__(self, ambient: Ambient, /) -> ExpiringCredentials:
        """Return new credentials of this provider; may take long.

        Raises:
            ReadError: There are none, and why.
        """


@dataclass(frozen=True, slots=True)
class ClusterReads:
    """What only cluster-scoped projects need."""

    labels: LabelsReader
    fetch: CredentialsFetcher


async def _no_labels(namespace: str) -> Mapping[str, str]:
    raise ReadError(f"The labels of namespace {namespace} are not read here.")


async def _no_credentials(ambient: Ambient) -> ExpiringCredentials:
    raise ReadError(f"The ambient credentials {ambient.value} are not at hand here.")


NO_CLUSTER_READS = ClusterReads(labels=_no_labels, fetch=_no_credentials)
"""For an engine that serves namespaced projects only."""


class Dcs(Protocol):
    """The DCS calls as coroutines; each raises `DcsError` like the client behind it."""

    async def batch_stop(self, task_ids: Sequence[str], permit: Permit) -> Mapping[str, StopAnswer]:
        """Request a stop for each id that `permit` returns when the connection stands.

        Returns:
            An answer for each id that was sent, by its key.
        """

    async def list_page(self, offset: int) -> Page:
        """Return one page of the list."""

    async def show(self, task_id: str) -> Observation:
        """Return what DCS says about one task."""

    async def stats(self, task_id: str) -> Stats:
        """Return what DCS says about the progress of one task."""

    def close(self) -> None:
        """Give up what is still under way."""


class Probe(Protocol):
    """Takes note of what happened; the engine never reads it back."""

    def cloud_request(self, operation: Operation, outcome: str, seconds: float) -> None:
        """One DCS call ended."""

    def batch(self, size: int) -> None:
        """One request to stop left with so many ids."""

    def split(self, code: str) -> None:
        """One refused request was halved; `code` is the refusal's."""

    def stop_result(self, result: str) -> None:
        """One id was accepted, rejected or left unknown."""

    def stopped(self, seconds: float) -> None:
        """One wish was fulfilled so long after it was made."""

    def cut_over(self, seconds: float | None, lag: int | None) -> None:
        """One conditional stop ended so long after its opening; the lag is that of its order."""

    def overwritten(self) -> None:
        """Somebody else replaced a status of ours by one that says something else."""

    def unreadable(self) -> None:
        """One object of the API server could not be read."""

    def failed(self) -> None:
        """Note that the processing of one resource raised an error of our own."""
