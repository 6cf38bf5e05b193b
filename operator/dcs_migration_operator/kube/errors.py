"""Refusals of the API server: a class for each that somebody acts upon.

    ApiError             any other refusal, or (status 0) no answer at all
    ├── NotFound         404
    ├── Forbidden        403
    ├── Conflict         409: somebody else was faster
    └── Unprocessable    422: a namesake, or what we wrote is not what the schema admits

No text holds a body: it is the `message` of a `Status`, cut, or the number alone.
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
    """The object, or its namespace, is not there."""


class Forbidden(ApiError):
    """The operator has no right to do this."""


class Conflict(ApiError):
    """Somebody else changed or created the object meanwhile."""


class Unprocessable(ApiError):
    """The API server does not admit what was written, or its test failed."""


_CLASSES: Final[dict[int, type[ApiError]]] = {
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.FORBIDDEN: Forbidden,
    HTTPStatus.CONFLICT: Conflict,
    HTTPStatus.UNPROCESSABLE_ENTITY: Unprocessable,
}


def api_error(status: int, message: str) -> ApiError:
    """Return the error for a status of HTTP; 0 means that nobody answered."""
    return _CLASSES.get(status, ApiError)(status, message)
