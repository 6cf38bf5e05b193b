"""The error book, one row per documented code, and what happens to codes nobody documents."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dcs_migration_operator.core.cloud import PERMISSIONS, Operation
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
from dcs_migration_operator.dcs.codes import error_class

BATCH_STOP, LIST, SHOW = Operation.BATCH_STOP, Operation.LIST, Operation.SHOW
STATS = Operation.STATS

ABOUT_AN_INSTANCE: Final = (
    *("DCS.4017", "DCS.4026", "DCS.4049", "DCS.4096", "DCS.4097", "DCS.4104", "DCS.4111"),
    *("DCS.4113", "DCS.4114", "DCS.4115", "DCS.4116", "DCS.4117", "DCS.4118", "DCS.4120"),
    *("DCS.4121", "DCS.4231", "DCS.4975"),
)
"""An instance is busy, or in a state that does not allow it."""

ABOUT_AN_ID: Final = {
    "DCS.4957": (400, Refused, Refused),  # not allowed in the current task state
    "DCS.4062": (400, Refused, Refused),  # invalid parameter, these three
    "DCS.4063": (400, Refused, Refused),
    "DCS.4800": (400, Refused, Refused),
    "DCS.4133": (400, Refused, NotFound),  # instance job not found
    "DCS.4070": (400, Refused, NotFound),  # bad task id format
    "DCS.4855": (400, Refused, NotFound),  # invalid migration task id
    "DCS.3022": (404, Refused, NotFound),  # instance does not exist
}
"""Code → HTTP status, class for batch-stop, class for show."""

ABOUT_THE_CALL: Final[dict[str, tuple[int, type[DcsError]]]] = {
    "DCS.4002": (400, Misconfigured),
    "DCS.4004": (400, Misconfigured),
    "DCS.4005": (400, Misconfigured),
    "DCS.1001": (401, AuthFailed),
    "DCS.1002": (401, AuthFailed),
    "DCS.1003": (401, AuthFailed),
    "DCS.1004": (401, AuthFailed),
    "DCS.2003": (403, PermissionDenied),
    "DCS.2007": (403, PermissionDenied),
    "DCS.3002": (403, PermissionDenied),
    "DCS.3003": (403, PermissionDenied),
    "DCS.4001": (404, Misconfigured),
    "DCS.5001": (405, Misconfigured),
    "DCS.5000": (500, OutcomeUnknown),
    "DCS.5070": (500, OutcomeUnknown),
    "DCS.4842": (500, OutcomeUnknown),
    "DCS.5006": (500, Unavailable),
    **{f"DCS.{number}": (500, Unavailable) for number in range(5039, 5046)},
}
"""The same for every operation."""

GATEWAY: Final[tuple[tuple[int, str, type[DcsError]], ...]] = (
    (404, "0101", Misconfigured),  # not published here; never "task not found"
    (404, "0103", Unavailable),
    (500, "0103", Unavailable),
    (400, "0201", Misconfigured),  # malformed, too long: no single id is guilty
    (413, "0201", Misconfigured),
    (414, "0201", Misconfigured),
    (500, "0201", OutcomeUnknown),
    (502, "0201", OutcomeUnknown),
    (503, "0201", Unavailable),
    (504, "0201", OutcomeUnknown),
    (504, "0202", OutcomeUnknown),
    (500, "0203", OutcomeUnknown),
    (502, "0203", OutcomeUnknown),
    (401, "0301", AuthFailed),
    (403, "0302", PermissionDenied),
    (401, "0305", AuthFailed),
    (403, "0306", PermissionDenied),
    (401, "0307", AuthFailed),
    (429, "0308", Throttled),
    (403, "0310", Misconfigured),  # project unavailable
    (403, "0401", Misconfigured),  # client address unknown or not allowed
    (403, "0402", Misconfigured),
)

STATUSES: Final[dict[int, type[DcsError]]] = {
    204: OutcomeUnknown,
    206: OutcomeUnknown,
    301: Misconfigured,
    302: Misconfigured,
    307: Misconfigured,
    401: AuthFailed,
    403: PermissionDenied,
    404: Misconfigured,
    405: Misconfigured,
    408: OutcomeUnknown,
    413: Misconfigured,
    414: Misconfigured,
    429: Throttled,
    500: OutcomeUnknown,
    501: OutcomeUnknown,
    502: OutcomeUnknown,
    503: Unavailable,
    504: OutcomeUnknown,
    599: OutcomeUnknown,
}
"""What an unknown code falls back to."""

OPERATIONS = st.sampled_from(Operation)
DOCUMENTED = st.sampled_from(
    [*ABOUT_AN_ID, *ABOUT_THE_CALL, *(f"APIGW.{number}" for _, number, _ in GATEWAY)]
)


@pytest.mark.parametrize("code", ABOUT_AN_ID)
def test_a_code_about_an_id_is_judged_by_the_operation(code: str) -> None:
    """A batch may be spoiled by one id; show and stats asked for one, so it may be gone."""
    status, batch, show = ABOUT_AN_ID[code]
    assert error_class(BATCH_STOP, status, code) is batch
    assert error_class(SHOW, status, code) is error_class(STATS, status, code) is show


@pytest.mark.parametrize("code", ABOUT_AN_INSTANCE)
def test_a_busy_instance_is_nobodys_fault(code: str) -> None:
    """No id of a batch is looked for; a list is tried again later; one id is refused."""
    assert error_class(BATCH_STOP, 400, code) is Busy
    assert error_class(LIST, 400, code) is Unavailable
    assert error_class(SHOW, 400, code) is error_class(STATS, 400, code) is Refused


@pytest.mark.parametrize("code", ABOUT_AN_ID)
def test_a_list_names_no_id_that_could_be_guilty(code: str) -> None:
    """Refused would mean that DCS works, and the list would be asked again without a pause."""
    assert error_class(LIST, ABOUT_AN_ID[code][0], code) in {Misconfigured, Unavailable}


@pytest.mark.parametrize("operation", Operation)
@pytest.mark.parametrize("code", ABOUT_THE_CALL)
def test_a_code_about_the_call_means_the_same_everywhere(code: str, operation: Operation) -> None:
    """It concerns the key, the permission, the project, the endpoint, or DCS itself."""
    status, kind = ABOUT_THE_CALL[code]
    assert error_class(operation, status, code) is kind


@pytest.mark.parametrize("operation", [BATCH_STOP, LIST])
@pytest.mark.parametrize("prefix", ["APIGW", "APIG"])
@pytest.mark.parametrize("status, number, kind", GATEWAY)
def test_the_gateways_codes_have_two_prefixes(
    status: int, number: str, kind: type[DcsError], prefix: str, operation: Operation
) -> None:
    """The same numbers are known under both."""
    assert error_class(operation, status, f"{prefix}.{number}") is kind


@pytest.mark.parametrize("operation", [BATCH_STOP, LIST])
@pytest.mark.parametrize("code", ["HTTP 400", "APIGW.9999", "", "MYSTERY"])
@pytest.mark.parametrize("status", STATUSES)
def test_an_unknown_code_falls_back_to_its_status(
    status: int, code: str, operation: Operation
) -> None:
    """The status is the next best witness."""
    assert error_class(operation, status, code) is STATUSES[status]


@pytest.mark.parametrize("operation", [SHOW, STATS])
@pytest.mark.parametrize("code", ["HTTP 400", "DCS.9999", "APIGW.9999", "", "MYSTERY"])
@pytest.mark.parametrize("status", STATUSES)
def test_an_unknown_error_about_one_id_never_blames_the_project(
    status: int, code: str, operation: Operation
) -> None:
    """The id is part of the address, so 404, 405, 413 and 414 may be its fault as well."""
    blames = STATUSES[status] is Misconfigured and status >= 400
    assert error_class(operation, status, code) is (Refused if blames else STATUSES[status])


def test_a_404_of_dcs_itself_is_taken_for_one_ids_fault() -> None:
    """It has answered, so its address is right; only a list names no id."""
    assert error_class(BATCH_STOP, 404, "DCS.9999") is Refused
    assert error_class(LIST, 404, "DCS.9999") is Misconfigured


@pytest.mark.parametrize("status", [200, 302, 500, 503])
def test_only_a_4xx_says_that_an_id_is_gone(status: int) -> None:
    """In the middle of a failure its code proves nothing."""
    assert error_class(SHOW, status, "DCS.4133") is not NotFound


@pytest.mark.parametrize("status", [400, 402, 409, 410, 418, 422, 451])
def test_an_undocumented_4xx_is_taken_for_one_ids_fault(status: int) -> None:
    """Except of a list, which names none."""
    assert error_class(BATCH_STOP, status, "DCS.9999") is Refused
    assert error_class(SHOW, status, "DCS.9999") is Refused
    assert error_class(LIST, status, "DCS.9999") is Misconfigured


@given(OPERATIONS, DOCUMENTED | st.text(max_size=12))
def test_429_is_throttling_whatever_the_code(operation: Operation, code: str) -> None:
    """For all codes: the pause comes first."""
    assert error_class(operation, 429, code) is Throttled


@given(OPERATIONS, DOCUMENTED | st.text(max_size=12))
@example(SHOW, "DCS.4133")
def test_401_is_a_refused_key_whatever_the_code(operation: Operation, code: str) -> None:
    """For all codes: a 401 that is not counted as one would lock the key."""
    assert error_class(operation, 401, code) is AuthFailed


@given(OPERATIONS, st.integers(201, 599), DOCUMENTED | st.text(max_size=12))
@example(LIST, 400, "DCS.4855")
def test_only_the_call_that_names_one_id_can_find_it_missing(
    operation: Operation, status: int, code: str
) -> None:
    """For all answers: NotFound comes of one id alone, Refused never of a list, Busy of a batch."""
    kind = error_class(operation, status, code)
    assert issubclass(kind, DcsError)
    assert kind is not NotFound or operation in {SHOW, STATS}
    assert kind is not Refused or operation is not LIST
    assert kind is not Busy or operation is BATCH_STOP


def test_the_permission_of_each_call_can_be_named() -> None:
    """A 403 tells a person what to grant."""
    assert set(PERMISSIONS) == set(Operation)
