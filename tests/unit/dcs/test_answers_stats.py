"""How far a task is, in numbers that come as they like; and the lines of its log."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcs_migration_operator.core.cloud import LogLine, Stats
from dcs_migration_operator.core.errors import OutcomeUnknown
from dcs_migration_operator.dcs import answers
from unit.dcs.bodies import BODIES, JSON, SCRUB
from unit.dcs.test_decoding import KNOWING, SECRET


def stats_of(**fields: Any) -> Stats:
    """Return what an answer with these fields says."""
    return answers.task_stats(json.dumps(fields).encode(), "req-1")


class TestStats:
    """Numbers as numbers or as text; what makes no sense is None and never 0."""

    @pytest.mark.parametrize("said", [str, int, float])
    def test_all_fields_are_read(self, said: Any) -> None:
        """Numbers may be written as text, as whole numbers, or as whole numbers with a point."""
        found = stats_of(
            offset=said(7),
            full_migration_progress=said(100),
            source_dbsize=said(12),
            target_dbsize=said(11),
            is_migrating=True,
            target_ops=said(5),
            password="REDIS-PW",
        )
        assert found == Stats(7, 100, 12, 11, is_migrating=True)

    def test_nothing_said_is_nothing_known(self) -> None:
        """An empty object has no zeros in it."""
        assert stats_of() == Stats()

    @pytest.mark.parametrize("said", [0, "0", "000", 0.0, "0.0", " 0 "])
    def test_a_zero_is_one(self, said: object) -> None:
        """A zero is read as one in every spelling."""
        assert stats_of(offset=said).offset == 0

    @pytest.mark.parametrize(
        "said",
        [
            *(None, "", " ", "-", "-1", -1, -0.5, "0.5", 0.5, 1e-10, "0.0000000001", True, False),
            *(
                "1e3",
                "1_000",
                "1,000",
                "0x10",
                "٣",
                "²",
                "+1",
                "NaN",
                "Infinity",
                math.nan,
                math.inf,
            ),
            *(-math.inf, 2**63, "9999999999999999999", 1e300, [], {}, [0], "none", "12 keys"),
        ],
    )
    def test_what_makes_no_sense_is_unknown(self, said: object) -> None:
        """So is a figure that is missing, unreadable, negative, endless or far too large."""
        found = stats_of(offset=said, source_dbsize=said, target_dbsize=said)
        assert found == Stats()

    @pytest.mark.parametrize(
        "said, percent",
        [
            (99.999, 99),
            ("99.999", 99),
            ("100%", 100),
            (" 50 % ", 50),
            (0.4, 0),
            (100, 100),
            (100.5, None),
            ("101", None),
            (-1, None),
            ("%", None),
        ],
    )
    def test_progress_is_rounded_down(self, said: object, percent: int | None) -> None:
        """What is not complete is never 100, and more than that makes no sense."""
        assert stats_of(full_migration_progress=said).full_progress == percent

    @pytest.mark.parametrize(
        "said, migrating",
        [
            (True, True),
            (False, False),
            ("true", True),
            (" False ", False),
            (1, None),
            (0, None),
            ("", None),
            ("yes", None),
            (None, None),
        ],
    )
    def test_whether_it_migrates(self, said: object, migrating: object) -> None:
        """True, false, or not said."""
        assert stats_of(is_migrating=said).is_migrating is migrating

    @pytest.mark.parametrize("body", [b"", b"null", b"[]", b"<html>", b'"text"'])
    def test_no_object_is_an_error(self, body: bytes) -> None:
        """With the request id, which is all there is."""
        with pytest.raises(OutcomeUnknown) as caught:
            answers.task_stats(body, "req-1")
        assert (caught.value.detail.request_id, caught.value.http_status) == ("req-1", 200)

    @given(
        BODIES
        | st.dictionaries(st.sampled_from(["offset", "is_migrating"]), JSON).map(
            lambda fields: json.dumps(fields).encode()
        )
    )
    def test_any_body_gives_stats_or_an_error(self, body: bytes) -> None:
        """For all bodies: whole numbers that are not negative, or None."""
        try:
            found = answers.task_stats(body, "")
        except OutcomeUnknown:
            return
        numbers = (found.offset, found.full_progress, found.source_keys, found.target_keys)
        assert all(n is None or (type(n) is int and 0 <= n < 2**63) for n in numbers)
        assert found.is_migrating in {True, False, None}


class TestLog:
    """DCS's own log of one task."""

    def test_lines_are_read_in_their_order(self) -> None:
        """Each has time, level, code and message."""
        rows = [
            {"created_at": "2026-01-01", "log_level": "INFO", "message": "begun", "log_code": "C1"},
            {"message": "second"},
            {"message": ""},
            {"log_level": "INFO"},
            "none",
        ]
        body = json.dumps({"log_num": 5, "migration_logs": rows}).encode()
        page = answers.log_page(body, "", SCRUB)
        assert page.rows == 5
        assert page.lines == (
            LogLine("2026-01-01", "INFO", "begun", "C1"),
            LogLine("", "", "second"),
        )

    def test_they_repeat_no_credential(self) -> None:
        """No field holds one."""
        said = f"x {SECRET}"
        row = {"created_at": said, "log_level": said, "message": said, "log_code": said}
        body = json.dumps({"migration_logs": [row]}).encode()
        assert SECRET not in repr(answers.log_page(body, "", KNOWING))

    @given(BODIES)
    def test_any_body_gives_a_page_or_an_error(self, body: bytes) -> None:
        """This holds for all bodies."""
        try:
            page = answers.log_page(body, "", SCRUB)
        except OutcomeUnknown:
            return
        assert len(page.lines) <= page.rows
