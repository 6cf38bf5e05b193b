"""The effect of each fault on an answer. Pure: a fault and a `Setting` in, an answer out.

Also owns `Answer`, which defines what to send and how: at once, late, in drips, cut off, or never.
`server.py` sends it.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from enum import Enum, auto
from typing import Final, Self

from sandbox.dcs import bodies
from sandbox.dcs.errors import (
    BAD_SIGNATURE,
    GATEWAY_BROKEN,
    POLICY_DENIES,
    TEXTS,
    THROTTLED,
    ErrorKind,
    Refusal,
)
from sandbox.dcs.faults import Fault, FaultKind
from sandbox.dcs.names import decode, encode
from sandbox.dcs.permissions import action_of
from sandbox.dcs.reshape import reshape

JSON: Final = "application/json"
HTML: Final = "text/html; charset=utf-8"
PAGE: Final = b"<html><head><title>%d</title></head><body><h1>Gateway</h1></body></html>"
OK: Final = 200
REDIRECTED: Final = 302


class Delivery(Enum):
    """How an answer is sent."""

    WHOLE = auto()
    DRIP = auto()
    """In pieces, spread over `Answer.drip_s`."""
    TRUNCATE = auto()
    """Half of it, then the connection is cut."""
    CUT = auto()
    """Nothing: the connection is cut after `Answer.seconds`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller receives."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    delivery: Delivery = Delivery.WHOLE
    error_code: str = ""
    """The code in the body, for the log."""
    seconds: float = 0.0
    """Seconds to wait before sending."""
    drip_s: float = 0.0

    @classmethod
    def refused(cls, refusal: Refusal) -> Self:
        """Make an error answer."""
        body = bodies.error(refusal.code, refusal.message)
        return cls(refusal.status, body, error_code=refusal.code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The call that meets a fault."""

    operation: str
    now_s: float
    """Unix time, for `Retry-After` as a date."""
    execute: Callable[[], Answer]
    """Executes the call, and returns the right answer."""


def answer_with(fault: Fault, setting: Setting) -> Answer:
    """Return the answer to a call that meets this fault, delayed as the fault defines."""
    answer = _answer(fault, setting)
    return replace(answer, seconds=answer.seconds + fault.delay_s)


def _answer(fault: Fault, setting: Setting) -> Answer:
    """Execute the call only if the fault allows it, and answer as the fault defines."""
    instead = _INSTEAD.get(fault.kind)
    if instead is not None:
        if fault.executes:
            setting.execute()
        return instead(fault, setting)
    answer = setting.execute()
    match fault.kind:
        case FaultKind.SLOW:
            return replace(answer, seconds=fault.seconds)
        case FaultKind.DRIP:
            return replace(answer, drip_s=fault.seconds, delivery=Delivery.DRIP)
        case FaultKind.TRUNCATE:
            return replace(answer, delivery=Delivery.TRUNCATE)
        case _:
            return _reshaped(fault, answer)


def _throttle(fault: Fault, setting: Setting) -> Answer:
    window = f"{fault.window_s:g} second"
    if fault.window_s % 60 == 0:
        window = f"{fault.window_s / 60:g} minute"
    retry_after = fault.retry_after or _retry_after(fault, setting.now_s)
    headers = {"Retry-After": retry_after} if retry_after else {}
    return replace(_refusal(THROTTLED, fault.limit, window), headers=headers)


def _retry_after(fault: Fault, now_s: float) -> str:
    seconds = fault.retry_after_s
    if seconds is None:
        return ""
    match fault.retry_after_as:
        case "date":
            return formatdate(now_s + seconds, usegmt=True)
        case "decimal":
            return f"{seconds:.1f}"
        case "seconds":
            return str(math.ceil(seconds))


def _error(fault: Fault, _: Setting) -> Answer:
    if fault.html:
        return Answer(fault.status, PAGE % fault.status, HTML)
    kind = GATEWAY_BROKEN.get(fault.status, GATEWAY_BROKEN[500])
    code = fault.code or kind.code
    message = fault.message or TEXTS.get(code, kind.text)
    return Answer(fault.status, bodies.error(code, message), error_code=code)


def _refusal(kind: ErrorKind, *details: object) -> Answer:
    return Answer.refused(Refusal(kind, *details))


_INSTEAD: Final[dict[FaultKind, Callable[[Fault, Setting], Answer]]] = {
    FaultKind.THROTTLE: _throttle,
    FaultKind.RATE_LIMIT: _throttle,
    FaultKind.ERROR: _error,
    FaultKind.HTML: lambda *_: Answer(OK, PAGE % OK, HTML),
    FaultKind.EMPTY: lambda *_: Answer(OK),
    FaultKind.REDIRECT: lambda *_: Answer(
        REDIRECTED, PAGE % REDIRECTED, HTML, {"Location": "/elsewhere"}
    ),
    FaultKind.UNAUTHORIZED: lambda *_: _refusal(BAD_SIGNATURE, "verify aksk signature fail"),
    FaultKind.FORBIDDEN: lambda _, setting: _refusal(POLICY_DENIES, action_of(setting.operation)),
    FaultKind.HANG: lambda fault, _: Answer(0, delivery=Delivery.CUT, seconds=fault.seconds),
    FaultKind.DROP: lambda *_: Answer(0, delivery=Delivery.CUT),
}


def _reshaped(fault: Fault, answer: Answer) -> Answer:
    """Return the answer with a body of another shape; errors stay as they are."""
    body = decode(answer.body) if answer.status == OK else None
    return answer if body is None else replace(answer, body=encode(reshape(fault, body)))
