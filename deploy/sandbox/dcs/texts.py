"""The styles of error texts: what gateways add to them in the field.

Services and gateways do not only describe the error. They repeat parts of the signed request (seen
in public reports: `canonicalRequest` in a 401, with every signed header, including a temporary
key's token), and they add what differs in each answer (trace ids, the time of the server). A caller
that shows such a text shows a secret, or something new each time.

| style | added to the text of every error, those of single items of a batch included |
| --- | --- |
| `plain` | nothing |
| `echo` | the canonical request with all signed headers, the header Authorization, the token |
| `echo_encoded` | the token and the header Authorization percent-encoded, in base64 and in hex |
| `echo_cut` | the first and the last part of the token and of the signature, with dots between |
| `changing` | a trace id and the time of the server; `request_id` stands in the body too |

Pure: an answer and an `Occasion` in, an answer out. The secret key is never involved: no gateway
has it, so none can repeat it.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal
from urllib.parse import quote

from sandbox.dcs.names import decode, encode
from sandbox.dcs.signature import (
    Authorization,
    BadSignatureError,
    SignedRequest,
    canonical_request,
)
from sandbox.dcs.spoil import Answer

Style = Literal["plain", "echo", "echo_encoded", "echo_cut", "changing"]

TOKEN: Final = "x-security-token"  # noqa: S105 - the name of a header
CUT_PART: Final = 3
"""The two ends that `echo_cut` shows are each this fraction of the text (1/n)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """The request whose answer is changed."""

    request: SignedRequest
    request_id: str
    trace_id: str
    now_s: float

    @property
    def secrets(self) -> list[tuple[str, str]]:
        """The parts that must not be repeated: names and values, where it has them."""
        headers = self.request.headers
        named = ((TOKEN, "X-Security-Token"), ("authorization", "Authorization"))
        return [(shown, headers[name]) for name, shown in named if headers.get(name)]


def dressed(answer: Answer, style: Style, occasion: Occasion) -> Answer:
    """Return the answer with all its error texts in a style; other texts stay unchanged."""
    suffix = _SUFFIXES.get(style)
    if suffix is None or answer.content_type.partition(";")[0] != "application/json":
        return answer
    body = decode(answer.body)
    if not isinstance(body, dict):
        return answer
    items = body.get("migration_tasks")
    failed = [one for one in items or () if isinstance(one, dict) and _has_text(one)]
    if _has_text(body):
        failed.append(body)
    if not failed:
        return answer
    added = suffix(occasion)
    for one in failed:
        one["error_msg"] = f"{one['error_msg']}{added}"
    if style == "changing" and _has_text(body):
        body["request_id"] = occasion.request_id
    return replace(answer, body=encode(body))


def _has_text(body: Mapping[str, Any]) -> bool:
    return isinstance(body.get("error_msg"), str)


def _echo(occasion: Occasion) -> str:
    lines = _canonical(occasion.request)
    headers = ", ".join(f"{name}: {value}" for name, value in occasion.secrets)
    return f", canonicalRequest:{'|'.join(lines)}, request headers: {headers}"


def _canonical(request: SignedRequest) -> list[str]:
    """Return the lines of the canonical request, or what there is of one without a signature."""
    try:
        signed = Authorization.parse(request.headers.get("authorization", "")).signed_headers
        return canonical_request(request, signed).split("\n")
    except BadSignatureError:
        return [request.method, request.target]


def _echo_encoded(occasion: Occasion) -> str:
    shown = []
    for name, value in occasion.secrets:
        raw = value.encode(errors="surrogateescape")
        forms = (quote(raw, safe=""), base64.b64encode(raw).decode(), raw.hex())
        shown.append(f"{name}={' '.join(forms)}")
    return f", request: {'; '.join(shown)}"


def _echo_cut(occasion: Occasion) -> str:
    shown = []
    for name, value in occasion.secrets:
        secret = value.rpartition("Signature=")[2]
        size = max(1, len(secret) // CUT_PART)
        shown.append(f"{name}: {secret[:size]}...{secret[-size:]}")
    return f", request headers: {', '.join(shown)}"


def _changing(occasion: Occasion) -> str:
    time = datetime.fromtimestamp(occasion.now_s, UTC).isoformat(timespec="milliseconds")
    return f" (trace id {occasion.trace_id}, server time: {time})"


_SUFFIXES: Final[Mapping[str, Callable[[Occasion], str]]] = {
    "echo": _echo,
    "echo_encoded": _echo_encoded,
    "echo_cut": _echo_cut,
    "changing": _changing,
}
