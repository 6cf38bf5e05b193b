"""The frozen values that packages exchange: wishes, observations, requests and projects.

They hold facts only; `decide.py` decides what follows from them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from types import MappingProxyType
from typing import TYPE_CHECKING

from dcs_migration_operator.core.admission import NOBODY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from dcs_migration_operator.core.admission import AllowedNamespaces
    from dcs_migration_operator.core.cloud import Operation
    from dcs_migration_operator.core.cutover import Cutover, TermsSaid, Window

PROJECT_KIND = "DCSProject"
CLUSTER_PROJECT_KIND = "ClusterDCSProject"


def task_key(task_id: str) -> str:
    """Return the canonical form of a task id, for comparison: lower case, without dashes.

    DCS writes ids as dashed UUIDs and as 32 hex digits; its documentation shows both for the same
    calls.
    """
    return task_id.replace("-", "").lower()


def _in_scope(namespace: str, name: str) -> str:
    return f"{namespace}/{name}" if namespace else name


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment on both clocks.

    Attributes:
        mono: Seconds on the monotonic clock; every duration is measured with it.
        wall: UTC, whole seconds; used only in texts for people.
    """

    mono: float
    wall: datetime


@dataclass(frozen=True, slots=True)
class ProjectRef:
    """Names one project resource; the namespace of a cluster-scoped project is empty."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {_in_scope(self.namespace, self.name)}"


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """Names one object whose status is written; `uid` tells it from another of the same name.

    The namespace of a cluster-scoped object is empty.
    """

    plural: str
    namespace: str
    name: str
    uid: str

    def __str__(self) -> str:
        return f"{self.plural} {_in_scope(self.namespace, self.name)}"


@dataclass(frozen=True, slots=True)
class Task:
    """What one `MigrationTask` resource asks for.

    Attributes:
        task_id: The id as the user wrote it.
        key: The same id in the form of `task_key`.
        stopped: The unconditional wish: stop the migration, whatever the lag.
        cutover: The conditional wish: stop the migration once its target has caught up.
    """

    ref: ObjectRef
    generation: int
    task_id: str
    key: str
    stopped: bool
    project: ProjectRef
    cutover: Cutover | None = None

    @property
    def wishes_stop(self) -> bool:
        """Whether the migration is to be stopped, either at once or on a condition."""
        return self.stopped or self.cutover is not None


@dataclass(frozen=True, slots=True)
class WaveRef:
    """Names one wave."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Wave:
    """What one `MigrationWave` resource asks for.

    Attributes:
        goes: Whether its state is Go; otherwise it holds.
        under_way_max: Most tasks at once between admission and accepted request.
        failures_max: Number of failures that pause the wave; 0 means never.
        said: The terms for tasks that set none of their own.
    """

    ref: WaveRef
    object: ObjectRef
    generation: int
    goes: bool
    window: Window
    under_way_max: int
    failures_max: int
    said: TermsSaid


class Ambient(Enum):
    """Where the operator's own identity comes from; the value is the one in the resource."""

    POD_IDENTITY = "PodIdentity"  # the Pod Identity agent of a CCE node
    OIDC = "OIDC"  # a ServiceAccount token, exchanged at STS
    ECS_AGENCY = "ECSAgency"  # the metadata service of the node
    ENVIRONMENT = "Environment"  # an access key in the operator's environment


