"""The server as a browser, and as everybody else on the machine, sees it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from kubectl_dcs.board import security, server
from kubectl_dcs.board.actions import Refused
from kubectl_dcs.board.security import Keys
from kubectl_dcs.board.server import Server
from kubectl_dcs.board.state import State
from kubectl_dcs.board.stream import Stream
from kubectl_dcs.following import News, What
from kubectl_dcs.kinds import TASK
from kubectl_dcs.problems import Problem, WrongUsage
from unit.plugin import bodies

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kubectl_dcs.board.actions import Wanted

READ_S_MAX = 20.0


@dataclass
class Answering:
    """Answers that remember what was asked."""

    stream: Stream | None
    state: State
    changed: list[Wanted] = field(default_factory=list)
    refused: Problem | None = None

    def about(self) -> dict[str, Any]:
        """Return little."""
        return {"actions": True}

    async def details(self, namespace: str, name: str, at_s: float | None) -> dict[str, Any] | None:
        """Return what was asked."""
        return {"asked": [namespace, name, at_s]} if name != "gone" else None

    async def may(self, namespace: str, name: str) -> None:
        """Allow it, unless the test says otherwise."""
        del namespace, name
        if self.refused:
            raise self.refused

    async def change(self, wanted: Wanted) -> None:
        """Remember it, unless the test says otherwise."""
        if self.refused:
            raise self.refused
        self.changed.append(wanted)

    async def moment(self, at_s: float, from_s: float | None) -> dict[str, Any]:
        """Return what was asked."""
        return {"asked": [at_s, from_s]}


@dataclass
class Running:
    """A running server, and a browser without any cookie."""

    answers: Answering
    keys: Keys
    server: Server
    session: aiohttp.ClientSession
    url: str

    @property
    def base(self) -> str:
        """The address without anything behind it."""
        return f"http://127.0.0.1:{self.server.port}"

    async def get(self, path: str, **headers: str) -> aiohttp.ClientResponse:
        """Ask, and read the answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.session.get(f"{self.base}{path}", headers=named)
        await answer.read()
        return answer

    async def log_in(self) -> None:
        """Open the address that was printed."""
        answer = await self.session.get(self.url)
        assert answer.status == HTTPStatus.OK
        await answer.read()


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    """Run a server."""
    state = State()
    answers = Answering(Stream(state, lambda: 0.0), state)
    keys = Keys()
    served = Server(answers, keys)
    url = await served.start(0)
    jar = aiohttp.CookieJar(unsafe=True)  # cookies of an address without a name
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        yield Running(answers, keys, served, session, url)
    await served.stop()


async def test_the_address_gives_a_session_that_no_script_and_no_other_site_gets(
    running: Running,
) -> None:
    """By a cookie that is HttpOnly and SameSite=Strict; the token opens nothing else."""
    answer = await running.session.get(running.url)
    cookie = answer.cookies[security.cookie_name(running.server.port)]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/")
    assert cookie["domain"] == ""
    assert cookie.value not in running.url
    assert (await running.get("/api/about")).status == HTTPStatus.OK


@pytest.mark.parametrize("path", ["/", "/main.js", "/api/about", "/api/events", "/api/task", "/x"])
@pytest.mark.parametrize("token", ["", "?token=", "?token=wrong"])
async def test_without_the_token_nothing_is_shown(running: Running, path: str, token: str) -> None:
    """Not even the page's own files; the answer says what to do."""
    answer = await running.get(path + token)
    assert answer.status == HTTPStatus.UNAUTHORIZED
    assert "kubectl dcs board" in await answer.text()
    assert not answer.cookies


async def test_the_token_in_an_address_opens_the_page_alone(running: Running) -> None:
    """Elsewhere it is not looked at, so that it stands in no other address."""
    assert (await running.get(f"/api/about?token={running.keys.address}")).status == (
        HTTPStatus.UNAUTHORIZED
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Origin": "http://evil.example"},
        {"Sec_Fetch_Site": "cross-site"},
    ],
    ids=["host", "origin", "site"],
)
async def test_a_session_does_not_help_who_comes_from_elsewhere(
    running: Running, headers: dict[str, str]
) -> None:
    """A page of another site has the user's browser, and so might have the cookie."""
    await running.log_in()
    assert (await running.get("/api/about", **headers)).status == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize("path", ["/", "/main.js", "/api/about", "/nothing", "/api/task?name=gone"])
