"""Parses the bodies of this operator's resources into frozen values.

The defaults of the CRDs are applied here too, so that they hold even if the API server did not fill
them in. The installed CRDs may differ from ours and admit any body; a body that cannot be parsed is
an error of that one object only.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dcs_migration_operator.core.admission import NOBODY, allowed_from_json
from dcs_migration_operator.core.cutover import Cutover, TermsSaid, Window
from dcs_migration_operator.core.durations import seconds_of
from dcs_migration_operator.core.endpoints import endpoint_of
from dcs_migration_operator.core.kinds import CLUSTER_PROJECTS, PROJECTS, TASKS, WAVES
from dcs_migration_operator.core.model import (
    CLUSTER_PROJECT_KIND,
    PROJECT_KIND,
    Ambient,
    ObjectRef,
    Project,
    ProjectRef,
    Task,
    Wave,
    WaveRef,
    task_key,
)
from dcs_migration_operator.core.texts import shared

if TYPE_CHECKING:
    from collections.abc import Mapping

_project_ref = lru_cache(maxsize=1024)(ProjectRef)
"""Thousands of tasks refer to a few projects; caching lets them share the memory for the names."""


class Unreadable(Exception):
    """An object cannot be parsed; the text says what is wrong with it and what to do."""


def object_of(body: Mapping[str, Any], plural: str) -> ObjectRef:
    """Return the reference of an object; the API server guarantees the fields it needs."""
    metadata = body["metadata"]
    namespace = shared(metadata.get("namespace") or "")
    return ObjectRef(plural, namespace, metadata["name"], metadata["uid"])


def version_of(body: Mapping[str, Any]) -> int:
    """Return the `resourceVersion` of an object."""
    return int(body["metadata"]["resourceVersion"])


def task_of(body: Mapping[str, Any]) -> Task:
    """Return what a `MigrationTask` asks for.

    Raises:
        Unreadable: It names no task, or its cutover cannot be parsed: an unknown condition must
            not count as met.
    """
    spec = _mapping(body.get("spec"))
    project = _mapping(spec.get("projectRef"))
    task_id = _text(spec.get("taskId"))
    if not task_id:
        raise Unreadable("spec.taskId is missing. Install the CRDs of this operator, and set it.")
    ref = object_of(body, TASKS)
    kind = _text(project.get("kind")) or PROJECT_KIND
    return Task(
        ref=ref,
        generation=_number(body["metadata"].get("generation")),
        task_id=task_id,
        key=task_key(task_id),
        stopped=spec.get("stopped") is True,
        project=_project_ref(
            kind,
            "" if kind == CLUSTER_PROJECT_KIND else ref.namespace,
            _text(project.get("name")) or "default",
        ),
        cutover=_cutover(spec["cutover"]) if spec.get("cutover") is not None else None,
    )


def wave_of(body: Mapping[str, Any]) -> Wave:
    """Return what a `MigrationWave` asks for.

    Raises:
        Unreadable: One of its fields cannot be parsed; the tasks of the wave then hold.
    """
    spec = _mapping(body.get("spec"))
    ref = object_of(body, WAVES)
    return Wave(
        ref=WaveRef(ref.namespace, ref.name),
        object=ref,
        generation=_number(body["metadata"].get("generation")),
        goes=spec.get("state") == "Go",
        window=_window(spec, "spec"),
        under_way_max=_limit(spec, "maxUnderWay", 50),
        failures_max=_limit(spec, "pauseAfterFailures", 1),
        said=_terms(_mapping(spec.get("cutover")), "spec.cutover"),
    )


def project_of(body: Mapping[str, Any]) -> Project:
    """Return what a `DCSProject` or `ClusterDCSProject` says; only the latter is cluster-scoped.

    Raises:
        Unreadable: Its CA bundle is not base64.
    """
    spec = _mapping(body.get("spec"))
    namespaced = bool(body["metadata"].get("namespace"))
    ref = object_of(body, PROJECTS if namespaced else CLUSTER_PROJECTS)
    credentials = _mapping(spec.get("credentials"))
    return Project(
        ref=ProjectRef(
            PROJECT_KIND if namespaced else CLUSTER_PROJECT_KIND, ref.namespace, ref.name
        ),
        object=ref,
        generation=_number(body["metadata"].get("generation")),
        endpoint=endpoint_of(_text(spec.get("region")), _text(spec.get("endpoint"))),
        project_id=_text(spec.get("projectId")),
        secret=_text(_mapping(credentials.get("secretRef")).get("name")),
        # Ignored in a namespaced project, even if a modified CRD admits the field there.
        ambient=None if namespaced else _ambient(credentials.get("ambient")),
        allowed=NOBODY if namespaced else allowed_from_json(spec.get("allowedNamespaces")),
        suspended=spec.get("suspend") is True,
        ca_bundle=_pem(spec.get("caBundle")),
    )


def status_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the status of an object as JSON."""
    return _mapping(body.get("status"))


def _cutover(value: object) -> Cutover:
    if not isinstance(value, dict):
        raise Unreadable("spec.cutover is not an object.")
    wave = _mapping(value.get("waveRef"))
    name = _text(wave.get("name"))
    if value.get("waveRef") is not None and not name:
        raise Unreadable("spec.cutover.waveRef names no wave.")
    return Cutover(
        said=_terms(value, "spec.cutover"),
        wave=shared(name),
        window=_window(value, "spec.cutover"),
    )


def _terms(value: Mapping[str, Any], path: str) -> TermsSaid:
    lag, timeout = value.get("maxLag"), value.get("onTimeout")
    if lag is not None and (isinstance(lag, bool) or not isinstance(lag, int) or lag < 0):
        raise Unreadable(f"{path}.maxLag is not a whole number from 0 on.")
    if timeout not in {None, "Hold", "StopAnyway"}:
        raise Unreadable(f"{path}.onTimeout is neither Hold nor StopAnyway.")
    return _terms_said(
        lag,
        _duration(value.get("stableFor"), f"{path}.stableFor"),
        _duration(value.get("timeout"), f"{path}.timeout"),
        None if timeout is None else timeout == "StopAnyway",
    )


_terms_said = lru_cache(maxsize=1024)(TermsSaid)
"""Thousands of tasks have the same few terms; caching lets them share the memory."""


def _window(value: Mapping[str, Any], path: str) -> Window:
    return _window_of(
        _moment(value.get("notBefore"), f"{path}.notBefore"),
        _moment(value.get("notAfter"), f"{path}.notAfter"),
    )


_window_of = lru_cache(maxsize=1024)(Window)


def _moment(value: object, path: str) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(_text(value))
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Unreadable(f"{path} is not a time with its zone, such as 2026-11-28T02:00:00+08:00.")


def _duration(value: object, path: str) -> float | None:
    if value is None:
        return None
    seconds = seconds_of(_text(value))
    if seconds is None:
        raise Unreadable(f"{path} is not a duration such as 10s or 1m30s.")
    return seconds


def _limit(spec: Mapping[str, Any], name: str, default: int) -> int:
    value = spec.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Unreadable(f"spec.{name} is not a whole number from 0 on.")
    return value


def _ambient(word: object) -> Ambient | None:
    return next((ambient for ambient in Ambient if ambient.value == word), None)


def _pem(bundle: object) -> str:
    try:
        return base64.b64decode(_text(bundle), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise Unreadable("spec.caBundle is not base64 of PEM certificates.") from None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
