"""What the API server would refuse of a manifest, as far as it can be told without asking it.

Pure. The CRDs have the whole of it; a test compares the two on a real API server. What is not told
here is refused when it is applied, and changes nothing either.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from kubectl_dcs import kinds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TASK_ID: Final = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

WINDOW: Final = ("notBefore", "notAfter")


def breach(kind: kinds.Kind, spec: Mapping[str, Any], there: Mapping[str, Any] | None) -> str:
    """Return why the API server would refuse an object; empty if nothing is known against it.

    Args:
        kind: Of the object.
        spec: As it would be stored, defaults included.
        there: As it is stored now; None if the object is new.
    """
    if kind is not kinds.TASK:
        return ""
    return next(_task_breaches(spec, there), "")


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
