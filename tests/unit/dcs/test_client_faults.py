"""Every fault of the simulator on every call: its class, its texts, and one call for one call."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import pytest

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
from dcs_migration_operator.core.model import Outcome, task_key
from dcs_migration_operator.dcs import client as client_module
from sandbox.dcs import ACCESS_KEY, REDIS_PASSWORD, SECRET_KEY, Fault, FaultKind
from support import make
from unit.dcs import wire

if TYPE_CHECKING:
    from dcs_migration_operator.core import model
    from dcs_migration_operator.dcs.client import DcsClient
    from sandbox.dcs import Simulator

Kinds = type[DcsError] | Mapping[str, type[DcsError]]


def error(status: int, code: str = "", message: str = "", *, html: bool = False) -> Fault:
    """Return an error answer."""
    return Fault(kind=FaultKind.ERROR, status=status, code=code, message=message, html=html)


ABOUT_AN_ID: Final = {"batch_stop": Refused, "list": Misconfigured, "show": NotFound}
ABOUT_AN_INSTANCE: Final = {"batch_stop": Busy, "list": Unavailable, "show": Refused}
ABOUT_THE_ADDRESS: Final = {"batch_stop": Misconfigured, "list": Misconfigured, "show": Refused}

FAULTS: Final[dict[str, tuple[Fault, Kinds, str]]] = {
    "throttle": (Fault(kind=FaultKind.THROTTLE), Throttled, "APIGW.0308"),
    "rate-limit": (Fault(kind=FaultKind.RATE_LIMIT, limit=0), Throttled, "APIGW.0308"),
    "unauthorized": (Fault(kind=FaultKind.UNAUTHORIZED), AuthFailed, "APIGW.0301"),
    "forbidden": (Fault(kind=FaultKind.FORBIDDEN), PermissionDenied, "DCS.2007"),
    "400-code": (error(400, "DCS.4855"), ABOUT_AN_ID, "DCS.4855"),
    "400-busy": (error(400, "DCS.4017"), ABOUT_AN_INSTANCE, "DCS.4017"),
    "404-html": (error(404, html=True), ABOUT_THE_ADDRESS, "HTTP 404"),
    "404-gateway": (error(404, "APIGW.0101"), Misconfigured, "APIGW.0101"),
    "500": (error(500), OutcomeUnknown, "DCS.5000"),
    "502": (error(502), OutcomeUnknown, "APIGW.0201"),
    "503": (error(503), Unavailable, "APIGW.0201"),
    "504": (error(504), OutcomeUnknown, "APIGW.0202"),
    "500-html": (error(500, html=True), OutcomeUnknown, "HTTP 500"),
    "502-html": (error(502, html=True), OutcomeUnknown, "HTTP 502"),
    "503-html": (error(503, html=True), Unavailable, "HTTP 503"),
    "504-html": (error(504, html=True), OutcomeUnknown, "HTTP 504"),
    "html": (Fault(kind=FaultKind.HTML), OutcomeUnknown, "bad-answer"),
    "empty": (Fault(kind=FaultKind.EMPTY), OutcomeUnknown, "bad-answer"),
    "redirect": (Fault(kind=FaultKind.REDIRECT), Misconfigured, "HTTP 302"),
    "drop": (Fault(kind=FaultKind.DROP), OutcomeUnknown, "connection-lost"),
    "hang-cut": (Fault(kind=FaultKind.HANG, seconds=0.01), OutcomeUnknown, "connection-lost"),
    "truncate": (Fault(kind=FaultKind.TRUNCATE), OutcomeUnknown, "connection-lost"),
    "oversize": (
        Fault(kind=FaultKind.OVERSIZE, size_bytes=300_000),
        OutcomeUnknown,
        "bad-answer",
    ),
    "null": (Fault(kind=FaultKind.NULL_LIST), OutcomeUnknown, "bad-answer"),
    "missing": (Fault(kind=FaultKind.MISSING_LIST), OutcomeUnknown, "bad-answer"),
    "mistyped": (Fault(kind=FaultKind.WRONG_TYPES), OutcomeUnknown, "bad-answer"),
}
"""Fault, class (for each call, or for all), code."""

WITHOUT_REQUEST_ID: Final = {"drop", "hang-cut"}
SECRETS: Final = (SECRET_KEY, ACCESS_KEY, REDIS_PASSWORD, "SDK-HMAC-SHA256", "Signature=", "<html>")


@pytest.mark.parametrize("verb", wire.VERBS)
@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_has_its_class_and_costs_one_call(
    dcs: Simulator,
    client: DcsClient,
    ids: list[str],
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    name: str,
) -> None:
    """Code and request id are kept, nothing secret is, and nothing is sent again."""
    fault, kinds, code = FAULTS[name]
    monkeypatch.setattr(client_module, "BODY_BYTES_MAX", 200_000)
    dcs.faults.add(fault)
    error = await wire.error_of(client, verb, ids[0])
    assert type(error) is (kinds[verb] if isinstance(kinds, Mapping) else kinds)
    assert error.detail.code == code
    (logged,) = dcs.calls.log
    assert logged.operation == verb
    assert error.detail.request_id == ("" if name in WITHOUT_REQUEST_ID else logged.request_id)
    told = "".join(traceback.format_exception(error)) + repr(error) + repr(error.detail)
    assert not [secret for secret in SECRETS if secret in told]


@pytest.mark.parametrize("verb", wire.VERBS)
@pytest.mark.parametrize("kind", [FaultKind.SLOW, FaultKind.DRIP, FaultKind.OVERSIZE])
async def test_a_late_or_large_answer_within_the_limits_counts(
    dcs: Simulator, client: DcsClient, ids: list[str], verb: str, kind: FaultKind
) -> None:
    """It may be held back, come in drips, or have a megabyte that nobody asked for."""
    dcs.faults.add(Fault(kind=kind, seconds=0.02, size_bytes=2**20))
    await wire.call(client, verb, ids[0])
    assert dcs.calls.count(verb, 200) == dcs.calls.count() == 1


def outcomes(answers: Mapping[str, model.StopAnswer]) -> list[Outcome]:
    """Return the outcomes in the order of the ids."""
    return [answer.outcome for answer in answers.values()]


@pytest.mark.parametrize(
    "fault, expected",
    [
        (Fault(kind=FaultKind.OMIT_IDS), [Outcome.UNKNOWN, Outcome.ACCEPTED, Outcome.ACCEPTED]),
        (Fault(kind=FaultKind.OMIT_IDS, ids=3), [Outcome.UNKNOWN] * 3),
        (Fault(kind=FaultKind.DUPLICATE_IDS, ids=2), [Outcome.ACCEPTED] * 3),
        (Fault(kind=FaultKind.EXTRA_IDS, ids=5), [Outcome.ACCEPTED] * 3),
        (Fault(kind=FaultKind.WRONG_TYPES, variant="items"), [Outcome.UNKNOWN] * 3),
        (Fault(kind=FaultKind.WRONG_TYPES, variant="fields"), [Outcome.UNKNOWN] * 3),
    ],
)
async def test_each_id_of_an_order_has_its_own_outcome(
    dcs: Simulator, client: DcsClient, ids: list[str], fault: Fault, expected: list[Outcome]
) -> None:
    """Forgotten, repeated, foreign and mistyped items; nobody else's answer is taken."""
    dcs.faults.add(fault)
    answers = await wire.stop(client, ids)
    assert list(answers) == [task_key(task_id) for task_id in ids]
    assert outcomes(answers) == expected


