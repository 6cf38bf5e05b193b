"""DCS answers to frozen values: what is not understood is an error or is left out, never a guess.

Bodies of show hold Redis passwords; only the fields named here leave this module.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from dcs_migration_operator.core.cloud import Page
from dcs_migration_operator.core.errors import OutcomeUnknown
from dcs_migration_operator.core.model import (
    ErrorDetail,
    Observation,
    Outcome,
    StopAnswer,
    task_key,
)
from dcs_migration_operator.core.texts import shared

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

NAME_CHARS_MAX: Final = 256
"""Names and addresses are for recognition; longer ones are cut."""

ERROR_CHARS_MAX: Final = 512
CODE_CHARS_MAX: Final = 64

ROWS: Final = "migration_tasks"

_ADDRESS = re.compile(r"[\w.:,\-\[\] ]+")


def bad_answer(why: str, request_id: str) -> OutcomeUnknown:
    """Return the error for a 2xx answer that does not say what it should."""
    return OutcomeUnknown(ErrorDetail("bad-answer", f"DCS answered, but {why}", request_id))


def fault_of(http_status: int, body: bytes, request_id: str) -> ErrorDetail:
    """Return the detail behind an error answer: its code and text, or its HTTP status.

    Four shapes are known: flat with underscores, flat in camel case, `code`/`message`, and any of
    them nested under `error` (the old v1 API).
    """
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        fields = None
    if isinstance(fields, dict) and isinstance(fields.get("error"), dict):
        fields = fields["error"]
    if isinstance(fields, dict):
        code = _first(fields, "error_code", "errorCode", "code")
        message = _first(fields, "error_msg", "errorMsg", "message")
        if code or message:
            code = code or f"HTTP {http_status}"
            return ErrorDetail(code[:CODE_CHARS_MAX], message[:ERROR_CHARS_MAX], request_id)
    return ErrorDetail(f"HTTP {http_status}", "the answer carried no readable error", request_id)


def stop_answers(task_ids: Sequence[str], body: bytes, request_id: str) -> Mapping[str, StopAnswer]:
    """Return one answer per id that was asked for, by key.

    An id that the answer forgets, contradicts or words in a new way has an unknown outcome.

    Raises:
        OutcomeUnknown: The body is not the documented one.
    """
    said: dict[str, StopAnswer] = {}
    for item in _rows(body, request_id):
        if not isinstance(item, dict) or not isinstance(item.get("task_id"), str):
            continue
        answer, key = _stop_answer(item, request_id), task_key(item["task_id"])
        if said.get(key, answer).outcome is not answer.outcome:
            answer = _unknown("DCS contradicted itself about this task", request_id)
        said[key] = answer
    keys = map(task_key, task_ids)
    forgotten = _unknown("DCS did not mention this task in its answer", request_id)
    return {key: said.get(key, forgotten) for key in keys}


def list_page(body: bytes, request_id: str) -> Page:
    """Return one page; a row without id or status is counted and left out.

    Raises:
        OutcomeUnknown: The body is not the documented one.
    """
    rows = _rows(body, request_id, _listed)
    return Page(len(rows), tuple(row for row in rows if isinstance(row, Observation)))


def shown_task(body: bytes, request_id: str) -> Observation:
    """Return what show says about its task.

    Raises:
        OutcomeUnknown: The body is not the documented one.
    """
    fields = _object(body, request_id)
    task_id, word = _text(fields, "task_id"), _text(fields, "status")
    if not task_id or not word:
        raise bad_answer("without the id and the status of the task", request_id)
    source, target = fields.get("source_instance"), fields.get("target_instance")
    return Observation(
        word=word,
        task_id=task_id,
        name=_text(fields, "task_name"),
        method=_text(fields, "migration_method"),
        source=_instance(source, "name", "id", "addrs", "ip"),
        target=_instance(target, "name", "id", "addrs", "ip"),
    )


def _listed(row: dict[str, Any]) -> Observation | dict[str, Any]:
    """Return what a row says, at once: a page of rows as they come is six times as large."""
    task_id, word = _text(row, "task_id"), _text(row, "status")
    if not task_id or not word or ROWS in row:
        return row
    return Observation(
        word=shared(word),
        task_id=task_id,
        name=_text(row, "task_name"),
        method=shared(_text(row, "migration_method")),
        source=_instance(row, "source_instance_name", "source_instance_id", "data_source"),
        target=_instance(
            row, "target_instance_name", "target_instance_id", "target_instance_addrs"
        ),
    )


def _instance(fields: object, name: str, identity: str, *addresses: str) -> str:
    """Return the name or id of an instance, else its address without user information."""
    if not isinstance(fields, dict):
        return ""
    known = _text(fields, name) or _text(fields, identity)
    if known:
        return known
    for key in addresses:
        address = _text(fields, key).rpartition("@")[2]
        if address and _ADDRESS.fullmatch(address):
            return address
    return ""


def _stop_answer(item: Mapping[str, Any], request_id: str) -> StopAnswer:
    result = _text(item, "result").lower()
    if result == "success":
        return StopAnswer(Outcome.ACCEPTED, request_id)
    if result == "failed":
        code, message = _text(item, "error_code"), _text(item, "error_msg")
        detail = ErrorDetail(
            code[:CODE_CHARS_MAX] or "failed", message[:ERROR_CHARS_MAX], request_id
        )
        return StopAnswer(Outcome.REJECTED, request_id, detail)
    return _unknown("DCS answered with a result that is neither success nor failed", request_id)


def _unknown(why: str, request_id: str) -> StopAnswer:
    return StopAnswer(Outcome.UNKNOWN, request_id, ErrorDetail("bad-answer", why, request_id))


def _rows(
    body: bytes, request_id: str, read_row: Callable[[dict[str, Any]], object] | None = None
) -> list[Any]:
    rows = _object(body, request_id, read_row).get(ROWS)
    if not isinstance(rows, list):
        raise bad_answer("without the list `migration_tasks`", request_id)
    return rows


def _object(
    body: bytes, request_id: str, read_row: Callable[[dict[str, Any]], object] | None = None
) -> Mapping[str, Any]:
    """Return the object; `read_row` is given each object within as soon as it is read."""
    try:
        fields = json.loads(body, object_hook=read_row)
    except (ValueError, RecursionError):
        raise bad_answer("not with JSON", request_id) from None
    if not isinstance(fields, dict):
        raise bad_answer("not with a JSON object", request_id)
    return fields


def _first(fields: Mapping[str, Any], *names: str) -> str:
    return next((text for name in names if (text := _text(fields, name, ERROR_CHARS_MAX))), "")


def _text(fields: Mapping[str, Any], name: str, chars_max: int = NAME_CHARS_MAX) -> str:
    value = fields.get(name)
    return value[:chars_max] if isinstance(value, str) else ""
