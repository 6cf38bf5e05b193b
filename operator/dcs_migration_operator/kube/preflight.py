"""Checks at startup for faults that would otherwise stay silent: no cluster, CRD or permission."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.kinds import CLUSTER_PROJECTS, GROUP, PROJECTS, TASKS, WAVES
from dcs_migration_operator.kube.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dcs_migration_operator.kube.api import KubeApi

_log = logging.getLogger(__name__)

PATIENCE_S: Final = 30.0
RETRY_S: Final = 1.0
"""Pause before a busy API server is asked again: right after CRDs were installed it answers 429
("storage is (re)initializing") for some seconds."""


class Unfit(Exception):
    """The operator cannot work with this cluster; the text is one line that says what to do."""


async def check(api: KubeApi, namespaces: Iterable[str], *, cluster_projects: bool) -> None:
    """Check that the CRDs are served and that their objects may be listed and watched.

    Raises:
        Unfit: They are not served or not permitted, or the API server is unreachable or stays busy.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + PATIENCE_S
    while True:
        try:
            await _check(api, tuple(namespaces), cluster_projects=cluster_projects)
        except ApiError as error:
            busy = (
                error.status == HTTPStatus.TOO_MANY_REQUESTS
                or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            )
            if not busy or loop.time() >= until:
                raise _unfit(api, error) from None
            _log.info("the API server is busy", extra={"reason": str(error)})
            await asyncio.sleep(RETRY_S)
        else:
            return


async def _check(api: KubeApi, namespaces: tuple[str, ...], *, cluster_projects: bool) -> None:
    scopes = dict.fromkeys((TASKS, PROJECTS, WAVES), namespaces or ("",))
    if cluster_projects:
        scopes[CLUSTER_PROJECTS] = ("",)
    served = await api.served()
    missing = {name for plural in scopes for name in (plural, f"{plural}/status")} - served
    if missing:
        names = ", ".join(sorted(missing))
        raise Unfit(
            f"the API server does not serve {names} of {GROUP}: "
            "install the CRDs with kubectl apply -f crds/"
        )
    for plural, where in scopes.items():
        for namespace in where:
            version = await api.probe_list(plural, namespace)
            await api.probe_watch(plural, namespace, version)


def _unfit(api: KubeApi, error: ApiError) -> Unfit:
    if error.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return Unfit(f"no permission: {error}; see the roles of the chart")
    return Unfit(f"no cluster: {error} at {api.cluster.server}")
