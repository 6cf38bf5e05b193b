"""A recording in the browser: the same page, with a slider over the night."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from board.night import BEGIN_S, BROKEN, Night
from board.served import SCOPE, Served
from board.tools import BUILD
from kubectl_dcs.board.live import Live
from kubectl_dcs.board.playback import play
from kubectl_dcs.board.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from board.chrome import Tab

END_S = 600
STEP_S = 10


class Now:
    """A clock that stands still."""

    now_s = BEGIN_S

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Served]:
    """Record ten minutes of the night, and serve the recording."""
    path, night, now = tmp_path / "night", Night(), Now()
    with Served(lambda: Live(SCOPE, record=path, clock=now)) as live:
        live.hear(*night.listed(0))
        for second in range(0, END_S + 1, STEP_S):
            now.now_s = BEGIN_S + second
            live.hear(*night.changed(second))
    with play(path) as playback, Served(lambda: Replay(playback, "night")) as served:
        yield served


def slide(tab: Tab, second: float) -> None:
    """Move the slider to a moment of the night."""
    tab.js(
        "const one = document.querySelector('.player input'); one.value = arguments[0];"
        "one.dispatchEvent(new Event('input'));",
        BEGIN_S + second,
    )


def test_the_slider_shows_each_moment_as_it_was(tab: Tab, recorded: Served) -> None:
    """Forwards and back; the strip has the whole night, with a line where one stands."""
    tab.open(recorded.url)
    assert tab.text("#link") == "recording night"
    tab.wait(lambda: tab.counts() == {"holding": 72, "observed": 4}, "the beginning")
    slide(tab, 390)
    tab.wait(lambda: tab.counts().get("stopped") == 37, "the middle")
    assert tab.rows()[0] == BROKEN
    tab.shot(BUILD / "board-playback-light.png")
    slide(tab, 600)
    tab.wait(lambda: tab.counts().get("stopped") == 58, "the end")
    slide(tab, 0)
    tab.wait(lambda: tab.counts() == {"holding": 72, "observed": 4}, "the beginning again")
    assert tab.count(".strip-cursor.is-shown") == 1
    assert tab.js("return document.querySelector('.layer.s-stopped').getAttribute('d')")


def test_it_plays_and_pauses_by_key_and_by_button(tab: Tab, recorded: Served) -> None:
    """And stops at the end."""
    tab.open(recorded.url)
    tab.click(".player select")
    tab.js(
        "const one = document.querySelector('.player select'); one.value = '300';"
        "one.dispatchEvent(new Event('change')); one.blur();"
    )
    tab.type(" ")
    tab.wait(lambda: tab.text(".player-play") == "Pause", "it to play")
    tab.wait(lambda: tab.counts().get("stopped", 0) >= 58, "the end of the night")
    tab.wait(lambda: tab.text(".player-play") == "Play", "it to stop at the end")


def test_a_row_opens_as_it_opened_then(tab: Tab, recorded: Served) -> None:
    """And changes with the slider."""
    tab.open(recorded.url + "&task=shop/orders-01")
    slide(tab, 100)
    tab.wait(lambda: "No stop has been ordered." in tab.text("#drawer-body"), "before the order")
    slide(tab, 590)
    tab.wait(lambda: "ended according to DCS" in tab.text("#drawer-body"), "after it")


def test_a_recording_cannot_be_changed(tab: Tab, recorded: Served) -> None:
    """There is nothing to hold any more."""
    tab.open(recorded.url)
    tab.wait(lambda: tab.count(".card") == 2, "the waves")
    assert tab.text(".card-change") == ""
