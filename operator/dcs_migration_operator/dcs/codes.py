"""The error book: maps (operation, HTTP status, code) to the error class that a caller handles.

Sources: the vendor's batch-stop page (`DCS.4855`), the error appendix of the sibling cloud built on
the same service, the API gateway's error pages and the Terraform provider (`DCS.4133` = deleted).
A code is never judged without its operation: `DCS.4855` also means "switchover not supported".
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.cloud import Operation
from dcs_migration_operator.core.errors import (
    AuthFailed,
    Busy,
    DcsError,
    Misconfigured,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    Refused,
    Throttled,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


_OF_ONE_ID: Final = frozenset({Operation.SHOW, Operation.STATS})
"""Calls with one id in their path; an error concerns that id or that kind of call."""

_GONE: Final = frozenset(
    {
        "DCS.4133",  # instance job not found
        "DCS.4070",  # bad format of the one id that was asked for
        "DCS.4855",  # "invalid migration task id"
        "DCS.3022",  # instance does not exist
    }
)
"""The codes with which a call about one id says that DCS does not know the id."""

_BY_CODE: Final[Mapping[str, type[DcsError]]] = MappingProxyType(
    {
        **dict.fromkeys(("DCS.1001", "DCS.1002", "DCS.1003", "DCS.1004"), AuthFailed),
        **dict.fromkeys(("DCS.2003", "DCS.2007", "DCS.3002", "DCS.3003"), PermissionDenied),
        **dict.fromkeys(
            (
                "DCS.4001",  # URL does not exist: wrong endpoint, or a region without the API
                "DCS.4002",  # bad project id format
                "DCS.4004",  # empty body
                "DCS.4005",  # not JSON
                "DCS.5001",  # method not allowed
            ),
            Misconfigured,
        ),
        **dict.fromkeys(
            (
                "DCS.4855",  # invalid migration task id
                "DCS.4070",  # bad task id format
                "DCS.4957",  # not allowed in the current task state
                "DCS.4062",  # invalid parameter, these three
                "DCS.4063",
                "DCS.4800",
                "DCS.3022",  # instance does not exist
                "DCS.4133",  # instance job not found
            ),
            Refused,
        ),
        **dict.fromkeys(
            (
                "DCS.4017",  # a job on this instance is still running
                "DCS.4026",  # not allowed in the current instance state
                "DCS.4049",  # instance not running
                "DCS.4104",  # instance recovering from a fault
                "DCS.4096",  # the rest: instance busy (backup, restore, restart, resize, ...)
                "DCS.4097",
                "DCS.4111",
                "DCS.4113",
                "DCS.4114",
                "DCS.4115",
                "DCS.4116",
                "DCS.4117",
                "DCS.4118",
                "DCS.4120",
                "DCS.4121",
                "DCS.4231",
                "DCS.4975",
            ),
            Busy,
        ),
        "DCS.5006": Unavailable,  # the job could not be submitted
        **dict.fromkeys(
            ("DCS.5000", "DCS.5070", "DCS.4842"), OutcomeUnknown
        ),  # internal error in the middle of the work
        **dict.fromkeys((f"DCS.{n}" for n in range(5039, 5046)), Unavailable),  # no IAM behind DCS
    }
)

_BY_GATEWAY_NUMBER: Final[Mapping[str, type[DcsError]]] = MappingProxyType(
    {
        "0101": Misconfigured,  # API not published here; never "task not found"
        "0103": Unavailable,
        "0301": AuthFailed,
        "0302": PermissionDenied,
        "0305": AuthFailed,
        "0306": PermissionDenied,
        "0307": AuthFailed,
        "0308": Throttled,
        "0310": Misconfigured,  # project unavailable
        "0401": Misconfigured,  # client IP unknown or not allowed, these two
        "0402": Misconfigured,
    }
)
"""`APIGW.*` and `APIG.*` use the same numbers. `.0201` to `.0203` differ by HTTP status only."""

_BY_STATUS: Final[Mapping[int, type[DcsError]]] = MappingProxyType(
    {
        401: AuthFailed,
        403: PermissionDenied,
        404: Misconfigured,
        405: Misconfigured,
        408: OutcomeUnknown,
        413: Misconfigured,
        414: Misconfigured,
        429: Throttled,
        500: OutcomeUnknown,
        502: OutcomeUnknown,
        503: Unavailable,
        504: OutcomeUnknown,
    }
)

_CODES: Final = frozenset(_BY_CODE) | _GONE

OTHER: Final = "other"


def reason_of(code: str) -> str:
    """Return a known code unchanged, any other as `other`, to limit the labels of a metric."""
    return code if code in _CODES else OTHER


_OUTWEIGHING: Final = frozenset({401, 429})
"""Statuses that the gateway counts, so that they take precedence over the code."""

_REDIRECTION, _CLIENT_ERROR, _NOT_FOUND, _SERVER_ERROR = 300, 400, 404, 500


def error_class(operation: Operation, http_status: int, code: str) -> type[DcsError]:
    """Return the error class of an unsuccessful answer.

    The status of a throttled or unauthenticated answer takes precedence over its code; otherwise
    the code is more precise. An undocumented 4xx is blamed on a single id, and never on the project
    if the call names one id.
    """
    if http_status in _OUTWEIGHING:
        return _BY_STATUS[http_status]
    if operation in _OF_ONE_ID:
        return _of_one_id(http_status, code)
    kind = _by_code(http_status, code) or _by_status(http_status, code)
    if operation is Operation.LIST:
        return {Refused: Misconfigured, Busy: Unavailable}.get(kind, kind)
    return kind


def _of_one_id(http_status: int, code: str) -> type[DcsError]:
    if code in _GONE and _CLIENT_ERROR <= http_status < _SERVER_ERROR:
        return NotFound
    kind = _by_code(http_status, code)
    if kind is None:
        kind = _by_status(http_status, code)
        if kind is Misconfigured and http_status >= _CLIENT_ERROR:
            return Refused  # the id is part of the path and may be what is wrong with it
    return Refused if kind is Busy else kind


def _by_code(http_status: int, code: str) -> type[DcsError] | None:
    by_code = _BY_CODE.get(code)
    if by_code is None and code.startswith(("APIGW.", "APIG.")):
        number = code.partition(".")[2]
        if (http_status, number) == (400, "0201"):  # malformed; no single id is the cause
            return Misconfigured
        return _BY_GATEWAY_NUMBER.get(number)
    return by_code


def _by_status(http_status: int, code: str) -> type[DcsError]:
    if http_status == _NOT_FOUND and code.startswith("DCS."):
        return Refused  # DCS itself has answered, so the address is right
    if http_status in _BY_STATUS:
        return _BY_STATUS[http_status]
    if http_status >= _SERVER_ERROR:
        return OutcomeUnknown
    if http_status >= _CLIENT_ERROR:
        return Refused
    return Misconfigured if http_status >= _REDIRECTION else OutcomeUnknown
