"""Finds out whether Flux or Argo CD manages an object from git.

They revert changes that others make, or fight over them, so a change has to be made in git. The
tools are recognized by the labels and annotations that they write; where those are switched off, by
the names of their field managers.
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
"""By the names of their field managers, for server-side apply and for updates."""


def owner_of(body: Mapping[str, Any]) -> str:
    """Return a readable name of the tool that manages an object from git; empty if none does."""
    metadata = body.get("metadata") or {}
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    if annotations.get(f"{FLUX}/reconcile") == "disabled":
        return ""  # Flux was configured to leave it alone
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
    """Return whether only this field manager owns a field, such as `spec` `cutover`."""
    owners = set()
    for entry in (body.get("metadata") or {}).get("managedFields") or []:
        below: Any = entry.get("fieldsV1")
        for key in path:
            below = below.get(f"f:{key}") if isinstance(below, dict) else None
        if below is not None:
            owners.add((entry.get("manager"), entry.get("operation")))
    return owners == {(manager, "Apply")}