@pytest.mark.parametrize(
    "switches",
    [
        {"echo_ids": "undashed"},
        {"echo_ids": "dashed"},
        {"reply_order": "reversed"},
        {"reply_order": "sorted"},
        {"duplicates": "once"},
    ],
)
async def test_open_questions_about_the_answer_do_not_matter(
    dcs: Simulator, client: DcsClient, ids: list[str], switches: dict[str, Any]
) -> None:
    """Spelling, order and number of items are nowhere documented."""
    dcs.switch(**switches)
    answers = await wire.stop(client, [*ids, ids[0].replace("-", "").upper()])
    assert list(answers) == [task_key(task_id) for task_id in ids]
    assert set(outcomes(answers)) == {Outcome.ACCEPTED}


async def test_a_failed_item_without_words_is_rejected(dcs: Simulator, client: DcsClient) -> None:
    """Older versions of DCS send no code."""
    dcs.switch(item_errors=False)
    answers = await wire.stop(client, [make.TASK_ID])
    assert outcomes(answers) == [Outcome.REJECTED]


@pytest.mark.parametrize("variant", ["items", "fields"])
async def test_mistyped_rows_of_a_list_are_counted_alone(
    dcs: Simulator, client: DcsClient, variant: Any
) -> None:
    """Where the next page starts does not depend on them."""
    dcs.faults.add(Fault(kind=FaultKind.WRONG_TYPES, variant=variant))
    page = await asyncio.to_thread(client.list_page, 0)
    assert (page.rows, page.tasks) == (3, ())


async def test_a_mistyped_show_is_no_sighting(
    dcs: Simulator, client: DcsClient, ids: list[str]
) -> None:
    """Numbers where texts belong."""
    dcs.faults.add(Fault(kind=FaultKind.WRONG_TYPES, variant="fields"))
    assert type(await wire.error_of(client, "show", ids[0])) is OutcomeUnknown


@pytest.mark.parametrize(
    "retry_after, after_s",
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("", None),
        ("-1", None),
        ("1.5", 1.5),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", None),
    ],
)
@pytest.mark.parametrize("window_s", [300.0, 60.0, 1.0])
async def test_a_throttled_call_says_how_long_to_pause(
    dcs: Simulator, client: DcsClient, retry_after: str, window_s: float, after_s: float | None
) -> None:
    """By its header; the window that its text names is told apart."""
    dcs.faults.add(Fault(kind=FaultKind.THROTTLE, retry_after=retry_after, window_s=window_s))
    error = await wire.error_of(client, "list", "")
    assert isinstance(error, Throttled)
    assert error.window_s == window_s
    assert error.after_s == after_s
