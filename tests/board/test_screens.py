"""The page as people see it: pictures of its main states, kept for whoever wants to look at them.

They are in `build/board`. With RENEW=1 the two that the documentation shows are made anew.
"""

from __future__ import annotations

import os
import shutil
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from board.night import BROKEN, STUBBORN
from board.tools import BUILD, ROOT
from kubectl_dcs.following import News, What
from kubectl_dcs.kinds import TASK
from kubectl_dcs.problems import ApiProblem

if TYPE_CHECKING:
    from collections.abc import Callable

    from board.chrome import Tab
    from board.conftest import Evening
    from board.served import Served

    Begin = Callable[[float], Evening]

DOCS = ROOT / "docs" / "images"
SHOWN = {
    "board.png": ("light", 345.0, ""),
    "board-row.png": ("dark", 1110.0, f"&task=shop/{STUBBORN}"),
}
"""What the documentation shows: the scheme, when, and what is open."""

SHOWN_PX = (1280, 560)
"""Low, so that the pictures are small."""

BYTES_MAX = 150_000

MOMENTS = {
    "holding": (150.0, "", {"holding": 72, "observed": 4}),
    "catching-up": (252.0, "", {"catching_up": 60, "holding": 12, "observed": 4}),
    "stopping": (345.0, "", None),
    "trouble": (1110.0, f"&task=shop/{STUBBORN}", {"trouble": 2, "holding": 12}),
}
"""When, what is open, and some counts by which the picture is known to show it."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_wave_of_sixty_at_four_moments(
    tab: Tab, evening: Begin, moment: str, scheme: str
) -> None:
    """Holding, catching up, stopping, and with two that need a person."""
    until_s, opened, counts = MOMENTS[moment]
    tab.look(scheme=scheme)
    tab.open(evening(until_s).served.url + opened)
    for state, count in (counts or {"stopping": tab.counts()["stopping"]}).items():
        assert tab.counts()[state] == count
    if opened:
        tab.wait(lambda: tab.count("#drawer-body .condition") > 0, "the opened row")
    keep(tab, f"board-{moment}-{scheme}.png")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_empty_namespace(tab: Tab, served: Served, scheme: str) -> None:
    """The first thing that many see."""
    tab.look(scheme=scheme)
    served.hear(News(What.LISTED, TASK, ()))
    tab.open(served.url)
    tab.wait(lambda: tab.notice == "empty", "the notice")
    keep(tab, f"board-empty-{scheme}.png")


def test_a_cut_connection(tab: Tab, evening: Begin) -> None:
    """The rows are pale, and the age of the data stands above them."""
    night = evening(300)
    tab.open(night.served.url)
    problem = ApiProblem("the API server https://cluster.example:6443 broke the connection")
    night.served.hear(News(What.LOST, TASK, problem=problem), contact_s=night.clock() - 34)
    tab.wait(lambda: tab.notice == "lost", "the notice")
    keep(tab, "board-cut-light.png")


def test_in_chinese_on_a_projector(tab: Tab, evening: Begin) -> None:
    """Full HD, dark."""
    tab.look(scheme="dark", languages="zh-CN", width_px=1920, height_px=1080)
    tab.open(evening(300).served.url + f"&task=shop/{BROKEN}")
    tab.wait(lambda: tab.count("#drawer-body .condition") > 0, "the opened row")
    keep(tab, "board-chinese-dark.png")


def keep(tab: Tab, name: str) -> None:
    """Keep a picture, once the page has come to rest, and check that it is one of the screen."""
    rest = """
    const done = arguments[0];
    setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), 1200);
    """
    tab.driver.execute_async_script(rest)
    if tab.count(".strip:not(.is-empty)") and tab.text(".main"):
        assert tab.js("return document.querySelector('.layer[d^=\"M0\"]') !== null")
    path = BUILD / name
    tab.shot(path)
    width, height = struct.unpack(">II", path.read_bytes()[16:24])
    shown = tab.js("return [innerWidth, innerHeight]")
    assert [width, height] == shown


@pytest.mark.parametrize("name", SHOWN)
def test_the_documentation_shows_pictures_of_this_page(tab: Tab, evening: Begin, name: str) -> None:
    """Of the same night; small, since the repository is not an album."""
    scheme, until_s, opened = SHOWN[name]
    tab.look(scheme=scheme, width_px=SHOWN_PX[0], height_px=SHOWN_PX[1])
    tab.open(evening(until_s).served.url + opened)
    if opened:
        tab.wait(lambda: tab.count("#drawer-body .condition") > 0, "the opened row")
    keep(tab, name)
    path = Path(DOCS / name)
    if os.environ.get("RENEW"):
        DOCS.mkdir(exist_ok=True)
        shutil.copyfile(BUILD / name, path)
    assert path.stat().st_size <= BYTES_MAX
    assert struct.unpack(">II", path.read_bytes()[16:24]) == SHOWN_PX
