"""Tables and texts as a terminal shows them."""

from __future__ import annotations

import contextlib
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_dcs import say
from kubectl_dcs.problems import LINE_CHARS_MAX, one_line

DRAWS = {*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), *"\u202a\u202b\u202d\u202e"} - {
    *"\n\t"
}
"""Characters by which a text can do more to a terminal than be there."""


def test_chinese_names_do_not_push_columns_apart() -> None:
    """Each of their characters takes two cells."""
    lines = say.columns(("NAME", "LAG"), [("订单", "7"), ("a", "1,204")])
    assert lines == ["NAME   LAG", "订单   7", "a      1,204"]


def test_a_table_without_rows_is_its_heads() -> None:
    """It is not an error."""
    assert say.columns(("A", "B"), []) == ["A   B"]


def test_long_lists_are_cut_with_their_number() -> None:
    """Nobody reads a thousand lines of the same."""
    text = say.listing([str(n) for n in range(1025)])
    assert text.splitlines()[-1] == "  … and 1,005 more"
    assert say.listing(["a"]) == "  a"


@settings(deadline=None)  # how long it takes is up to the machine
@given(st.text())
def test_a_problem_is_one_line(text: str) -> None:
    """Whatever a server says, it cannot draw on the terminal."""
    line = one_line(text)
    assert line.isprintable()
    assert len(line) <= LINE_CHARS_MAX


@settings(deadline=None)  # how long it takes is up to the machine
@given(st.text())
def test_no_text_draws_on_the_terminal(text: str) -> None:
    """Neither colours nor a turned direction come from what somebody else wrote."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        say.result(text)
        say.note(text)
        say.document({"text": text})
    assert not set(out.getvalue()) & DRAWS


@pytest.mark.parametrize("text", ["a\x1b[31mb", "a\x9b31mb", "a\u202eb", "a\rb"])
def test_what_would_draw_is_a_blank(capsys: pytest.CaptureFixture[str], text: str) -> None:
    """The rest is printed as it is, line by line."""
    say.result(f"x\n{text}\n订单")
    printed = capsys.readouterr().out
    assert not set(printed) & DRAWS
    assert printed.startswith("x\na ")
    assert printed.endswith("b\n订单\n")
