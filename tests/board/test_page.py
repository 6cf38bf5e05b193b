"""The page in a real browser: what can be seen, found and opened while the night goes on."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from board.night import BROKEN
from kubectl_dcs.following import News, What
from kubectl_dcs.kinds import TASK, WAVE
from kubectl_dcs.progress import Progress
from kubectl_dcs.tasks import task_view
from unit.plugin import bodies

if TYPE_CHECKING:
    from collections.abc import Callable

    from board.chrome import Tab
    from board.conftest import Evening
    from board.served import Served

    Begin = Callable[[float], Evening]


def listed(served: Served, *tasks: dict[str, Any], waves: tuple[dict[str, Any], ...] = ()) -> None:
    """Let the board hear of everything that there is."""
    served.hear(News(What.LISTED, TASK, tasks), News(What.LISTED, WAVE, waves))


def changed(served: Served, *tasks: dict[str, Any]) -> None:
    """Let the board hear of tasks that changed."""
    served.hear(News(What.CHANGED, TASK, tasks))


def test_the_page_opens_by_its_address_and_the_token_leaves_the_address(
    tab: Tab, evening: Begin
) -> None:
    """Nobody reads it off the screen; what it gave is enough for loading the page again."""
    served = evening(150).served
    tab.open(served.url)
    assert tab.query == ""
    assert tab.counts() == {"holding": 72, "observed": 4}
    assert tab.text("#link") == "live"
    tab.driver.refresh()
    tab.wait(lambda: tab.counts().get("holding") == 72, "the page after it was loaded again")
    cookies = tab.cdp("Network.getAllCookies")["cookies"]
    assert [(one["httpOnly"], one["sameSite"], one["session"]) for one in cookies] == [
        (True, "Strict", True)
    ]
    assert tab.js("return document.cookie") == ""


def test_the_night_goes_on_before_ones_eyes(tab: Tab, evening: Begin) -> None:
    """Without loading anything again: counts, rows, the wave, and the line that says why."""
    night = evening(150)
    tab.open(night.served.url)
    assert tab.text("#headline").startswith("72 tasks hold")
    assert tab.text("[data-wave='shop/night-1'] .badge") == "Hold"
    night.go_on(250)
    tab.wait(lambda: tab.counts().get("catching_up") == 60, "the wave to go")
    tab.wait(lambda: tab.text("[data-wave='shop/night-1'] .badge") == "Go", "its card")
    assert "first time limit in 1" in tab.text("[data-wave='shop/night-1'] .card-left")
    tab.wait(lambda: tab.text("#headline").startswith("Waiting for 60 targets"), "the line")
    night.go_on(270)
    tab.wait(lambda: tab.counts().get("trouble") == 1, "the one in trouble")
    tab.wait(lambda: tab.rows()[0] == BROKEN, "who needs a person to be first")
    tab.wait(lambda: tab.text("#headline").startswith(f"Look at {BROKEN} first"), "the line")
    assert tab.js("return document.title").startswith("(1!) ")


def test_the_order_is_that_of_the_command_line(tab: Tab, served: Served) -> None:
    """Who needs a person first, then the highest lag: the same as `kubectl dcs status` prints."""
    draw = random.Random(3)  # noqa: S311 - drawn tasks, always the same
    kinds = (
        {"ready": "False/CatchingUp", "standing": "Reconciling"},
        {"ready": "False/CutoverTimedOut", "standing": "Stalled"},
        {"ready": "True/Holding"},
        {"ready": "True/Terminated", "also": ("Stopped",)},
        {"ready": "False/Stopping", "standing": "Reconciling"},
        {"ready": "True/Observed", "spec": {}},
        {"ready": "False/Throttled", "standing": "Reconciling"},
    )
    tasks = [
        bodies.task(
            f"t-{draw.randrange(10**6):06}",
            **draw.choice(kinds),
            lag=draw.choice([None, 0, 5, draw.randrange(1000)]),
        )
        for _ in range(24)
    ]
    progress = Progress(lambda _: True)
    progress.listed(map(task_view, tasks))
    listed(served, *tasks)
    tab.look(height_px=1400, width_px=1280)
    tab.open(served.url)
    tab.wait(lambda: len(tab.rows()) == 24, "all rows")
    assert tab.rows() == [task.name for task in progress.by_urgency()]


def test_a_row_says_what_is_known_of_its_task(tab: Tab, served: Served) -> None:
    """And its figures change where they stand."""
    spec = {"cutover": {"waveRef": {"name": "night"}}}
    listed(served, bodies.task("orders", spec=spec, standing="Reconciling", lag=12_345))
    tab.open(served.url)
    tab.wait(lambda: tab.row("orders"), "the row")
    row = tab.row("orders")
    assert (row["state"], row["lag"], row["wave"]) == ("catching up", "12,345", "night")
    assert (row["reason"], row["message"]) == ("CatchingUp", "Because of CatchingUp.")
    assert row["seen"]
    changed(served, bodies.task("orders", spec=spec, standing="Reconciling", lag=7))
    tab.wait(lambda: tab.row("orders")["lag"] == "7", "the new lag")


def test_a_task_that_is_deleted_leaves(tab: Tab, served: Served) -> None:
    """At once, and whoever has it open is told."""
    listed(served, bodies.task("orders"), bodies.task("carts"))
    tab.open(served.url)
    tab.wait(lambda: len(tab.rows()) == 2, "both")
    tab.js("[...document.querySelectorAll('#rows-space .row')].at(-1).click()")
    opened = tab.rows()[-1]
    tab.wait(lambda: tab.text("#drawer-body section"), "the opened row")
    served.hear(News(What.DELETED, TASK, (bodies.task(opened),)))
    tab.wait(lambda: len(tab.rows()) == 1, "it to leave")
    tab.wait(lambda: tab.text("#drawer-body") == "This task no longer exists.", "the word")


def test_counts_are_filters_that_stay_in_the_address(tab: Tab, evening: Begin) -> None:
    """So that they survive loading the page again, and can be sent to somebody."""
    tab.open(evening(390).served.url)
    before = tab.counts()
    tab.click(".chip[data-state='stopped']")
    tab.click(".chip[data-state='trouble']")
    tab.wait(lambda: tab.query == "?state=trouble,stopped", "the address")
    shown = before["trouble"] + before["stopped"]
    tab.wait(lambda: tab.text("#shown") == f"{shown} of 76 tasks", "fewer tasks")
    assert {tab.row(name)["state"] for name in tab.rows()} == {"needs a person", "stopped"}
    assert tab.counts() == before
    tab.driver.refresh()
    tab.wait(lambda: tab.text("#shown") == f"{shown} of 76 tasks", "the same after loading")
    assert tab.count(".chip[aria-pressed='true']") == 2
    tab.click("#clear")
    tab.wait(lambda: tab.text("#shown") == "76 tasks", "all of them")
    assert tab.query == ""


def test_a_wave_is_a_filter_too_and_counts_follow_it(tab: Tab, evening: Begin) -> None:
    """A second click takes it away."""
    tab.open(evening(390).served.url)
    tab.click("[data-wave='shop/night-2'] .card-pick")
    tab.wait(lambda: tab.counts() == {"holding": 12}, "the counts of that wave")
    assert tab.query == "?wave=shop/night-2"
    assert {tab.row(name)["wave"] for name in tab.rows()} == {"night-2"}
    tab.click("[data-wave='shop/night-2'] .card-pick")
    tab.wait(lambda: tab.text("#shown") == "76 tasks", "all of them")


def test_the_search_finds_names_reasons_messages_and_ids(tab: Tab, evening: Begin) -> None:
    """All words that were typed, wherever they stand."""
    night = evening(390)
    tab.open(night.served.url)
    task_id = night.served.answers.state.tasks[f"shop/{BROKEN}"].task_id
    for typed, found in (
        ("stock replicate", [BROKEN]),
        ("NOTREPLICATING", [BROKEN]),
        (task_id, [BROKEN]),
        (f"mig-{BROKEN}", [BROKEN]),
        ("nothing like this", []),
    ):
        tab.type("/", *typed)
        tab.wait(lambda found=found: tab.rows() == found, typed)  # type: ignore[misc] # bound here
        assert tab.notice == ("" if found else "no-match")
        tab.type("Esc")
        tab.wait(lambda: tab.text("#shown") == "76 tasks", "all of them")
        tab.type("Esc")


def test_everything_can_be_done_by_keyboard(tab: Tab, evening: Begin) -> None:
    """Going through rows, opening and closing one, filters, the help."""
    tab.open(evening(390).served.url)
    first, second = tab.rows()[:2]
    current = "document.querySelector('.row.is-current .c-name')?.textContent"
    tab.type("j")
    assert tab.js(f"return {current}") == first
    tab.type("Down")
    assert tab.js(f"return {current}") == second
    tab.type("k", "Enter")
    tab.wait(lambda: tab.text("#drawer-title") == f"shop/{first}", "the opened row")
    assert tab.query == f"?task=shop/{first}"
    tab.type("j")
    tab.wait(lambda: tab.text("#drawer-title") == f"shop/{second}", "the next one")
    tab.type("Esc")
    tab.wait(lambda: not tab.text("#drawer"), "it to close")
    tab.type("End")
    tab.wait(lambda: tab.js(f"return {current}") == tab.rows()[-1], "the last row")
    tab.type("Home")
    tab.wait(lambda: tab.js(f"return {current}") == first, "the first row")
    tab.type("8")
    tab.wait(lambda: tab.query == "?state=stopped", "the eighth state")
    tab.type("0")
    tab.wait(lambda: tab.query == "", "no filter")
    tab.type("?")
    assert tab.text("#help h2") == "Keys"
    tab.type("Esc")
    tab.wait(lambda: not tab.text("#help"), "the help to close")


def test_an_address_opens_the_row_that_it_names(tab: Tab, evening: Begin) -> None:
    """As it is sent around: look at this one."""
    tab.open(evening(390).served.url + f"&task=shop/{BROKEN}&state=trouble")
    tab.wait(lambda: tab.text("#drawer-title") == f"shop/{BROKEN}", "the opened row")
    assert tab.query == f"?state=trouble&task=shop/{BROKEN}"


def test_a_row_opens_into_all_that_a_call_to_support_needs(tab: Tab, evening: Begin) -> None:
    """Conditions, the way to the stop, request id, project, commands; it keeps up to date."""
    night = evening(300)
    task = next(
        one for one in night.served.answers.state.tasks.values() if one.state.name == "STOPPING"
    )
    tab.open(night.served.url + f"&task=shop/{task.name}")
    tab.wait(lambda: tab.count("#drawer-body .condition") > 0, "its conditions")
    said = tab.text("#drawer-body")
    for part in (
        *("stopping", "Stopping", "cutover opened", "caught up", "stop ordered"),
        *(task.part("stop")["requestId"], task.task_id, f"mig-{task.name}", "cn-north-4"),
        *(f"kubectl dcs logs {task.name} -n shop", "CaughtUp", "Orders sent", "100 %"),
    ):
        assert part in said
    night.go_on(330)
    tab.wait(lambda: "ended according to DCS" in tab.text("#drawer-body"), "the end of it")
    assert tab.count(".step") == 6


MARKUP = "<img src=x onerror=window.owned=1><script>window.owned=1</script>{{7*7}}"


def test_what_somebody_typed_in_the_cloud_stays_a_text(tab: Tab, served: Served) -> None:
    """Names, messages and errors are shown as they are, everywhere."""
    body = bodies.task("orders", "False/NotReplicating", standing="Stalled", phase=MARKUP)
    for one in body["status"]["conditions"]:
        one["message"] = MARKUP
    body["status"] |= {
        "task": {"name": MARKUP, "method": MARKUP},
        "lastError": {"code": "DCS.1", "message": MARKUP, "requestId": MARKUP},
        "stop": {"requestId": MARKUP, "attempts": 1, "requestedAt": bodies.AT},
    }
    wave = bodies.wave("night")
    wave["status"]["conditions"][0]["message"] = MARKUP
    listed(served, body, waves=(wave,))
    tab.open(served.url + "&task=shop/orders")
    tab.wait(lambda: tab.count("#drawer-body .condition") > 0, "the opened row")
    assert tab.text("#drawer-body").count(MARKUP) >= 6
    assert tab.row("orders")["phase"] == MARKUP
    assert MARKUP in tab.text("#headline")
    assert MARKUP in tab.text(".card-why")
    assert tab.js("return [window.owned, document.querySelectorAll('img').length]") == [None, 1]


def test_a_command_is_copied_by_a_click(tab: Tab, served: Served) -> None:
    """Or, without a right to the clipboard, marked."""
    listed(served, bodies.task("orders"))
    tab.open(served.url + "&task=shop/orders")
    tab.wait(lambda: tab.count(".commands .copy") > 0, "the commands")
    tab.cdp(
        "Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"]
    )
    tab.click(".commands .copy")
    tab.wait(lambda: tab.text(".commands .copy") == "Copied", "the word")
    assert tab.js("return navigator.clipboard.readText()") == "kubectl dcs status orders -n shop"
    tab.cdp("Browser.resetPermissions")


def test_chinese_browsers_get_chinese_words(tab: Tab, evening: Begin) -> None:
    """By their first language; what the operator says stays as it is."""
    tab.look(languages="zh-CN,zh,en")
    tab.open(evening(390).served.url)
    assert tab.js("return document.documentElement.lang") == "zh-CN"
    assert tab.text("#link") == "实时"
    assert tab.text(".chip[data-state='stopped']").endswith("已停止")
    assert tab.text("#headline").startswith(f"请先看 {BROKEN}")
    assert tab.text("[data-wave='shop/night-1'] .card-trouble") == "1 个需要人工"
    assert "needs" not in tab.text("body")


@pytest.mark.parametrize("languages", ["en", "zh-CN"])
@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080), (1024, 768)])
def test_everything_fits_on_the_screen(
    tab: Tab, evening: Begin, languages: str, size: tuple[int, int]
) -> None:
    """Nothing is cut off at the edge, nothing has to be scrolled sideways, rows can be seen."""
    tab.look(languages=languages, width_px=size[0], height_px=size[1])
    tab.open(evening(390).served.url)
    script = """
    const wide = [...document.querySelectorAll("header *, .tools *, .chip, .card")]
      .filter((one) => one.checkVisibility() && one.getBoundingClientRect().right > innerWidth + 1);
    return [document.documentElement.scrollWidth - innerWidth, wide.map((one) => one.className),
            document.querySelector("#rows").clientHeight];
    """
    over, wide, rows_px = tab.js(script)
    assert (over, wide) == (0, [])
    assert rows_px > size[1] * 0.4


def test_the_strip_shows_what_was_when_it_was_and_nothing_else(tab: Tab, evening: Begin) -> None:
    """Each layer begins where its first task came to that state; drawn to the second."""
    tab.open(evening(400).served.url)
    script = """
    const width = document.querySelector("#strip-drawing").clientWidth;
    return Object.fromEntries([...document.querySelectorAll(".layer[d^=M]")].map((layer) => {
      const box = layer.getBBox();
      return [layer.classList[1].slice(2), [box.x / width, (box.x + box.width) / width]];
    }));
    """
    tab.wait(lambda: tab.js(script), "the strip")
    drawn = {state: [round(400 * at) for at in ends] for state, ends in tab.js(script).items()}
    begun = {state: begin for state, (begin, _) in drawn.items()}
    assert begun["holding"] == begun["observed"] == 0
    assert abs(begun["catching_up"] - 180) <= 6
    assert abs(begun["trouble"] - 265) <= 6
    assert begun["caught_up"] < begun["stopping"] < begun["stopped"]
    assert {end for _, end in drawn.values()} == {400}
    assert "delayed" not in drawn


def test_twenty_waves_stand_side_by_side(tab: Tab, served: Served) -> None:
    """Nothing of a card is cut off but its lag, whatever the figures; the rest is scrolled to."""
    names = [f"wave-{number:02}" for number in range(20)]
    tasks = []
    for number, name in enumerate(names * 3):
        trouble = {"ready": "False/NotReplicating", "standing": "Stalled"}
        kind: dict[str, Any] = {"ready": "True/Holding"} if number % 3 else trouble
        spec = {"cutover": {"waveRef": {"name": name}}}
        tasks.append(bodies.task(f"t-{number}", **kind, spec=spec, lag=123_456_789))
    listed(served, *tasks, waves=tuple(bodies.wave(name) for name in names))
    tab.open(served.url)
    tab.wait(lambda: tab.count(".card") == 20, "the waves")
    script = """
    return [...document.querySelectorAll(".card")].flatMap((card) =>
      [...card.querySelectorAll("*")].filter((one) =>
        one.getBoundingClientRect().right > card.getBoundingClientRect().right)
      .map((one) => one.className));
    """
    assert tab.js(script) == []
    assert "1 needs a person" in tab.text(".card")


def test_a_hidden_tab_rests_and_goes_on_where_it_was(tab: Tab, served: Served) -> None:
    """Browsers make few connections to one server, and a stream keeps one."""
    listed(served, bodies.task("orders", lag=1))
    hurry = """
    const later = window.setTimeout;
    window.setTimeout = (what, ms, ...more) => later(what, ms === 30000 ? 100 : ms, ...more);
    window.hide = (hidden) => {
      Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
      document.dispatchEvent(new Event("visibilitychange"));
    };
    const fetched = window.EventSource;
    window.streams = [];
    window.EventSource = class extends fetched {
      constructor(url) {
        super(url);
        window.streams.push(this);
        for (const word of ["snapshot", "changes"]) {
          this.addEventListener(word, () => { (this.words ??= []).push(word); });
        }
      }
    };
    """
    made = tab.cdp("Page.addScriptToEvaluateOnNewDocument", source=hurry)
    tab.open(served.url)
    tab.cdp("Page.removeScriptToEvaluateOnNewDocument", identifier=made["identifier"])
    tab.js("window.hide(true)")
    tab.wait(lambda: tab.js("return window.streams[0].readyState") == 2, "the stream to close")
    changed(served, bodies.task("orders", lag=2))
    served.publish()
    tab.js("window.hide(false)")
    tab.wait(lambda: tab.row("orders")["lag"] == "2", "what happened meanwhile")
    assert tab.js("return window.streams.map((one) => [...new Set(one.words)])") == [
        ["snapshot"],
        ["changes"],
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read_in_both_schemes(tab: Tab, served: Served, scheme: str) -> None:
    """The contrast of each state with its ground is that of WCAG for text, 4.5 to 1."""
    tab.look(scheme=scheme)
    listed(
        served,
        bodies.task("a", "False/NotReplicating", standing="Stalled", lag=3),
        bodies.task("b", "False/Throttled", standing="Reconciling"),
        bodies.task("c", "True/Holding"),
        bodies.task("d", "False/CatchingUp", standing="Reconciling"),
        bodies.task("e", "False/CatchingUp", standing="Reconciling", also=("CaughtUp",)),
        bodies.task("f", "False/Stopping", standing="Reconciling"),
        bodies.stopped("g"),
        bodies.task("h", "True/Observed", spec={}),
        bodies.task("i", "False/Pending"),
    )
    tab.open(served.url)
    tab.wait(lambda: len(tab.rows()) == 9, "all rows")
    script = """
    const light = (color) => {
      const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map((one) => {
        const part = one / 255;
        return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (one) => {
      for (; one; one = one.parentElement) {
        const color = getComputedStyle(one).backgroundColor;
        if (!/, 0\\)$/.test(color)) return color;
      }
    };
    const words = ".row .cell, .chip:not(.is-none), .quiet, .headline, .link";
    return [...document.querySelectorAll(words)]
      .filter((one) => one.checkVisibility() && one.textContent)
      .map((one) => {
        const [a, b] = [light(getComputedStyle(one).color), light(ground(one))];
        return [one.className, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
      })
      .filter(([, ratio]) => ratio < 4.5);
    """
    assert tab.js(script) == []
    dark = tab.js("return getComputedStyle(document.body).backgroundColor") == "rgb(14, 19, 26)"
    assert dark is (scheme == "dark")
