"""Manifests of the project's resources as plain data, and where they live in the API.

Owns the shapes that tests and the demo create by the hundred. Manifests written by hand are in
`docs/examples`.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUP_VERSION = "dcs.huaweicloud.com/v1alpha1"

TASKS = "migrationtasks"
WAVES = "migrationwaves"
PROJECTS = "dcsprojects"


def written_status(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the status that an operator wrote; empty if there is only the CRD's default."""
    status: dict[str, Any] = body.get("status") or {}
    return status if "observedGeneration" in status else {}


def path(namespace: str, plural: str, name: str = "", subresource: str = "") -> str:
    """Return the API path of a collection, of one object, or of its subresource."""
    parts = ["/apis", GROUP_VERSION, "namespaces", namespace, plural, name, subresource]
    return "/".join(part for part in parts if part)


def core_path(namespace: str, plural: str, name: str = "") -> str:
    """Return the API path of a core resource, such as `secrets`."""
    return "/".join(part for part in ["/api/v1/namespaces", namespace, plural, name] if part)


def migration_task(name: str, task_id: str = "", **spec: Any) -> dict[str, Any]:
    """Return a MigrationTask, with a random task id if none is given."""
    return {
        "apiVersion": GROUP_VERSION,
        "kind": "MigrationTask",
        "metadata": {"name": name},
        "spec": {"taskId": task_id or str(uuid.uuid4()), **spec},
    }


def migration_wave(name: str = "wave", **spec: Any) -> dict[str, Any]:
    """Return a MigrationWave, at Hold by default."""
    return {
        "apiVersion": GROUP_VERSION,
        "kind": "MigrationWave",
        "metadata": {"name": name},
        "spec": spec,
    }


def dcs_project(name: str = "default", **spec: Any) -> dict[str, Any]:
    """Return a DCSProject that names the Secret `credentials`.

    `spec` must have `region` or `endpoint`, and may replace everything else.
    """
    credentials = {"secretRef": {"name": "credentials"}}
    return {
        "apiVersion": GROUP_VERSION,
        "kind": "DCSProject",
        "metadata": {"name": name},
        "spec": {"projectId": "0" * 32, "credentials": credentials, **spec},
    }


def secret(name: str = "credentials", **data: str) -> dict[str, Any]:
    """Return a Secret with the given keys."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}
