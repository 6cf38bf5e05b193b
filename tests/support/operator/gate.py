"""A gate between an operator and the API server, which injects faults on demand.

It is a plain HTTP proxy in a separate thread: it answers chosen calls itself, refuses connections,
lets watches fall silent, cuts them, or tells them that their version is too old. It passes on all
other traffic.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self, TypeVar

import aiohttp
import yaml
from aiohttp import web

from sandbox.control_plane.processes import LOOPBACK, free_port
from support.loops import LoopThread

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

T = TypeVar("T")

CLOSING_S: Final = 0.1
"""Pause for closing: TLS connections end a few iterations of the loop after they are closed."""

TOO_OLD: Final = (
    b'{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure",'
    b'"message":"too old resource version","reason":"Expired","code":410}}\n'
)
"""How the API server reports 410 in an open watch."""

PASSED_ON: Final = ("Accept", "Authorization", "Content-Type")


@dataclass(slots=True)
class Answer:
    """The answer to some calls, and how many times it is given."""

    call: re.Pattern[str]
    status: int
    left: int


class Gate:
    """One gate to the API server of a kubeconfig; use it as a context manager.

    Args:
        kubeconfig: Of the API server.
        folder: Where the gate's own is written.
        prefix: What paths begin with here and not there.

    Attributes:
        kubeconfig: The same kubeconfig with the gate as its server.
    """

    def __init__(self, kubeconfig: Path, folder: Path, prefix: str = "") -> None:
        self._prefix = prefix
        config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        cluster = config["clusters"][0]["cluster"]
        self._target = cluster["server"]
        self._trust = ssl.create_default_context(cafile=cluster.pop("certificate-authority"))
        self._port = free_port()
        cluster["server"] = f"http://{LOOPBACK}:{self._port}"
        self.kubeconfig = folder / "kubeconfig-of-the-gate"
        self.kubeconfig.write_text(yaml.safe_dump(config), encoding="utf-8")
        self._loop = LoopThread("gate")
        self._answers: list[Answer] = []
        self._held: re.Pattern[str] | None = None
        self._let_go = asyncio.Event()
        self.holding = 0
        """Calls that are not answered at the moment."""
        self._watches: set[asyncio.Task[None]] = set()
        self._last_words = b""
        self._dead: set[asyncio.Task[None]] = set()
        self._runner: web.AppRunner
        self._session: aiohttp.ClientSession

    def __enter__(self) -> Self:
        self._loop.start()
        self._loop.run(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run(self._close())
        self._loop.close()

    def answer(self, call: str, status: int, times: int) -> None:
        """Answer the next calls whose `METHOD path?query` matches with an error."""
        self._answers.append(Answer(re.compile(call), status, times))

    @contextlib.contextmanager
    def holding_back(self, call: str) -> Iterator[None]:
        """Leave calls whose `METHOD path?query` matches without an answer in the block."""
        self._held = re.compile(call)
        try:
            yield
        finally:
            self._held = None
            self._loop.soon(self._let_go.set)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Send nothing during the block, like a paused process."""
        with self.holding_back("."):
            self.silence()
            yield

    def answered(self) -> bool:
        """Tell whether all that should be answered was."""
        return not any(answer.left for answer in self._answers)

    def cut(self, last_words: bytes = b"") -> None:
        """End every open watch, after these last words."""
        self._loop.run(self._cut(last_words))

    @contextlib.contextmanager
    def closed(self) -> Iterator[None]:
        """Refuse connections for the time of the block."""
        self._loop.run(self._hang_up())
        try:
            yield
        finally:
            self._loop.run(self._listen())

    def silence(self) -> None:
        """Keep every open watch open, but send nothing more on it."""
        self._loop.soon(self._dead.update, self._watches)

    async def _open(self) -> None:
        connector = aiohttp.TCPConnector(ssl=self._trust, limit=0)
        self._session = aiohttp.ClientSession(
            connector=connector, timeout=aiohttp.ClientTimeout(total=None), auto_decompress=False
        )
        await self._listen()

    async def _listen(self) -> None:
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, self._port, reuse_address=True).start()

    async def _hang_up(self) -> None:
        for site in list(self._runner.sites):
            await site.stop()
        await self._cut(b"")
        await self._runner.cleanup()

    async def _close(self) -> None:
        await self._hang_up()
        await self._session.close()
        await asyncio.sleep(CLOSING_S)

    async def _cut(self, last_words: bytes) -> None:
        self._last_words = last_words
        watches = list(self._watches)
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)
        self._last_words = b""

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        call = f"{request.method} {request.path_qs}"
        for answer in self._answers:
            if answer.left and answer.call.search(call):
                answer.left -= 1
                body = {"kind": "Status", "message": "a bad day", "code": answer.status}
                return web.json_response(body, status=answer.status)
        if self._held and self._held.search(call):
            self.holding += 1
            try:
                await self._let_go.wait()
            finally:
                self.holding -= 1
        async with self._session.request(
            request.method,
            f"{self._target}{request.path_qs.removeprefix(self._prefix)}",
            data=await request.read() or None,
            headers={key: request.headers[key] for key in PASSED_ON if key in request.headers},
        ) as found:
            response = web.StreamResponse(status=found.status)
            response.content_type = found.content_type
            await response.prepare(request)
            piping = asyncio.create_task(self._pipe(found, response))
            if request.query.get("watch"):
                self._watches.add(piping)
                piping.add_done_callback(self._watches.discard)
            try:
                await asyncio.wait({piping})
            finally:
                piping.cancel()
            if self._last_words:
                await response.write(self._last_words)
            with contextlib.suppress(OSError):
                await response.write_eof()
            return response

    async def _pipe(self, found: aiohttp.ClientResponse, response: web.StreamResponse) -> None:
        async for piece in found.content.iter_any():
            if asyncio.current_task() not in self._dead:
                await response.write(piece)
