"""What the API server would refuse in a manifest, as far as that is known without asking it.

Pure. The complete rules are in the CRDs; a test compares the two on a real API server. What is not
found here is refused when the manifest is applied, and does not change anything then either.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from dcs_migration_operator.core.bodies import Unreadable, project_of, task_of, wave_of
from kubectl_dcs import kinds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

TASK_ID: Final = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

READ: Final[Mapping[kinds.Kind, Callable[[Mapping[str, Any]], object]]] = {
    kinds.TASK: task_of,
    kinds.WAVE: wave_of,
    kinds.PROJECT: project_of,
    kinds.CLUSTER_PROJECT: project_of,
}
"""The operator's own reader of each kind."""

UNDER_WAY_MAX: Final = 100
"""The maximum of `spec.maxUnderWay` in the CRD."""

WINDOW: Final = ("notBefore", "notAfter")


def breach(kind: kinds.Kind, spec: Mapping[str, Any], there: Mapping[str, Any] | None) -> str:
    """Return why the API server would refuse an object; empty if no reason is known.

    Args:
        kind: The kind of the object.
        spec: The spec as it would be stored, with defaults.
        there: The spec as it is stored now; None if the object is new.
    """
    found: Iterator[str] = iter(())
    if kind is kinds.TASK:
        found = _task_breaches(spec, there)
    elif kind is kinds.WAVE:
        found = _wave_breaches(spec)
    return next(found, "") or _unreadable(kind, spec)


def _unreadable(kind: kinds.Kind, spec: Mapping[str, Any]) -> str:
    """Return why the operator could not read an object; empty if it can."""
    metadata = {"name": "it", "uid": "", "namespace": "its" if kind.namespaced else ""}
    try:
        READ[kind]({"metadata": metadata, "spec": spec})
    except Unreadable as error:
        return str(error)
    return ""


def _wave_breaches(spec: Mapping[str, Any]) -> Iterator[str]:
    if spec.get("state", "Hold") not in {"Hold", "Go"}:
        yield "state must be Hold or Go"
    most = spec.get("maxUnderWay", 1)
    if not isinstance(most, int) or not 1 <= most <= UNDER_WAY_MAX:
        yield f"spec.maxUnderWay must be a whole number from 1 to {UNDER_WAY_MAX}"


def _task_breaches(spec: Mapping[str, Any], there: Mapping[str, Any] | None) -> Iterator[str]:
    task_id, cutover = spec.get("taskId"), spec.get("cutover")
    if not isinstance(task_id, str):
        yield "taskId must be a text: put it into quotes"
        return
    if not TASK_ID.fullmatch(task_id):
        yield "taskId must be the id of a DCS migration task"
    if spec.get("stopped") is True and cutover is not None:
        yield "set either stopped: true or cutover, not both"
    if isinstance(cutover, dict) and "waveRef" in cutover and any(w in cutover for w in WINDOW):
        yield "set either waveRef or a window (notBefore, notAfter), not both"
    if there is None:
        return
    if there.get("stopped") is True and spec.get("stopped") is not True:
        yield "stopped cannot go back from true to false or be removed"
    if there.get("taskId") != task_id:
        yield "taskId cannot be changed"
    if _project(there) != _project(spec):
        yield "projectRef cannot be changed, added or removed after creation"


def _project(spec: Mapping[str, Any]) -> tuple[str, str]:
    ref = spec.get("projectRef")
    ref = ref if isinstance(ref, dict) else {}
    return str(ref.get("kind", kinds.PROJECT.kind)), str(ref.get("name", "default"))
