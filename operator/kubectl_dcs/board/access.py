"""The cluster as the board sees it: the last contact, the user's rights, the namespace."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from kubectl_dcs.cluster import JSON, Body, Cluster
from kubectl_dcs.kinds import GROUP, NAMESPACE
from kubectl_dcs.login import log_in
from kubectl_dcs.problems import ApiProblem, NotFound

if TYPE_CHECKING:
    from collections.abc import Generator

    from kubectl_dcs.cluster import Listing
    from kubectl_dcs.kinds import Kind
    from kubectl_dcs.login import Login
    from kubectl_dcs.where import Where

REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

MISSING: Final = "missing"
TERMINATING: Final = "terminating"


class BoardCluster(Cluster):
    """A cluster that remembers the last contact for each kind.

    Attributes:
        heard_s: By plural, seconds since 1970: the end of a list, an event, a bookmark, or the
            regular end of a watch. The age of the data is counted from it once the connection is
            lost.
    """

    def __init__(self, login: Login) -> None:
        super().__init__(login)
        self.heard_s: dict[str, float] = {}
        self.host = login.host

    def everything(self, kind: Kind, namespace: str | None = None, **options: Any) -> Listing:
        """Return all objects, and remember the contact."""
        began_s = time.time()
        listing = super().everything(kind, namespace, **options)
        self.heard_s[kind.plural] = began_s
        return listing

    def watch(
        self, kind: Kind, namespace: str | None, **options: Any
    ) -> Generator[tuple[str, Body]]:
        """Yield events, including bookmarks, and remember when each arrived."""
        for event in super().watch(kind, namespace, **options):
            self.heard_s[kind.plural] = time.time()
            yield event
        self.heard_s[kind.plural] = time.time()

    def may(self, verb: str, kind: Kind, namespace: str, name: str) -> tuple[bool, str]:
        """Ask whether the user may do something to one object; also return the reason given."""
        attributes = {
            "group": GROUP,
            "resource": kind.plural,
            "verb": verb,
            "namespace": namespace,
            "name": name,
        }
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        status = self._json("POST", REVIEWS, None, body, JSON).get("status") or {}
        return status.get("allowed") is True, str(status.get("reason") or "")

    def namespace_word(self, name: str) -> str:
        """Return `missing` or `terminating`; empty if the namespace exists, or may not be read."""
        try:
            body = self.get(NAMESPACE, "", name)
        except NotFound:
            return MISSING
        except ApiProblem:
            return ""
        phase = (body.get("status") or {}).get("phase")
        return TERMINATING if phase == "Terminating" else ""


def connect(where: Where) -> BoardCluster:
    """Return the cluster that the command line names, without contacting it yet."""
    return BoardCluster(log_in(where))
