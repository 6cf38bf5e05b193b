"""What an error knows: whether there was an answer, and what it means."""

from __future__ import annotations

import inspect
from dataclasses import replace

import pytest

from dcs_migration_operator.core import errors
from dcs_migration_operator.core.errors import DcsError, Throttled, same_meaning
from dcs_migration_operator.core.model import ErrorDetail
from support import make

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, DcsError) and kind is not DcsError
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_tells_an_answer_from_silence(kind: type[DcsError]) -> None:
    """By the status of the answer; without one there was none."""
    silent, answered = kind(make.FAULT), kind(make.FAULT, http_status=503)
    assert (silent.http_status, silent.answered) == (None, False)
    assert (answered.http_status, answered.answered) == (503, True)
    assert str(answered) == f"{make.FAULT.code}: {make.FAULT.message}"


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_in_the_drawing(kind: type[DcsError]) -> None:
    """The docstring of the module is where its effect is stated."""
    assert f"── {kind.__name__} " in (errors.__doc__ or "")


def test_a_pause_and_a_status_go_together() -> None:
    """A 429 has both."""
    error = Throttled(make.FAULT, 30.0, http_status=429)
    assert (error.after_s, error.http_status) == (30.0, 429)


def test_the_meaning_of_a_detail_is_its_code() -> None:
    """Texts and request ids differ each time; equality is still of all fields."""
    again = replace(make.FAULT, message="trace 17", request_id="req-2")
    assert same_meaning(make.FAULT, again)
    assert again != make.FAULT
    assert same_meaning(None, None)
    assert not same_meaning(make.FAULT, None)
    assert not same_meaning(None, make.FAULT)
    assert not same_meaning(make.FAULT, ErrorDetail("DCS.4133", make.FAULT.message))
    assert not same_meaning(ErrorDetail("", ""), None)
