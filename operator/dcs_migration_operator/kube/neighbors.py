"""Detects other installations of the operator that watch some of the same namespaces.

Two such installations request the same stops twice and overwrite each other's statuses. Each notes
in its Lease what it watches, and reads the Leases of the others wherever it may. What it does about
an overlap depends on trust: in its own namespace, to which only administrators have access, the
younger installation waits until the older one is gone. A Lease in another namespace may have been
written by any user, so it never keeps an installation from working; the overlap is only reported,
by a metric, a log message, and an Event in the namespace of the other Lease.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from dcs_migration_operator.core.conditions import clip
from dcs_migration_operator.core.status import rfc3339
from dcs_migration_operator.kube.errors import ApiError, Conflict, NotFound
from dcs_migration_operator.kube.lease import LEASE_S, written_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dcs_migration_operator.kube.api import KubeApi

_log = logging.getLogger(__name__)

LABEL: Final = "app.kubernetes.io/name"
PRODUCT: Final = "dcs-migration-operator"
"""Label that marks the Lease of every installation, and its value."""

WATCHES: Final = "dcs.huaweicloud.com/watches"
EVERYTHING: Final = "*"
"""Annotation with the watched namespaces, separated by commas, and its value for all of them."""

LOOK_S: Final = 60.0
"""Interval between two searches; each is one list call by label that returns a few objects."""

WAIT_S: Final = 10.0
"""Interval while this installation waits for another one, or has not reported it yet."""

ALIVE_S: Final = 2 * LEASE_S
"""An installation is alive if its Lease was written within this time; renewals come every 2 s."""

NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""Pattern of a valid namespace name."""

LEASES_MAX: Final = 500
"""Most Leases read per list call; more than this are not genuine."""

NAMES_MAX: Final = 3
"""Most namespaces that a message names."""

REASON: Final = "ScopeOverlap"

NAME_CHARS_MAX: Final = 200
"""Length of the Lease's name within the Event's; with dot and digest it stays below 253."""

DIGEST_CHARS: Final = 16


class Calls(Protocol):
    """The API-server calls that the search makes; each may raise `ApiError`."""

    async def get_lease(self, namespace: str, name: str) -> dict[str, Any]:
        """Read a Lease."""

    async def list_leases(self, namespace: str, selector: str, count_max: int) -> list[Any]:
        """List at most `count_max` Leases in one namespace or in all."""

    async def create_event(self, namespace: str, event: Mapping[str, Any]) -> None:
        """Create an Event."""

    async def patch_event(self, namespace: str, name: str, news: Mapping[str, Any]) -> None:
        """Change an Event."""

    def server_now(self) -> float | None:
        """Return the API server's clock in seconds since 1970; None if it is not known."""


class Outranked(Exception):
    """An older installation does the work; the text says in one line what to do."""


@dataclass(frozen=True, slots=True)
class Neighbor:
    """Another installation that is alive.

    Attributes:
        shared: The namespaces that both watch; empty means all.
        created: Creation time of its Lease as the API server writes it; sorts by age.
    """

    namespace: str
    name: str
    uid: str
    shared: frozenset[str]
    created: str

    def __str__(self) -> str:
        """Return a message that describes the overlap and what to do about it."""
        named = ", ".join(sorted(self.shared)[:NAMES_MAX])
        more = f" and {len(self.shared) - NAMES_MAX} more" if len(self.shared) > NAMES_MAX else ""
        where = f"the namespaces {named}{more}" if self.shared else "all namespaces"
        return (
            f"another installation of the operator, with the Lease {self.namespace}/{self.name}, "
            f"watches {where} too: uninstall one of them, or give them different namespaces "
            "(--namespace, in the chart scope)"
        )


