"""Both sides of a rolling upgrade: one line tells if the plugin and the CRDs differ.

Fields that the CRDs lack are refused when they are written. Fields that only the CRDs have are
ignored by the plugin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dcs_migration_operator import __version__
from kubectl_dcs import say
from kubectl_dcs.problems import OLD_CRDS, ApiProblem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kubectl_dcs.cluster import Cluster

KNOWN: Final = {
    "MigrationTask": frozenset({"taskId", "stopped", "projectRef", "cutover"}),
    "MigrationWave": frozenset(
        {"state", "notBefore", "notAfter", "maxUnderWay", "pauseAfterFailures", "cutover"}
    ),
}
"""The fields of `spec` that this plugin supports; a test compares them with the CRDs."""


def check(cluster: Cluster) -> None:
    """Print a note if the CRDs are older or newer than the plugin.

    A cluster that does not publish them is no obstacle: the API server checks every write.
    """
    try:
        schema = cluster.schema()
    except ApiProblem:
        return
    for line in differences(schema):
        say.note(line)


def differences(schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each direction in which an OpenAPI document differs from the plugin."""
    found = dict(_specs(schema))
    if not found:
        return
    lacking = [
        f"{kind}.spec.{field}" if kind in found else kind
        for kind, fields in KNOWN.items()
        for field in (sorted(fields - found[kind]) if kind in found else [""])
    ]
    unknown = [
        f"{kind}.spec.{field}" for kind in found for field in sorted(found[kind] - KNOWN[kind])
    ]
    if lacking:
        yield (
            f"The CRDs of this cluster are older than this plugin ({__version__}): they lack"
            f" {', '.join(lacking)}; {OLD_CRDS}."
        )
    if unknown:
        yield (
            f"The CRDs of this cluster are newer than this plugin ({__version__}), which ignores"
            f" {', '.join(unknown)}; upgrade the plugin."
        )


def _specs(schema: Mapping[str, Any]) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield the kinds in an OpenAPI document with the fields of their specs."""
    schemas = (schema.get("components") or {}).get("schemas") or {}
    for name, body in schemas.items():
        kind = name.rpartition(".")[2]
        spec = (body.get("properties") or {}).get("spec") or {}
        if kind in KNOWN:
            yield kind, frozenset(spec.get("properties") or {})
