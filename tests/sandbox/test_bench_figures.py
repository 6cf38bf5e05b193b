"""Tables of the measurements: medians, ratios, budgets, sections of the page."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bench import budget, figures
from bench.growth import conclusions
from bench.page import filled
from bench.store import command
from bench.trial import Trial, percentile

MIB = 1024 * 1024

TRIAL = Trial(
    contestant="product",
    mode="waiting",
    tasks=1000,
    ended=1000,
    seconds=6.0,
    orders=20,
    reads=6,
    looks=3,
    status_writes=2000,
    other_writes=0,
    cpu_s=2.0,
    start_cpu_s=0.5,
    rss_bytes=58 * MIB,
    rss_peak_bytes=59 * MIB,
    accepted_p50_s=0.3,
    accepted_p99_s=0.5,
    load=0.1,
)
PEER = replace(TRIAL, contestant="peer", orders=1000, cpu_s=12.0, other_writes=3000)


def table(*trials: Trial) -> dict[str, list[str]]:
    """Return the rows of the comparison by their titles."""
    return {row[0]: row[1:] for row in figures.comparison(trials, "waiting", 1000)}


def met(trials: list[Trial], scenes: dict[str, Any] | None = None) -> dict[str, str]:
    """Return the last column of the budgets by their titles."""
    return {row[0]: row[3] for row in budget.rows(trials, scenes or {})}


def test_the_median_of_the_runs_is_shown() -> None:
    """One slow run of three does not count."""
    runs = [replace(TRIAL, cpu_s=cpu_s) for cpu_s in (2.0, 9.0, 2.2)]
    assert table(*runs, PEER)["CPU per resource, ms"] == ["2.20", "12.00", "5.5"]


def test_trials_of_another_kind_do_not_count() -> None:
    """Each column has one contestant, one way to begin and one number of tasks."""
    others = [replace(TRIAL, tasks=100, orders=9), replace(TRIAL, mode="created", orders=9)]
    assert table(TRIAL, *others)["stop orders"] == ["20", "—", "—"]


def test_a_peer_that_was_cut_gives_lower_bounds() -> None:
    """Its figures and the ratios carry a sign, and a row says how far it came."""
    rows = table(TRIAL, replace(PEER, ended=700, seconds=600.0))
    assert rows["CPU per resource, ms"] == ["2.00", "≥ 12.00", "≥ 6.0"]
    assert rows[""] == ["", "cut after 600 s with 700 of 1,000 ended", ""]


def test_annotations_and_finalizers_count_as_writes() -> None:
    """The peer writes to the resource itself too."""
    rows = table(TRIAL, PEER)
    assert rows["status writes per resource"] == ["2.00", "2.00", "1.0"]
    assert rows["all writes per resource"] == ["2.00", "5.00", "2.5"]


@pytest.mark.parametrize("percent,value", [(50, 5.0), (99, 10.0), (100, 10.0), (10, 1.0)])
def test_a_percentile_is_one_of_the_values(percent: int, value: float) -> None:
    """The smallest value that so many percent do not exceed, in whatever order they come."""
    assert percentile([10.0, *map(float, range(1, 10))], percent) == value


def test_tables_are_aligned() -> None:
    """They are aligned by blanks in a terminal, and by Markdown on a page."""
    rows = [["N", "x"], ["a", "1.00"]]
    assert figures.plain(rows) == "N     x\na  1.00\n"
    assert figures.markdown(rows) == "| N | x |\n| --- | ---: |\n| a | 1.00 |\n"


def test_a_budget_is_met_or_not() -> None:
    """The worst run decides."""
    title = "RSS after N = 1,000"
    assert met([TRIAL])[title] == "yes"
    assert met([TRIAL, replace(TRIAL, rss_bytes=61 * MIB)])[title] == "**no**"


def test_one_order_too_many_misses_the_budget() -> None:
    """So does one too few: then somebody was not ordered."""
    title = "stop orders for 1,000 resources that wait at the start"
    assert [met([replace(TRIAL, orders=n)])[title] for n in (19, 20, 21)] == [
        "**no**",
        "yes",
        "**no**",
    ]


def test_reads_are_pages_times_looks() -> None:
    """1,000 rows take two pages: the second one is empty and shows the end."""
    title = "reads of DCS, N = 1,000"
    assert [met([replace(TRIAL, reads=n)])[title] for n in (6, 7)] == ["yes", "**no**"]


def test_idling_must_neither_compute_nor_call() -> None:
    """Both halves of the budget count."""
    title = "idle, 10,000 resources all ended"
    scene = {"resources": 10_000, "restart_to_ready_s": 2.9}
    found = [
        met([], {"ended": scene | {"cpu_percent": percent, "calls": calls}})[title]
        for percent, calls in ((0.9, 0), (1.0, 0), (0.9, 1))
    ]
    assert found == ["yes", "**no**", "**no**"]


@pytest.mark.parametrize("ready_s,verdict", [(3.0, "yes"), (3.1, "**no**")])
def test_a_restart_has_a_budget(ready_s: float, verdict: str) -> None:
    """Among 10,000 resources it is ready within three seconds."""
    scene = {"resources": 10_000, "cpu_percent": 0.1, "calls": 0, "restart_to_ready_s": ready_s}
    assert met([], {"ended": scene})["restart to ready, the same"] == verdict


@pytest.mark.parametrize(
    "stop_s,p50_s,p95_s,pages,verdicts",
    [
        (3.0, 1.0, 2.5, 8, ["yes", "yes", "yes"]),
        (3.0, 1.1, 2.6, 9, ["**no**", "**no**", "**no**"]),
        (60.0, 9.0, 30.0, 99, ["yes"]),
        (60.0, 9.1, 9.2, 1, ["**no**"]),
        (1.0, 9.0, 9.0, 99, []),
    ],
)
def test_an_end_is_seen_soon(
    stop_s: float, p50_s: float, p95_s: float, pages: int, verdicts: list[str]
) -> None:
    """Stops of 3 s have budgets in seconds and pages, longer ones a share of their length."""
    one = {"tasks": 1000, "stop_s": stop_s, "pages": pages}
    stops = [one | {"seen_p50_s": p50_s, "seen_p95_s": p95_s}]
    assert [row[3] for row in budget.rows([], {}, stops)[1:]] == verdicts


def test_what_was_not_measured_is_not_judged() -> None:
    """A row without a figure is left out."""
    assert met([]) == {"figure": "met"}


def test_a_section_is_replaced_and_the_rest_kept() -> None:
    """Backslashes in the content are text."""
    page = "a\n<!-- bench:x -->\nold\n<!-- /bench -->\nb\n<!-- bench:y -->\n<!-- /bench -->\n"
    new = filled(page, "x", "new \\1\n")
    assert new == page.replace("old\n", "\nnew \\1\n\n")
    assert filled(new, "x", "new \\1") == new


def test_a_section_that_is_missing_is_an_error() -> None:
    """A figure must not vanish because somebody edited the page."""
    with pytest.raises(LookupError, match="no section z"):
        filled("text", "z", "content")


def test_the_command_names_no_place_of_this_machine() -> None:
    """It is printed on the page, for others to repeat."""
    given = ["idle", "--json", "/x/y.json", "--n", "5", "--keep-log=/x/z", "--json"]
    assert command(given) == "python -m bench idle --n 5"


def test_growth_is_the_spread_of_cost_and_the_slope_of_memory() -> None:
    """2 ms and 2.5 ms are 25 % apart; 9,000 tasks more hold 9 MiB more, so 1,048.576 bytes each."""
    large = replace(TRIAL, tasks=10_000, cpu_s=25.0, rss_bytes=67 * MIB)
    found = conclusions([large, TRIAL, replace(TRIAL, cpu_s=2.0)])
    assert found == pytest.approx({"cpu_spread_percent": 25.0, "rss_bytes_per_task": 1048.576})


def test_one_size_shows_no_growth() -> None:
    """There is nothing to compare it with."""
    assert conclusions([TRIAL]) == {}
