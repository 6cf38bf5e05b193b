"""One Lease of an API server on virtual time, and replicas that want it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from dcs_migration_operator.kube.errors import api_error
from dcs_migration_operator.kube.lease import Elector

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Leases:
    """One Lease of an API server: answers take time, versions are checked, failures are told."""

    def __init__(self, answer_s: float = 0.0) -> None:
        self.spec: dict[str, Any] | None = None
        self.version = 0
        self.calls: list[str] = []
        self.failing: dict[str, int] = {}
        """Call → HTTP status, for as long as it is here."""
        self.hanging = ""
        """A call that is never answered."""
        self.written_s_ago: float | None = None
        """What the API server notes of that, if anything."""
        self.metadata: dict[str, Any] = {}
        self._answer_s = answer_s

    async def get_lease(self, namespace: str, name: str) -> dict[str, Any]:
        """Read it."""
        await self._arrive("get")
        if self.spec is None:
            raise api_error(404, "not found")
        metadata: dict[str, Any] = {"namespace": namespace, "name": name}
        metadata["resourceVersion"] = str(self.version)
        metadata |= self.metadata
        if self.written_s_ago is not None:
            then = datetime.fromtimestamp(self.server_now() - self.written_s_ago, UTC)
            moments = (then - timedelta(hours=1), then)
            metadata["managedFields"] = [{"time": f"{one:%Y-%m-%dT%H:%M:%SZ}"} for one in moments]
        lease = {"metadata": metadata, "spec": dict(self.spec)}
        await asyncio.sleep(self._answer_s / 2)
        return lease

    async def create_lease(self, _namespace: str, _name: str, spec: Mapping[str, Any]) -> None:
        """Create it; somebody may have been faster."""
        await self._arrive("create")
        if self.spec is not None:
            raise api_error(409, "exists")
        self._store(spec)
        await asyncio.sleep(self._answer_s / 2)

    async def put_lease(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        """Replace it, if the version still fits."""
        await self._arrive("put")
        if lease["metadata"]["resourceVersion"] != str(self.version):
            raise api_error(409, "the object has been modified")
        self._store(lease["spec"])
        await asyncio.sleep(self._answer_s / 2)
        return dict(lease)

    @property
    def holder(self) -> str:
        """Who holds it, by the Lease."""
        return str((self.spec or {}).get("holderIdentity"))

    def held_by(self, identity: str, **more: Any) -> None:
        """Let somebody renew it now."""
        now = asyncio.get_running_loop().time()
        self._store({"holderIdentity": identity, "renewTime": f"at {now}", **more})

    def server_now(self) -> float:
        """Return the API server's clock, which is far from ours."""
        return 2e9 + asyncio.get_running_loop().time()

    def _store(self, spec: Mapping[str, Any]) -> None:
        self.spec, self.version = dict(spec), self.version + 1

    async def _arrive(self, call: str) -> None:
        self.calls.append(call)
        if call == self.hanging:
            await asyncio.sleep(1e9)
        await asyncio.sleep(self._answer_s / 2)
        if call in self.failing:
            raise api_error(self.failing[call], "no")


class Replica:
    """An elector that runs."""

    def __init__(
        self,
        leases: Leases,
        identity: str,
        monotonic: Callable[[], float] | None = None,
        server_now: Callable[[], float | None] = lambda: None,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.elector = Elector(
            leases,
            namespace="system",
            name="operator",
            identity=identity,
            monotonic=monotonic or loop.time,
            server_now=server_now,
        )
        self.running = loop.create_task(self.elector.run())

    async def kill(self) -> None:
        """End at once, without any farewell."""
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)
