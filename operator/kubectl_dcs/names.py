"""Names of objects, for completion: any failure results in no names and no message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kubectl_dcs import kinds
from kubectl_dcs.connection import connect
from kubectl_dcs.problems import Problem
from kubectl_dcs.where import Where

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES_MAX: Final = 200
"""More than a person reads; also the page size of the request."""


def names(plural: str, given: Mapping[str, Any], incomplete: str) -> list[str]:
    """Return the names of objects with this prefix; none if the cluster cannot be reached."""
    kind = next(one for one in kinds.BY_KIND.values() if one.plural == plural)
    kubeconfig, context, namespace = (
        str(given.get(key) or "") for key in ("kubeconfig", "context", "namespace")
    )
    where = Where(kubeconfig, context, namespace)
    try:
        found = connect(where).first_names(kind, NAMES_MAX)
    except Problem:
        return []
    return [name for name in found if name.startswith(incomplete)]
