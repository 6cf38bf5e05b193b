"""Serves `/healthz`, `/readyz` and `/metrics` over HTTP."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

STALLED_S_MAX: Final = 50.0
"""A loop without progress for this long counts as frozen. A DCS call may take 45 s and a watch may
be silent for 15 s; with a probe every 10 s this keeps the promised 60 s."""


EVERYWHERE: Final = ("", "::")
"""Hosts that mean every address. A pod may have addresses of IPv4 only, IPv6 only, or both."""

BACKLOG: Final = 128
"""Most connections that wait to be accepted; the default of aiohttp."""


class Health:
    """Serves the three pages.

    Args:
        stuck_s: Returns the seconds since each loop last made progress, 0 for an idle loop.
        ready: Tells whether the first listing is complete.
        unproven_s: Returns the seconds since the API server was last known to serve the watch.
        unproven_s_max: The limit of `unproven_s` for a ready replica.
        metrics: Returns the metrics page and its content type.
    """

    def __init__(
        self,
        *,
        stuck_s: Callable[[], Mapping[str, float]],
        ready: Callable[[], bool],
        metrics: Callable[[], tuple[bytes, str]],
        unproven_s: Callable[[], float] = lambda: 0.0,
        unproven_s_max: float = 0.0,
    ) -> None:
        self._unproven_s, self._unproven_s_max = unproven_s, unproven_s_max
        self._stuck_s, self._ready, self._metrics = stuck_s, ready, metrics
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> None:
        """Start to serve; without a host, on every IPv4 and IPv6 address.

        Raises:
            OSError: The operator cannot listen on the address.
        """
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics_page)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        if host in EVERYWHERE:
            await web.SockSite(self._runner, _everywhere(port)).start()
        else:
            await web.TCPSite(self._runner, host, port).start()

    async def close(self) -> None:
        """Stop serving."""
        if self._runner:
            await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        frozen = {name: s for name, s in self._stuck_s().items() if s > STALLED_S_MAX}
        if frozen:
            text = "".join(f"{name}: no progress for {s:.0f} s\n" for name, s in frozen.items())
            return web.Response(status=503, text=text)
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        if not self._ready():
            return web.Response(status=503, text="the first listing is not complete\n")
        unproven_s = self._unproven_s()
        if unproven_s > self._unproven_s_max:
            text = f"the API server has not answered the watch for {unproven_s:.0f} s\n"
            return web.Response(status=503, text=text)
        return web.Response(text="ok\n")

    async def _metrics_page(self, _: web.Request) -> web.Response:
        page, content_type = self._metrics()
        return web.Response(body=page, headers={"Content-Type": content_type})


def _everywhere(port: int) -> socket.socket:
    """Return a socket for IPv4 and IPv6 connections, or for IPv4 only if there is no IPv6."""
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(
                ("::", port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=True
            )
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:  # IPv6 is supported, but disabled
                raise
    return socket.create_server(("", port), backlog=BACKLOG)
