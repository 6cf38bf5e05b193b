"""The proxy that calls to DCS go through, if one is named: by name, never by environment."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

PORT: Final = 3128
"""Where proxies listen by custom when a URL names no port."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """One HTTP proxy.

    Attributes:
        host: Its name or address.
        authorization: Value of `Proxy-Authorization`; empty without credentials.
        secrets: The credentials as they stand in the URL and decoded, to be kept out of texts.
    """

    host: str
    port: int
    authorization: str = field(default="", repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def headers(self, host: str, port: int) -> dict[str, str]:
        """Return what a `CONNECT` to a host says; older releases of Python would not name it."""
        host = f"[{host}]" if ":" in host else host
        headers = {"Host": f"{host}:{port}"}
        return headers | ({"Proxy-Authorization": self.authorization} if self.authorization else {})


def proxy_of(url: str) -> Proxy:
    """Return what a URL such as `http://user:password@proxy.example.com:3128` means.

    Raises:
        ValueError: It is not one. The text repeats nothing of it, since it may hold a password.
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
