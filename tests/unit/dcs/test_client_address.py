"""Names that lead into this machine: refused, unless an administrator named the host."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from dcs_migration_operator.core.errors import DcsError, EndpointRefused, Unavailable, Unresolved
from unit.dcs import wire

if TYPE_CHECKING:
    from dcs_migration_operator.dcs.client import DcsClient
    from sandbox.dcs import Simulator


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let every name lead to these addresses."""
    found = [
        (
            socket.AF_INET6 if ":" in address else socket.AF_INET,
            socket.SOCK_STREAM,
            6,
            "",
            (address, 443),
        )
        for address in addresses
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def refuse(*_: object) -> None:
    """Let no test reach the network."""
    raise ConnectionRefusedError


async def test_a_local_server_is_not_called(dcs: Simulator) -> None:
    """No byte of a signed request reaches it."""
    client = wire.client_of(dcs.endpoint, named=False)
    error = await wire.error_of(client, "list", "")
    client.close()
    assert (type(error), error.detail.code) == (EndpointRefused, "endpoint")
    assert dcs.calls.count() == 0


async def test_a_named_local_server_is_called(dcs: Simulator, client: DcsClient) -> None:
    """The demo relies on that."""
    await wire.call(client, "list", "")
    assert dcs.calls.count("list", 200) == 1


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["127.8.8.8"],
        ["::1"],
        ["169.254.169.254"],
        ["fe80::1%eth0"],
        ["0.0.0.0"],  # noqa: S104 - an answer of a name server, not a place to listen
        ["::"],
        ["224.0.0.1"],
        ["::ffff:127.0.0.1"],
        ["::ffff:169.254.169.254"],
        ["64:ff9b::a9fe:a9fe"],  # through NAT64
        ["2002:7f00:1::"],  # 6to4
        ["::127.0.0.1"],
        ["ff02::1"],
        ["203.0.113.7", "127.0.0.1"],
    ],
)
async def test_a_name_that_leads_into_this_machine_is_refused(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    """Loopback, link-local (metadata services) and what stands for this machine, in both forms."""
    resolve_to(monkeypatch, *addresses)
    client = wire.client_of("https://dcs.evil.myhuaweicloud.com", named=False)
    error = await wire.error_of(client, "show", "id")
    client.close()
    assert type(error) is EndpointRefused


@pytest.mark.parametrize("region", ["a" * 64, "a" * 250, "a..b"])
async def test_a_name_that_cannot_be_one_is_a_dcs_error(region: str) -> None:
    """Whatever the resolver makes of it, nothing else is raised."""
    client = wire.client_of(f"https://dcs.{region}.invalid", named=False)
    error: DcsError | None = None
    try:
        client.list_page(0)
    except DcsError as caught:
        error = caught
    client.close()
    assert type(error) is Unresolved


@pytest.mark.parametrize(
    "address", ["203.0.113.7", "10.0.0.5", "100.125.0.1", "fd00::5", "2001:db8::1"]
)
async def test_public_and_private_addresses_are_connected_to(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """A VPC endpoint has a private one; here nobody listens."""
    resolve_to(monkeypatch, address)
    client = wire.client_of("https://dcs.a.myhuaweicloud.com", named=False)
    error = await wire.error_of(client, "show", "id")
    client.close()
    assert (type(error), error.detail.code) == (Unavailable, "no-connection")
    assert error.detail.message == "dcs.a.myhuaweicloud.com cannot be reached"


async def test_a_name_is_resolved_once(dcs: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second answer of the name server, which leads elsewhere, is never asked for."""
    host, port = dcs.endpoint.removeprefix("http://").split(":")
    asked: list[object] = []

    def answer(name: object, *_: object, **__: object) -> list[object]:
        asked.append(name)
        address = (host, int(port)) if len(asked) == 1 else ("203.0.113.7", 443)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address)]

    client = wire.client_of(f"http://dcs.example.com:{port}")
    monkeypatch.setattr(socket, "getaddrinfo", answer)
    await wire.call(client, "list", "")
    client.close()
    assert asked == ["dcs.example.com"]


async def test_the_other_end_is_judged_before_anything_is_written(
    dcs: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the name server said: what counts is to whom the socket is connected."""
    _, port = dcs.endpoint.removeprefix("http://").split(":")
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("203.0.113.7", 443))]
    connect = socket.socket.connect
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(
        socket.socket, "connect", lambda sock, _: connect(sock, ("127.0.0.1", int(port)))
    )
    client = wire.client_of("http://dcs.a.example.com", named=False)
    error = await wire.error_of(client, "batch_stop", "id")
    client.close()
    assert type(error) is EndpointRefused
    assert dcs.calls.count() == 0


async def test_the_next_address_is_tried_within_the_time_to_connect(
    dcs: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that does not answer takes its share and no more."""
    host, port = dcs.endpoint.removeprefix("http://").split(":")
    addresses = [(host, 1), (host, 2), (host, int(port))]
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    client = wire.client_of("http://dcs.example.com")
    await wire.call(client, "list", "")
    client.close()
    assert dcs.calls.count("list", 200) == 1


@pytest.mark.parametrize(
    "host, hint",
    [
        ("dcs.cn-nort-4.myhuaweicloud.com", "did you mean cn-north-4?"),
        ("dcs.eu-west-101.myhuaweicloud.com", "dcs.eu-west-101.myhuaweicloud.eu."),
        ("dcs.private.example.com", ""),
    ],
)
async def test_a_name_that_leads_nowhere_comes_with_a_hint(
    monkeypatch: pytest.MonkeyPatch, host: str, hint: str
) -> None:
    """The host is named, why it does not resolve, and what may be meant if that is known."""

    def unresolved(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", unresolved)
    client = wire.client_of(f"https://{host}", named=False)
    error = await wire.error_of(client, "list", "")
    client.close()
    assert (type(error), error.detail.code, error.answered) == (
        Unresolved,
        "name-resolution",
        False,
    )
    why = f"the name {host} cannot be resolved (Temporary failure in name resolution)"
    assert error.detail.message.startswith(why)
    assert error.detail.message.endswith(hint)
