"""The log of one migration, in DCS's order: newest line first.

It holds a line for every word the migration had, one for each break of its connection, and what
its spec plants in it. Which lines exist is known without building them, so that a page of a log
of a million lines costs a page.
"""

from collections.abc import Sequence
from typing import Any, Final

from sandbox.dcs.bodies import iso_time
from sandbox.dcs.migration import FAILURE_WORDS, Migration

LEVELS: Final = ("INFO", "ERROR", "WARN", "DEBUG")
"""The documented ones."""
WORD_CODE: Final = "DCS.MIGRATION.0001"
NOTE_CODE: Final = "DCS.MIGRATION.0002"
PLANTED_CODE: Final = "DCS.MIGRATION.0003"
DEBUG_CODE: Final = "DCS.MIGRATION.0004"

Line = tuple[float, str, str, str, Sequence[str]]
"""Time, level, message, code, keywords."""


def page(
    migration: Migration, level: str, offset: int, limit: int, *, count_total: bool
) -> dict[str, Any]:
    """Return the body of one answer.

    Args:
        migration: Whose log.
        level: Only lines of this level; empty: all.
        offset: Lines skipped at the start, where the newest ones are.
        limit: Lines at most.
        count_total: `log_num` is the number of all lines that fit, else of those in this page.
    """
    lines = [line for line in _lines(migration) if level in ("", line[1])]
    debug = migration.spec.debug_lines if level in ("", "DEBUG") else 0
    chosen = lines[offset : offset + limit]
    # The lines of level DEBUG are the oldest of all, and are numbered from the newest.
    begin = max(0, offset - len(lines))
    end = min(debug, begin + limit - len(chosen))
    chosen += [_debug_line(migration, number) for number in range(begin, end)]
    total = len(lines) + debug if count_total else len(chosen)
    return {"log_num": total, "migration_logs": [_item(line) for line in chosen]}


def _lines(migration: Migration) -> list[Line]:
    lines: list[Line] = [
        (at_s, level, message, PLANTED_CODE, ()) for at_s, level, message in _planted(migration)
    ]
    lines += [(at_s, level, text, NOTE_CODE, ()) for at_s, level, text in migration.notes]
    lines += [
        (
            at_s,
            "ERROR" if word in FAILURE_WORDS else "INFO",
            f"The status of the migration task is {word}.",
            WORD_CODE,
            (word,),
        )
        for at_s, word in migration.history
    ]
    # Stable, so that simultaneous events keep their order.
    lines.sort(key=lambda line: line[0])
    lines.reverse()
    return lines


def _planted(migration: Migration) -> list[tuple[float, str, str]]:
    created_s = migration.created_at_s
    return [(created_s, level, message) for level, message in migration.spec.log_lines]


def _debug_line(migration: Migration, number: int) -> Line:
    message = f"Heartbeat {number}."
    return migration.created_at_s, "DEBUG", message, DEBUG_CODE, ()


def _item(line: Line) -> dict[str, Any]:
    at_s, level, message, code, keywords = line
    return {
        "created_at": iso_time(at_s),
        "log_level": level,
        "message": message,
        "log_code": code,
        "keyword": list(keywords),
    }
