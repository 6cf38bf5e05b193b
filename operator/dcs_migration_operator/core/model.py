"""The frozen values that travel between the packages: wishes, observations, requests and projects.

They carry facts only; what follows from them is decided in `decide.py`.
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
    """Return the form of a task id under which equal ids meet: lower case, without dashes.

    DCS writes ids as dashed UUIDs and as 32 hex digits; its pages show both for the same calls.
    """
    return task_id.replace("-", "").lower()


def _in_scope(namespace: str, name: str) -> str:
    return f"{namespace}/{name}" if namespace else name


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment on both clocks.

    Attributes:
        mono: Seconds on the monotonic clock; every duration is measured with it.
        wall: UTC, whole seconds; only for what people read.
    """

    mono: float
    wall: datetime


@dataclass(frozen=True, slots=True)
class ProjectRef:
    """Names one project resource; the namespace of a cluster-scoped one is empty."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {_in_scope(self.namespace, self.name)}"


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """Names one object whose status is written; `uid` guards against a namesake.

    The namespace of a cluster-scoped one is empty.
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
        stopped: The unconditional wish: this migration shall not run, whatever the lag.
        cutover: The conditional one: it shall be stopped when its target has caught up.
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
        """Whether the migration shall not run in the end, at once or on a condition."""
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
        goes: Its state is Go; else it holds.
        under_way_max: Tasks from their admission to the accepted request.
        failures_max: So many failures pause it; 0 means never.
        said: The terms for tasks that do not say them.
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
    """Where the operator's own identity comes from; the value is the word in the resource."""

    POD_IDENTITY = "PodIdentity"  # the Pod Identity agent of a CCE node
    OIDC = "OIDC"  # a ServiceAccount token, exchanged at STS
    ECS_AGENCY = "ECSAgency"  # the metadata service of the node
    ENVIRONMENT = "Environment"  # an access key in the operator's environment


@dataclass(frozen=True, slots=True)
class Project:
    """What one project resource says, before its credentials are read.

    Attributes:
        endpoint: Base URL of the DCS API, without a slash at the end.
        secret: Name of the Secret, in the project's namespace; for a cluster-scoped project in the
            operator's. Empty if the credentials are ambient.
        ambient: The operator's own identity is used, from here; cluster-scoped projects only.
        allowed: Who may use it; means nothing for a namespaced project.
        suspended: The emergency brake: its tasks are observed, and no stop leaves.
        ca_bundle: PEM certificates that are trusted besides those of the system.
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
    """One access key; its printed form shows nothing."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ExpiringCredentials:
    """Credentials for a while; `lasts_s` is in seconds, None if their end is not known."""

    credentials: Credentials
    lasts_s: float | None


@dataclass(frozen=True, slots=True)
class Account:
    """Where a channel calls and as whom; equal accounts share one channel.

    The secret is part of the identity: whoever knows only somebody else's access key gets a channel
    of their own, which DCS refuses, and never the use of the other's.

    Attributes:
        named: An administrator named this very host, so that it may be a loopback or link-local
            address.
        ca_bundle: PEM certificates that are trusted besides those of the system.
    """

    endpoint: str
    project_id: str
    credentials: Credentials
    named: bool = False
    ca_bundle: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Observation:
    """What DCS said about one task. Equal values mean that nothing changed.

    Attributes:
        word: The status word as DCS wrote it.
        task_id: The id as DCS writes it; stop requests use this spelling.
        name: `task_name`.
        method: `migration_method`.
        source: Name or id of the source instance, or its address without user information.
        target: The same of the target.
    """

    word: str
    task_id: str
    name: str = ""
    method: str = ""
    source: str = ""
    target: str = ""


class Outcome(Enum):
    """What became of the last request to stop a task."""

    NONE = auto()  # none was sent
    WAITING = auto()  # handed to the channel, no answer yet
    ACCEPTED = auto()  # DCS acknowledged it
    REJECTED = auto()  # DCS refused it for this id
    UNKNOWN = auto()  # it may or may not have reached DCS


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    """One error answer, fit for people: never a body, never a secret.

    Attributes:
        code: DCS's or the gateway's own code, or the HTTP status, or a word such as `timeout`.
        message: DCS's text, cut.
        request_id: The request id that DCS's support asks for; may be empty.
    """

    code: str
    message: str
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class StopAnswer:
    """What one batch-stop said about one id; `outcome` is accepted, rejected or unknown."""

    outcome: Outcome
    request_id: str
    detail: ErrorDetail | None = None


@dataclass(frozen=True, slots=True)
class StopRequest:
    """What was requested for one task, and what became of it.

    Attributes:
        outcome: Of the last request.
        attempts: Requests sent so far.
        answered_at: Monotonic seconds at which the last outcome was known.
        failures: Consecutive requests that were rejected or whose outcome stayed unknown; they
            space the next attempts.
        unsent: The last request had no effect, and is repeated without a pause of its own; a second
            one in a row is spaced like those above.
        ineffective: Accepted requests that did not show in time; they space the next ones.
        accepted: Wall time of the last acceptance; kept through later rejections.
        detail: Of the last rejection or failure.
        request_id: DCS's, of the last request.
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
    """Why a channel or a project cannot do its work; the value is the reason that users see."""

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
    """One trouble, with the words that the user reads.

    Attributes:
        since: Monotonic seconds at which it began.
        message: What is wrong and what to do, in one or two sentences; empty where the case of the
            decision says it.
        detail: The answer behind it, if there was one.
        person_at: Monotonic seconds from which on only a person can help; None means from the
            beginning, or never if the kind heals alone.
    """

    kind: TroubleKind
    since: float
    message: str
    detail: ErrorDetail | None = None
    person_at: float | None = None

    def needs_person(self, now: float) -> bool:
        """Tell whether waiting is not enough at this monotonic second."""
        if self.person_at is not None:
            return now >= self.person_at
        return not self.kind.heals_alone


NO_TROUBLES: Mapping[Operation, Trouble] = MappingProxyType({})
"""All calls of a channel work."""