def marks(namespaces: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the Lease labels and annotations for these watched namespaces; none means all."""
    return {
        "labels": {LABEL: PRODUCT},
        "annotations": {WATCHES: ",".join(namespaces) or EVERYTHING},
    }


class MarkedLeases:
    """Implements `kube.lease.LeaseCalls` for a Lease that notes what its holder watches."""

    def __init__(self, api: KubeApi, namespaces: Iterable[str]) -> None:
        self._api, self._marks = api, marks(namespaces)

    async def get_lease(self, namespace: str, name: str) -> dict[str, Any]:
        """Read the Lease."""
        return await self._api.get_lease(namespace, name)

    async def create_lease(self, namespace: str, name: str, spec: Mapping[str, Any]) -> None:
        """Create the Lease."""
        await self._api.create_lease(namespace, name, spec, self._marks)

    async def put_lease(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        """Replace the Lease; keep the labels and annotations that others have set."""
        metadata = dict(lease["metadata"])
        for kind, ours in self._marks.items():
            metadata[kind] = (metadata.get(kind) or {}) | ours
        return await self._api.put_lease({**lease, "metadata": metadata})


def neighbor_of(lease: object, watched: frozenset[str], now: float | None) -> Neighbor | None:
    """Return the holder of a Lease if it is alive and watches some of the same namespaces.

    Any user may have written the Lease; one that cannot be parsed is ignored.

    Args:
        lease: The Lease as the API server lists it.
        watched: Our own namespaces; empty means all.
        now: The API server's clock in seconds since 1970.
    """
    try:
        metadata, spec = lease["metadata"], lease["spec"]  # type: ignore[index] # if it is not one
        said = str(metadata["annotations"][WATCHES])
        found = Neighbor(
            namespace=str(metadata["namespace"]),
            name=str(metadata["name"]),
            uid=str(metadata["uid"]),
            shared=frozenset(),
            created=str(metadata["creationTimestamp"]),
        )
        written = written_at(lease)  # type: ignore[arg-type] # it is one
        if not spec["holderIdentity"] or now is None or written is None:
            return None
    except (KeyError, TypeError):
        return None
    if now - written >= ALIVE_S:
        return None
    if said == EVERYTHING:
        return replace(found, shared=watched)
    theirs = frozenset(filter(NAMESPACE.fullmatch, said.split(",")))
    shared = watched & theirs if watched else theirs
    return replace(found, shared=shared) if shared else None


class Neighbors:
    """Searches for other installations periodically, and yields to an older one.

    Args:
        calls: The API-server calls that it makes.
        own: Namespace and name of our Lease.
        watched: Our namespaces; empty means all.
        leads: Tells whether this replica acts; only the acting replica posts Events.
        elects: Whether this installation has a Lease at all.
    """

    def __init__(
        self,
        calls: Calls,
        *,
        own: tuple[str, str],
        watched: Iterable[str],
        leads: Callable[[], bool],
        elects: bool,
    ) -> None:
        self._calls, self._own, self._watched = calls, own, frozenset(watched)
        self._leads, self._elects = leads, elects
        self._found: dict[str, Neighbor] = {}
        self._posted: set[str] = set()
        self._elder: Neighbor | None = None
        self._blind = False
        self.looked = asyncio.Event()
        """Set after the first search, unless this installation must not start."""

    def count(self) -> int:
        """Return how many other installations watch some of the same namespaces."""
        return len(self._found)

    def yields(self) -> bool:
        """Tell whether to leave the work to an older installation in our namespace."""
        return self._elder is not None or not self.looked.is_set()

    async def run(self) -> None:
        """Search again and again.

        Raises:
            Outranked: An older installation acts, and this one acts too or has no Lease.
        """
        while True:
            await self._look()
            if self._elder and (self._leads() or not self._elects):
                raise Outranked(str(self._elder))
            self.looked.set()
            # A replica that has just become leader has to report what was found before.
            untold = self._found.keys() - self._posted
            await asyncio.sleep(WAIT_S if self._elder or untold else LOOK_S)

    async def _look(self) -> None:
        try:
            leases = await self._leases()
            created = await self._created()
        except ApiError as error:
            if not self._blind:
                reason = {"reason": str(error)}
                _log.warning("cannot search for other installations", extra=reason)
            self._blind = True
            return
        self._blind = False
        now = self._calls.server_now()
        others = [neighbor_of(lease, self._watched, now) for lease in leases]
        found = {one.uid: one for one in others if one and (one.namespace, one.name) != self._own}
        for uid, one in found.items():
            if uid not in self._found:
                _log.warning("watched by another installation too", extra={"what": str(one)})
        for uid in self._found.keys() - found.keys():
            lease_name = f"{self._found[uid].namespace}/{self._found[uid].name}"
            _log.info("another installation is gone", extra={"lease": lease_name})
        self._found = found
        self._elder = min(
            (
                one
                for one in found.values()
                if one.namespace == self._own[0]
                and (created is None or (one.created, one.name) < (created, self._own[1]))
            ),
            key=lambda one: (one.created, one.name),
            default=None,
        )
        await self._post()

    async def _leases(self) -> list[Any]:
        """Return the Leases of all installations that we may read."""
        places = sorted(self._watched | {self._own[0]}) if self._watched else [""]
        found = []
        for place in places:
            found += await self._calls.list_leases(place, f"{LABEL}={PRODUCT}", LEASES_MAX)
        return found

    async def _created(self) -> str | None:
        """Return the creation time of our own Lease; None if it does not exist yet."""
        if not self._elects:
            return None
        try:
            lease = await self._calls.get_lease(*self._own)
        except NotFound:
            return None
        return str(lease["metadata"].get("creationTimestamp") or "") or None

    async def _post(self) -> None:
        """Post an Event for each neighbor without one, in the namespace of its Lease."""
        self._posted &= self._found.keys()
        if not self._leads():
            return
        for uid, one in self._found.items():
            if uid in self._posted:
                continue
            self._posted.add(uid)
            try:
                await self._create_or_renew(one.namespace, _event(one, self._own))
            except ApiError as error:
                reason = {"http_status": error.status, "reason": str(error)}
                _log.warning("an event could not be posted", extra=reason)

    async def _create_or_renew(self, namespace: str, event: Mapping[str, Any]) -> None:
        try:
            await self._calls.create_event(namespace, event)
        except Conflict:
            news = {key: event[key] for key in ("message", "lastTimestamp")}
            await self._calls.patch_event(namespace, event["metadata"]["name"], news)


def _event(other: Neighbor, own: tuple[str, str]) -> dict[str, Any]:
    """Return the Event about the other's Lease; its name is derived from both, so it is unique."""
    moment = rfc3339(datetime.now(UTC).replace(microsecond=0))
    mine = Neighbor(*own, "", other.shared, "")
    digest = hashlib.sha256(f"{other.uid} {own[0]}/{own[1]}".encode()).hexdigest()[:DIGEST_CHARS]
    text = str(mine)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{other.name[:NAME_CHARS_MAX]}.{digest}"},
        "involvedObject": {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "namespace": other.namespace,
            "name": other.name,
            "uid": other.uid,
        },
        "type": "Warning",
        "reason": REASON,
        "message": clip(f"{text[:1].upper()}{text[1:]}."),
        "source": {"component": PRODUCT},
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
    }
