"""Calls through a proxy that was named, and none through any other."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import pytest

from dcs_migration_operator.core.errors import (
    DcsError,
    EndpointRefused,
    Misconfigured,
    Unavailable,
    Unresolved,
    Untrusted,
)
from dcs_migration_operator.dcs import transport
from dcs_migration_operator.dcs.proxy import proxy_of
from unit.dcs import tls, wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from dcs_migration_operator.dcs.client import DcsClient

PASSWORD: Final = "p4ss/w:rd%secret"
QUOTED: Final = "p4ss%2Fw%3Ard%25secret"
CONNECTED: Final = b"HTTP/1.1 200 Connection established\r\nVia: squid\r\n\r\n"


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hand on what comes until it ends."""
    with contextlib.suppress(*wire.GONE):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def proxy(*, answer: bytes = CONNECTED) -> AsyncIterator[tuple[str, list[str]]]:
    """Serve `CONNECT`, for any name at this machine; yields its address, and what it was asked."""
    asked: list[str] = []
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(*wire.GONE):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            asked.append(head)
            writer.write(answer)
            if answer is CONNECTED:
                port = int(head.split(" ")[1].rpartition(":")[2])
                there, back = await asyncio.open_connection("127.0.0.1", port)
                tasks.add(asyncio.create_task(pump(there, writer)))
                await pump(reader, back)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
        await asyncio.gather(*tasks)
        await asyncio.sleep(0)


async def failed(client: DcsClient, verb: str = "list") -> DcsError:
    """Return the error of a call that has to fail; closes the client."""
    error = await wire.error_of(client, verb, "id")
    client.close()
    return error


async def test_calls_go_through_the_proxy_to_a_host_that_only_it_can_resolve() -> None:
    """TLS is between the operator and DCS; the proxy sees host and port and nothing else."""
    context = tls.server_context("dcs.private.example.com")
    async with (
        proxy() as (address, asked),
        tls.server(context, host="dcs.private.example.com") as (endpoint, served),
    ):
        client = wire.client_of(
            endpoint, proxy_url=f"http://{address}", ca_bundle=tls.pem_of(tls.ca())
        )
        for _ in range(2):
            assert (await asyncio.to_thread(client.list_page, 0)).rows == 0
        client.close()
    host = endpoint.removeprefix("https://")
    release = "1.0" if sys.version_info < (3, 12) else "1.1"
    assert asked == [f"CONNECT {host} HTTP/{release}\r\nHost: {host}\r\n\r\n"]
    assert len(served) == 2
    assert b"proxy" not in b"".join(served).lower()


