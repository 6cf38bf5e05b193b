"""Hold and Go on the page: asked first, confirmed, and never anything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from board.served import SCOPE, Served
from board.tools import BUILD
from kubectl_dcs.board import access
from kubectl_dcs.board.live import Live
from kubectl_dcs.following import News, What
from kubectl_dcs.kinds import TASK, WAVE
from kubectl_dcs.where import Where
from unit.board.conftest import REVIEWS
from unit.plugin import bodies
from unit.plugin.fake_api import Asked, FakeApi, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from board.chrome import Tab

CARD = "[data-wave='shop/night']"


@pytest.fixture
def board(
    alone: None, no_pauses: None, api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Served]:
    """Serve a wave of three on the fake cluster, with actions."""
    del alone, no_pauses
    monkeypatch.setenv("KUBECONFIG", str(api.kubeconfig(tmp_path)))
    cluster = access.connect(Where())
    spec = {"cutover": {"waveRef": {"name": "night"}}}
    tasks = [bodies.task(name, "True/Holding", spec=spec, lag=5) for name in ("a", "b")]
    tasks.append(bodies.task("c", "False/NotReplicating", spec=spec, standing="Stalled"))
    wave = api.put("migrationwaves", bodies.wave())
    with Served(lambda: Live(SCOPE, cluster)) as served:
        served.hear(News(What.LISTED, TASK, tasks), News(What.LISTED, WAVE, (wave,)))
        yield served


def review(api: FakeApi, *, allowed: bool) -> None:
    """Answer the access review."""

    def answer(asked: Asked) -> Reply | None:
        said = {"status": {"allowed": allowed}}
        return Reply(201, said) if asked.path == REVIEWS else None

    api.faults.append(answer)


def test_go_asks_first_and_names_the_wave_and_what_is_in_it(
    tab: Tab, board: Served, api: FakeApi
) -> None:
    """Then it is one patch of the state alone."""
    review(api, allowed=True)
    tab.open(board.url)
    tab.click(f"{CARD} .card-change")
    tab.wait(lambda: tab.text(".confirm-said") == "You may change this wave.", "the review")
    said = tab.text("#confirm")
    assert said.startswith("Set wave shop/night to Go?")
    assert "while writers are active, a lag of 0 proves nothing" in said
    assert tab.text(".confirm-counts").replace("\n", " ") == "1 needs a person 2 holding"
    assert tab.js("return document.activeElement.textContent") == "Cancel"
    assert api.patches() == []
    tab.shot(BUILD / "board-confirm-light.png")
    tab.click("#confirm .button-go")
    tab.wait(lambda: not tab.text("#confirm"), "the dialog to close")
    (patch,) = api.patches()
    assert patch.body["spec"] == {"state": "Go"}
    board.hear(News(What.CHANGED, WAVE, (api.objects[patch.path],)))
    tab.wait(lambda: tab.text(f"{CARD} .badge") == "Go", "the wave to go")
    assert tab.text(f"{CARD} .card-change") == "Hold…"


@pytest.mark.parametrize("way", ["cancel", "escape"])
def test_who_does_not_confirm_changes_nothing(
    tab: Tab, board: Served, api: FakeApi, way: str
) -> None:
    """By button or by key."""
    review(api, allowed=True)
    tab.open(board.url)
    tab.click(f"{CARD} .card-change")
    tab.wait(lambda: tab.text("#confirm"), "the dialog")
    if way == "escape":
        tab.type("Esc")
    else:
        tab.click("#confirm .button:not(.button-go)")
    tab.wait(lambda: not tab.text("#confirm"), "the dialog to close")
    assert api.patches() == []


def test_who_may_not_cannot_confirm(tab: Tab, board: Served, api: FakeApi) -> None:
    """And reads which right is missing."""
    review(api, allowed=False)
    tab.open(board.url)
    tab.click(f"{CARD} .card-change")
    words = "you may not patch migrationwaves/night in namespace shop"
    tab.wait(lambda: tab.text(".confirm-said") == words, "the refusal")
    assert not tab.find("#confirm .button-go").is_enabled()
    assert api.patches() == []


def test_a_wave_that_somebody_else_has_set_meanwhile_is_left_alone(
    tab: Tab, board: Served, api: FakeApi
) -> None:
    """What was confirmed was what was on the screen."""
    review(api, allowed=True)
    tab.open(board.url)
    api.put("migrationwaves", bodies.wave(state="Go"))
    tab.click(f"{CARD} .card-change")
    tab.wait(lambda: tab.find("#confirm .button-go").is_enabled(), "the review")
    tab.click("#confirm .button-go")
    tab.wait(lambda: "has changed since" in tab.text(".confirm-said"), "the refusal")
    assert api.patches() == []


def test_without_actions_there_is_no_button(tab: Tab, served: Served) -> None:
    """Reading is the default."""
    served.hear(News(What.LISTED, TASK, ()), News(What.LISTED, WAVE, (bodies.wave(),)))
    served.hear(News(What.CHANGED, TASK, (bodies.task("a"),)))
    tab.open(served.url)
    tab.wait(lambda: tab.count(CARD) == 1, "the wave")
    assert tab.text(".card-change") == ""


def test_the_page_never_offers_a_stop(tab: Tab, board: Served) -> None:
    """In no button, whatever is open."""
    tab.open(board.url + "&task=shop/a")
    tab.wait(lambda: tab.count("#drawer-body .condition") > 0, "the opened row")
    script = "return [...document.querySelectorAll('button')].map((one) => one.textContent)"
    assert [text for text in tab.js(script) if "top" in text and not text.startswith("0")] == []
    assert "kubectl dcs stop" not in tab.driver.page_source
