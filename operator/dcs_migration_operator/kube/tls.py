"""Whom to trust as the API server: what client-go trusts, and no more.

Clusters bring a certificate authority of their own, which openssl or a shell script made years ago:
without a key usage, without key identifiers. Go takes it. Python does since 3.13 only if told so;
it is told so here, and for such an authority alone: where a kubeconfig names none, the system's
certificates are trusted with all that this Python demands of them.
"""

from __future__ import annotations

import contextlib
import os
import re
import ssl
import tempfile
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator


_CERTIFICATE: Final = re.compile(
    r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----"
)


class CannotTrust(Exception):
    """A certificate or a key is not what it should be; the text holds nothing of it."""


class _Renamed(ssl.SSLContext):
    """Asks for, and checks, another name than the one that is connected to.

    Attributes:
        server_name: Stands for whatever name a caller gives; empty changes nothing.
    """

    server_name: str = ""

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """Begin TLS as asyncio does."""
        if self.server_name:
            kwargs["server_hostname"] = self.server_name
        return super().wrap_bio(*args, **kwargs)


def context(
    *, authority: str = "", insecure: bool = False, server_name: str = ""
) -> ssl.SSLContext:
    """Return what a connection to the API server is made with.

    Args:
        authority: PEM of the cluster's own certificates; empty means those of the system.
        insecure: Believe everything.
        server_name: The name that the certificate has to hold, if not that of the address.

    Raises:
        CannotTrust: The authority is no PEM.
    """
    made = _Renamed(ssl.PROTOCOL_TLS_CLIENT)  # checks certificates and names
    made.server_name = server_name
    if insecure:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    elif authority:
        # As Go: whatever is listed is trusted itself, though it may have an issuer.
        made.verify_flags = ssl.VERIFY_X509_TRUSTED_FIRST | ssl.VERIFY_X509_PARTIAL_CHAIN
        _load(made, authority)
    else:
        made.verify_flags = ssl.create_default_context().verify_flags
        made.load_default_certs()
    return made


def _load(made: ssl.SSLContext, authority: str) -> None:
    """Trust each certificate of a bundle; what else is in it is passed over, as by Go."""
    for block in _CERTIFICATE.findall(authority):
        with contextlib.suppress(ssl.SSLError):
            made.load_verify_locations(cadata=block)
    if not made.cert_store_stats()["x509"]:
        raise CannotTrust("is not a certificate in PEM form")


def authenticate(made: ssl.SSLContext, certificate: str, key: str) -> None:
    """Have connections show a client certificate.

    Raises:
        CannotTrust: They are no PEM, do not belong together, or the key is encrypted.
    """
    with _readable(f"{certificate}\n{key}\n") as path:
        try:
            # A password, though there is none: else OpenSSL would ask for it on a terminal.
            made.load_cert_chain(path, password="")
        except (ssl.SSLError, OSError, ValueError):
            raise CannotTrust(
                "are not a certificate and its key in PEM form, without a password"
            ) from None


@contextlib.contextmanager
def _readable(text: str) -> Iterator[str]:
    """Give a path under which OpenSSL reads a text, for the time of the block.

    In memory where the system has that: a pod has no folder that it can write to, and a key is not
    left on a disk.
    """
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("certificate")
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - it has no path
            file.write(text)
            file.flush()
            yield f"/proc/self/fd/{descriptor}"
    else:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            yield file.name
