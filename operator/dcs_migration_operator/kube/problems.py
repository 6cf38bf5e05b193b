"""Words a failed read of a Secret or Namespace so that the user knows what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcs_migration_operator.core.errors import ReadError
from dcs_migration_operator.engine.ports import SecretReadError
from dcs_migration_operator.kube.errors import Forbidden, NotFound

if TYPE_CHECKING:
    from dcs_migration_operator.kube.errors import ApiError


def secret_problem(namespace: str, name: str, error: ApiError) -> SecretReadError:
    """Return why a Secret cannot be read; `passing` if no answer came."""
    match error:
        case NotFound():
            return SecretReadError(
                f"Secret {namespace}/{name} does not exist. "
                "Create it with the keys accessKey and secretKey."
            )
        case Forbidden():
            return SecretReadError(
                f"The operator may not read Secret {namespace}/{name}. Grant its ServiceAccount "
                "the verb get on it."
            )
        case _:
            return SecretReadError(
                f"Secret {namespace}/{name} cannot be read at the moment: {error}.", passing=True
            )


def labels_problem(namespace: str, error: ApiError) -> ReadError:
    """Return why the labels of a Namespace cannot be read; `passing` if no answer came."""
    match error:
        case NotFound():
            return ReadError(f"Namespace {namespace} does not exist.")
        case Forbidden():
            return ReadError(
                f"The operator may not read Namespace {namespace}, whose labels decide. Its "
                "administrator grants its ServiceAccount the verb get on namespaces."
            )
        case _:
            return ReadError(
                f"Namespace {namespace}, whose labels decide, cannot be read at the moment: "
                f"{error}.",
                passing=True,
            )
