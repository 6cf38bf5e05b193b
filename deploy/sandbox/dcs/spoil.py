"""What each fault does to an answer. Pure: a fault and a way to execute in, an answer out.

Also owns `Answer`, which says what to send and how: at once, late, in drips, cut off, or never.
Sending is the business of `server.py`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any, Final, Self

from sandbox.dcs import bodies
from sandbox.dcs.errors import (
    BAD_SIGNATURE,
    GATEWAY_BROKEN,
    POLICY_DENIES,
    THROTTLED,
    ErrorKind,
    Refusal,
)
from sandbox.dcs.faults import Fault, FaultKind

JSON: Final = "application/json"
HTML: Final = "text/html; charset=utf-8"
PAGE: Final = b"<html><head><title>%d</title></head><body><h1>Gateway</h1></body></html>"
OK: Final = 200
REDIRECTED: Final = 302
LISTS: Final = ("migration_tasks", "migration_logs", "task_id_list")
EXTRA_ID: Final = "eeeeeeee-eeee-4eee-8eee-{0:012x}"


class Delivery(Enum):
    """How an answer goes out."""

    WHOLE = auto()
    DRIP = auto()
    """In pieces, spread over `Answer.seconds`."""
    TRUNCATE = auto()
    """Half of it, then the connection is cut."""
    CUT = auto()
    """Nothing: the connection is cut after `Answer.seconds`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller gets."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    delivery: Delivery = Delivery.WHOLE
    error_code: str = ""
    """The code in the body, for the log."""
    seconds: float = 0.0
    """Waits so long before (or, for drips, while) sending."""

    @classmethod
    def refused(cls, refusal: Refusal) -> Self:
        """An error answer."""
        body = bodies.error(refusal.code, refusal.message)
        return cls(refusal.status, body, error_code=refusal.code)


def answer_with(fault: Fault, execute: Callable[[], Answer]) -> Answer:
    """The answer to a call that meets this fault; executes it only if the fault says so."""
    instead = _INSTEAD.get(fault.kind)
    if instead is not None:
        if fault.executes:
            execute()
        return instead(fault)
    answer = execute()
    match fault.kind:
        case FaultKind.SLOW:
            return replace(answer, seconds=fault.seconds)
        case FaultKind.DRIP:
            return replace(answer, seconds=fault.seconds, delivery=Delivery.DRIP)
        case FaultKind.TRUNCATE:
            return replace(answer, delivery=Delivery.TRUNCATE)
        case _:
            return _reshaped(fault, answer)


def _throttle(fault: Fault) -> Answer:
    window = f"{fault.window_s:g} second"
    if fault.window_s % 60 == 0:
        window = f"{fault.window_s / 60:g} minute"
    headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
    return replace(_refusal(THROTTLED, fault.limit, window), headers=headers)


def _error(fault: Fault) -> Answer:
    if fault.html:
        return Answer(fault.status, PAGE % fault.status, HTML)
    kind = GATEWAY_BROKEN.get(fault.status, GATEWAY_BROKEN[500])
    code, message = fault.code or kind.code, fault.message or kind.text
    return Answer(fault.status, bodies.error(code, message), error_code=code)


def _refusal(kind: ErrorKind, *details: object) -> Answer:
    return Answer.refused(Refusal(kind, *details))


_INSTEAD: Final[dict[FaultKind, Callable[[Fault], Answer]]] = {
    FaultKind.THROTTLE: _throttle,
    FaultKind.RATE_LIMIT: _throttle,
    FaultKind.ERROR: _error,
    FaultKind.HTML: lambda _: Answer(OK, PAGE % OK, HTML),
    FaultKind.EMPTY: lambda _: Answer(OK),
    FaultKind.REDIRECT: lambda _: Answer(
        REDIRECTED, PAGE % REDIRECTED, HTML, {"Location": "/elsewhere"}
    ),
    FaultKind.UNAUTHORIZED: lambda _: _refusal(BAD_SIGNATURE, "verify aksk signature fail"),
    FaultKind.FORBIDDEN: lambda fault: _refusal(
        POLICY_DENIES, f"dcs:migrationTask:{fault.operation}"
    ),
    FaultKind.HANG: lambda fault: Answer(0, delivery=Delivery.CUT, seconds=fault.seconds),
    FaultKind.DROP: lambda _: Answer(0, delivery=Delivery.CUT),
}


def _reshaped(fault: Fault, answer: Answer) -> Answer:
    """The same answer with a body that is wrong in shape or content; errors stay as they are."""
    if answer.status != OK:
        return answer
    body: dict[str, Any] = json.loads(answer.body)
    name = next((name for name in LISTS if name in body), None)
    items: list[Any] = body[name] if name is not None else []
    match fault.kind:
        case FaultKind.OVERSIZE:
            body["padding"] = "x" * fault.size_bytes
        case FaultKind.NULL_LIST:
            body = {key: None if name in (key, None) else value for key, value in body.items()}
        case FaultKind.MISSING_LIST:
            body = {}
        case FaultKind.WRONG_TYPES:
            return replace(answer, body=bodies.encode(_mistyped(fault.variant, body, name)))
        case FaultKind.OMIT_IDS if name is not None:
            body[name] = items[fault.ids :]
        case FaultKind.DUPLICATE_IDS if name is not None:
            body[name] = items + items[: fault.ids]
        case FaultKind.EXTRA_IDS if name is not None:
            model = items[0] if items else {}
            body[name] = items + [
                model | {"task_id": EXTRA_ID.format(number)} for number in range(fault.ids)
            ]
        case _:
            return answer
    return replace(answer, body=bodies.encode(body))


def _mistyped(variant: str, body: dict[str, Any], name: str | None) -> object:
    if name is None:
        return [body] if variant == "list" else dict.fromkeys(body, 17)
    items = body[name]
    if variant == "list":
        return body | {name: "none", "count": "many"}
    if variant == "items":
        return body | {name: [17 for _ in items]}
    return body | {
        name: [dict.fromkeys(item, 17) if isinstance(item, dict) else 17 for item in items]
    }
