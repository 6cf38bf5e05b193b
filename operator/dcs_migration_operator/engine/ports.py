"""The protocols through which the engine uses the packages around it.

`app.py` passes the real implementations; tests pass their own.
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
    """Reads the monotonic and the wall clock together."""

    def __call__(self) -> Instant:
        """Return the current time."""


class StatusSink(Protocol):
    """Receives statuses to write; the newest one of an object wins."""

    def want(self, ref: ObjectRef, status: Status) -> None:
        """Write this status as soon as possible, in place of any that still waits."""

    def drop(self, ref: ObjectRef) -> None:
        """Discard the waiting status of this object."""


class EventRecorder(Protocol):
    """Receives Kubernetes Events to post; they are best effort."""

    def tell(self, ref: ObjectRef, reason: str, message: str) -> None:
        """Post a Normal event about an object."""

    def warn(self, ref: ObjectRef, reason: str, message: str) -> None:
        """Post a Warning about an object."""


class SecretReader(Protocol):
    """Reads credentials from the cluster."""

    async def __call__(self, namespace: str, name: str) -> Credentials:
        """Return the credentials of one Secret.

        Raises:
            SecretReadError: The Secret does not exist, may not be read, or is malformed.
        """


class SecretReadError(ReadError):
    """A Secret cannot be used; the text says why and holds no value of it.

    `passing` means that the API server did not answer, so that what was read before remains valid.
    """


class LabelsReader(Protocol):
    """Reads the labels of namespaces."""

    async def __call__(self, namespace: str, /) -> Mapping[str, str]:
        """Return the labels of one Namespace.

        Raises:
            ReadError: It does not exist, may not be read, or, `passing`, no answer came.
        """


class CredentialsFetcher(Protocol):
    """Gets credentials for the operator's own identity."""

    async def __call__(self, ambient: Ambient, /) -> ExpiringCredentials:
        """Return new credentials from this provider; may take long.

        Raises:
            ReadError: The provider gives none.
        """


@dataclass(frozen=True, slots=True)
class ClusterReads:
    """The reads that only cluster-scoped projects need."""

    labels: LabelsReader
    fetch: CredentialsFetcher


async def _no_labels(namespace: str) -> Mapping[str, str]:
    raise ReadError(f"The labels of namespace {namespace} are not read here.")


async def _no_credentials(ambient: Ambient) -> ExpiringCredentials:
    raise ReadError(f"The ambient credentials {ambient.value} are not at hand here.")


NO_CLUSTER_READS = ClusterReads(labels=_no_labels, fetch=_no_credentials)
"""For an engine that serves namespaced projects only."""


class Dcs(Protocol):
    """The DCS calls as coroutines; each may raise `DcsError`."""

    async def batch_stop(self, task_ids: Sequence[str], permit: Permit) -> Mapping[str, StopAnswer]:
        """Request a stop for each id that `permit` returns once the connection is established.

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
        """Abandon all calls in progress."""


class Probe(Protocol):
    """Counts what happened, for metrics; the engine never reads it back."""

    def cloud_request(self, operation: Operation, outcome: str, seconds: float) -> None:
        """Record a finished DCS call."""

    def batch(self, size: int) -> None:
        """Record an answered stop request with this many ids."""

    def split(self, code: str) -> None:
        """Record that a refused stop request was halved; `code` is that of the refusal."""

    def stop_result(self, result: str) -> None:
        """Record the result for one id: accepted, rejected or unknown."""

    def stopped(self, seconds: float) -> None:
        """Record the seconds from a wish to stop until it was fulfilled."""

    def cut_over(self, seconds: float | None, lag: int | None) -> None:
        """Record a finished cutover: seconds since its opening, and the lag at its stop request."""

    def overwritten(self) -> None:
        """Record that another client replaced a status of ours with one of different meaning."""

    def unreadable(self) -> None:
        """Record an object of the API server that could not be parsed."""

    def failed(self) -> None:
        """Record that processing a resource raised an internal error."""
