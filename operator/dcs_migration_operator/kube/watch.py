"""Runs kopf as an event source only; no other module imports it.

There is one `on.event` handler per kind, which passes the body on at once. So the framework writes
nothing, sets no finalizer and no annotation, and a restart costs nothing extra. What exists at the
start comes from the pages of kopf's listing (`responses.py`), what changes from the handlers. The
reason for each setting is given beside it.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from typing import TYPE_CHECKING, Any, Final, cast

import kopf

from dcs_migration_operator.core.kinds import CLUSTER_PROJECTS, GROUP, VERSION
from dcs_migration_operator.kube.feed import EVENTS
from dcs_migration_operator.kube.responses import response_class
from dcs_migration_operator.kube.session import open_session

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from dcs_migration_operator.engine.intake import Intake
    from dcs_migration_operator.kube.echoes import IsEcho
    from dcs_migration_operator.kube.listing import Listing
    from dcs_migration_operator.kube.pulse import Pulse
    from dcs_migration_operator.kube.session import Cluster

_log = logging.getLogger(__name__)

SILENCE_S: Final = 15.0
"""A watch that is silent for this long reconnects from its last version, without a listing; this
tells a frozen API server from an idle one (`pulse.py`)."""

LOGIN_PAUSE_S: Final = 2.0
"""kopf logs in again at once after a 401; this pause keeps a refused token from causing a storm."""

WATCHING_PART: Final = "multidimensional multitasker"
"""kopf's name of its task behind all watches; if kopf renames it, we notice its end later."""

IDENTITY: Final = "dcs-migration-operator"
"""Our identity for kopf's peering, which is not used. Without it kopf would look up the user name,
which a container's user may lack, and resolve the host name."""

END_S: Final = 3.0
"""How long the rest of kopf may take to end after its watching part has ended."""

BACKOFFS_S: Final = (1, 1, 2, 3, 5, 8, *(10,) * 28)
"""Pauses while the API server is away: an upgrade takes minutes, and waiting with a warm store is
better than a restart. After five minutes the process ends; its next start says what is wrong."""


async def watch(
    cluster: Cluster,
    intake: Intake,
    namespaces: tuple[str, ...],
    *,
    cluster_projects: bool = False,
    heard: Callable[[], None],
    listing: Listing,
    pulse: Pulse,
    ready: asyncio.Event,
    stop: asyncio.Event,
) -> None:
    """Feed the intake until `stop` is set.

    Args:
        cluster: The cluster to watch.
        intake: Receives every event.
        namespaces: The namespaces to watch; empty means all.
        cluster_projects: Whether to watch `ClusterDCSProject` too, always in the whole cluster.
        heard: Called on all traffic of the watch, at least every `SILENCE_S`.
        listing: Receives the pages of all lists.
        pulse: Notified whenever a watch is requested or answered.
        ready: Set once the watch has started.
        stop: Ends the watch when set.

    Raises:
        Exception: The error that ended kopf; a restart lists everything again.
    """
    registry = kopf.OperatorRegistry()
    logins = 0

    def arrived(path: str) -> None:
        heard()
        pulse.proven(path)

    @kopf.on.login(registry=registry)
    async def _login(**_: Any) -> kopf.AiohttpSession:
        nonlocal logins
        logins += 1
        if logins > 1:
            await asyncio.sleep(LOGIN_PAUSE_S)
        reads = response_class(is_echo=_is_echo(intake), heard=arrived, page=listing.page)
        session = open_session(cluster, 0, heard, listing.begun.set, pulse, reads)
        return kopf.AiohttpSession(server=cluster.server, aiohttp_session=session)

    for plural in EVENTS:
        if cluster_projects or plural != CLUSTER_PROJECTS:
            kopf.on.event(GROUP, VERSION, plural, registry=registry)(_handler(intake, plural))

    operator = kopf.operator(
        registry=registry,
        settings=_settings(),
        identity=cast("Any", IDENTITY),  # kopf's own type for it is private
        standalone=True,
        clusterwide=not namespaces,
        namespaces=namespaces,
        ready_flag=ready,
        stop_flag=stop,
    )
    await _until_failed(asyncio.create_task(operator, name="kopf"), ready)


def _handler(intake: Intake, plural: str) -> Callable[..., Awaitable[None]]:
    async def changed(body: kopf.Body, type: str | None, **_: Any) -> None:  # noqa: A002 - kopf's name
        # Run outside of kopf's context, as in `listing.py`.
        deleted = type == "DELETED"
        contextvars.Context().run(EVENTS[plural], intake, plural, body, deleted=deleted)

    return changed


def _is_echo(intake: Intake) -> IsEcho:
    """Return the filter for the raw watch; the version of a filtered echo counts as reported."""

    def is_echo(uid: str, generation: int, version: int) -> bool:
        if not intake.is_echo(uid, generation, version):
            return False
        intake.echoed(uid, version)
        return True

    return is_echo


async def _until_failed(operator: asyncio.Task[None], ready: asyncio.Event) -> None:
    """Wait for the end of kopf or of its watching part, without which it may run on for ever.

    (One of its tasks ignores its cancellation while it waits for another login.)
    """
    begun = asyncio.create_task(ready.wait())
    await asyncio.wait({operator, begun}, return_when=asyncio.FIRST_COMPLETED)
    begun.cancel()
    parts = {operator, *(task for task in asyncio.all_tasks() if task.get_name() == WATCHING_PART)}
    try:
        done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        if operator not in done:
            await asyncio.wait({operator}, timeout=END_S)
        for task in parts:
            if task.done() and not task.cancelled():
                task.result()
    finally:
        operator.cancel()


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True  # saves 54 s of startup without cluster-wide permissions
    settings.peering.standalone = True  # otherwise another user's peering object may pause us
    settings.posting.enabled = False
    settings.networking.error_backoffs = BACKOFFS_S
    settings.watching.chunk_size = 500
    settings.watching.server_timeout = 300  # seconds
    settings.watching.connect_timeout = 10  # seconds
    settings.watching.inactivity_timeout = SILENCE_S
    settings.queueing.idle_timeout = 0.1  # seconds; 5 s takes twice the memory at 10,000 objects
    settings.persistence.diffbase_storage = _NoDiffBase()
    settings.persistence.progress_storage = _NoProgress()
    return settings


class _NoDiffBase(kopf.DiffBaseStorage):
    """Stores nothing: change detection is not used and costs a third of an event's time."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence({})

    def fetch(self, **_: Any) -> kopf.BodyEssence | None:
        return None

    def store(self, **_: Any) -> None:
        pass


class _NoProgress(kopf.ProgressStorage):
    """Stores nothing: no handler is ever retried."""

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        pass

    def purge(self, **_: Any) -> None:
        pass

    def touch(self, **_: Any) -> None:
        pass

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        return essence
