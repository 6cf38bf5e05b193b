"""Hands the bodies of our resources to the engine, as frozen values.

Defaults are those of the CRDs, also without an API server that fills them in.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dcs_migration_operator.core.admission import NOBODY, allowed_from_json
from dcs_migration_operator.core.endpoints import endpoint_of
from dcs_migration_operator.core.model import (
    CLUSTER_PROJECT_KIND,
    PROJECT_KIND,
    Ambient,
    ObjectRef,
    Project,
    ProjectRef,
    Task,
    task_key,
)
from dcs_migration_operator.core.status import from_json
from dcs_migration_operator.core.texts import shared
from dcs_migration_operator.kube.api import CLUSTER_PROJECTS, PROJECTS, TASKS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcs_migration_operator.engine.engine import Engine

_log = logging.getLogger(__name__)

_project_ref = lru_cache(maxsize=1024)(ProjectRef)
"""Thousands of tasks share a few projects, and so the memory for their names."""


def task_event(engine: Engine, body: Mapping[str, Any], *, deleted: bool) -> None:
    """Hand one event of a `MigrationTask` on."""
    metadata, spec = body["metadata"], body.get("spec", {})
    if deleted:
        engine.task_gone(metadata["uid"])
        return
    project = spec.get("projectRef", {})
    task_id = spec.get("taskId", "")
    if not task_id:
        _log.warning("a MigrationTask without spec.taskId is ignored; is its CRD ours?")
        return
    namespace, kind = shared(metadata["namespace"]), project.get("kind", PROJECT_KIND)
    task = Task(
        ref=ObjectRef(TASKS, namespace, metadata["name"], metadata["uid"]),
        generation=metadata.get("generation", 0),
        task_id=task_id,
        key=task_key(task_id),
        stopped=spec.get("stopped") is True,
        project=_project_ref(
            kind,
            "" if kind == CLUSTER_PROJECT_KIND else namespace,
            project.get("name", "default"),
        ),
    )
    engine.task_changed(task, from_json(body.get("status", {})), int(metadata["resourceVersion"]))


def project_event(engine: Engine, body: Mapping[str, Any], *, deleted: bool) -> None:
    """Hand one event of a `DCSProject` or a `ClusterDCSProject` on; only that has no namespace."""
    metadata, spec = body["metadata"], body.get("spec", {})
    namespace, name, uid = metadata.get("namespace", ""), metadata["name"], metadata["uid"]
    ref = ProjectRef(PROJECT_KIND if namespace else CLUSTER_PROJECT_KIND, namespace, name)
    if deleted:
        engine.project_gone(ref, uid)
        return
    credentials = spec.get("credentials", {})
    project = Project(
        ref=ref,
        object=ObjectRef(PROJECTS if namespace else CLUSTER_PROJECTS, namespace, name, uid),
        generation=metadata.get("generation", 0),
        endpoint=endpoint_of(spec.get("region", ""), spec.get("endpoint", "")),
        project_id=spec.get("projectId", ""),
        secret=credentials.get("secretRef", {}).get("name", ""),
        # Not read in a namespaced project, even if a changed CRD should let it stand there.
        ambient=None if namespace else _ambient(credentials.get("ambient")),
        allowed=NOBODY if namespace else allowed_from_json(spec.get("allowedNamespaces")),
    )
    status = from_json(body.get("status", {}))
    engine.project_changed(project, status, int(metadata["resourceVersion"]))


def _ambient(word: object) -> Ambient | None:
    return next((ambient for ambient in Ambient if ambient.value == word), None)