async def test_a_connection_that_is_opened_again_goes_through_the_proxy_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each `CONNECT` is with the credentials."""
    monkeypatch.setattr(transport, "IDLE_S", 0.0)
    async with proxy() as (address, asked), tls.server(None) as (endpoint, served):
        client = wire.client_of(endpoint, proxy_url=f"http://user:{QUOTED}@{address}")
        for _ in range(3):
            await asyncio.to_thread(client.list_page, 0)
        client.close()
    assert ["Proxy-Authorization" in head for head in asked] == [True] * 3
    assert len(served) == 3


async def test_a_plain_endpoint_is_connected_to_as_well() -> None:
    """The signed request is not handed to the proxy to read and repeat."""
    async with proxy() as (address, asked), tls.server(None) as (endpoint, served):
        client = wire.client_of(endpoint, proxy_url=f"http://{address}")
        assert (await asyncio.to_thread(client.list_page, 0)).rows == 0
        client.close()
    assert [head.partition(" ")[0] for head in asked] == ["CONNECT"]
    assert served[0].startswith(b"GET /v2/")


async def test_credentials_are_for_the_proxy_alone() -> None:
    """Decoded from the URL; the host behind never sees them."""
    async with proxy() as (address, asked), tls.server(None) as (endpoint, served):
        client = wire.client_of(endpoint, proxy_url=f"http://user:{QUOTED}@{address}")
        await asyncio.to_thread(client.list_page, 0)
        client.close()
    pair = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
    assert f"Proxy-Authorization: Basic {pair}\r\n" in asked[0]
    assert b"authorization: basic" not in served[0].lower()


@pytest.mark.parametrize(
    "status, kind",
    [
        (407, Misconfigured),
        (403, Misconfigured),
        (405, Misconfigured),
        (502, Unavailable),
        (503, Unavailable),
        (504, Unavailable),
        (302, Unavailable),
    ],
)
async def test_a_proxy_that_refuses_is_named(status: int, kind: type[DcsError]) -> None:
    """With the host behind it and its status, and without anything else that it says."""
    answer = b"HTTP/1.1 %d No\r\nX: y\r\n\r\n<html>secret" % status
    async with proxy(answer=answer) as (address, _):
        error = await failed(
            wire.client_of("https://dcs.example.com", proxy_url=f"http://user:{QUOTED}@{address}")
        )
    assert (type(error), error.detail.code, error.answered) == (kind, "proxy", False)
    assert error.detail.message == (
        f"dcs.example.com through the proxy {address}: "
        f"it answers HTTP {status} instead of connecting"
    )


@pytest.mark.parametrize("answer", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n"])
async def test_a_proxy_that_is_none_is_told_apart(answer: bytes) -> None:
    """What listens there may be something else."""
    async with proxy(answer=answer) as (address, _):
        error = await failed(
            wire.client_of("https://dcs.example.com", proxy_url=f"http://{address}")
        )
    assert (type(error), error.detail.code) == (Unavailable, "proxy")


async def test_a_proxy_that_is_not_there_is_named() -> None:
    """It refuses the connection, or its name leads nowhere."""
    async with tls.server(None) as (gone, _):
        pass
    address = gone.removeprefix("http://").replace("localhost", "127.0.0.1")
    error = await failed(wire.client_of("https://dcs.example.com", proxy_url=f"http://{address}"))
    assert (type(error), error.detail.code) == (Unavailable, "no-connection")
    assert error.detail.message.startswith(f"dcs.example.com through the proxy {address}: ")
    url = "http://" + "a" * 64 + ".invalid:1"
    error = await failed(wire.client_of("https://dcs.example.com", proxy_url=url))
    assert type(error) is Unresolved
    assert "through the proxy" in error.detail.message


async def test_a_certificate_is_judged_behind_a_proxy_too() -> None:
    """A proxy that opens TLS shows one of its own; it has to be trusted by name."""
    async with (
        proxy() as (address, _),
        tls.server(tls.server_context("dcs.example.com"), host="dcs.example.com") as (endpoint, _),
    ):
        error = await failed(wire.client_of(endpoint, proxy_url=f"http://{address}"))
    assert type(error) is Untrusted
    assert error.detail.message.startswith("dcs.example.com through the proxy")


async def test_a_local_address_is_refused_behind_a_proxy_too() -> None:
    """As far as it can be seen from here: an address, not a name. The proxy itself may be local."""
    async with proxy() as (address, asked):
        client = wire.client_of(
            "https://169.254.169.254", proxy_url=f"http://{address}", named=False
        )
        assert type(await failed(client)) is EndpointRefused
    assert asked == []


def test_a_proxy_shows_no_password() -> None:
    """Neither does the text of an error about its URL."""
    found = proxy_of(f"http://user:{QUOTED}@proxy.example.com:8080")
    assert str(found) == "proxy.example.com:8080"
    assert "p4ss" not in repr(found)
    assert base64.b64encode(f"user:{PASSWORD}".encode()).decode() not in repr(found)


@pytest.mark.parametrize(
    "url, shown",
    [
        ("http://proxy.example.com", "proxy.example.com:3128"),
        ("http://proxy.example.com:8080/", "proxy.example.com:8080"),
        (" http://PROXY:1 ", "proxy:1"),
        ("http://[fd00::1]:3128", "[fd00::1]:3128"),
        ("http://user@proxy:1", "proxy:1"),
    ],
)
def test_a_url_is_read(url: str, shown: str) -> None:
    """It may have a port or none, in any case."""
    assert str(proxy_of(url)) == shown


@pytest.mark.parametrize(
    "url",
    [
        *("", "proxy:3128", "//proxy:3128", "https://proxy", "socks5://proxy", "http://"),
        *("http://:3128", "http://proxy:99999", "http://proxy:0", "http://[::1", "http://p/x"),
        *("http://p?q", "http://p#f", "http://pröxy", "http://pro xy", "http://pro\0xy"),
    ],
)
def test_what_is_no_proxy_is_refused_without_being_repeated(url: str) -> None:
    """It may hold a password in the wrong place."""
    with pytest.raises(ValueError, match=r"^its? ") as caught:
        proxy_of(url)
    assert not url or url not in str(caught.value)
