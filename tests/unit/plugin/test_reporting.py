"""The report of a wave: its figures, and a page that shows odd names as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_dcs.progress import Progress
from kubectl_dcs.reporting import HEADS, as_markdown, report
from kubectl_dcs.tasks import task_view
from kubectl_dcs.waves import wave_view
from unit.plugin import bodies

if TYPE_CHECKING:
    from collections.abc import Iterable

AT = "2026-11-27T20:00:00Z"

ORDERS = bodies.stopped(
    "orders",
    lag=0,
    cutover={"openedAt": "2026-11-27T18:00:00Z"},
    stop={
        "requestedAt": "2026-11-27T18:01:00Z",
        "acceptedAt": "2026-11-27T18:01:02Z",
        "terminatedAt": "2026-11-27T18:01:42Z",
        "attempts": 1,
        "requestId": "f0e1d2",
        "lagAtOrder": 0,
    },
    task={"name": "orders|cache", "sourceInstance": "redis-1", "targetInstance": "dcs-1"},
)
CARTS = bodies.stopped(
    "carts",
    stop={
        "requestedAt": "2026-11-27T18:05:00Z",
        "terminatedAt": "2026-11-27T18:06:00Z",
        "lagAtOrder": 1204,
    },
)
BROKEN = bodies.task(
    "broken",
    "False/CutoverTimedOut",
    standing="Stalled",
    lastError={"code": "DCS.4017", "message": "busy"},
)


def made(*tasks: dict[str, Any], wave: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the report of some tasks."""
    progress = Progress(lambda _: True)
    progress.listed(map(task_view, tasks))
    progress.wave = wave_view(wave) if wave else None
    return report(progress, AT)


def test_the_figures_of_a_wave() -> None:
    """From the first opening to the last end, and the lag that was lost."""
    found = made(ORDERS, CARTS, BROKEN, wave=bodies.wave())
    assert found["madeAt"] == AT
    assert found["wave"]["name"] == "night"
    assert (found["firstAt"], found["lastTerminatedAt"]) == (
        "2026-11-27T18:00:00Z",
        "2026-11-27T18:06:00Z",
    )
    assert found["seconds"] == 360
    assert (found["highestLagAtOrder"], found["stoppedWithLag"]) == (1204, 1)
    assert found["counts"]["stopped"] == 2
    assert [one["name"] for one in found["tasks"]] == ["broken", "carts", "orders"]


def test_the_figures_of_a_task() -> None:
    """What a change ticket asks for each of them."""
    one = made(ORDERS)["tasks"][0]
    assert (one["secondsToAcceptance"], one["secondsToEnd"]) == (62, 40)
    assert (one["requestId"], one["orders"], one["lagAtOrder"]) == ("f0e1d2", 1, 0)
    assert (one["source"], one["target"]) == ("redis-1", "dcs-1")
    assert one["lastError"] is None
    broken = made(BROKEN)["tasks"][0]
    assert broken["lagAtOrder"] is None
    assert broken["secondsToAcceptance"] is None
    assert broken["lastError"] == {"code": "DCS.4017", "message": "busy"}


def test_the_page_names_who_needs_a_person_before_the_table() -> None:
    """With the reason and the message."""
    page = as_markdown(made(ORDERS, BROKEN, wave=bodies.wave()))
    before = page.partition("## Tasks")[0]
    assert "- shop/broken: CutoverTimedOut: Because of CutoverTimedOut." in before
    assert "shop/orders" not in before
    assert "orders\\|cache" in page


def rows(page: str) -> Iterable[str]:
    """Return the rows of the table."""
    return [line for line in page.splitlines() if line.startswith("| shop/")]


@settings(deadline=None)  # how long it takes is up to the machine
@given(st.text(), st.text())
def test_no_name_breaks_the_table(title: str, request_id: str) -> None:
    """For all names in DCS: one row of as many cells as the head has."""
    task = bodies.stopped("orders", task={"name": title}, stop={"requestId": request_id})
    (row,) = rows(as_markdown(made(task)))
    assert row.replace("\\|", "").count("|") == len(HEADS) + 1
    assert "<" not in row


def test_nothing_is_known_of_tasks_that_nobody_has_seen() -> None:
    """The report is made all the same."""
    found = made(bodies.task(behind=True))
    assert (found["firstAt"], found["seconds"], found["highestLagAtOrder"]) == (None, None, None)
    assert "- tasks: 1 (1 pending)" in as_markdown(found)
