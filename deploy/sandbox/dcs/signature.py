"""Verify the request signature SDK-HMAC-SHA256, as the API gateway does.

Pure: a request and a secret in, silence or `BadSignatureError` out. The scheme, as read from the
signers of the official Python, Go and Java SDKs:

- `Authorization: SDK-HMAC-SHA256 Access=<key>, SignedHeaders=<a;b>, Signature=<hex>`;
- canonical request: method, path with a slash at the end, sorted query, the headers named in
  SignedHeaders, that list itself, the SHA-256 of the raw body, one per line;
- to sign: label, `X-Sdk-Date` (`YYYYMMDDTHHMMSSZ`, UTC), SHA-256 of the canonical request;
- signature: HMAC-SHA256 of that under the secret key, in hex.

Which headers are signed is the caller's choice (Go leaves out `host`), except `X-Sdk-Date`.
Nothing here puts a secret, a signature or a header value into an exception, but for the two times
that a gateway names when they are too far apart.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self
from urllib.parse import parse_qsl, quote, unquote

ALGORITHM: Final = "SDK-HMAC-SHA256"
CLOCK_WINDOW_S: Final = 15 * 60
"""The gateway rejects a larger difference between `X-Sdk-Date` and its clock, either way."""
UNSIGNED_PAYLOAD: Final = "UNSIGNED-PAYLOAD"
"""Value of `X-Sdk-Content-Sha256` with which the SDKs leave a body that is not JSON unsigned."""

_DATE_FORMAT: Final = "%Y%m%dT%H%M%SZ"
_AUTHORIZATION: Final = re.compile(
    rf"{ALGORITHM} Access=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{{64}})"
)


class BadSignatureError(Exception):
    """Raised if a request is not properly signed; the text says in which respect."""


@dataclass(frozen=True, slots=True)
class Authorization:
    """The parsed header."""

    access_key: str
    signed_headers: tuple[str, ...]
    signature: str

    @classmethod
    def parse(cls, value: str) -> Self:
        """Parse the header; raises `BadSignatureError` unless it has the shape shown above."""
        match = _AUTHORIZATION.fullmatch(value.strip())
        if match is None:
            raise BadSignatureError("the header Authorization is missing or malformed")
        return cls(match[1], tuple(match[2].split(";")), match[3])


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a signature covers: the request as it came over the wire."""

    method: str
    target: str
    """Path and query, still percent-encoded."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


def verify(request: SignedRequest, secret_key: str, now_s: float) -> None:
    """Raise `BadSignatureError` unless the request is signed with this secret about now."""
    authorization = Authorization.parse(request.headers.get("authorization", ""))
    date = request.headers.get("x-sdk-date", "")
    if "x-sdk-date" not in authorization.signed_headers:
        raise BadSignatureError("the header X-Sdk-Date is not signed")
    if abs(_seconds(date) - now_s) > CLOCK_WINDOW_S:
        server = datetime.fromtimestamp(now_s, UTC).strftime(_DATE_FORMAT)
        raise BadSignatureError(
            f"the header X-Sdk-Date is expired, request time: {date}, server time: {server}"
        )
    canonical = canonical_request(request, authorization.signed_headers)
    # Header bytes that are not UTF-8 arrive as lone surrogates.
    digest = hashlib.sha256(canonical.encode(errors="surrogateescape")).hexdigest()
    to_sign = f"{ALGORITHM}\n{date}\n{digest}"
    expected = hmac.new(secret_key.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, authorization.signature):
        raise BadSignatureError("verify aksk signature fail")


def canonical_request(request: SignedRequest, signed_headers: tuple[str, ...]) -> str:
    """Return the text to sign; raises `BadSignatureError` if a header is missing."""
    path, _, query = request.target.partition("?")
    lines = [request.method.upper(), _canonical_path(path), _canonical_query(query)]
    for name in signed_headers:
        if name not in request.headers:
            raise BadSignatureError("a header named in SignedHeaders is missing")
        lines.append(f"{name}:{request.headers[name].strip()}")
    # The headers end in an empty line of their own.
    lines += ["", ";".join(signed_headers), _body_hash(request)]
    return "\n".join(lines)


def _canonical_path(path: str) -> str:
    encoded = "/".join(_encode(part) for part in unquote(path).split("/"))
    return encoded if encoded.endswith("/") else encoded + "/"


def _canonical_query(query: str) -> str:
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    return "&".join(f"{_encode(name)}={_encode(value)}" for name, value in pairs)


def _encode(text: str) -> str:
    return quote(text, safe="~")


def _body_hash(request: SignedRequest) -> str:
    if request.body and request.headers.get("x-sdk-content-sha256") == UNSIGNED_PAYLOAD:
        return UNSIGNED_PAYLOAD
    return hashlib.sha256(request.body).hexdigest()


def _seconds(date: str) -> float:
    try:
        return datetime.strptime(date, _DATE_FORMAT).replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise BadSignatureError("the header X-Sdk-Date is missing or malformed") from None
