"""The server of the page, on 127.0.0.1. The board's door to aiohttp.

Owns the routes and their responses. The data of the cluster, or of a recording, comes from an
`Answers`, which live boards and replays each implement.
"""

from __future__ import annotations

import asyncio
import errno
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol

from aiohttp import hdrs, web

from kubectl_dcs.board import security
from kubectl_dcs.board.actions import Refused, Wanted
from kubectl_dcs.board.assets import PAGE, assets
from kubectl_dcs.board.stream import encoded
from kubectl_dcs.problems import Problem, WrongUsage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from kubectl_dcs.board.security import Keys
    from kubectl_dcs.board.stream import Message, Stream

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HOST: Final = "127.0.0.1"

TABS_MAX: Final = 64
"""The most concurrent streams; ten people look at one screen."""

WRITE_S_MAX: Final = 20.0
"""A tab that reads nothing for this long is dropped; it reconnects and gets a snapshot."""

REQUEST_BYTES_MAX: Final = 4096
"""Size of the body of a change."""

HEADER_BYTES_MAX: Final = 16 * 2**10

SHUTDOWN_S_MAX: Final = 0.5
"""Streams never end on their own."""

RETRY_MS: Final = 1000
"""The time after which a browser reconnects automatically."""


class Answers(Protocol):
    """What the routes answer; blocking methods run in threads of their own."""

    @property
    def stream(self) -> Stream | None:
        """The stream of changes for the tabs; None for a recording, which serves moments."""

    def about(self) -> dict[str, Any]:
        """Return what the page needs first."""

    async def details(self, namespace: str, name: str, at_s: float | None) -> dict[str, Any] | None:
        """Return the details of an opened row."""

    async def may(self, namespace: str, name: str) -> None:
        """Ask whether a wave may be changed; raises `Refused`."""

    async def change(self, wanted: Wanted) -> None:
        """Set the state of a wave; raises `Refused` or `Problem`."""

    async def moment(self, at_s: float, from_s: float | None) -> dict[str, Any]:
        """Return a moment of a recording, or the changes since an earlier one."""