@dataclass(frozen=True, slots=True)
class Project:
    """The contents of one project resource, before its credentials are read.

    Attributes:
        endpoint: Base URL of the DCS API, without a trailing slash.
        secret: Name of the Secret, which is in the project's namespace or, for a cluster-scoped
            project, in the operator's. Empty if the credentials are ambient.
        ambient: Source of the operator's own identity, if that is used; cluster-scoped projects
            only.
        allowed: The namespaces that may use it; has no meaning for a namespaced project.
        suspended: The emergency brake: its tasks are observed, but no stop is sent.
        ca_bundle: PEM certificates to trust in addition to those of the system.
    """

    ref: ProjectRef
    object: ObjectRef
    generation: int
    endpoint: str
    project_id: str
    secret: str
    ambient: Ambient | None = None
    allowed: AllowedNamespaces = NOBODY
    suspended: bool = False
    ca_bundle: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Credentials:
    """One access key; its `repr` shows none of it."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ExpiringCredentials:
    """Temporary credentials; `lasts_s` is their lifetime in seconds, None if it is not known."""

    credentials: Credentials
    lasts_s: float | None


@dataclass(frozen=True, slots=True)
class Account:
    """The endpoint and credentials of a channel; equal accounts share one channel.

    The secret key is part of the identity: a user who knows only the access key id of another gets
    a separate channel, which DCS refuses, and can never use the other's channel.

    Attributes:
        named: Whether an administrator allowed exactly this host, so that it may resolve to a
            loopback or link-local address.
        ca_bundle: PEM certificates to trust in addition to those of the system.
    """

    endpoint: str
    project_id: str
    credentials: Credentials
    named: bool = False
    ca_bundle: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Observation:
    """What DCS said about one task; equal values mean that there was no change.

    Attributes:
        word: The status word as DCS wrote it.
        task_id: The id as DCS writes it; stop requests use this spelling.
        name: DCS's `task_name`.
        method: DCS's `migration_method`.
        source: Name or id of the source instance, or its address without user information.
        target: The same for the target.
    """

    word: str
    task_id: str
    name: str = ""
    method: str = ""
    source: str = ""
    target: str = ""


class Outcome(Enum):
    """What became of the last request to stop a task."""

    NONE = auto()  # no request was sent
    WAITING = auto()  # handed to the channel and not answered yet
    ACCEPTED = auto()  # DCS acknowledged it
    REJECTED = auto()  # DCS refused it for this id
    UNKNOWN = auto()  # it may or may not have reached DCS


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    """One error answer that may be shown to people; holds neither a body nor a secret.

    Attributes:
        code: DCS's or the gateway's own code, or the HTTP status, or a word such as `timeout`.
        message: DCS's text, truncated.
        request_id: The request id that DCS's support asks for; may be empty.
    """

    code: str
    message: str
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class StopAnswer:
    """The answer of one batch-stop for one id; `outcome` is accepted, rejected or unknown."""

    outcome: Outcome
    request_id: str
    detail: ErrorDetail | None = None


@dataclass(frozen=True, slots=True)
class StopRequest:
    """What was requested for one task, and what became of it.

    Attributes:
        outcome: Outcome of the last request.
        attempts: Number of requests sent so far.
        answered_at: Monotonic time in seconds at which the last outcome became known.
        failures: Number of consecutive requests that were rejected or whose outcome stayed unknown;
            sets the pause before the next attempt.
        unsent: Whether the last request surely had no effect and is repeated without a pause of its
            own; a second such request in a row is spaced like `failures`.
        ineffective: Number of accepted requests whose effect did not show in time; sets the pause
            before the next one.
        accepted: Wall time of the last acceptance; kept through later rejections.
        detail: Details of the last rejection or failure.
        request_id: DCS's id of the last request.
    """

    outcome: Outcome = Outcome.NONE
    attempts: int = 0
    answered_at: float = float("-inf")
    failures: int = 0
    unsent: bool = False
    ineffective: int = 0
    accepted: datetime | None = None
    detail: ErrorDetail | None = None
    request_id: str = ""


class TroubleKind(Enum):
    """Why a channel or a project does not work; the value is the reason that users see."""

    THROTTLED = "Throttled"
    UNAVAILABLE = "CloudUnavailable"
    CREDENTIALS = "CredentialsInvalid"
    PERMISSION = "PermissionDenied"
    PROJECT = "ProjectNotReady"
    ENDPOINT = "EndpointNotAllowed"

    @property
    def heals_alone(self) -> bool:
        """Whether waiting is enough; otherwise a person is needed."""
        return self in {TroubleKind.THROTTLED, TroubleKind.UNAVAILABLE}


@dataclass(frozen=True, slots=True)
class Trouble:
    """One trouble, with the text that the user reads.

    Attributes:
        since: Monotonic time in seconds at which it began.
        message: What is wrong and what to do, in one or two sentences; empty where the case of the
            decision says it.
        detail: The error answer that caused it, if there was one.
        person_at: Monotonic time in seconds from which only a person can help; None means from the
            beginning, or never if the kind heals alone.
    """

    kind: TroubleKind
    since: float
    message: str
    detail: ErrorDetail | None = None
    person_at: float | None = None

    def needs_person(self, now: float) -> bool:
        """Tell whether a person is needed at this monotonic time, in seconds."""
        if self.person_at is not None:
            return now >= self.person_at
        return not self.kind.heals_alone


NO_TROUBLES: Mapping[Operation, Trouble] = MappingProxyType({})
"""All calls of a channel work."""
