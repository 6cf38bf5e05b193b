"""Somebody with exactly the rights that a test gives, on a real API server."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import yaml

from sandbox.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sandbox.control_plane import ControlPlane

Right = tuple[str, str]
"""A verb and a resource."""


def group_of(resource: str) -> str:
    """Return the API group of a resource."""
    return "" if resource == "secrets" else "dcs.huaweicloud.com"


def rules(rights: Iterable[Right]) -> list[dict[str, Any]]:
    """Return the rules of a role with these rights."""
    return [
        {"apiGroups": [group_of(resource)], "resources": [resource], "verbs": [verb]}
        for verb, resource in rights
    ]


class Person:
    """Somebody with a role of one namespace, as a ServiceAccount.

    Args:
        plane: Where.
        namespace: The one that the role belongs to.
        every: All rights that a test may give or withhold.
    """

    def __init__(self, plane: ControlPlane, namespace: str, every: Collection[Right]) -> None:
        self._plane, self._namespace, self._every = plane, namespace, every
        self._name = f"person-{secrets.token_hex(3)}"
        where = ("--namespace", namespace)
        plane.kubectl("create", "serviceaccount", self._name, *where)
        account = f"--serviceaccount={namespace}:{self._name}"
        plane.kubectl("create", "rolebinding", self._name, f"--role={self._name}", account, *where)
        self.kubeconfig = plane.kubeconfig_for_service_account(self._name, namespace)

    def may(self, rights: Collection[Right]) -> None:
        """Give exactly these rights, and wait until the API server knows."""
        body = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": self._name, "namespace": self._namespace},
            "rules": rules(rights),
        }
        self._plane.kubectl("apply", "--filename", "-", stdin=yaml.safe_dump(body))
        eventually(lambda: {right for right in self._every if self._can(right)} == set(rights))

    def _can(self, right: Right) -> bool:
        verb, resource = right
        attributes = {
            "namespace": self._namespace,
            "verb": verb,
            "resource": resource,
            "group": group_of(resource),
        }
        user = f"system:serviceaccount:{self._namespace}:{self._name}"
        body = {"spec": {"user": user, "resourceAttributes": attributes}}
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        return bool(self._plane.api.create(path, body)["status"]["allowed"])
