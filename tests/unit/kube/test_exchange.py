"""The short way to the connection: answers of every form, and servers that break off."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

import aiohttp
import pytest

from dcs_migration_operator.core.kinds import TASKS
from dcs_migration_operator.core.model import ObjectRef
from dcs_migration_operator.kube.api import KubeApi
from dcs_migration_operator.kube.errors import ApiError
from dcs_migration_operator.kube.exchange import Exchange
from dcs_migration_operator.kube.session import Cluster

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

REF: Final = ObjectRef(TASKS, "team-a", "cache", "uid-1")

HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BODY: Final = b'{"metadata":{"resourceVersion":"42"}}'
WHOLE: Final = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
CHUNKED: Final = (
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    b"9\r\n" + BODY[:9] + b"\r\n%x\r\n" % (len(BODY) - 9) + BODY[9:] + b"\r\n0\r\n\r\n"
)
LAST: Final = WHOLE.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)


class Raw:
    """Answers each request on a connection with the next bytes, piece by piece; None hangs."""

    def __init__(self, *answers: Sequence[bytes] | None, ends: bool = False) -> None:
        self.answers, self.ends = list(answers), ends
        self.connections = self.requests = 0
        self.asked, self.closed = asyncio.Event(), asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until either side ends it."""
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length))
                self.requests += 1
                self.asked.set()
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                for piece in answer or ():
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
                if self.ends:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            self.closed.set()
        finally:
            writer.close()


@contextlib.asynccontextmanager
async def api_of(
    server: Raw, connections_max: int = 1, timeout_s: float = 30.0
) -> AsyncIterator[KubeApi]:
    """Serve, and yield the calls against it."""
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as running:
        port = running.sockets[0].getsockname()[1]
        cluster = Cluster(server=f"http://127.0.0.1:{port}", namespace="x")
        async with KubeApi(cluster, connections_max, timeout_s) as api:
            yield api


@pytest.mark.parametrize(
    "pieces",
    [
        [WHOLE],
        [CHUNKED],
        [WHOLE[at : at + 1] for at in range(len(WHOLE))],
        [CHUNKED[:-7], CHUNKED[-7:]],
        [b"HTTP/1.1 103 Early Hints\r\n\r\n", WHOLE],
        [b"HTTP/1.1 100 Continue\r\n\r\n" + WHOLE],
    ],
    ids=["whole", "chunked", "byte by byte", "in two", "after a hint", "after a continue"],
)
async def test_an_answer_may_have_any_form(pieces: list[bytes]) -> None:
    """However it is cut, and one connection serves all that follow."""
    server = Raw(pieces)
    async with api_of(server) as api:
        for _ in range(3):
            assert await api.patch_status(REF, {}) == 42
    assert (server.connections, server.requests) == (1, 3)


async def test_a_connection_that_the_server_ends_is_not_used_again() -> None:
    """Where it says so, nobody notices; where it does not, one call at most may fail."""
    server = Raw([LAST])
    async with api_of(server) as api:
        for _ in range(3):
            assert await api.patch_status(REF, {}) == 42
    assert server.connections == 3
    silent = Raw([WHOLE], ends=True)
    async with api_of(silent) as api:
        assert await api.patch_status(REF, {}) == 42
        with contextlib.suppress(ApiError):
            await api.patch_status(REF, {})
        silent.ends = False
        assert await api.patch_status(REF, {}) == 42
    assert silent.connections > 1


@pytest.mark.parametrize(
    "broken",
    [b"", HEAD, WHOLE[:-1], CHUNKED[:-9], b"\x16\x03\x01\x00\r\n\r\n", b"SSH-2.0-x\r\n\r\n"],
    ids=["nothing", "no end of the head", "short", "no last chunk", "bytes", "words"],
)
async def test_an_answer_that_breaks_off_is_an_error_of_the_call(broken: bytes) -> None:
    """Only of it: the next one has a connection of its own and succeeds."""
    server = Raw([broken], ends=True)
    async with api_of(server) as api:
        with pytest.raises(ApiError, match=r"^the API server cannot be reached") as caught:
            await api.patch_status(REF, {})
        assert caught.value.status == 0
        server.answers, server.ends = [[WHOLE]], False
        assert await api.patch_status(REF, {}) == 42
    assert server.connections == 2


async def test_a_server_that_says_nothing_costs_its_time_alone() -> None:
    """The connection is closed, since a late answer would be taken for that of the next call."""
    server = Raw(None, [WHOLE])
    async with api_of(server, timeout_s=0.05) as api:
        with pytest.raises(ApiError, match="did not answer in time"):
            await api.patch_status(REF, {})
        await server.closed.wait()
        assert await api.patch_status(REF, {}) == 42
    assert server.connections == 2


async def test_the_limit_of_connections_holds() -> None:
    """What comes beyond it waits for one that is free."""
    server = Raw([WHOLE])
    async with api_of(server, connections_max=3) as api:
        await asyncio.gather(*(api.patch_status(REF, {}) for _ in range(30)))
    assert server.requests == 30
    assert server.connections <= 3


async def test_a_call_that_is_given_up_leaves_no_connection_behind() -> None:
    """As when the process ends, or leadership is lost."""
    server = Raw(None, [WHOLE])
    async with api_of(server) as api:
        write = asyncio.create_task(api.patch_status(REF, {}))
        await server.asked.wait()
        write.cancel()
        with pytest.raises(asyncio.CancelledError):
            await write
        await server.closed.wait()
        assert await api.patch_status(REF, {}) == 42


@pytest.mark.parametrize("header", [("X\r\nY", "z"), ("X", "y\r\nZ: z"), ("X", "y\0")])
async def test_a_header_that_would_be_several_is_refused(header: tuple[str, str]) -> None:
    """A kubeconfig or a token cannot write requests of its own."""
    async with aiohttp.ClientSession() as session:
        with pytest.raises(ValueError, match=r"^a header is more than one line$"):
            Exchange(session, "http://x", headers=[header], authorization=str, connect_s=1.0)
        exchange = Exchange(
            session, "http://x", headers=[], authorization="a\r\nb".strip, connect_s=1.0
        )
        with pytest.raises(ValueError, match=r"^a header is more than one line$"):
            await exchange.send("GET", "/", b"", accept="a", content_type="b")


async def test_a_path_is_escaped() -> None:
    """A name with a blank or a line break stays one name."""
    server = Raw([WHOLE])
    async with api_of(server) as api:
        await api.patch_status(ObjectRef(TASKS, "team-a", "a b\r\nc", "uid-1"), {})
    assert server.requests == 1
