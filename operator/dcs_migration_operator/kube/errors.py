"""Errors of API-server calls, with one class for each status that the operator handles.

    ApiError             any other refusal, or (status 0) no answer at all
    ├── NotFound         404
    ├── Forbidden        403
    ├── Conflict         409: another client was faster
    └── Unprocessable    422: another object of that name, or a value that the schema rejects

No text holds a body: it is the truncated `message` of a `Status`, or the status number alone.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final


class ApiError(Exception):
    """The API server refused a call, or did not answer (`status` 0)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class NotFound(ApiError):
    """The object or its namespace does not exist."""


class Forbidden(ApiError):
    """The operator has no permission for this call."""


class Conflict(ApiError):
    """Another client changed or created the object in the meantime."""


class Unprocessable(ApiError):
    """The API server rejected the written value, or the test in a patch failed."""


_CLASSES: Final[dict[int, type[ApiError]]] = {
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.FORBIDDEN: Forbidden,
    HTTPStatus.CONFLICT: Conflict,
    HTTPStatus.UNPROCESSABLE_ENTITY: Unprocessable,
}


def api_error(status: int, message: str) -> ApiError:
    """Return the error for an HTTP status; 0 means that no answer came."""
    return _CLASSES.get(status, ApiError)(status, message)
