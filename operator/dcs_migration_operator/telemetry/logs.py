"""Formats log lines, each a constant message with variable values as keys, as text or JSON."""

from __future__ import annotations

import json
import logging
import math
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import asyncio

_log = logging.getLogger(__name__)

_PLAIN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}

LEVELS: Final = ("debug", "info", "warning", "error")


def set_up(log_format: str, level: str) -> None:
    """Send all logs to standard error in one format."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_soften)
    handler.setFormatter(_Json() if log_format == "json" else _Text())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # kopf logs one line per event at INFO, and whole bodies at DEBUG.
    for noisy in ("kopf.objects", "kopf.activities", "urllib3", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLogger().level))
    logging.getLogger("kopf").setLevel(max(logging.INFO, logging.getLogger().level))


def _soften(record: logging.LogRecord) -> bool:
    """Lower kopf's log levels so that an error is always something to act on, logged once.

    A failure that kopf retries becomes a warning. For a final failure the message has the cause, so
    that the traceback through kopf's internals is left out.
    """
    if record.levelno == logging.ERROR and record.name.startswith("kopf."):
        text = str(record.msg)
        if "will retry" in text or "will re-authenticate" in text:
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        elif "has failed" in text:
            record.exc_info = None
    return True


def _extras(record: logging.LogRecord) -> dict[str, object]:
    fields = {k: v for k, v in vars(record).items() if k not in _PLAIN and not k.startswith("k8s_")}
    return {
        k: str(v) if isinstance(v, float) and not math.isfinite(v) else v
        for k, v in fields.items()
        if isinstance(v, (str, int, float, bool))
    }


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_extras(record),
        }
        if record.exc_info:
            fields["trace"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        extras = " ".join(f"{k}={v!r}" for k, v in _extras(record).items())
        line = f"{_time(record)} {record.levelname:7} {record.getMessage()} {extras}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def report_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log the errors that the event loop reports, except at the end of kopf's own tasks.

    kopf's tasks and generators fail when they are closed in the middle of an answer, or repeat an
    error that was already reported. Nobody could act on such an error, so it is not logged as one.
    """
    if "asyncgen" in context or _is_of_kopf(context):
        _log.debug("a part of kopf ended badly", extra={"what": str(context.get("message"))})
    else:
        loop.default_exception_handler(context)


def _is_of_kopf(context: dict[str, Any]) -> bool:
    return any("/kopf/" in repr(context.get(key)) for key in ("handle", "future", "task"))