class Server:
    """Serves the page.

    Args:
        answers: What the routes answer.
        keys: The secrets of this run.
    """

    def __init__(self, answers: Answers, keys: Keys) -> None:
        self._answers, self._keys = answers, keys
        self._assets = assets()
        self._tabs = 0
        self._runner: web.AppRunner | None = None
        self.port = 0

    def app(self) -> web.Application:
        """Return the application; `port` must be set before the first request."""
        app = web.Application(middlewares=[self._guard], client_max_size=REQUEST_BYTES_MAX)
        app.on_response_prepare.append(_add_headers)
        app.add_routes(
            [
                web.get("/", self._page),
                web.get("/api/about", self._about),
                web.get("/api/events", self._events),
                web.get("/api/task", self._task),
                web.get("/api/may", self._may),
                web.post("/api/wave", self._wave),
                web.get("/api/moment", self._moment),
                web.get("/{name}", self._asset),
            ]
        )
        return app

    async def start(self, port: int) -> str:
        """Listen; returns the address with its token.

        Raises:
            WrongUsage: The port is in use, or may not be used.
        """
        runner = web.AppRunner(
            self.app(),
            access_log=None,
            shutdown_timeout=SHUTDOWN_S_MAX,
            max_line_size=HEADER_BYTES_MAX,
            max_field_size=HEADER_BYTES_MAX,
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, port).start()
        except OSError as error:
            await runner.cleanup()
            why = "is in use" if error.errno == errno.EADDRINUSE else "cannot be used"
            raise WrongUsage(f"port {port} {why}: choose another --port, or none") from None
        self._runner = runner
        self.port = int(runner.addresses[0][1])
        return f"http://{HOST}:{self.port}/?token={self._keys.address}"

    async def stop(self) -> None:
        """End all streams and close the port."""
        if self._runner:
            await self._runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        why = security.refusal(request.method, request.path, request.headers, self.port)
        if why:
            return _text(why, HTTPStatus.FORBIDDEN)
        if not self._knows(request):
            return _text(
                "This page belongs to whoever started the board. Open the address that"
                " `kubectl dcs board` printed last: it ends with a token.",
                HTTPStatus.UNAUTHORIZED,
            )
        try:
            return await handler(request)
        except Refused as refused:
            return _json({"why": str(refused), "git": refused.git}, refused.code)
        except Problem as problem:
            return _json({"why": str(problem), "git": ""}, HTTPStatus.BAD_GATEWAY)

    def _knows(self, request: web.Request) -> bool:
        session = request.cookies.get(security.cookie_name(self.port), "")
        if security.is_same(session, self._keys.session):
            return True
        token = request.query.get("token", "") if request.path == "/" else ""
        return security.is_same(token, self._keys.address)

    async def _page(self, request: web.Request) -> web.Response:
        """Serve the page, and exchange the token in its address for a session.

        There is no redirect: a browser that comes from another site would not send the new cookie
        with it. The page itself removes the token from the address.
        """
        response = self._answer(PAGE)
        if "token" in request.query:
            response.set_cookie(
                security.cookie_name(self.port),
                self._keys.session,
                path="/",
                httponly=True,
                samesite="Strict",
            )
        return response

    async def _asset(self, request: web.Request) -> web.Response:
        return self._answer(request.match_info["name"])

    def _answer(self, name: str) -> web.Response:
        asset = self._assets.get(name)
        if asset is None:
            return _text("There is no such page.", HTTPStatus.NOT_FOUND)
        return web.Response(body=asset.data, content_type=asset.content_type, charset="utf-8")

    async def _about(self, request: web.Request) -> web.Response:
        del request
        return _json(self._answers.about() | {"token": self._keys.change})

    async def _task(self, request: web.Request) -> web.Response:
        namespace, name = request.query.get("ns", ""), request.query.get("name", "")
        found = await self._answers.details(namespace, name, _number(request, "at"))
        if found is None:
            return _json({"why": "There is no such task anymore.", "git": ""}, HTTPStatus.NOT_FOUND)
        return _json(found)

    async def _may(self, request: web.Request) -> web.Response:
        await self._answers.may(request.query.get("ns", ""), request.query.get("name", ""))
        return _json({})

    async def _wave(self, request: web.Request) -> web.Response:
        token = request.headers.get(security.TOKEN_HEADER, "")
        if not security.is_same(token, self._keys.change):
            raise Refused("the page is older than this board: reload it", HTTPStatus.FORBIDDEN)
        try:
            body = json.loads(await request.text())
            wanted = Wanted(**{key: str(body[key]) for key in Wanted.__slots__})
        except (ValueError, KeyError, TypeError):
            raise Refused("this is not a change of a wave", HTTPStatus.BAD_REQUEST) from None
        await self._answers.change(wanted)
        return _json({})

    async def _moment(self, request: web.Request) -> web.Response:
        at_s = _number(request, "at")
        if self._answers.stream is not None or at_s is None:
            return _text("There is no such page.", HTTPStatus.NOT_FOUND)
        return _json(await self._answers.moment(at_s, _number(request, "from")))

    async def _events(self, request: web.Request) -> web.StreamResponse:
        stream = self._answers.stream
        if stream is None:
            return _text("There is no such page.", HTTPStatus.NOT_FOUND)
        if self._tabs >= TABS_MAX:
            return _text("Too many tabs show this board.", HTTPStatus.SERVICE_UNAVAILABLE)
        response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: "text/event-stream"})
        await response.prepare(request)
        self._tabs += 1
        try:
            came = request.headers.get("Last-Event-ID") or request.query.get("after", "")
            await _write(response, f"retry: {RETRY_MS}\n\n".encode())
            await _follow(response, stream, stream.place_of(came))
        except (TimeoutError, ConnectionError):
            # The tab is gone, or reads nothing; if it still exists, it reconnects.
            if request.transport:
                request.transport.abort()
        finally:
            self._tabs -= 1
        return response


async def _follow(response: web.StreamResponse, stream: Stream, place: int | None) -> None:
    """Write what follows a position; a snapshot first if the position is no longer known."""
    while True:
        missed = None if place is None else stream.after(place)
        if missed is None:
            message = stream.snapshot()
            await _write(response, _event("snapshot", stream, message))
            place = message.number
        else:
            for message in missed:
                await _write(response, _event("changes", stream, message))
                place = message.number
        if not await stream.wait(place or 0):
            await _write(response, b"event: beat\ndata: {}\n\n")


def _event(word: str, stream: Stream, message: Message) -> bytes:
    head = f"event: {word}\nid: {stream.id_of(message)}\ndata: "
    return b"".join((head.encode(), message.data, b"\n\n"))


async def _write(response: web.StreamResponse, data: bytes) -> None:
    await asyncio.wait_for(response.write(data), WRITE_S_MAX)


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    del request
    response.headers.update(security.HEADERS)
    response.headers.popall(hdrs.SERVER, None)


def _text(text: str, status: HTTPStatus) -> web.Response:
    return web.Response(text=f"{text}\n", status=status)


def _json(value: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    return web.Response(body=encoded(value), status=status, content_type="application/json")


def _number(request: web.Request, name: str) -> float | None:
    try:
        return float(request.query[name])
    except (KeyError, ValueError):
        return None
