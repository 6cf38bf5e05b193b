"""Five thousand tasks, of which two hundred change each second: few rows in the document.

How long frames take is measured by `python -m board.measure`, and not asserted.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from board.crowd import CHANGES_PER_S, TASKS, Crowd
from kubectl_dcs.progress import Progress

if TYPE_CHECKING:
    from board.chrome import Tab
    from board.served import Served

BURSTS = 30
BURST_S = 0.1

ROWS_MAX = 60
"""Of the document, on a screen with room for 13; whatever is scrolled to."""

SCROLL = """
const box = document.getElementById("rows");
box.scrollTop = arguments[0] * (box.scrollHeight - box.clientHeight);
"""

SEEN = """
const box = document.getElementById("rows").getBoundingClientRect();
const rows = [...document.querySelectorAll("#rows-space .row")];
let gap = 0;
for (let y = box.top + 2; y < box.bottom - 2; y += 8) {
  const there = rows.some((row) => {
    const one = row.getBoundingClientRect();
    return one.top <= y && one.bottom >= y;
  });
  if (!there) gap += 1;
}
return [rows.length, gap];
"""


def test_five_thousand_rows_are_scrolled_while_two_hundred_change_each_second(
    tab: Tab, served: Served
) -> None:
    """A row for each place on the screen and a few more; in the end all is as it should be."""
    crowd = Crowd()
    served.hear(*crowd.listed())
    tab.open(served.url)
    tab.wait(
        lambda: tab.js("return document.getElementById('table').ariaRowCount") == "5001", "all"
    )

    async def burst() -> None:
        for news in crowd.changes(int(CHANGES_PER_S * BURST_S)):
            served.answers.hear(news)

    async def feed() -> None:
        for _ in range(BURSTS):
            await burst()
            await asyncio.sleep(BURST_S)

    feeding = asyncio.run_coroutine_threadsafe(feed(), served.loop)
    places = []
    while not feeding.done():
        for part in (0.0, 0.25, 0.5, 0.999, 1.0, 0.3):
            tab.js(SCROLL, part)
            # What is asked after the next frame is what somebody sees.
            tab.js("return new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
            places.append(tab.js(SEEN))
    feeding.result()
    assert max(rows for rows, _ in places) <= ROWS_MAX
    assert [gap for _, gap in places if gap] == []

    progress = Progress(lambda _: True)
    state = served.answers.state
    progress.listed(state.tasks.values())
    ordered = [task.name for task in progress.by_urgency()]
    assert len(ordered) == TASKS
    tab.js(SCROLL, 0.0)
    tab.wait(lambda: tab.rows() == ordered[: len(tab.rows())], "the order of the board")
    tab.js(SCROLL, 1.0)
    tab.wait(lambda: tab.rows()[-1] == ordered[-1], "the last row")
    for name in tab.rows():
        lag = state.tasks[f"shop/{name}"].lag
        assert tab.row(name)["lag"].replace(",", "") == str(lag)
    counts = {state.name.lower(): number for state, number in progress.counts().items()}
    tab.wait(lambda: tab.counts() == counts, "the counts of the board")


def test_many_messages_later_the_page_holds_no_more_than_before(tab: Tab, served: Served) -> None:
    """Neither elements nor listeners nor lags grow while the night goes on."""
    crowd = Crowd(tasks=500)
    served.hear(*crowd.listed())
    tab.open(served.url)

    def churn(rounds: int) -> dict[str, float]:
        for _ in range(rounds):
            served.hear(*crowd.changes(100))
            served.publish()
        tab.wait(lambda: settled(tab, served), "the page to follow")
        tab.cdp("HeapProfiler.collectGarbage")
        tab.cdp("Performance.enable")
        found = tab.cdp("Performance.getMetrics")["metrics"]
        return {one["name"]: one["value"] for one in found}

    first = churn(200)  # by then each task has as many lags as it keeps
    later = churn(200)
    assert later["Nodes"] <= first["Nodes"] * 1.2
    assert later["JSEventListeners"] <= first["JSEventListeners"] * 1.2
    assert later["JSHeapUsedSize"] <= first["JSHeapUsedSize"] * 1.3


def settled(tab: Tab, served: Served) -> bool:
    """Tell whether the first row on the screen is as the board knows it."""
    name = tab.rows()[0]
    lag = served.answers.state.tasks[f"shop/{name}"].lag
    return tab.row(name).get("lag", "").replace(",", "") == str(lag)
