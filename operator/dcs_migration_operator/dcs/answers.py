"""Parses DCS answers into frozen values; unknown content is an error or left out, never guessed.

Bodies of show hold Redis passwords; only the fields named here leave this module. Every text among
them comes from outside and goes through `scrub`. A broken row does not affect other rows.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from dcs_migration_operator.core.cloud import LogLine, LogPage, Page, Stats
from dcs_migration_operator.core.errors import OutcomeUnknown
from dcs_migration_operator.core.model import (
    ErrorDetail,
    Observation,
    Outcome,
    StopAnswer,
    task_key,
)
from dcs_migration_operator.core.texts import shared
from dcs_migration_operator.dcs.decoding import NOT_JSON, count, parsed, percent
from dcs_migration_operator.dcs.scrub import SLACK_CHARS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from dcs_migration_operator.dcs.scrub import Scrub

NAME_CHARS_MAX: Final = 256
"""Longest name or address that is kept; they only serve for recognition, so longer ones are cut."""

ERROR_CHARS_MAX: Final = 512
LOG_CHARS_MAX: Final = 2048
LONG_CHARS_MAX: Final = LOG_CHARS_MAX + SLACK_CHARS
"""Most characters that are read of a message before it is scrubbed and cut."""

CODE_CHARS_MAX: Final = 64
ID_CHARS_MAX: Final = 64
"""An id has 32 or 36 characters; a much longer text is not an id."""

LOOK_ROWS: Final = (32, 1)
"""Numbers of rows that are checked together if the check of the whole page finds something."""

ROWS: Final = "migration_tasks"
LINES: Final = "migration_logs"

OK: Final = 200

_ADDRESS = re.compile(r"[\w.:,\-\[\] ]+")


def bad_answer(why: str, request_id: str) -> OutcomeUnknown:
    """Return the error for a 2xx answer that does not say what it should."""
    detail = ErrorDetail("bad-answer", f"DCS answered, but {why}", request_id)
    return OutcomeUnknown(detail, http_status=OK)


def fault_of(http_status: int, body: bytes, request_id: str, scrub: Scrub) -> ErrorDetail:
    """Return the detail behind an error answer: its code and text, or its HTTP status.

    Four shapes are known: flat with underscores, flat in camel case, `code`/`message`, and any of
    them nested under `error` (the old v1 API).
    """
    fields = parsed(body)
    if isinstance(fields, dict) and isinstance(fields.get("error"), dict):
        fields = fields["error"]
    if isinstance(fields, dict):
        code = scrub.text(_first(fields, "error_code", "errorCode", "code"), CODE_CHARS_MAX)
        message = scrub.text(_first(fields, "error_msg", "errorMsg", "message"), ERROR_CHARS_MAX)
        if code or message:
            return ErrorDetail(code or f"HTTP {http_status}", message, request_id)
    return ErrorDetail(f"HTTP {http_status}", "the answer carried no readable error", request_id)


def stop_answers(
    task_ids: Sequence[str], body: bytes, request_id: str, scrub: Scrub
) -> Mapping[str, StopAnswer]:
    """Return one answer per requested id, by key.

    The outcome of an id is unknown if the answer omits it, contradicts itself about it, or uses an
    unknown result.

    Raises:
        OutcomeUnknown: The body does not have the documented form.
    """
    said: dict[str, StopAnswer] = {}
    for item in _rows(body, request_id, ROWS):
        task_id = (_text(item, "task_id") or _text(item, "id")) if isinstance(item, dict) else ""
        if not task_id:
            continue
        answer, key = _stop_answer(item, request_id, scrub), task_key(task_id.strip())
        if said.get(key, answer).outcome is not answer.outcome:
            answer = _unknown("DCS contradicted itself about this task", request_id)
        said[key] = answer
    keys = map(task_key, task_ids)
    forgotten = _unknown("DCS did not mention this task in its answer", request_id)
    return {key: said.get(key, forgotten) for key in keys}


def list_page(body: bytes, request_id: str, scrub: Scrub) -> Page:
    """Return one page; a row without id or status is counted and left out.

    Raises:
        OutcomeUnknown: The body does not have the documented form.
    """
    rows = _rows(body, request_id, ROWS, _listed)
    tasks = [row for row in rows if isinstance(row, Observation)]
    return Page(len(rows), tuple(_published(tasks, scrub)))


def shown_task(body: bytes, request_id: str, scrub: Scrub) -> Observation:
    """Return what show says about its task.

    Raises:
        OutcomeUnknown: The body does not have the documented form.
    """
    fields = _object(body, request_id)
    task_id, word = _text(fields, "task_id").strip(), _text(fields, "status").strip()
    seen = _scrubbed(
        Observation(
            word=word,
            task_id=task_id,
            name=_text(fields, "task_name"),
            method=_text(fields, "migration_method"),
            source=_shown_instance(fields.get("source_instance")),
            target=_shown_instance(fields.get("target_instance")),
        ),
        scrub,
    )
    if not task_id or not word or len(task_id) > ID_CHARS_MAX or seen is None:
        raise bad_answer("without the id and the status of the task", request_id)
    return seen


def task_stats(body: bytes, request_id: str) -> Stats:
    """Return what stats says; numbers may come as numbers or as text.

    Raises:
        OutcomeUnknown: The body is not a JSON object.
    """
    fields = _object(body, request_id)
    migrating = fields.get("is_migrating")
    if isinstance(migrating, str):
        migrating = {"true": True, "false": False}.get(migrating.strip().lower())
    return Stats(
        offset=count(fields.get("offset")),
        full_progress=percent(fields.get("full_migration_progress")),
        source_keys=count(fields.get("source_dbsize")),
        target_keys=count(fields.get("target_dbsize")),
        is_migrating=migrating if isinstance(migrating, bool) else None,
    )


def log_page(body: bytes, request_id: str, scrub: Scrub) -> LogPage:
    """Return one page of a task's log; a line without a message is counted and left out.

    Raises:
        OutcomeUnknown: The body does not have the documented form.
    """
    rows = _rows(body, request_id, LINES)
    lines = []
    for row in rows:
        if isinstance(row, dict) and (message := _text(row, "message", LONG_CHARS_MAX)):
            at, level, code = (
                scrub.name(_text(row, name), CODE_CHARS_MAX)
                for name in ("created_at", "log_level", "log_code")
            )
            lines.append(LogLine(at, level, scrub.text(message, LOG_CHARS_MAX), code))
    return LogPage(len(rows), tuple(lines))


def _listed(row: dict[str, Any]) -> Observation | dict[str, Any]:
    """Convert a row as soon as it is parsed, because a page of raw rows is six times as large.

    Its texts are not scrubbed yet.
    """
    get = row.get
    task_id, word = get("task_id"), get("status")
    if type(task_id) is not str or type(word) is not str or ROWS in row:
        return row
    task_id, word = task_id.strip(), word.strip()
    if not task_id or not word or len(task_id) > ID_CHARS_MAX:
        return row
    name, method = get("task_name"), get("migration_method")
    source, target = get("source_instance_name"), get("target_instance_name")
    return Observation(
        shared(word[:NAME_CHARS_MAX]),
        task_id,
        name[:NAME_CHARS_MAX] if type(name) is str else "",
        shared(method[:NAME_CHARS_MAX]) if type(method) is str else "",
        source[:NAME_CHARS_MAX]
        if type(source) is str and source
        else _instance(row, "source_instance_id", "data_source"),
        target[:NAME_CHARS_MAX]
        if type(target) is str and target
        else _instance(row, "target_instance_id", "target_instance_addrs"),
    )


def _published(
    tasks: Sequence[Observation], scrub: Scrub, sizes: Sequence[int] = LOOK_ROWS
) -> Iterable[Observation]:
    """Yield rows that may be published: nearly always unchanged, after one check of all of them."""
    texts = [text for t in tasks for text in (t.task_id, t.name, t.source, t.target)]
    texts += {task.word for task in tasks} | {task.method for task in tasks}
    if scrub.passes("|".join(texts)):
        yield from tasks
    elif not sizes:
        yield from filter(None, (_scrubbed(task, scrub) for task in tasks))
    else:
        for start in range(0, len(tasks), sizes[0]):
            yield from _published(tasks[start : start + sizes[0]], scrub, sizes[1:])


def _scrubbed(task: Observation, scrub: Scrub) -> Observation | None:
    """Return a task that may be published; None if its id may not, since it cannot be altered."""
    if scrub.name(task.task_id, ID_CHARS_MAX) != task.task_id:
        return None
    texts = (task.word, task.name, task.method, task.source, task.target)
    word, name, method, source, target = (scrub.name(text, NAME_CHARS_MAX) for text in texts)
    return Observation(shared(word), task.task_id, name, shared(method), source, target)


def _instance(fields: Mapping[str, Any], identity: str, *addresses: str) -> str:
    """Return the id of an instance or, without one, its address without user information."""
    known = _text(fields, identity)
    if known:
        return known
    for key in addresses:
        address = _text(fields, key).rpartition("@")[2]
        if address and _ADDRESS.fullmatch(address):
            return address
    return ""


def _shown_instance(fields: object) -> str:
    if not isinstance(fields, dict):
        return ""
    return _text(fields, "name") or _instance(fields, "id", "addrs", "ip")


def _stop_answer(item: Mapping[str, Any], request_id: str, scrub: Scrub) -> StopAnswer:
    result = _text(item, "result").strip().lower()
    if result == "success":
        return StopAnswer(Outcome.ACCEPTED, request_id)
    if result == "failed":
        code = scrub.text(_text(item, "error_code"), CODE_CHARS_MAX)
        message = scrub.text(_text(item, "error_msg", LONG_CHARS_MAX), ERROR_CHARS_MAX)
        detail = ErrorDetail(code or "failed", message, request_id)
        return StopAnswer(Outcome.REJECTED, request_id, detail)
    return _unknown("DCS answered with a result that is neither success nor failed", request_id)


def _unknown(why: str, request_id: str) -> StopAnswer:
    return StopAnswer(Outcome.UNKNOWN, request_id, ErrorDetail("bad-answer", why, request_id))


def _rows(
    body: bytes,
    request_id: str,
    name: str,
    read_row: Callable[[dict[str, Any]], object] | None = None,
) -> list[Any]:
    rows = _object(body, request_id, read_row).get(name)
    if not isinstance(rows, list):
        raise bad_answer(f"without the list `{name}`", request_id)
    return rows


def _object(
    body: bytes, request_id: str, read_row: Callable[[dict[str, Any]], object] | None = None
) -> Mapping[str, Any]:
    """Return the JSON object in a body; `read_row` converts each inner object as it is parsed."""
    fields = parsed(body, read_row)
    if fields is NOT_JSON:
        raise bad_answer("not with JSON", request_id)
    if not isinstance(fields, dict):
        raise bad_answer("not with a JSON object", request_id)
    return fields


def _first(fields: Mapping[str, Any], *names: str) -> str:
    return next((text for name in names if (text := _text(fields, name, LONG_CHARS_MAX))), "")


def _text(fields: Mapping[str, Any], name: str, chars_max: int = NAME_CHARS_MAX) -> str:
    value = fields.get(name)
    return value[:chars_max] if isinstance(value, str) else ""
