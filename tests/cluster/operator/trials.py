"""Troubles that last, are told, get fixed and heal: a table of them, undergone side by side.

Most of a trial is waiting, for pauses that the operator keeps, so all of them run at once, each in
a thread and a workspace of its own, while other tests go on. What has to be true at the end of
each is said by `test_trials.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sandbox.dcs import FaultKind
from sandbox.waiting import eventually
from support.operator.cloud import PLANTED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from support.operator.records import Record, Shown
    from support.operator.workspace import Workspace

HEAL_S_MAX: Final = 120.0
"""From the fix to the end of the stop; the longest pause of these troubles is 33 s."""

BUSY: Final = {"refuse_code": "DCS.4957", "refuse_message": "The instance is busy."}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One trouble.

    Attributes:
        reason: What Ready says while it lasts.
        stalled: Whether a person is needed; else it goes on by itself.
        words: What a person has to find in the message.
        code: Of `status.lastError`; empty if DCS was not even asked.
        begin: Brings the trouble about, before the task is created.
        fix: Ends it.
        migration: Fields of the migration's spec.
        phase: Of the task while it lasts.
        told_by_project: Whether the DCSProject says the same.
    """

    reason: str
    stalled: bool
    begin: Callable[[Workspace], None]
    fix: Callable[[Workspace], None]
    words: tuple[str, ...] = ()
    code: str = ""
    migration: Mapping[str, Any] = field(default_factory=dict)
    phase: str = "PENDING"
    told_by_project: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a trial.

    Attributes:
        task_id: Of its only migration.
        told: The first status that gave the reason.
        record: Every status.
        asked_before: Calls of DCS before it was fixed.
    """

    workspace: Workspace
    task_id: str
    told: Shown
    record: Record
    asked_before: int


def undergo(trial: Trial, workspace: Workspace) -> Outcome:
    """Live through one trial, from its beginning to the end of the stop.

    Raises:
        TimeoutError: A step of it does not come true.
    """
    task_id = workspace.dcs.add(**trial.migration)
    trial.begin(workspace)
    workspace.create("one", task_id)
    told = workspace.until("one", f"False/{trial.reason}")
    if trial.told_by_project:
        eventually(lambda: workspace.project_ready() == f"False/{trial.reason}", HEAL_S_MAX)
    asked_before = len(workspace.dcs.calls())
    trial.fix(workspace)
    workspace.until("one", "True/Terminated", HEAL_S_MAX)
    eventually(lambda: workspace.project_ready() == "True/Configured", HEAL_S_MAX)
    return Outcome(workspace, task_id, told, workspace.record("one"), asked_before)


def fails(kind: FaultKind, **fault: Any) -> Callable[[Workspace], None]:
    """Connect the workspace to a DCS that has this fault."""

    def begin(workspace: Workspace) -> None:
        workspace.dcs.fail(kind, **fault)
        workspace.connect()

    return begin


def heals(workspace: Workspace) -> None:
    """DCS is well again."""
    workspace.dcs.heal()


def has_secret(**changes: str | None) -> Callable[[Workspace], None]:
    """Connect the workspace with a Secret in which these keys are wrong, or missing if None."""

    def begin(workspace: Workspace) -> None:
        right: Mapping[str, str | None] = {**workspace.dcs.credentials, **changes}
        workspace.put_secret(**{key: text for key, text in right.items() if text is not None})
        workspace.put_project()

    return begin


def gets_secret(workspace: Workspace) -> None:
    """Create the Secret as it should be."""
    workspace.put_secret(**workspace.dcs.credentials)


def has_project(**changes: str) -> Callable[[Workspace], None]:
    """Connect the workspace with a DCSProject that is wrong in these fields."""

    def begin(workspace: Workspace) -> None:
        workspace.put_secret(**workspace.dcs.credentials)
        workspace.put_project(**changes)

    return begin


def has_strange_endpoint(workspace: Workspace) -> None:
    """Connect the workspace by a name that is not on the allow-list."""
    endpoint = workspace.dcs.cloud.endpoint.replace("127.0.0.1", "localhost")
    has_project(endpoint=endpoint)(workspace)


def gets_project(workspace: Workspace) -> None:
    """Create the DCSProject as it should be."""
    workspace.put_project()


def _passing(kind: FaultKind, code: str, reason: str = "CloudUnavailable", **fault: Any) -> Trial:
    """Return a trouble of DCS that goes by itself."""
    return Trial(
        reason=reason,
        stalled=False,
        code=code,
        words=(code,),
        begin=fails(kind, **fault),
        fix=heals,
    )


def _order_passing(
    kind: FaultKind, code: str, reason: str, *, told_by_project: bool = True, **fault: Any
) -> Trial:
    """Return a trouble of the orders alone; what DCS says of the task is known and kept."""
    return Trial(
        reason=reason,
        stalled=False,
        code=code,
        begin=fails(kind, operation="batch_stop", **fault),
        fix=heals,
        migration={"word": "FULLMIGRATING"},
        phase="FULLMIGRATING",
        told_by_project=told_by_project,
    )


def _forbidden(operation: str, action: str, phase: str) -> Trial:
    """Return a missing right."""
    return Trial(
        reason="PermissionDenied",
        stalled=True,
        code="DCS.2007",
        words=(action,),
        begin=fails(FaultKind.FORBIDDEN, operation=operation),
        fix=heals,
        phase=phase,
    )


def _bad_secret(key: str, text: str | None) -> Trial:
    """Return a Secret that is malformed in one key."""
    return Trial(
        reason="ProjectNotReady",
        stalled=True,
        words=("Secret", key),
        begin=has_secret(**{key: text}),
        fix=gets_secret,
    )


TRIALS: Final[Mapping[str, Trial]] = {
    "429": _passing(FaultKind.THROTTLE, "APIGW.0308", "Throttled", window_s=1.0),
    "503": _passing(FaultKind.ERROR, "APIGW.0201", status=503),
    "502-html": _passing(FaultKind.ERROR, "HTTP 502", status=502, html=True),
    "200-html": _passing(FaultKind.HTML, "bad-answer"),
    "dropped": _passing(FaultKind.DROP, "connection-lost"),
    "hanging": _passing(FaultKind.HANG, "timeout"),
    "orders-429": _order_passing(FaultKind.THROTTLE, "APIGW.0308", "Throttled", window_s=1.0),
    # An order of a single task that fails may do so because of that task: the project works.
    "orders-503": _order_passing(
        FaultKind.ERROR, "APIGW.0201", "CloudUnavailable", told_by_project=False, status=503
    ),
    "refused": Trial(
        reason="StopRejected",
        stalled=False,
        code="DCS.4957",
        words=("DCS.4957", "The instance is busy."),
        begin=has_secret(),
        fix=lambda _: None,
        migration={**BUSY, "refuse_times": 1},
        phase="INCRMIGEATING",
        told_by_project=False,
    ),
    "may-not-list": _forbidden("list", "dcs:migrationTask:list", "PENDING"),
    "may-not-stop": _forbidden("batch_stop", "dcs:migrationTask:modify", "INCRMIGEATING"),
    "wrong-secret-key": Trial(
        reason="CredentialsInvalid",
        stalled=True,
        code="APIGW.0301",
        words=("Secret",),
        begin=has_secret(secretKey=f"{PLANTED}-WRONG"),
        fix=gets_secret,
    ),
    "needless-token": Trial(
        reason="CredentialsInvalid",
        stalled=True,
        code="APIGW.0301",
        words=("securityToken",),
        begin=has_secret(securityToken=f"{PLANTED}-NEEDLESS"),
        fix=gets_secret,
    ),
    "no-project": Trial(
        reason="ProjectNotReady",
        stalled=True,
        words=("DCSProject", "does not exist"),
        begin=gets_secret,
        fix=gets_project,
        told_by_project=False,
    ),
    "no-secret": Trial(
        reason="ProjectNotReady",
        stalled=True,
        words=("Secret", "accessKey", "secretKey"),
        begin=gets_project,
        fix=gets_secret,
    ),
    "no-access-key": _bad_secret("accessKey", None),
    "no-secret-key": _bad_secret("secretKey", None),
    "empty-key": _bad_secret("secretKey", ""),
    "white-space": _bad_secret("secretKey", f"{PLANTED} with white space"),
    "not-ascii": _bad_secret("secretKey", f"{PLANTED}-\u00fcml\u00e4ut"),
    "strange-endpoint": Trial(
        reason="EndpointNotAllowed",
        stalled=True,
        words=("localhost", "--allow-endpoint"),
        begin=has_strange_endpoint,
        fix=gets_project,
    ),
    "wrong-cloud-project": Trial(
        reason="ProjectNotReady",
        stalled=True,
        code="APIGW.0310",
        words=("projectId",),
        begin=has_project(projectId="f" * 32),
        fix=gets_project,
    ),
}
