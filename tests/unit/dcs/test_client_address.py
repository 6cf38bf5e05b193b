"""Names that lead into this machine: refused, unless an administrator named the host."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from dcs_migration_operator.core.errors import DcsError, EndpointRefused, Unavailable
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
    """As in the demo."""
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
    assert type(error) is Unavailable
