"""The outcome of a wave or of some tasks: timings, the lag at the order, request ids.

Pure. Made for change tickets: the same objects give the same report, as JSON or Markdown.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any, Final

from kubectl_dcs import moments
from kubectl_dcs.problems import one_line
from kubectl_dcs.shapes import counts_json, task_json, wave_json
from kubectl_dcs.tasks import State, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kubectl_dcs.progress import Progress
    from kubectl_dcs.tasks import TaskView

MARKDOWN: Final = re.compile(r"([\\`*_\[\]|~#])")
"""Characters in a name that Markdown would interpret."""

HEADS: Final = (
    *("task", "migration", "result", "lag at order", "opened", "ordered", "accepted", "terminated"),
    *("to the order", "to the end", "orders", "request id"),
)


def report(progress: Progress, at: str) -> dict[str, Any]:
    """Return the report as data, made at this time (RFC 3339)."""
    tasks = [_task(task) for task in sorted(progress.tasks.values(), key=lambda one: one.key)]
    lags = [one["lagAtOrder"] for one in tasks if one["lagAtOrder"] is not None]
    starts = sorted(t for one in tasks if (t := one["openedAt"] or one["orderedAt"]))
    ends = sorted(t for one in tasks if (t := one["terminatedAt"]))
    return {
        "madeAt": at,
        "wave": wave_json(progress.wave) if progress.wave else None,
        "counts": counts_json(progress.counts()),
        "firstAt": starts[0] if starts else None,
        "lastTerminatedAt": ends[-1] if ends else None,
        "seconds": moments.between(starts[0], ends[-1]) if starts and ends else None,
        "highestLagAtOrder": max(lags, default=None),
        "stoppedWithLag": sum(lag > 0 for lag in lags),
        "tasks": tasks,
    }


def _task(task: TaskView) -> dict[str, Any]:
    stop, cutover, about = task.part("stop"), task.part("cutover"), task.part("task")
    lag, error = task.part("lag"), task.part("lastError")
    opened, ordered = _text(cutover, "openedAt"), _text(stop, "requestedAt")
    accepted, terminated = _text(stop, "acceptedAt"), _text(stop, "terminatedAt")
    begun = opened or ordered
    return task_json(task) | {
        "method": _text(about, "method"),
        "source": _text(about, "sourceInstance"),
        "target": _text(about, "targetInstance"),
        "lagAtOrder": number(stop.get("lagAtOrder")),
        "caughtUpSince": _text(lag, "caughtUpSince"),
        "openedAt": opened,
        "orderedAt": ordered,
        "acceptedAt": accepted,
        "terminatedAt": terminated,
        "secondsToAcceptance": moments.between(begun, accepted) if begun and accepted else None,
        "secondsToEnd": (
            moments.between(accepted, terminated) if accepted and terminated else None
        ),
        "orders": number(stop.get("attempts")) or 0,
        "requestId": _text(stop, "requestId"),
        "lastError": dict(error) or None,
    }


def _text(fields: Mapping[str, Any], key: str) -> str | None:
    value = fields.get(key)
    return value if isinstance(value, str) and value else None


def as_markdown(made: Mapping[str, Any]) -> str:
    """Return a report as a Markdown page."""
    wave = made["wave"]
    title = f"Wave {plain(wave['name'])}" if wave else "Migrations"
    lines = [f"# {title}", "", *_summary(made), ""]
    trouble = [one for one in made["tasks"] if one["state"] == State.TROUBLE.value]
    if trouble:
        lines += ["## Needs a person", ""]
        lines += [
            f"- {_name(one)}: {plain(one['reason'])}: {plain(one['message'])}" for one in trouble
        ]
        lines.append("")
    lines += ["## Tasks", "", _row(HEADS), _row(["---"] * len(HEADS))]
    lines += [_row(_cells(one)) for one in made["tasks"]]
    return "\n".join(lines)


def _summary(made: Mapping[str, Any]) -> Iterable[str]:
    counts = [f"{n:,} {word}" for word, n in made["counts"].items() if n]
    yield f"- tasks: {len(made['tasks']):,} ({', '.join(counts)})"
    wave = made["wave"]
    if wave:
        window = " to ".join(filter(None, (wave["notBefore"] or "", wave["notAfter"] or "")))
        yield f"- state: {wave['state']}, {plain(wave['reason'])}" + (
            f"; window: {window}" if window else ""
        )
    if made["firstAt"]:
        yield f"- begun: {made['firstAt']}"
    if made["lastTerminatedAt"]:
        span = moments.in_words(made["seconds"])
        yield f"- last stop: {made['lastTerminatedAt']}" + (f", after {span}" if span else "")
    if made["highestLagAtOrder"] is not None:
        yield (
            f"- highest lag at an order: {made['highestLagAtOrder']:,};"
            f" stopped with a lag: {made['stoppedWithLag']:,}"
        )
    yield f"- report made: {made['madeAt']}"


def _cells(one: Mapping[str, Any]) -> Sequence[str]:
    lag = one["lagAtOrder"]
    reason = one["reason"]
    return (
        _name(one),
        plain(one["title"]),
        plain(f"{one['state']} ({reason})" if reason else one["state"]),
        "" if lag is None else f"{lag:,}",
        one["openedAt"] or "",
        one["orderedAt"] or "",
        one["acceptedAt"] or "",
        one["terminatedAt"] or "",
        moments.in_words(one["secondsToAcceptance"]),
        moments.in_words(one["secondsToEnd"]),
        str(one["orders"]) if one["orders"] else "",
        plain(one["requestId"] or ""),
    )


def _name(one: Mapping[str, Any]) -> str:
    return plain(f"{one['namespace']}/{one['name']}")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def plain(text: str) -> str:
    """Return a text that Markdown shows unchanged; names are free text typed in DCS."""
    return MARKDOWN.sub(r"\\\1", html.escape(one_line(text), quote=False))
