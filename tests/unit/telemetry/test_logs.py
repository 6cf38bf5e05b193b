"""Log lines in both formats, and what never becomes one."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcs_migration_operator.telemetry.logs import LEVELS, report_loop_error, set_up

if TYPE_CHECKING:
    from collections.abc import Iterator

NOISY = ("kopf.objects", "kopf.activities", "urllib3", "urllib3.connectionpool", "aiohttp.access")
TIME = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z"

log = logging.getLogger("dcs_migration_operator.test")


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Give the test the logging of a new process, and pytest its own back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in (*NOISY, "kopf")}
    root.handlers = []
    yield
    root.handlers = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return what was logged; nothing goes to standard output."""
    out, err = capsys.readouterr()
    assert out == ""
    return err.splitlines()


def test_a_line_of_json_has_time_level_logger_and_message(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What varies is a key of its own."""
    set_up("json", "info")
    log.info("a stop was ordered", extra={"ids": 50, "request_id": "r-1", "late": False})
    (line,) = lines(capsys)
    fields = json.loads(line)
    assert re.fullmatch(TIME, fields.pop("time"))
    assert fields == {
        "level": "info",
        "logger": "dcs_migration_operator.test",
        "message": "a stop was ordered",
        "ids": 50,
        "request_id": "r-1",
        "late": False,
    }


def test_a_line_of_text_reads_from_left_to_right(capsys: pytest.CaptureFixture[str]) -> None:
    """It has time, level, message, and what varies as key=value."""
    set_up("text", "info")
    log.warning("a stop was ordered", extra={"ids": 50, "request_id": "r-1"})
    (line,) = lines(capsys)
    assert re.fullmatch(f"{TIME} WARNING a stop was ordered ids=50 request_id='r-1'", line)


def test_a_line_without_extras_has_no_blank_at_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    """The message is the end of it."""
    set_up("text", "info")
    log.info("watching")
    assert lines(capsys)[0].endswith(" watching")


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_only_plain_values_are_shown(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An object's own text may hold anything; so may what kopf attaches to its lines."""
    set_up(log_format, "info")
    extra = {"body": {"password": "SECRET"}, "items": ["SECRET"], "k8s_ref": "SECRET", "n": 1}
    log.info("seen", extra=extra)
    (line,) = lines(capsys)
    assert "SECRET" not in line
    assert "n" in line


def test_an_exception_follows_its_line_of_text(capsys: pytest.CaptureFixture[str]) -> None:
    """The traceback comes after the line."""
    set_up("text", "info")
    try:
        int("broken")
    except ValueError:
        log.exception("it failed", extra={"n": 1})
    first, second, *_, last = lines(capsys)
    assert first.endswith("ERROR   it failed n=1")
    assert second == "Traceback (most recent call last):"
    assert last == "ValueError: invalid literal for int() with base 10: 'broken'"


def test_an_exception_is_a_field_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    """One line stays one line."""
    set_up("json", "info")
    try:
        int("broken")
    except ValueError:
        log.exception("it failed")
    (line,) = lines(capsys)
    fields = json.loads(line)
    assert (fields["level"], fields["message"]) == ("error", "it failed")
    assert fields["trace"].endswith("with base 10: 'broken'")


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_is_a_lower_bound(level: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In the order in which they are listed."""
    set_up("json", level)
    for name in LEVELS:
        log.log(getattr(logging, name.upper()), "hello")
    seen = [json.loads(line)["level"] for line in lines(capsys)]
    assert seen == list(LEVELS[LEVELS.index(level) :])


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", NOISY)
def test_noisy_loggers_say_nothing_below_a_warning(
    name: str, level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line per event or per call, or whole bodies; and never more than was asked for."""
    set_up("json", level)
    for number in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        logging.getLogger(name).log(number, "hello")
    seen = [json.loads(line)["level"] for line in lines(capsys)]
    assert seen == (["error"] if level == "error" else ["warning", "error"])


@pytest.mark.parametrize("level", LEVELS)
def test_kopf_never_repeats_bodies(level: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It does so at its debug level."""
    set_up("text", level)
    logging.getLogger("kopf._core.reactor").debug("patching with: SECRET")
    assert lines(capsys) == []


def test_setting_up_again_replaces_the_format(capsys: pytest.CaptureFixture[str]) -> None:
    """No line comes twice."""
    set_up("text", "info")
    set_up("json", "info")
    log.info("once")
    (line,) = lines(capsys)
    assert json.loads(line)["message"] == "once"


VALUES = (
    st.text() | st.integers() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
)


@given(
    st.text(),
    st.dictionaries(st.text("abcdefgh", min_size=1, max_size=8).map("x_{}".format), VALUES),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_message_is_one_line_of_json(message: str, extra: dict[str, Any]) -> None:
    """For all texts and values: a machine reads it back."""
    set_up("json", "info")
    (handler,) = logging.getLogger().handlers
    record = log.makeRecord(log.name, logging.INFO, "f", 1, message, (), None, extra=extra)
    line = handler.format(record)
    assert "\n" not in line
    assert json.loads(line).items() >= (extra | {"message": message}).items()


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
def test_a_number_that_json_does_not_know_does_not_spoil_the_line(
    number: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a pause without an end."""
    set_up("json", "info")
    log.info("seen", extra={"pause_s": number})
    (line,) = lines(capsys)
    json.loads(line, parse_constant=pytest.fail)


@given(st.dictionaries(st.text("abcdefgh", min_size=1, max_size=8).map("x_{}".format), VALUES))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_stays_on_its_line_of_text(extra: dict[str, Any]) -> None:
    """For all values: none can pretend to be a line of its own."""
    set_up("text", "info")
    (handler,) = logging.getLogger().handlers
    record = log.makeRecord(log.name, logging.INFO, "f", 1, "seen", (), None, extra=extra)
    assert len(handler.format(record).splitlines()) == 1


def test_only_the_end_of_a_watch_is_not_reported() -> None:
    """What the event loop reports is told, but for a generator that was closed while it ran."""
    told: list[dict[str, Any]] = []
    loop = asyncio.new_event_loop()
    try:
        loop.default_exception_handler = told.append  # type: ignore[method-assign, assignment]
        report_loop_error(loop, {"message": "closing", "asyncgen": object()})
        report_loop_error(loop, {"message": "lost"})
    finally:
        loop.close()
    assert told == [{"message": "lost"}]
