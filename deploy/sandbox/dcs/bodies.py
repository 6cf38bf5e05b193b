"""The JSON shapes of the DCS API: values in, an object of the documented fields out.

Field names, and which field only the list or only show has, are those of the models in
`huaweicloudsdkdcs` (`MigrationTaskList`, `ShowMigrationTaskResponse`, `SourceInstanceBody`,
`TargetInstanceBody`, `ShowMigrationTaskStatsResponse`). Time formats differ
between the calls as they do in the official examples. Show and the single stop carry Redis
passwords in plain text, as the real ones do; ours are planted so that a leak can be searched for.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from sandbox.dcs.lag import KILOBYTE, Figures
from sandbox.dcs.migration import (
    FAILURE_WORDS,
    RELEASED,
    SUCCESS_WORDS,
    TERMINATED,
    Migration,
    Phase,
    key_of,
)
from sandbox.dcs.names import encode, encode_task, name_of

DOCUMENTED_WORDS: Final = frozenset({"SUCCESS", "FAILED", "MIGRATING", TERMINATED})
"""The four statuses in the documentation of the list."""
VERSION: Final = "3.0"
FEATURES: Final = ("auto_reconnect", "exchange_ip")
ROLES: Final = ("source", "target", "subnet", "vpc", "group")
REDIS_PORT: Final = 6379
FAILED_TEXT: Final = "The migration failed."


def error(code: str, message: str) -> bytes:
    """Return the error body of any call; the last field is documented as unused and null."""
    return encode({"error_code": code, "error_msg": message, "error_ext_msg": None})


def document_word(word: str) -> str:
    """Return the status that the list would report if it knew only the four documented ones."""
    if word in DOCUMENTED_WORDS:
        return word
    if word in FAILURE_WORDS:
        return "FAILED"
    return "SUCCESS" if word in SUCCESS_WORDS else "MIGRATING"


def result(
    task_id: str, failure: tuple[str, str] | None, *, with_error: bool = True
) -> dict[str, str]:
    """Return one item of a batch answer; `failure` is a code and a text."""
    if failure is None:
        return {"task_id": task_id, "result": "success"}
    item = {"task_id": task_id, "result": "failed"}
    if with_error:
        item["error_code"], item["error_msg"] = failure
    return item


def list_row(migration: Migration, word: str) -> bytes:
    """Return the encoded list item, with `word` as the status."""
    spec = migration.spec
    source, target, subnet = (
        instance_id(role, spec.task_id) for role in ("source", "target", "subnet")
    )
    failure = spec.error_message or FAILED_TEXT
    return encode_task(
        {
            "task_id": spec.task_id,
            "task_name": name_of(migration),
            "status": word,
            "migration_type": spec.migration_type,
            "migration_method": spec.method,
            "ecs_tenant_private_ip": _address(migration, 9),
            "data_source": f"{_address(migration, 1)}:{REDIS_PORT}",
            "source_instance_name": f"source-{source[:8]}",
            "source_instance_id": source,
            "target_instance_addrs": f"{_address(migration, 2)}:{REDIS_PORT}",
            "target_instance_name": f"target-{target[:8]}",
            "target_instance_id": target,
            "created_at": iso_time(migration.created_at_s),
            "description": "",
            "source_instance_status": "RUNNING",
            "target_instance_status": "RUNNING",
            "source_instance_subnet_id": subnet,
            "target_instance_subnet_id": subnet,
            "source_instance_spec_code": "redis.ha.xu1.large.r2.1",
            "target_instance_spec_code": "redis.ha.xu1.large.r2.1",
            "error_message": failure if word in FAILURE_WORDS else "",
            "released_at": _released_at(migration) if word == RELEASED else "",
            "version": VERSION,
            "resume_mode": spec.resume_mode,
            "supported_features": FEATURES,
        },
        spec,
    )


def detail(migration: Migration, password: str) -> bytes:
    """Return the body of show and of the single stop; `password` is planted in both instances."""
    spec = migration.spec
    ended_at_s = migration.ended_at_s
    body = {
        "task_id": spec.task_id,
        "task_name": name_of(migration),
        "description": "",
        "status": migration.word,
        "migration_type": spec.migration_type,
        "migration_method": spec.method,
        "ecs_tenant_private_ip": _address(migration, 9),
        "backup_files": None if migration.is_online else _backup_files(migration),
        "network_type": "vpc",
        "source_instance": _instance(migration, "source", 1, password),
        "target_instance": _instance(migration, "target", 2, password),
        "created_at": slash_time(migration.created_at_s),
        "updated_at": None if ended_at_s is None else slash_time(ended_at_s),
        "released_at": _released_at(migration),
        "version": VERSION,
        "resume_mode": spec.resume_mode,
        "supported_features": FEATURES,
        "tenant_vpc_id": instance_id("vpc", spec.task_id),
        "tenant_subnet_id": instance_id("subnet", spec.task_id),
        "tenant_security_group_id": instance_id("group", spec.task_id),
        "bandwidth_limit_mb": None,
        "task_status": spec.task_status,
    }
    return encode_task(body, spec)


def stats(known: Figures, *, full_offset: str, as_strings: bool) -> dict[str, Any]:
    """Return the progress of one migration.

    Args:
        known: The true figures.
        full_offset: What to report as the lag in the full phase: `zero`, `backlog`, or `missing`.
        as_strings: Numbers as strings, as in the documented table of fields, or as numbers, as in
            the official example.
    """
    body: dict[str, Any] = {
        "full_migration_progress": round(known.progress, 1),
        "offset": known.offset,
        "source_dbsize": known.source_keys,
        "target_dbsize": known.target_keys,
        "target_input_kbps": round(known.bytes_per_s / KILOBYTE, 2),
        "target_ops": int(known.operations_per_s),
    }
    if known.phase is Phase.FULL and full_offset == "backlog":
        body["offset"] = known.behind_bytes
    elif known.phase is Phase.FULL and full_offset == "missing":
        del body["offset"]
    if as_strings:
        body = {name: str(value) for name, value in body.items()}
    return body | {"is_migrating": known.is_migrating}


def page(rows: Iterable[bytes], count: int) -> bytes:
    """Return the body of a list from items that are encoded already."""
    return b'{"count":%d,"migration_tasks":[%b]}' % (count, b",".join(rows))


def instance_id(role: str, task_id: str) -> str:
    """Return a stable id for a part of a migration: its own id, rotated by the role."""
    key = key_of(task_id)
    turn = ROLES.index(role) + 1
    key = key[turn:] + key[:turn]
    return f"{key[:8]}-{key[8:12]}-{key[12:16]}-{key[16:20]}-{key[20:]}"


def iso_time(time_s: float) -> str:
    """Format as in the example of the list: `2021-06-16T06:12:55.508Z`."""
    return _utc(time_s).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def slash_time(time_s: float) -> str:
    """Format as in the example of show: `2019/10/22 14:44:30`."""
    return _utc(time_s).strftime("%Y/%m/%d %H:%M:%S")


def _utc(time_s: float) -> datetime:
    return datetime.fromtimestamp(time_s, UTC)


def _released_at(migration: Migration) -> str | None:
    """Format as in the example of `released_at`: `202404011057`."""
    if migration.released_at_s is None:
        return None
    return _utc(migration.released_at_s).strftime("%Y%m%d%H%M")


def _address(migration: Migration, host: int) -> str:
    return f"192.168.{int(migration.spec.task_id[:2], 16)}.{host}"


def _instance(migration: Migration, role: str, host: int, password: str) -> dict[str, Any]:
    own_id = instance_id(role, migration.spec.task_id)
    address = _address(migration, host)
    return {
        "id": own_id,
        "name": f"{role}-{own_id[:8]}",
        "addrs": f"{address}:{REDIS_PORT}",
        "ip": address,
        "port": str(REDIS_PORT),
        "password": f"{password}-{role}",
        "task_status": "RUNNING",
        "proxy_multi_db": False,
        "db": "0",
    }


def _backup_files(migration: Migration) -> dict[str, Any]:
    name = name_of(migration)
    file = {"file_name": f"{name}.rdb", "size": "1048576", "update_at": "2026-01-01 00:00:00"}
    return {"file_source": "self_build_obs", "bucket_name": name, "files": [file]}
