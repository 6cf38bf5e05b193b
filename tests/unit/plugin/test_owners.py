"""Who manages an object from git, by what the tools leave on it."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_dcs.owners import applied_by, owner_of


@pytest.mark.parametrize(
    "metadata, owner",
    [
        ({}, ""),
        (
            {
                "labels": {
                    "kustomize.toolkit.fluxcd.io/name": "migrations",
                    "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
                }
            },
            "Flux Kustomization flux-system/migrations",
        ),
        (
            {
                "labels": {
                    "helm.toolkit.fluxcd.io/name": "fleet",
                    "helm.toolkit.fluxcd.io/namespace": "shop",
                }
            },
            "Flux HelmRelease shop/fleet",
        ),
        (
            {
                "annotations": {
                    "argocd.argoproj.io/tracking-id": "fleet:dcs.huaweicloud.com/MigrationTask:a/b"
                }
            },
            "Argo CD Application fleet",
        ),
        ({"labels": {"argocd.argoproj.io/instance": "fleet"}}, "Argo CD Application fleet"),
        ({"managedFields": [{"manager": "argocd-controller"}]}, "Argo CD"),
        ({"managedFields": [{"manager": "kustomize-controller"}]}, "Flux"),
        (
            {"managedFields": [{"manager": "kustomize-controller", "subresource": "status"}]},
            "",
        ),
        ({"managedFields": [{"manager": "kubectl-client-side-apply"}]}, ""),
        ({"labels": {"app.kubernetes.io/managed-by": "Helm"}}, ""),
        (
            {
                "labels": {"kustomize.toolkit.fluxcd.io/name": "migrations"},
                "annotations": {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"},
            },
            "",
        ),
    ],
)
def test_the_owner_is_named_as_people_call_it(metadata: dict[str, Any], owner: str) -> None:
    """Helm without Flux puts nothing back, and neither do people."""
    assert owner_of({"metadata": metadata}) == owner


@pytest.mark.parametrize(
    "managers, alone",
    [
        ([], False),
        ([("kubectl-dcs", "Apply")], True),
        ([("kubectl-dcs", "Update")], False),
        ([("kubectl-dcs", "Apply"), ("kubectl", "Update")], False),
        ([("kubectl", "Update")], False),
    ],
)
def test_a_field_is_ours_if_nobody_else_wrote_it(
    managers: list[tuple[str, str]], *, alone: bool
) -> None:
    """Only then does it go when it is no longer applied."""
    fields: dict[str, Any] = {"f:spec": {"f:cutover": {"f:maxLag": {}}}}
    entries = [
        {"manager": manager, "operation": operation, "fieldsV1": fields}
        for manager, operation in managers
    ]
    entries.append({"manager": "other", "operation": "Update", "fieldsV1": {"f:spec": {}}})
    body = {"metadata": {"managedFields": entries}}
    assert applied_by(body, "kubectl-dcs", "spec", "cutover") is alone