@pytest.mark.parametrize("known", [True, False])
async def test_every_answer_has_the_headers_that_keep_others_out(
    running: Running, path: str, *, known: bool
) -> None:
    """Refusals and errors too; nothing is kept, and no other origin is allowed anything."""
    if known:
        await running.log_in()
    answer = await running.get(path)
    assert {name: answer.headers[name] for name in security.HEADERS} == dict(security.HEADERS)
    assert not [name for name in answer.headers if name.startswith("Access-Control")]
    assert "Server" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/../server.py", "/%2e%2e/server.py", "/page/main.js", "/types.py", "/__init__.py"]
)
async def test_only_the_files_of_the_page_are_served(running: Running, path: str) -> None:
    """They are read once, and looked up by their names."""
    await running.log_in()
    assert (await running.get(path)).status == HTTPStatus.NOT_FOUND


async def test_the_port_is_open_on_the_loopback_alone(running: Running) -> None:
    """Not on any other address of this machine."""
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.2", running.server.port)


async def test_a_port_in_use_is_told_in_one_line(running: Running) -> None:
    """With what to do."""
    second = Server(running.answers, Keys())
    with pytest.raises(WrongUsage, match="is in use: choose another --port"):
        await second.start(running.server.port)


async def test_a_method_that_is_not_known_is_refused(running: Running) -> None:
    """There is one address that takes anything."""
    await running.log_in()
    answer = await running.session.put(
        f"{running.base}/api/wave", headers={"Origin": running.base}, data=b"{}"
    )
    assert answer.status == HTTPStatus.METHOD_NOT_ALLOWED


WANTED = {"namespace": "shop", "name": "night", "uid": "u", "state": "Go", "was": "Hold"}


async def post(running: Running, body: object = WANTED, **headers: str) -> aiohttp.ClientResponse:
    """Ask for a change as the page does."""
    token = (await (await running.get("/api/about")).json())["token"]
    sent = {"Origin": running.base, security.TOKEN_HEADER: token}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {name: value for name, value in sent.items() if value}
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = await running.session.post(f"{running.base}/api/wave", data=data, headers=sent)
    await answer.read()
    return answer


async def test_a_change_that_the_page_sends_is_made(running: Running) -> None:
    """Once."""
    await running.log_in()
    assert (await post(running)).status == HTTPStatus.OK
    assert [one.state for one in running.answers.changed] == ["Go"]


@pytest.mark.parametrize(
    "body, headers, status",
    [
        pytest.param(WANTED, {"Origin": ""}, HTTPStatus.FORBIDDEN, id="no origin"),
        pytest.param(WANTED, {"Origin": "http://evil.example"}, HTTPStatus.FORBIDDEN, id="foreign"),
        pytest.param(WANTED, {"X_Board_Token": ""}, HTTPStatus.FORBIDDEN, id="no token"),
        pytest.param(WANTED, {"X_Board_Token": "x"}, HTTPStatus.FORBIDDEN, id="wrong token"),
        pytest.param([], {}, HTTPStatus.BAD_REQUEST, id="another shape"),
        pytest.param({"name": "night"}, {}, HTTPStatus.BAD_REQUEST, id="half of it"),
        pytest.param(b"\xff", {}, HTTPStatus.BAD_REQUEST, id="no text"),
        pytest.param(b"x" * 5000, {}, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, id="too long"),
    ],
)
async def test_a_change_that_the_page_would_not_send_is_refused(
    running: Running, body: object, headers: dict[str, str], status: HTTPStatus
) -> None:
    """And not made."""
    await running.log_in()
    assert (await post(running, body, **headers)).status == status
    assert running.answers.changed == []


@pytest.mark.parametrize(
    "problem, status",
    [
        (Refused("you may not", HTTPStatus.FORBIDDEN), HTTPStatus.FORBIDDEN),
        (Refused("it has changed", git="spec: 1"), HTTPStatus.CONFLICT),
        (Problem("the API server cannot be reached"), HTTPStatus.BAD_GATEWAY),
    ],
)
async def test_a_refusal_reaches_the_page_in_its_words(
    running: Running, problem: Problem, status: HTTPStatus
) -> None:
    """With what git should have, where it is git that should be changed."""
    await running.log_in()
    running.answers.refused = problem
    answer = await post(running)
    assert answer.status == status
    assert await answer.json() == {"why": str(problem), "git": getattr(problem, "git", "")}


@dataclass
class Event:
    """One event of a stream."""

    word: str
    id: str
    data: Any


async def events(answer: aiohttp.ClientResponse, count: int) -> list[Event]:
    """Read so many events."""
    found: list[Event] = []
    fields: dict[str, str] = {}
    async with asyncio.timeout(READ_S_MAX):
        while len(found) < count:
            line = (await answer.content.readline()).decode().rstrip("\n")
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "event" in fields:
                data = json.loads(fields["data"])
                found.append(Event(fields.pop("event"), fields.pop("id", ""), data))
    return found


def put(running: Running, name: str) -> None:
    """Let a task appear, and tell the tabs."""
    assert running.answers.stream
    running.answers.state.hear(News(What.CHANGED, TASK, (bodies.task(name),)), 0.0)
    running.answers.stream.publish()


