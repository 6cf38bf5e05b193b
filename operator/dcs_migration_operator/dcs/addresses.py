"""Resolves a host name and connects to it, unless a project may not reach the address.

A name is resolved once, and the address that was checked is the one that is connected to, so that
a name that resolves differently a moment later cannot bypass the check. This module sends no data.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from typing import Any, Final

from dcs_migration_operator.core.endpoints import region_hint
from dcs_migration_operator.core.errors import EndpointRefused, Unavailable, Unresolved
from dcs_migration_operator.core.model import ErrorDetail

ADDRESSES_MAX: Final = 8
"""Most addresses of one name that are tried; they share the time limit for connecting."""

ATTEMPT_S_MIN: Final = 0.001
"""Shortest time limit of an attempt; a socket whose limit is 0 would not wait at all."""

_EMBEDDING: Final = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::/96"))
"""IPv6 ranges whose last 32 bits are an IPv4 address (RFC 6052, RFC 4291)."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Found = list[tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]]


def resolved(host: str, port: int, *, anywhere: bool) -> Found:
    """Resolve a name; blocks for as long as the system's resolver takes.

    With `anywhere`, loopback, link-local, unspecified and multicast addresses are allowed too.

    Raises:
        Unresolved: The name has no address.
        EndpointRefused: The name resolves to an address that is not allowed.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise _unresolved(host, error.strerror) from None
    except (OSError, ValueError):  # a label of more than 63 characters, a NUL
        raise _unresolved(host, "it is no name of a host") from None
    if not anywhere:
        for *_, address in found:
            judge(host, str(address[0]))
    return list(found[:ADDRESSES_MAX])


def connected(host: str, found: Found, *, until_s: float) -> socket.socket:
    """Return a socket that is connected to one of these addresses.

    The attempts end at `until_s` on the monotonic clock, which also limits the next operation on
    the returned socket.

    Raises:
        Unavailable: No address can be reached in time.
    """
    last = OSError("there is no address")
    for number, (family, kind, protocol, _, address) in enumerate(found):
        share_s = (until_s - time.monotonic()) / (len(found) - number)
        try:
            sock = socket.socket(family, kind, protocol)
        except OSError as error:  # IPv6 is disabled, or there are too many open files
            last = error
            continue
        try:
            sock.settimeout(max(share_s, ATTEMPT_S_MIN))
            sock.connect(address)
            sock.settimeout(max(until_s - time.monotonic(), ATTEMPT_S_MIN))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            sock.close()
            last = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    if isinstance(last, TimeoutError):
        raise Unavailable(ErrorDetail("connect-timeout", f"{host}: no connection in time"))
    why = f" ({last.strerror})" if last.strerror else ""
    raise Unavailable(ErrorDetail("no-connection", f"{host} cannot be reached{why}"))


def judge(host: str, address: str) -> None:
    """Refuse a loopback or link-local address in any notation; ignore host names.

    Raises:
        EndpointRefused: The host is such an address.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return
    if any(map(_is_local, _meanings(ip))):
        raise EndpointRefused(
            ErrorDetail("endpoint", f"{host} leads to a loopback or link-local address")
        )


def _unresolved(host: str, why: str | None) -> Unresolved:
    hint = region_hint(host)
    text = f"the name {host} cannot be resolved" + (f" ({why})" if why else "")
    return Unresolved(ErrorDetail("name-resolution", f"{text}. {hint}" if hint else text))


def _meanings(ip: Address) -> list[Address]:
    """Return an address together with the IPv4 addresses that it may embed."""
    if isinstance(ip, ipaddress.IPv4Address):
        return [ip]
    inner = [found for found in (ip.ipv4_mapped, ip.sixtofour) if found]
    if any(ip in network for network in _EMBEDDING):
        inner.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    return [ip, *inner]


def _is_local(ip: Address) -> bool:
    return ip.is_loopback or ip.is_link_local or ip.is_unspecified or ip.is_multicast
