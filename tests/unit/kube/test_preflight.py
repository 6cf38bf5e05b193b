"""What is found out before the work begins, and how long a busy API server is waited for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

from dcs_migration_operator.kube.errors import api_error
from dcs_migration_operator.kube.preflight import PATIENCE_S, Unfit, check
from dcs_migration_operator.kube.session import Cluster

if TYPE_CHECKING:
    from dcs_migration_operator.kube.api import KubeApi

pytestmark = pytest.mark.looptime

ALL = {
    f"{plural}{suffix}"
    for plural in ("migrationtasks", "dcsprojects", "migrationwaves", "clusterdcsprojects")
    for suffix in ("", "/status")
}


class Server:
    """Answers discovery and listings; the first answers fail as told."""

    cluster = Cluster("https://api.example", "default")

    def __init__(self, *failures: int, served: set[str] | None = None) -> None:
        self.failures, self.resources = list(failures), ALL if served is None else served
        self.probed: list[tuple[str, str]] = []
        self.unwatchable: set[str] = set()

    async def served(self) -> set[str]:
        """Return what is served."""
        return self.resources

    async def probe_list(self, plural: str, namespace: str) -> str:
        """Refuse or take a listing."""
        self.probed.append((plural, namespace))
        if self.failures:
            raise api_error(self.failures.pop(0), "storage is (re)initializing")
        return "7"

    async def probe_watch(self, plural: str, namespace: str, version: str) -> None:
        """Refuse or take a watch."""
        assert version == "7"
        assert (plural, namespace) == self.probed[-1]
        if plural in self.unwatchable:
            raise api_error(403, f"cannot watch {plural}")


async def run(server: Server, *namespaces: str, cluster_projects: bool = True) -> float:
    """Check and return the seconds that it took."""
    await check(cast("KubeApi", server), namespaces, cluster_projects=cluster_projects)
    return asyncio.get_running_loop().time()


async def test_everything_that_will_be_watched_is_tried() -> None:
    """Each kind is tried in each namespace, cluster-scoped projects in the cluster."""
    server = Server()
    await run(server, "a", "b")
    assert sorted(server.probed) == [
        ("clusterdcsprojects", ""),
        ("dcsprojects", "a"),
        ("dcsprojects", "b"),
        ("migrationtasks", "a"),
        ("migrationtasks", "b"),
        ("migrationwaves", "a"),
        ("migrationwaves", "b"),
    ]


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_busy_server_is_asked_again(status: int) -> None:
    """Right after CRDs are installed it needs a moment."""
    assert await run(Server(status, status)) == pytest.approx(2.0)


async def test_a_server_that_stays_busy_ends_it() -> None:
    """With one line that repeats what the server said."""
    with pytest.raises(Unfit, match=r"^no cluster: storage is .* at https://api\.example$"):
        await run(Server(*[503] * 1000))
    assert asyncio.get_running_loop().time() == pytest.approx(PATIENCE_S, abs=1.5)


@pytest.mark.parametrize("status,text", [(403, "no permission"), (401, "no permission")])
async def test_what_will_not_pass_ends_it_at_once(status: int, text: str) -> None:
    """Nobody is kept waiting for the line that says what to do."""
    with pytest.raises(Unfit, match=text):
        await run(Server(status))
    assert asyncio.get_running_loop().time() == pytest.approx(0.0, abs=0.1)


async def test_a_missing_status_subresource_is_named() -> None:
    """With the command that installs it; what is not watched may be missing."""
    waves = {"migrationwaves", "migrationwaves/status"}
    served = {"migrationtasks", "migrationtasks/status", "dcsprojects"} | waves
    with pytest.raises(Unfit, match=r"serve dcsprojects/status of .*kubectl apply -f crds/"):
        await run(Server(served=served), cluster_projects=False)


async def test_what_may_be_listed_but_not_watched_ends_it() -> None:
    """Else the operator would look healthy and hear of nothing."""
    server = Server()
    server.unwatchable = {"dcsprojects"}
    with pytest.raises(Unfit, match=r"^no permission: cannot watch dcsprojects"):
        await run(server)
