"""The peer: an operator as most people would write it with kopf and the official SDK.

    kopf run --all-namespaces peer.py

One handler that stops, one timer for each resource that looks until DCS says TERMINATED; kopf's
defaults everywhere. It reads the same CRD as the product and writes `status.phase`. Not part of
the product: it is what `python -m bench` measures the product against.
"""

from __future__ import annotations

import os
from typing import Any

import kopf
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkdcs import v2

RESOURCE = ("dcs.huaweicloud.com", "v1alpha1", "migrationtasks")
LOOK_S = 2.0

client = (
    v2.DcsClient.new_builder()
    .with_credentials(
        BasicCredentials(os.environ["AK"], os.environ["SK"], os.environ["PROJECT_ID"])
    )
    .with_endpoint(os.environ["DCS_ENDPOINT"])
    .build()
)


@kopf.on.create(*RESOURCE)
@kopf.on.update(*RESOURCE)
@kopf.on.resume(*RESOURCE)
def stop(spec: kopf.Spec, status: kopf.Status, patch: kopf.Patch, **_: Any) -> None:
    """Order the stop, once for each resource."""
    if spec.get("stopped") and status.get("phase") == "PENDING":  # the default of the CRD
        client.stop_migration_task(v2.StopMigrationTaskRequest(task_id=spec["taskId"]))
        patch.status["phase"] = "TERMINATING"


def is_stopping(status: kopf.Status, **_: Any) -> bool:
    """Tell whether the end is still to come."""
    return bool(status.get("phase") == "TERMINATING")


@kopf.timer(*RESOURCE, interval=LOOK_S, when=is_stopping)
def look(spec: kopf.Spec, patch: kopf.Patch, **_: Any) -> None:
    """Look until DCS says that the migration is over."""
    task = client.show_migration_task(v2.ShowMigrationTaskRequest(task_id=spec["taskId"]))
    if task.status == "TERMINATED":
        patch.status["phase"] = task.status
