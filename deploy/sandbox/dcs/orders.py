"""What orders do to a fleet: stop, restart, delete, by the rules of the switches.

Pure like the fleet. The rules of a stop, in the order in which they are looked at:

| state of the migration | outcome |
| --- | --- |
| the spec refuses stops | failed with the spec's code |
| a stop is on its way already | switch `stop_again` |
| ended | switch `stop_ended` |
| idle (CREATING, RUNNING) and `stop_idle` is `failed` | failed DCS.4957 |
| the spec ignores stops | success, and it goes on as before |
| any other word | success, and the stop takes its way |
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from sandbox.dcs import bodies
from sandbox.dcs.errors import (
    BAD_PARAMETER,
    BAD_TASK_ID_IN_BATCH,
    TASK_NOT_FOUND,
    WRONG_STATE,
    ErrorKind,
    Refusal,
)
from sandbox.dcs.fleet import Fleet
from sandbox.dcs.migration import IDLE_WORDS, Migration, dashed, is_task_id, key_of

BATCH_IDS_MAX: Final = 50
"""Documented for batch-stop and batch-restart."""

Failure = tuple[str, str]
"""Code and text of a failed item."""


def stop_batch(fleet: Fleet, task_ids: Sequence[object]) -> dict[str, Any]:
    """Do a batch-stop; raises `Refusal` if the call is refused and nothing is ordered."""
    return _batch(fleet, task_ids, stop)


def restart_batch(fleet: Fleet, task_ids: Sequence[object]) -> dict[str, Any]:
    """Do a batch-restart; raises `Refusal` likewise."""
    return _batch(fleet, task_ids, restart)


def stop_one(fleet: Fleet, task_id: str) -> Migration:
    """Do a single stop; raises `Refusal` where the batch would say failed."""
    fleet.advance()
    migration = fleet.known(task_id)
    failure = stop(fleet, migration)
    if failure is not None:
        raise Refusal(ErrorKind(WRONG_STATE.status, failure[0], "{0}"), failure[1])
    return migration


def stop(fleet: Fleet, migration: Migration) -> Failure | None:
    """Stop one migration; None when that was accepted. The table above says when it is not."""
    failure = _stop_failure(fleet, migration)
    if failure is not None:
        migration.failed_stops += 1
        return failure
    now_s = fleet.clock()
    migration.accepted(now_s)
    if migration.stopping or migration.is_ended:
        return None
    if migration.ignores_left:
        migration.ignores_left -= 1 if migration.ignores_left > 0 else 0
    else:
        fleet.schedule_stop(migration, now_s)
        fleet.advance()
    return None


def restart(fleet: Fleet, migration: Migration) -> Failure | None:
    """Restart an ended online migration; None if that was accepted."""
    if not may_restart(migration):
        return _failure(WRONG_STATE)
    fleet.restart(migration, fleet.clock())
    return None


def may_restart(migration: Migration) -> bool:
    """Return whether it can be restarted: only online tasks that have ended can."""
    return migration.is_online and migration.is_ended


def delete(fleet: Fleet, task_ids: Sequence[object]) -> dict[str, Any]:
    """Delete in any state; unknown ids are skipped, as documented."""
    fleet.advance()
    deleted = []
    for task_id in map(str, task_ids):
        try:
            fleet.delete(fleet.known(task_id))
        except Refusal:
            continue
        deleted.append(task_id)
    return {"task_id_list": deleted}


def _stop_failure(fleet: Fleet, migration: Migration) -> Failure | None:
    spec, switches = migration.spec, fleet.switches
    if spec.refuse_code and migration.refusals_left:
        migration.refusals_left -= 1 if migration.refusals_left > 0 else 0
        return spec.refuse_code, spec.refuse_message
    if migration.stopping:
        outcome = switches.stop_again
    elif migration.is_ended:
        outcome = switches.stop_ended
    else:
        outcome = switches.stop_idle if migration.word in IDLE_WORDS else "success"
    return None if outcome == "success" else _failure(WRONG_STATE)


def _batch(
    fleet: Fleet, task_ids: Sequence[object], order: Callable[[Fleet, Migration], Failure | None]
) -> dict[str, Any]:
    fleet.advance()
    switches = fleet.switches
    targets = _targets(fleet, task_ids)
    items = []
    for sent, target in targets:
        failure = order(fleet, target) if isinstance(target, Migration) else target
        task_id = sent
        if is_task_id(sent) and switches.echo_ids == "dashed":
            task_id = dashed(sent)
        elif is_task_id(sent) and switches.echo_ids == "undashed":
            task_id = key_of(sent)
        elif isinstance(target, Migration) and switches.echo_ids == "stored":
            task_id = target.spec.task_id
        items.append(bodies.result(task_id, failure, with_error=switches.item_errors))
    if switches.reply_order == "reversed":
        items.reverse()
    elif switches.reply_order == "sorted":
        items.sort(key=lambda item: item["task_id"])
    return {"migration_tasks": items}


def _targets(fleet: Fleet, task_ids: Sequence[object]) -> list[tuple[str, Migration | Failure]]:
    """Return every id with its migration or the reason for none; raises `Refusal` for the batch."""
    switches = fleet.switches
    if not 0 < len(task_ids) <= BATCH_IDS_MAX:
        detail = f"migration_tasks must have 1 to {BATCH_IDS_MAX} ids"
        raise Refusal(BAD_PARAMETER, detail)
    targets: list[tuple[str, Migration | Failure]] = []
    seen: set[str] = set()
    for task_id in task_ids:
        if not isinstance(task_id, str) or not is_task_id(task_id):
            if switches.malformed_in_batch == "refuse":
                raise Refusal(BAD_TASK_ID_IN_BATCH)
            targets.append((str(task_id), _failure(BAD_TASK_ID_IN_BATCH)))
            continue
        if key_of(task_id) in seen and switches.duplicates != "each":
            if switches.duplicates == "refuse":
                raise Refusal(BAD_PARAMETER, "migration_tasks has duplicates")
            continue
        seen.add(key_of(task_id))
        try:
            targets.append((task_id, fleet.known(task_id)))
        except Refusal:
            if switches.unknown_in_batch == "refuse":
                raise Refusal(BAD_TASK_ID_IN_BATCH) from None
            targets.append((task_id, _failure(TASK_NOT_FOUND)))
    return targets


def _failure(kind: ErrorKind) -> Failure:
    return kind.code, kind.text
