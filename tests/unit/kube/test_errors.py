"""Refusals of the API server: which class each status has."""

from __future__ import annotations

import pytest

from dcs_migration_operator.kube.errors import (
    ApiError,
    Conflict,
    Forbidden,
    NotFound,
    Unprocessable,
    api_error,
)


@pytest.mark.parametrize(
    "status, kind",
    [
        (0, ApiError),
        (400, ApiError),
        (401, ApiError),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (410, ApiError),
        (422, Unprocessable),
        (429, ApiError),
        (500, ApiError),
        (503, ApiError),
    ],
)
def test_each_status_that_somebody_acts_upon_has_a_class(status: int, kind: type[ApiError]) -> None:
    """All others, and no answer at all (0), are the plain one."""
    error = api_error(status, "why")
    assert type(error) is kind
    assert (error.status, str(error)) == (status, "why")


@pytest.mark.parametrize("kind", [Conflict, Forbidden, NotFound, Unprocessable])
def test_whoever_catches_all_catches_each(kind: type[ApiError]) -> None:
    """A caller that only waits need not know the classes."""
    with pytest.raises(ApiError):
        raise kind(0, "why")
