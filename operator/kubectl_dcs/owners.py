"""Who manages an object from git, if anybody does: Flux or Argo CD.

They put back what somebody else changes, or fight over it, so that a change belongs into git.
Labels and annotations are those that the tools write themselves; where they are switched off, the
names of their field managers tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

FLUX: Final = "kustomize.toolkit.fluxcd.io"
FLUX_HELM: Final = "helm.toolkit.fluxcd.io"
ARGO: Final = "argocd.argoproj.io"

FIELD_MANAGERS: Final = {
    "kustomize-controller": "Flux",
    "helm-controller": "Flux",
    "argocd-controller": "Argo CD",
    "argocd-application-controller": "Argo CD",
}
"""By the names under which they apply on the server, or update."""


def owner_of(body: Mapping[str, Any]) -> str:
    """Return who manages an object from git, as people call it; empty if nobody does."""
    metadata = body.get("metadata") or {}
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    if annotations.get(f"{FLUX}/reconcile") == "disabled":
        return ""  # Flux was told to leave it alone
    for group, kind in ((FLUX, "Kustomization"), (FLUX_HELM, "HelmRelease")):
        if name := labels.get(f"{group}/name"):
            return f"Flux {kind} {labels.get(f'{group}/namespace', '')}/{name}"
    tracked = str(annotations.get(f"{ARGO}/tracking-id", "")).partition(":")[0]
    if name := tracked or labels.get(f"{ARGO}/instance"):
        return f"Argo CD Application {name}"
    for entry in metadata.get("managedFields") or []:
        if isinstance(entry, dict) and entry.get("subresource") in {None, ""}:
            found = FIELD_MANAGERS.get(str(entry.get("manager")))
            if found:
                return found
    return ""


def applied_by(body: Mapping[str, Any], manager: str, *path: str) -> bool:
    """Tell whether a field, such as `spec` `cutover`, is owned by this field manager alone."""
    owners = set()
    for entry in (body.get("metadata") or {}).get("managedFields") or []:
        below: Any = entry.get("fieldsV1")
        for key in path:
            below = below.get(f"f:{key}") if isinstance(below, dict) else None
        if below is not None:
            owners.add((entry.get("manager"), entry.get("operation")))
    return owners == {(manager, "Apply")}
