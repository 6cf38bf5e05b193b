"""The DCS API without the wire: which call a request is, whether it is well-formed, its answer.

Pure except for the fleet it is given. `parse` never raises: an error in a request is kept in
`ApiCall.problem`, because the gateway checks the signature first and the call log needs the ids of
refused calls too. Every route that matters to `dcs-migration-operator` is in `_ROUTES`; the rest of
DCS answers 404 APIGW.0101, and so does a wrong method, because the gateway knows neither.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, unquote

from sandbox.dcs import bodies, lag, logs, orders
from sandbox.dcs.errors import (
    BAD_PARAMETER,
    BAD_PROJECT_ID,
    BAD_TASK_ID,
    EMPTY_BODY,
    NO_SUCH_API,
    NOT_JSON,
    TASK_NOT_FOUND,
    Refusal,
)
from sandbox.dcs.faults import UNKNOWN
from sandbox.dcs.fleet import Fleet
from sandbox.dcs.migration import is_task_id
from sandbox.dcs.names import encode
from sandbox.dcs.others import Others
from sandbox.dcs.spoil import JSON, OK, Answer

LIST_LIMIT_MAX: Final = 1000
LIMIT_DEFAULT: Final = 10
NO_CONTENT: Final = 204

_ONE = "/migration-task/([^/]+)"
_ROUTES: Final = tuple(
    (method, re.compile(f"/v2/([^/]+){path}"), operation)
    for method, path, operation in (
        ("POST", "/migration-task/batch-stop", "batch_stop"),
        ("POST", f"{_ONE}/stop", "stop"),
        ("POST", f"{_ONE}/sync-stop", "sync_stop"),
        ("POST", "/migration-tasks/batch-restart", "batch_restart"),
        ("GET", _ONE, "show"),
        ("GET", "/migration-tasks", "list"),
        ("GET", f"{_ONE}/stats", "stats"),
        ("GET", f"{_ONE}/logs", "logs"),
        ("DELETE", "/migration-tasks/delete", "delete"),
    )
)
_IDS_FIELD: Final = {
    "batch_stop": "migration_tasks",
    "batch_restart": "migration_tasks",
    "delete": "task_id_list",
}
_PROJECT_ID = re.compile(r"[0-9a-fA-F]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One cloud project: its migrations, the other people who use them, and a planted password."""

    project_id: str
    fleet: Fleet
    others: Others
    redis_password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall:
    """A parsed request."""

    operation: str
    project_id: str = ""
    ids: tuple[object, ...] = ()
    """The ids of a batch as sent, or the one in the path."""
    offset: int | None = None
    limit: int | None = None
    name: str = ""
    level: str = ""
    problem: Refusal | None = None
    """Why it is refused once the caller has been authenticated."""

    @property
    def task_ids(self) -> tuple[str, ...]:
        """The ids as text, whatever their type in the request."""
        return tuple(map(str, self.ids))


def parse(method: str, target: str, content_type: str, body: bytes) -> ApiCall:
    """Parse a request; `target` is path and query as sent, including two leading slashes."""
    path, _, query = target.partition("?")
    operation, project_id, ids = _match(method, path)
    try:
        if operation in _IDS_FIELD:
            ids = _batch_ids(content_type, body, _IDS_FIELD[operation])
        values = _values(operation, ids, query)
    except Refusal as problem:
        values = {"problem": problem}
    return ApiCall(operation=operation, project_id=project_id, ids=ids, **values)


def check_project_id(project_id: str) -> None:
    """Raise `Refusal` DCS.4002 unless it is 32 hex digits, as those of the cloud are."""
    if not _PROJECT_ID.fullmatch(project_id):
        raise Refusal(BAD_PROJECT_ID)


def execute(project: Project, call: ApiCall, age_s: float = 0.0) -> Answer:
    """Execute the call; `age_s` is the age of a list. Refusals become answers."""
    try:
        if call.problem is not None:
            raise call.problem
        if call.operation == "list":
            offset, limit = call.offset or 0, call.limit or LIMIT_DEFAULT
            return Answer(OK, project.fleet.page(offset, limit, call.name, age_s))
        return _OPERATIONS[call.operation](project, call)
    except Refusal as refusal:
        return Answer.refused(refusal)


def _batch_ids(content_type: str, body: bytes, field: str) -> tuple[object, ...]:
    if not body.strip():
        raise Refusal(EMPTY_BODY)
    if content_type.partition(";")[0].strip().lower() != JSON:
        raise Refusal(NOT_JSON)
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(NOT_JSON) from None
    ids = value.get(field) if isinstance(value, Mapping) else None
    if not isinstance(ids, list):
        raise Refusal(BAD_PARAMETER, f"{field} must be a list of ids")
    return tuple(ids)


