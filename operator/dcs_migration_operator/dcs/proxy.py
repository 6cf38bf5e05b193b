"""Parses the URL of the HTTP proxy for DCS calls, which is set by an option, not by HTTPS_PROXY."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

PORT: Final = 3128
"""The customary proxy port, used when a URL names none."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """One HTTP proxy.

    Attributes:
        host: Its name or address.
        authorization: Value of `Proxy-Authorization`; empty without credentials.
        secrets: The credentials as written in the URL and decoded, to be kept out of texts.
    """

    host: str
    port: int
    authorization: str = field(default="", repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def headers(self, host: str, port: int) -> dict[str, str]:
        """Return the headers of a `CONNECT`; older releases of Python do not send `Host`."""
        host = f"[{host}]" if ":" in host else host
        headers = {"Host": f"{host}:{port}"}
        return headers | ({"Proxy-Authorization": self.authorization} if self.authorization else {})


def proxy_of(url: str) -> Proxy:
    """Parse a proxy URL such as `http://user:password@proxy.example.com:3128`.

    Raises:
        ValueError: It is invalid. The text quotes no part of it, since it may hold a password.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("its host or port is malformed") from None
    if parts.scheme != "http":
        raise ValueError("it does not begin with http://, the only kind of proxy that is spoken to")
    if not host or not host.isascii() or not host.isprintable() or " " in host or port == 0:
        raise ValueError("it names no host, or a malformed one")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("it goes on behind the port")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not user and not password:
        return Proxy(host, port or PORT)
    pair = f"{user}:{password}".encode()
    authorization = "Basic " + base64.b64encode(pair).decode()
    secrets = (password, parts.password or "", authorization.partition(" ")[2])
    return Proxy(host, port or PORT, authorization, secrets)
