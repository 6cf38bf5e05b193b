"""Sets up TLS to the API server so that it trusts what client-go trusts, and no more.

Clusters have a certificate authority of their own, often made years ago by openssl or a shell
script, without key usage or key identifiers. Go accepts it; Python since 3.13 does so only without
strict checks. They are switched off for such an authority only: if a kubeconfig names none, the
system's certificates are used with all checks of this Python version.
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
    """A certificate or key is not usable; the text quotes no part of it."""


class _Renamed(ssl.SSLContext):
    """An SSL context that requests and checks a different name than the address.

    Attributes:
        server_name: Replaces the name that a caller gives; empty changes nothing.
    """

    server_name: str = ""

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """Start TLS the way asyncio does, with `server_name` if it is set."""
        if self.server_name:
            kwargs["server_hostname"] = self.server_name
        return super().wrap_bio(*args, **kwargs)


def context(
    *, authority: str = "", insecure: bool = False, server_name: str = ""
) -> ssl.SSLContext:
    """Return the SSL context for connections to the API server.

    Args:
        authority: PEM of the cluster's own certificates; empty means those of the system.
        insecure: Do not verify the certificate.
        server_name: The name that the certificate has to hold, if not that of the address.

    Raises:
        CannotTrust: The authority is not PEM.
    """
    made = _Renamed(ssl.PROTOCOL_TLS_CLIENT)  # checks certificates and names
    made.server_name = server_name
    if insecure:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    elif authority:
        # Like Go, trust every listed certificate itself, even if it has an issuer.
        made.verify_flags = ssl.VERIFY_X509_TRUSTED_FIRST | ssl.VERIFY_X509_PARTIAL_CHAIN
        _load(made, authority)
    else:
        made.verify_flags = ssl.create_default_context().verify_flags
        made.load_default_certs()
    return made


def _load(made: ssl.SSLContext, authority: str) -> None:
    """Trust each certificate of a bundle; skip everything else in it, as Go does."""
    for block in _CERTIFICATE.findall(authority):
        with contextlib.suppress(ssl.SSLError):
            made.load_verify_locations(cadata=block)
    if not made.cert_store_stats()["x509"]:
        raise CannotTrust("is not a certificate in PEM form")


def authenticate(made: ssl.SSLContext, certificate: str, key: str) -> None:
    """Set the client certificate of connections.

    Raises:
        CannotTrust: They are not PEM, do not belong together, or the key is encrypted.
    """
    with _readable(f"{certificate}\n{key}\n") as path:
        try:
            # An empty password, as OpenSSL would otherwise ask for one on the terminal.
            made.load_cert_chain(path, password="")
        except (ssl.SSLError, OSError, ValueError):
            raise CannotTrust(
                "are not a certificate and its key in PEM form, without a password"
            ) from None


@contextlib.contextmanager
def _readable(text: str) -> Iterator[str]:
    """Provide a path from which OpenSSL can read a text, for the duration of the block.

    The file is in memory where the system supports that: a pod has no writable folder, and a key
    should not be left on a disk.
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