def _match(method: str, path: str) -> tuple[str, str, tuple[object, ...]]:
    """Operation, project id and the ids in the path."""
    for route_method, pattern, operation in _ROUTES:
        match = pattern.fullmatch("/" + path.lstrip("/"))
        if match is not None and method == route_method:
            project_id, *ids = map(unquote, match.groups())
            return operation, project_id, tuple(ids)
    return UNKNOWN, "", ()


def _values(operation: str, ids: tuple[object, ...], query: str) -> dict[str, Any]:
    """Further fields of an `ApiCall`; raises `Refusal` for a malformed request."""
    if operation == UNKNOWN:
        raise Refusal(NO_SUCH_API)
    if operation not in _IDS_FIELD and not all(map(is_task_id, ids)):
        # The documentation of stats names one code for a bad id, whatever is wrong with it.
        raise Refusal(TASK_NOT_FOUND if operation == "stats" else BAD_TASK_ID)
    return _page_values(operation, query) if operation in ("list", "logs") else {}


def _page_values(operation: str, query: str) -> dict[str, Any]:
    sent = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
    least, most = (1, LIST_LIMIT_MAX) if operation == "list" else (0, None)
    values: dict[str, Any] = {
        "offset": _integer(sent, "offset", 0, 0, None),
        "limit": _integer(sent, "limit", LIMIT_DEFAULT, least, most),
    }
    if operation == "list":
        return values | {"name": sent.get("name", "")}
    level = sent.get("log_level", "")
    if level and level not in logs.LEVELS:
        raise Refusal(BAD_PARAMETER, "log_level")
    return values | {"level": level}


def _integer(sent: Mapping[str, str], name: str, default: int, least: int, most: int | None) -> int:
    text = sent.get(name, str(default))
    # ASCII digits only: int() also accepts spaces, underscores and a sign.
    if not re.fullmatch("[0-9]{1,9}", text):
        raise Refusal(BAD_PARAMETER, name)
    value = int(text)
    if value < least or (most is not None and value > most):
        raise Refusal(BAD_PARAMETER, name)
    return value


def _ok(body: object) -> Answer:
    return Answer(OK, encode(body))


def _show(project: Project, call: ApiCall) -> Answer:
    project.fleet.advance()
    migration = project.fleet.known(call.task_ids[0])
    if migration.told_at_s is None and migration.ended_at_s is not None:
        migration.told_at_s = project.fleet.clock()
    return Answer(OK, bodies.detail(migration, project.redis_password))


def _stop(project: Project, call: ApiCall) -> Answer:
    migration = orders.stop_one(project.fleet, call.task_ids[0])
    return Answer(OK, bodies.detail(migration, project.redis_password))


def _sync_stop(project: Project, call: ApiCall) -> Answer:
    # Whether the real one waits for the end is unknown; this one does not.
    orders.stop_one(project.fleet, call.task_ids[0])
    return Answer(NO_CONTENT)


def _stats(project: Project, call: ApiCall) -> Answer:
    now_s, switches = project.fleet.advance(), project.fleet.switches
    migration = project.fleet.known(call.task_ids[0])
    if not migration.is_online and switches.stats_offline == "refuse":
        raise Refusal(TASK_NOT_FOUND)
    body = bodies.stats(
        lag.figures(migration, now_s),
        full_offset=switches.stats_full_offset,
        as_strings=switches.stats_types == "string",
    )
    return _ok(body)


def _logs(project: Project, call: ApiCall) -> Answer:
    project.fleet.advance()
    migration = project.fleet.known(call.task_ids[0])
    limit = LIMIT_DEFAULT if call.limit is None else call.limit
    total = project.fleet.switches.log_count == "total"
    return _ok(logs.page(migration, call.level, call.offset or 0, limit, count_total=total))


_OPERATIONS: Final[Mapping[str, Callable[[Project, ApiCall], Answer]]] = {
    "batch_stop": lambda project, call: _ok(orders.stop_batch(project.fleet, call.ids)),
    "stop": _stop,
    "sync_stop": _sync_stop,
    "batch_restart": lambda project, call: _ok(orders.restart_batch(project.fleet, call.ids)),
    "show": _show,
    "stats": _stats,
    "logs": _logs,
    "delete": lambda project, call: _ok(orders.delete(project.fleet, call.ids)),
}
