"""The three pages over HTTP."""

from __future__ import annotations

import socket
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING, Final

import aiohttp
import pytest

from dcs_migration_operator.telemetry.health import STALLED_S_MAX, Health
from dcs_migration_operator.telemetry.metrics import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Pages:
    """A state of the operator, and its pages."""

    def __init__(self) -> None:
        self.stuck: dict[str, float] = {}
        self.ready = False
        self.unproven_s = 0.0
        self.health = Health(
            stuck_s=lambda: self.stuck,
            ready=lambda: self.ready,
            unproven_s=lambda: self.unproven_s,
            unproven_s_max=25.0,
            metrics=lambda: (b"dcs_operator_leader 1\n", CONTENT_TYPE),
        )
        self.port = 0

    async def get(
        self, path: str, method: str = "GET", host: str = "127.0.0.1"
    ) -> tuple[int, str, str]:
        """Return status, text and content type."""
        url = f"http://{host}:{self.port}{path}"
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, url) as response,
        ):
            return response.status, await response.text(), response.headers["Content-Type"]


def free_port() -> int:
    """Return a port that nobody uses at the moment."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def serving(host: str = "127.0.0.1") -> AsyncIterator[Pages]:
    """Serve the pages."""
    pages = Pages()
    pages.port = free_port()
    await pages.health.start(host, pages.port)
    try:
        yield pages
    finally:
        await pages.health.close()


@pytest.fixture
async def pages() -> AsyncIterator[Pages]:
    """Serve the pages."""
    async with serving() as one:
        yield one


async def test_everything_that_makes_progress_is_healthy(pages: Pages) -> None:
    """Up to the longest time that a loop may rightly be busy."""
    pages.stuck = {"the watch": 0.0, "the polling": STALLED_S_MAX}
    assert (await pages.get("/healthz"))[:2] == (200, "ok\n")


async def test_a_frozen_loop_is_unhealthy_and_named(pages: Pages) -> None:
    """Those that go on are not."""
    pages.stuck = {"the watch": 50.6, "the polling": 1.0, "the writing": 300.0}
    status, text, _ = await pages.get("/healthz")
    assert status == 503
    assert text == "the watch: no progress for 51 s\nthe writing: no progress for 300 s\n"


async def test_a_loop_that_goes_on_again_is_healthy(pages: Pages) -> None:
    """The page tells of now."""
    pages.stuck = {"the watch": 100.0}
    assert (await pages.get("/healthz"))[0] == 503
    pages.stuck = {"the watch": 1.0}
    assert (await pages.get("/healthz"))[0] == 200


def test_a_frozen_loop_is_noticed_within_a_minute() -> None:
    """A probe every 10 s notices it."""
    assert STALLED_S_MAX + 10.0 <= 60.0


async def test_readiness_is_the_first_listing(pages: Pages) -> None:
    """Health is another matter."""
    status, text, _ = await pages.get("/readyz")
    assert (status, text) == (503, "the first listing is not complete\n")
    pages.ready = True
    pages.stuck = {"the watch": 100.0}
    assert (await pages.get("/readyz"))[:2] == (200, "ok\n")


async def test_readiness_ends_beside_a_frozen_api_server(pages: Pages) -> None:
    """And comes back with it; health is another matter, since a restart would fix nothing."""
    pages.ready, pages.unproven_s = True, 25.0
    assert (await pages.get("/readyz"))[:2] == (200, "ok\n")
    pages.unproven_s = 27.4
    status, text, _ = await pages.get("/readyz")
    assert (status, text) == (503, "the API server has not answered the watch for 27 s\n")
    assert (await pages.get("/healthz"))[0] == 200
    pages.unproven_s = 0.0
    assert (await pages.get("/readyz"))[0] == 200


async def test_the_metrics_page_is_passed_through(pages: Pages) -> None:
    """With the content type that belongs to its format."""
    assert await pages.get("/metrics") == (200, "dcs_operator_leader 1\n", CONTENT_TYPE)


@pytest.mark.parametrize(
    "method, path, status", [("GET", "/", 404), ("GET", "/debug", 404), ("POST", "/healthz", 405)]
)
async def test_there_is_nothing_else(pages: Pages, method: str, path: str, status: int) -> None:
    """Other pages and methods are refused."""
    assert (await pages.get(path, method))[0] == status


async def test_the_port_is_free_again_afterwards() -> None:
    """Closing twice, or before anything was served, is fine."""
    async with serving() as one:
        port = one.port
    await one.health.close()
    again = Pages()
    await again.health.close()
    await again.health.start("127.0.0.1", port)
    await again.health.close()


async def test_an_address_that_is_taken_is_an_error(pages: Pages) -> None:
    """The caller names the option; what was begun can be closed."""
    other = Pages()
    with pytest.raises(OSError, match="address already in use"):
        await other.health.start("127.0.0.1", pages.port)
    await other.health.close()


async def test_an_unknown_host_is_an_error() -> None:
    """The error names the address."""
    other = Pages()
    with pytest.raises(OSError, match=r"192\.0\.2\.1"):
        await other.health.start("192.0.2.1", free_port())
    await other.health.close()


V4: Final = "127.0.0.1"
V6: Final = "[::1]"


async def reached(pages: Pages) -> set[str]:
    """Return the addresses of this machine by which the pages are reached."""
    found = set()
    for host in (V4, V6):
        try:
            await pages.get("/metrics", host=host)
        except aiohttp.ClientConnectionError:
            continue
        found.add(host)
    return found


@pytest.mark.parametrize(
    "host, families",
    [
        ("", {V4, V6}),
        ("::", {V4, V6}),
        ("0.0.0.0", {V4}),  # noqa: S104 - said on purpose
        ("127.0.0.1", {V4}),
        ("::1", {V6}),
    ],
)
async def test_where_it_listens(host: str, families: set[str]) -> None:
    """No host means every address of both families: pods may have only one, of either."""
    async with serving(host) as pages:
        assert await reached(pages) == families


async def test_it_listens_on_a_name() -> None:
    """Wherever that leads to on this machine."""
    async with serving("localhost") as pages:
        assert await reached(pages)


async def test_a_kernel_without_ipv6_has_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have been built without; where it is switched off is tested in `tests/cluster`."""
    monkeypatch.setattr(socket, "has_ipv6", False)
    async with serving("") as pages:
        assert await reached(pages) == {V4}


@pytest.mark.parametrize("host", [V4, V6])
async def test_a_port_that_is_taken_in_one_family_is_an_error(host: str) -> None:
    """Else the probes would reach somebody else."""
    async with serving(host.strip("[]")) as pages:
        other = Pages()
        with pytest.raises(OSError, match="in use"):
            await other.health.start("", pages.port)
        await other.health.close()
