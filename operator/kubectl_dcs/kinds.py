"""The kinds of Kubernetes resources that the plugin reads or writes, and where they live."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

GROUP: Final = "dcs.huaweicloud.com"
VERSION: Final = "v1alpha1"
GROUP_VERSION: Final = f"{GROUP}/{VERSION}"

FIELD_MANAGER: Final = "kubectl-dcs"
"""The field manager that the API server records for the fields that the plugin writes."""

LABEL: Final = f"{GROUP}/"
"""Prefix of the keys of this project's own labels and annotations."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind; `base` is the path of its group and version."""

    kind: str
    plural: str
    base: str = f"/apis/{GROUP_VERSION}"
    namespaced: bool = True

    def path(self, namespace: str | None = None, name: str = "") -> str:
        """Return the path of one object or of a collection; without a namespace, of all of them."""
        inside = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{self.base}{inside}/{self.plural}" + (f"/{name}" if name else "")

    def called(self, namespace: str, name: str) -> str:
        """Return a readable name of one object."""
        return f"{self.kind} {namespace}/{name}" if self.namespaced else f"{self.kind} {name}"


TASK: Final = Kind("MigrationTask", "migrationtasks")
WAVE: Final = Kind("MigrationWave", "migrationwaves")
PROJECT: Final = Kind("DCSProject", "dcsprojects")
CLUSTER_PROJECT: Final = Kind("ClusterDCSProject", "clusterdcsprojects", namespaced=False)
NAMESPACE: Final = Kind("Namespace", "namespaces", "/api/v1", namespaced=False)
SECRET: Final = Kind("Secret", "secrets", "/api/v1")

NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
NAME_CHARS_MAX: Final = 253


def is_name(text: str) -> bool:
    """Return whether this is a valid object name."""
    return len(text) <= NAME_CHARS_MAX and NAME.fullmatch(text) is not None


BY_KIND: Final = {one.kind: one for one in (TASK, WAVE, PROJECT, CLUSTER_PROJECT)}
"""The kinds of this project."""