async def test_a_tab_gets_a_snapshot_and_then_what_changes(running: Running) -> None:
    """Without asking again."""
    await running.log_in()
    put(running, "a")
    async with running.session.get(f"{running.base}/api/events") as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        (first,) = await events(answer, 1)
        put(running, "b")
        (second,) = await events(answer, 1)
    assert [one["name"] for one in first.data[TASK.plural]] == ["a"]
    assert (second.word, [one["name"] for one in second.data[TASK.plural]]) == ("changes", ["b"])


@pytest.mark.parametrize("by", ["header", "query"])
async def test_a_tab_that_comes_back_goes_on_where_it_was(running: Running, by: str) -> None:
    """By the id that the browser, or the page itself, sends."""
    await running.log_in()
    put(running, "a")
    async with running.session.get(f"{running.base}/api/events") as answer:
        (first,) = await events(answer, 1)
    put(running, "b")
    put(running, "c")
    query = f"?after={first.id}" if by == "query" else ""
    headers = {"Last-Event-ID": first.id} if by == "header" else {}
    async with running.session.get(f"{running.base}/api/events{query}", headers=headers) as answer:
        missed = await events(answer, 2)
    assert [one.word for one in missed] == ["changes", "changes"]
    assert [one.data[TASK.plural][0]["name"] for one in missed] == ["b", "c"]


async def test_more_tabs_than_anybody_needs_are_refused(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one that is closed makes room for another."""
    monkeypatch.setattr(server, "TABS_MAX", 1)
    await running.log_in()
    address = f"{running.base}/api/events"
    first = await running.session.get(address)
    await events(first, 1)
    assert (await running.get("/api/events")).status == HTTPStatus.SERVICE_UNAVAILABLE
    first.close()
    async with asyncio.timeout(READ_S_MAX):
        while running.server._tabs:  # noqa: SLF001 - when the server has noticed
            put(running, "a")
            await asyncio.sleep(0.01)
    async with running.session.get(address) as again:
        assert again.status == HTTPStatus.OK


async def test_a_tab_that_reads_nothing_is_dropped_and_costs_no_memory(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it missed is not queued for it: it would get a snapshot."""
    monkeypatch.setattr(server, "WRITE_S_MAX", 0.05)
    await running.log_in()
    cookie = f"{security.cookie_name(running.server.port)}={running.keys.session}"
    with contextlib.closing(socket.socket()) as tab:
        tab.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        tab.connect(("127.0.0.1", running.server.port))
        head = f"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1:{running.server.port}\r\n"
        tab.sendall(f"{head}Cookie: {cookie}\r\n\r\n".encode())
        async with asyncio.timeout(READ_S_MAX):
            while running.server._tabs == 0:  # noqa: SLF001, ASYNC110 - when the server has noticed
                await asyncio.sleep(0.01)
            number = 0
            while running.server._tabs:  # noqa: SLF001 - as above
                number += 1
                put(running, f"{number}-{'x' * 20_000}")
                await asyncio.sleep(0)
    stream = running.answers.stream
    assert stream
    assert stream.after(0) is None or stream.number < 150


async def test_stopping_ends_the_streams_of_all_tabs(running: Running) -> None:
    """So that Ctrl-C does not wait for them."""
    await running.log_in()
    answer = await running.session.get(f"{running.base}/api/events")
    await events(answer, 1)
    async with asyncio.timeout(READ_S_MAX):
        await running.server.stop()
        with contextlib.suppress(aiohttp.ClientError):
            while await answer.content.readany():
                pass
    answer.close()


async def test_details_and_moments_get_what_the_address_says(running: Running) -> None:
    """A moment is there for recordings alone."""
    await running.log_in()
    answer = await running.get("/api/task?ns=shop&name=a%2Fb&at=5")
    assert await answer.json() == {"asked": ["shop", "a/b", 5.0]}
    assert (await running.get("/api/task?name=gone")).status == HTTPStatus.NOT_FOUND
    assert (await running.get("/api/moment?at=1")).status == HTTPStatus.NOT_FOUND
    running.answers.stream = None
    assert await (await running.get("/api/moment?at=2&from=1")).json() == {"asked": [2.0, 1.0]}
    assert (await running.get("/api/moment?at=x")).status == HTTPStatus.NOT_FOUND
    assert (await running.get("/api/events")).status == HTTPStatus.NOT_FOUND


async def test_nothing_of_an_error_nobody_thought_of_reaches_the_page(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told where the board was started."""
    await running.log_in()
    running.answers.refused = ZeroDivisionError("secret text")  # type: ignore[assignment] # what nobody thought of
    answer = await running.get("/api/may")
    assert answer.status == HTTPStatus.INTERNAL_SERVER_ERROR
    assert "secret" not in await answer.text()
    assert "secret text" in caplog.text
