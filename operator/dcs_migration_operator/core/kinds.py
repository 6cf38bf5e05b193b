"""The names of this operator's resources in the Kubernetes API."""

from __future__ import annotations

from typing import Final

GROUP: Final = "dcs.huaweicloud.com"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

TASKS: Final = "migrationtasks"
PROJECTS: Final = "dcsprojects"
CLUSTER_PROJECTS: Final = "clusterdcsprojects"
WAVES: Final = "migrationwaves"

KINDS: Final = {
    TASKS: "MigrationTask",
    PROJECTS: "DCSProject",
    CLUSTER_PROJECTS: "ClusterDCSProject",
    WAVES: "MigrationWave",
}
"""Kind by plural."""
