"""Creates TLS contexts that trust the public CAs and, in addition, a private CA.

The public CAs are Mozilla's as shipped with `certifi`, regardless of the machine and its
environment. A private bundle is added to them and never replaces them. It is trusted as client-go
and curl would: its certificates need not be self-signed, and those without key identifiers, as old
tools make them, are accepted on every release of Python.
"""

from __future__ import annotations

import functools
import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import certifi

if TYPE_CHECKING:
    from collections.abc import Mapping

BUNDLE_BYTES_MAX: Final = 2**20
"""Largest bundle: one of all public CAs has a quarter of this, and a ConfigMap cannot hold more."""

CONTEXTS_MAX: Final = 16
"""Contexts that are cached, one per set of bundles; each has 0.8 MB and takes 20 ms to create."""

_CERTIFICATE: Final = re.compile(
    r"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[A-Za-z0-9+/=\s]+"
    r"-----END (?:X509 |TRUSTED )?CERTIFICATE-----",
    re.ASCII,
)

_WHY: Final[Mapping[int, str]] = MappingProxyType(
    {
        9: "it is not valid yet; check the clocks",
        10: "it has expired",
        18: "it is self-signed and not among the trusted ones",
        19: "its chain ends in a self-signed CA that is not trusted",
        20: "its issuer is unknown",
        21: "its issuer is unknown, and the server sends no chain that leads to a known one",
        2: "the issuer of its CA is unknown",
        62: "it is for another host name",
        64: "it is for another address",
    }
)
"""Explanations of OpenSSL's codes (`X509_V_ERR_*`); for other codes OpenSSL's own text is used."""

_FOR_A_CA: Final = frozenset({2, 18, 19, 20, 21})
"""The codes that a CA bundle can resolve."""

HOW_TO_TRUST: Final = "trust its CA by --ca-file or spec.caBundle of the project"


class NoCertificate(ValueError):
    """A bundle cannot be used; the text says why and may be shown to people."""


@dataclass(frozen=True, slots=True)
class Trust:
    """PEM certificates to trust in addition to the public ones."""

    pem: str = field(repr=False)


def trust_in(path: str) -> Trust:
    """Read a file of certificates.

    Raises:
        NoCertificate: The file cannot be read or holds no certificate.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(BUNDLE_BYTES_MAX + 1)
    except OSError as error:
        raise NoCertificate(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError:  # a NUL in the path
        raise NoCertificate("its path is not one") from None
    if len(data) > BUNDLE_BYTES_MAX:
        raise NoCertificate(f"{path} is larger than {BUNDLE_BYTES_MAX} bytes")
    trust = Trust("\n".join(_certificates(data.decode("ascii", "replace"))))
    if not trust.pem:
        raise NoCertificate(f"{path} holds no certificate in PEM")
    try:
        _load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), trust.pem)
    except NoCertificate as error:
        raise NoCertificate(f"{path}: {error}") from None
    return trust


def context_of(*bundles: str) -> ssl.SSLContext:
    """Return a context that trusts the public CAs and these bundles; equal bundles share one.

    Raises:
        NoCertificate: A bundle holds no certificate or one that cannot be read.
    """
    return _context(tuple(dict.fromkeys(bundle for bundle in bundles if bundle)))


@functools.lru_cache(maxsize=CONTEXTS_MAX)
def _context(bundles: tuple[str, ...]) -> ssl.SSLContext:
    # Not `ssl.create_default_context`: it takes the path for session keys from the environment, and
    # checks a private CA more strictly since Python 3.13.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=certifi.where())
    for bundle in bundles:
        certificates = _certificates(bundle)
        if not certificates:
            raise NoCertificate("the bundle holds no certificate in PEM")
        _load(context, "\n".join(certificates))
    if bundles:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def why_untrusted(error: ssl.SSLCertVerificationError) -> str:
    """Return why a certificate was rejected and what to do; the text is ours or OpenSSL's."""
    code = getattr(error, "verify_code", 0)
    why = _WHY.get(code) or getattr(error, "verify_message", "") or "it cannot be verified"
    return f"{why}; {HOW_TO_TRUST}" if code in _FOR_A_CA else why


def _certificates(text: str) -> list[str]:
    """Return the certificates in a text, without the text between them."""
    return _CERTIFICATE.findall(text)


def _load(context: ssl.SSLContext, pem: str) -> None:
    try:
        context.load_verify_locations(cadata=pem)
    except ssl.SSLError:
        raise NoCertificate("a certificate in it cannot be read") from None
