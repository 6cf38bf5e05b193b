"""How long an answer asks to be left alone: its header in every form, and the words of its text."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dcs_migration_operator.dcs.pauses import PAUSE_S_MAX, pause_s, window_s

NOW = datetime(2026, 10, 21, 7, 27, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "header, seconds",
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("30.5", 30.5),
        ("30.", 30.0),
        ("86400", PAUSE_S_MAX),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 30.0),
        ("Wednesday, 21-Oct-26 07:28:00 GMT", 30.0),
        ("Wed Oct 21 07:28:00 2026", 30.0),
        ("Wed, 21 Oct 2026 09:28:00 +0200", 30.0),
        ("Wed, 21 Oct 2026 12:00:00 GMT", PAUSE_S_MAX),
        *((text, None) for text in ("-1", "-0.5", "1e3", "inf", "nan", "soon", "²", "9" * 400)),
        *((text, None) for text in ("86401", ".5", "1 2", "0x10", "30,5", "")),
        ("Wed, 21 Oct 2015 07:28:00 GMT", None),
        ("Fri, 21 Oct 2099 07:28:00 GMT", None),
        ("Wed, 99 Oct 2026 07:28:00 GMT", None),
        ("Wed, 21 Oct 99999 07:28:00 GMT", None),
        ("Wed, 21 Oct 0001 07:28:00 +1400", None),
    ],
)
def test_a_header_is_read(header: str, seconds: float | None) -> None:
    """Whole seconds, a fraction, a date in its three forms; what is absurd says nothing."""
    assert pause_s(header, NOW) == seconds


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("limit:200,time:5 minute", 300.0),
        ("200 times in 5 minutes", 300.0),
        ("at most 10 calls per 1 Second", 1.0),
        ("1 hour", 3600.0),
        ("2 hours", PAUSE_S_MAX),
        ("999999999 hours", PAUSE_S_MAX),
        ("limit reached", None),
        ("200 times per minute", None),
        ("5 minuteness", None),
        ("", None),
    ],
)
def test_a_window_is_read_out_of_the_text(text: str, seconds: float | None) -> None:
    """Number and unit; anything else names none."""
    assert window_s(text) == seconds


@given(
    st.none() | st.text() | st.text("0123456789²³ .-GMTOct:,", max_size=30),
    st.text(),
    st.datetimes(timezones=st.just(UTC)),
)
@example("²", "", NOW)
@example("9" * 400, "", NOW)
def test_no_answer_is_too_odd(header: str | None, text: str, now: datetime) -> None:
    """For all headers, texts and clocks: a bounded pause or window, or none."""
    for seconds in (pause_s(header, now), window_s(text)):
        assert seconds is None or 0.0 <= seconds <= PAUSE_S_MAX
