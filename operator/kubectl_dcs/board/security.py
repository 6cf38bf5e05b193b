"""Which requests the page's server accepts, and what the page may do. Pure.

The server listens on 127.0.0.1, where every program on this machine, and every web page in a
browser on it, can reach it. So a request needs the session obtained through the random address, a
name of this machine in `Host` (against DNS rebinding to 127.0.0.1), and no origin other than its
own.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN_BYTES: Final = 32

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Nothing external, nothing inline; text cannot become markup even by mistake."""

HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""The headers of every answer."""

TOKEN_HEADER: Final = "X-Board-Token"  # noqa: S105 - the name of a header
"""Required for changes: another site's page can neither read nor send it without a preflight."""


def _random() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


@dataclass(frozen=True, slots=True)
class Keys:
    """The secrets of one run of the board, each for one purpose.

    Attributes:
        address: In the printed address; exchanged for the session.
        session: In the session cookie.
        change: Sent by the page with Hold or Go.
    """

    address: str = field(default_factory=_random, repr=False)
    session: str = field(default_factory=_random, repr=False)
    change: str = field(default_factory=_random, repr=False)


def is_same(given: str, secret: str) -> bool:
    """Return whether a secret matches, in constant time."""
    return hmac.compare_digest(given.encode(errors="replace"), secret.encode())


def hosts(port: int) -> frozenset[str]:
    """Return the accepted values of `Host`."""
    return frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})


def cookie_name(port: int) -> str:
    """Return the name of the cookie; cookies ignore ports, and two boards may run."""
    return f"dcs-board-{port}"


def refusal(method: str, path: str, headers: Mapping[str, str], port: int) -> str:
    """Return why a request is refused, whoever sends it; empty if it is accepted.

    The page itself may be opened from elsewhere, such as a link in a chat: only its address has the
    token, and no frame may show it.
    """
    host = headers.get("Host", "")
    if host not in hosts(port):
        return "This board answers to 127.0.0.1 and localhost with its own port only."
    origin = headers.get("Origin")
    if origin is not None and origin != f"http://{host}":
        return "This board answers to its own page only."
    if method != "GET" and origin is None:
        return "A change needs to say which page it comes from."
    site = headers.get("Sec-Fetch-Site", "none")
    opened = path == "/" and method == "GET" and headers.get("Sec-Fetch-Mode") == "navigate"
    if site not in {"none", "same-origin"} and not opened:
        return "This board answers to its own page only."
    return ""
