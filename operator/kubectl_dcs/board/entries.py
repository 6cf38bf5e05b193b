"""What the page receives of an object: rows, cards, and the details of an opened row. Pure.

Times are seconds since 1970, so that the page compares them without parsing; None if not reached
yet. Field names are those in `page/types.js`.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, Final

from kubectl_dcs import moments
from kubectl_dcs.problems import one_line
from kubectl_dcs.tasks import number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubectl_dcs.tasks import State, TaskView
    from kubectl_dcs.waves import WaveView

MESSAGE_CHARS_MAX: Final = 240
"""Length of a message in a row, which shows less; an opened row has all of it."""

CONDITION_CHARS_MAX: Final = 4000
CONDITIONS_MAX: Final = 16
"""The limit of the CRDs, checked because a recording may be any file."""


def key_of(namespace: str, name: str) -> str:
    """Return the key of an object; neither part can contain a slash."""
    return f"{namespace}/{name}"


def state_key(state: State) -> str:
    """Return the name of a state in the page: `needs a person` is `trouble`."""
    return state.name.lower()


def at(text: str) -> float | None:
    """Return a time in seconds since 1970; None if there is none."""
    moment = moments.parsed(text) if text else None
    return moment.timestamp() if moment else None


def task_entry(task: TaskView) -> dict[str, Any]:
    """Return the row of a task, without its earlier lags."""
    return {
        "ns": task.namespace,
        "name": task.name,
        "id": task.task_id,
        "state": state_key(task.state),
        "phase": task.phase,
        "lag": task.lag,
        "lagAt": at(task.lag_at),
        "wave": task.wave,
        "title": cut(task.title, MESSAGE_CHARS_MAX),
        "reason": task.ready.reason,
        "message": cut(task.ready.message, MESSAGE_CHARS_MAX),
        "due": at(text(task.part("cutover"), "timesOutAt")),
        "v": version_of(task.body),
    }


def wave_entry(wave: WaveView) -> dict[str, Any]:
    """Return the card of a wave; `counts` are the operator's."""
    return {
        "ns": wave.namespace,
        "name": wave.name,
        "uid": wave.uid,
        "state": wave.state,
        "reason": wave.ready.reason,
        "message": cut(wave.ready.message, MESSAGE_CHARS_MAX),
        "stalled": wave.stalled,
        "current": wave.current,
        "notBefore": at(wave.not_before),
        "notAfter": at(wave.not_after),
        "openedAt": at(wave.opened_at),
        "completedAt": at(wave.completed_at),
        "counts": dict(wave.counts),
    }


def project_entry(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page shows of a `DCSProject`."""
    metadata, spec = fields(body, "metadata"), fields(body, "spec")
    ready = next((one for one in conditions(body) if one["type"] == "Ready"), None)
    return {
        "ns": text(metadata, "namespace"),
        "name": text(metadata, "name"),
        "region": text(spec, "region"),
        "endpoint": text(spec, "endpoint"),
        "projectId": text(spec, "projectId"),
        "suspended": spec.get("suspend") is True,
        "ready": ready["status"] if ready else "",
        "reason": ready["reason"] if ready else "",
        "message": ready["message"] if ready else "",
    }


def task_details(
    task: TaskView, project: Mapping[str, Any] | None, context_words: str
) -> dict[str, Any]:
    """Return the details of an opened row.

    Args:
        task: The task.
        project: Its `DCSProject`; None if it does not exist, may not be read, or is a shared one.
        context_words: Options of kubectl that select the same cluster, each after a space.
    """
    stop, cutover, lag = task.part("stop"), task.part("cutover"), task.part("lag")
    about, error = task.part("task"), task.part("lastError")
    return {
        "entry": task_entry(task),
        "taskId": task.task_id,
        "method": text(about, "method"),
        "source": text(about, "sourceInstance"),
        "target": text(about, "targetInstance"),
        "message": cut(task.ready.message, CONDITION_CHARS_MAX),
        "conditions": conditions(task.body),
        "timeline": timeline(task),
        "fullProgress": number(lag.get("fullProgress")),
        "sourceKeys": number(lag.get("sourceKeys")),
        "targetKeys": number(lag.get("targetKeys")),
        "caughtUpSince": at(text(lag, "caughtUpSince")),
        "timesOutAt": at(text(cutover, "timesOutAt")),
        "lagAtOrder": number(stop.get("lagAtOrder")),
        "orders": number(stop.get("attempts")) or 0,
        "requestId": text(stop, "requestId"),
        "lastError": _error(error) if error else None,
        "projectName": task.project,
        "project": project_entry(project) if project else None,
        "commands": commands(task, context_words),
    }


def timeline(task: TaskView) -> list[dict[str, Any]]:
    """Return the steps of the stop that have been reached, in order."""
    stop, cutover, lag = task.part("stop"), task.part("cutover"), task.part("lag")
    found = (
        ("created", at(task.created_at)),
        ("opened", at(text(cutover, "openedAt"))),
        ("caughtUp", at(text(lag, "caughtUpSince"))),
        ("ordered", at(text(stop, "requestedAt"))),
        ("accepted", at(text(stop, "acceptedAt"))),
        ("terminated", at(text(stop, "terminatedAt"))),
    )
    return [{"what": what, "at": moment} for what, moment in found if moment is not None]


def commands(task: TaskView, context_words: str) -> list[str]:
    """Return commands for a closer look, ready to be copied; none of them changes anything."""
    name = shlex.quote(task.name)
    place = f"{context_words} -n {shlex.quote(task.namespace)}"
    return [
        f"kubectl dcs status {name}{place}",
        f"kubectl dcs logs {name}{place}",
        f"kubectl describe dcsmt {name}{place}",
        f"kubectl get events{place} --field-selector involvedObject.name={name}",
    ]


def conditions(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the conditions of an object as the page shows them."""
    found = fields(body, "status").get("conditions")
    return [
        {
            "type": text(one, "type"),
            "status": text(one, "status"),
            "reason": text(one, "reason"),
            "message": cut(text(one, "message"), CONDITION_CHARS_MAX),
            "at": at(text(one, "lastTransitionTime")) or None,  # 1970 is the CRD's own default
        }
        for one in (found if isinstance(found, list) else [])[:CONDITIONS_MAX]
        if isinstance(one, dict)
    ]


def _error(error: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "code": text(error, "code"),
        "message": cut(text(error, "message"), CONDITION_CHARS_MAX),
        "requestId": text(error, "requestId"),
        "at": at(text(error, "time")),
    }


def version_of(body: Mapping[str, Any]) -> str:
    """Return the resource version, which tells the page that an opened row is out of date."""
    return text(fields(body, "metadata"), "resourceVersion")


def fields(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return an object within another; an empty one if it is not an object."""
    found = body.get(key)
    return found if isinstance(found, dict) else {}


def text(body: Mapping[str, Any], key: str) -> str:
    """Return a text; an empty one if it is not a text."""
    found = body.get(key)
    return found if isinstance(found, str) else ""


def cut(said: str, chars_max: int) -> str:
    """Return a text on one line, cut to that length."""
    line = one_line(said)
    return line if len(line) <= chars_max else line[: chars_max - 1] + "…"
