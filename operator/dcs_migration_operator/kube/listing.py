"""Takes in the pages of kopf's listing, and tells when everything was listed once."""

from __future__ import annotations

import asyncio
import contextvars
from typing import TYPE_CHECKING, Any

from dcs_migration_operator.core.kinds import (
    CLUSTER_PROJECTS,
    GROUP,
    PROJECTS,
    TASKS,
    VERSION,
    WAVES,
)
from dcs_migration_operator.kube.feed import EVENTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dcs_migration_operator.engine.intake import Intake


class Listing:
    """Receives pages of lists (`kube.responses.TakePage`).

    Args:
        intake: Receives each object.
        namespaces: The namespaces that are listed; empty means all.
        cluster_projects: Whether `ClusterDCSProject` is listed too.
    """

    def __init__(
        self, intake: Intake, namespaces: Iterable[str], *, cluster_projects: bool
    ) -> None:
        self._intake = intake
        self._unread = _paths(namespaces, cluster_projects=cluster_projects)
        self.begun = asyncio.Event()
        """Set whenever a list begins: at the start, and when a watch has lost its place."""
        self.complete = asyncio.Event()
        """Set once every list was read to its end."""

    def page(self, path: str, objects: Sequence[Mapping[str, Any]], *, last: bool) -> None:
        """Take in the objects of one page, and note the last one."""
        # Run outside of kopf's context: our timers would keep it alive, and with it the whole body.
        contextvars.Context().run(self._take, path.rpartition("/")[2], objects)
        if last:
            self._unread.discard(path[path.rfind("/apis/") :])
            if not self._unread:
                self.complete.set()

    def _take(self, plural: str, objects: Sequence[Mapping[str, Any]]) -> None:
        for one in objects:
            EVENTS[plural](self._intake, plural, one, deleted=False)


def _paths(namespaces: Iterable[str], *, cluster_projects: bool) -> set[str]:
    """Return the paths of all lists, without that of the server."""
    group = f"/apis/{GROUP}/{VERSION}"
    scopes = [f"{group}/namespaces/{one}" for one in namespaces] or [group]
    found = {f"{scope}/{plural}" for scope in scopes for plural in (TASKS, PROJECTS, WAVES)}
    return found | {f"{group}/{CLUSTER_PROJECTS}"} if cluster_projects else found
