"""Writes `docs/performance.md` from what was measured: the marked sections and the plots.

Owns what stands between `<!-- bench:NAME -->` and `<!-- /bench -->`; everything else on the page is
written by hand. What was measured is copied to `docs/performance/figures.json`; a measurement that
was not made anew stays as it is.
"""

from __future__ import annotations

import json
import re
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench import budget, figures, growth, idle, latency, soak, store, svg, wave
from bench.engine import Life
from bench.figures import markdown
from bench.scenes import shown
from bench.trial import Mode, Trial

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence

DOCS: Final = store.ROOT / "docs"
PAGE: Final = DOCS / "performance.md"
FOLDER: Final = DOCS / "performance"
FIGURES: Final = FOLDER / "figures.json"
NAMES: Final = ("compare", "latency", "idle", "wave", "growth", "soak")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options: where the measurements are."""
    parser.add_argument(
        "--measured", type=Path, default=store.FOLDER, metavar="FOLDER", help="of the JSON files"
    )


def main(options: argparse.Namespace) -> int:
    """Write the page, the plots and the figures."""
    found: dict[str, Any] = json.loads(FIGURES.read_bytes()) if FIGURES.exists() else {}
    for name in NAMES:
        file = options.measured / f"{name}.json"
        if file.exists():
            found[name] = json.loads(file.read_bytes())
    FOLDER.mkdir(exist_ok=True)
    text = PAGE.read_text(encoding="utf-8")
    for name, write in SECTIONS.items():
        text = filled(text, name, write(found))
    PAGE.write_text(text, encoding="utf-8")
    for name, plot in plots(found).items():
        (FOLDER / f"{name}.svg").write_text(plot, encoding="utf-8")
    FIGURES.write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")
    sys.stdout.write(f"written: {PAGE}\n")
    return 0


def filled(page: str, name: str, content: str) -> str:
    """Return the page with another content of one section; raises `LookupError` if it has none."""
    section = re.compile(rf"(<!-- bench:{name} -->\n).*?(<!-- /bench -->)", re.DOTALL)
    if not section.search(page):
        raise LookupError(f"no section {name}")
    return section.sub(lambda match: f"{match[1]}\n{content.strip()}\n\n{match[2]}", page)


def _trials(found: Mapping[str, Any], name: str = "compare") -> list[Trial]:
    return [Trial(**one) for one in found.get(name, {}).get("trials", ())]


def _machine(found: Mapping[str, Any]) -> str:
    rows = [["measurement", "command", "when (UTC)", "machine"]]
    for name in NAMES:
        if name in found:
            one = found[name]
            said = one["machine"]
            machine = f"{said['cores']} cores {said['cpu']}, {said['memory']}, {said['kernel']}"
            command, at = f"`{one['command']}`", one["at"].partition("+")[0].replace("T", " ")
            rows.append([name, command, at, f"{machine}, Python {said['python']}"])
    return _left(rows)


def _compare(found: Mapping[str, Any]) -> str:
    trials = _trials(found)
    parts = []
    for mode, tasks in figures.columns(trials):
        same = [one for one in trials if (one.mode, one.tasks) == (mode, tasks)]
        loads = [one.load for one in same]
        runs = len(figures.chosen(trials, "product", mode, tasks))
        parts.append(markdown(figures.comparison(trials, mode, tasks)))
        parts.append(
            f"Medians of {runs} run{'s' * (runs != 1)}; load of the machine before a run "
            f"{min(loads):.1f} to {max(loads):.1f}.\n"
        )
    return "\n".join(parts)


def _budget(found: Mapping[str, Any]) -> str:
    scenes, stops = (
        found.get("idle", {}).get("scenes", {}),
        found.get("latency", {}).get("stops", ()),
    )
    return _left(budget.rows(_trials(found), scenes, stops))


def _latency(found: Mapping[str, Any]) -> str:
    return markdown(latency.rows(found["latency"]["stops"])) if "latency" in found else ""


def _scenes(found: Mapping[str, Any], name: str, titles: Mapping[str, str]) -> str:
    """Return the table of a measurement of scenes: one column for each."""
    scenes: Mapping[str, Mapping[str, Any]] = found.get(name, {}).get("scenes", {})
    keys = list(dict.fromkeys(key for scene in scenes.values() for key in scene))
    rows = [["", *(name.replace("_", " ") for name in scenes)]]
    for key in keys:
        cells = (shown(key, one[key]) if key in one else "—" for one in scenes.values())
        rows.append([titles.get(key, key.replace("_", " ")), *cells])
    return markdown(rows)


def _growth(found: Mapping[str, Any]) -> str:
    if "growth" not in found:
        return ""
    one, trials = found["growth"], _trials(found, "growth")
    lives = [Life(**life) for life in one["engine"]]
    parts = [markdown(figures.by_size(trials)), markdown(growth.engine_rows(lives))]
    if "cpu_spread_percent" in one:
        parts.insert(
            1,
            f"CPU per resource: the dearest size costs {one['cpu_spread_percent']:.0f} % more than "
            f"the cheapest. Memory: {one['rss_bytes_per_task']:,.0f} bytes of RSS per resource "
            f"(slope), of which the engine holds {one['engine_bytes_per_task']:,.0f}.\n",
        )
    return "\n".join(parts)


def _soak(found: Mapping[str, Any]) -> str:
    if "soak" not in found:
        return ""
    one = found["soak"]
    said = (
        f"{one['minutes']:g} minutes, seed {one['seed']}: {one['created']:,} resources created, "
        f"{one['wished']:,} wished to be stopped, {one['deleted']:,} deleted, {one['faults']} "
        f"faults of DCS; {len(one['lost'])} wishes lost, {one['errors_logged']} errors logged; all "
        f"fulfilled {one['calm_to_fulfilled_s']:.0f} s after the last fault."
    )
    return f"{said}\n\n{markdown(soak.rows(one['growth']))}"


def plots(found: Mapping[str, Any]) -> dict[str, str]:
    """Return the plots by name: cost over N for both contestants and both ways to begin."""
    trials = _trials(found)
    drawn = {}
    for name, title, figure in (
        ("cpu", "CPU per resource", figures.CPU),
        ("memory", "Peak memory", figures.RSS_PEAK),
        ("seconds", "Until all are TERMINATED", figures.SECONDS),
    ):
        series = [
            svg.Series(f"{who}, {mode}", points, color, dashed=mode is Mode.CREATED)
            for color, who in enumerate(("product", "peer"))
            for mode in Mode
            if (points := _points(trials, who, mode, figure))
        ]
        if series:
            unit = figure.title.rpartition(", ")[2]
            drawn[name] = svg.plot(title, "resources", unit, series)
    return drawn


def _points(
    trials: Sequence[Trial], who: str, mode: Mode, figure: figures.Figure
) -> list[tuple[float, float]]:
    same = [one for one in trials if (one.contestant, one.mode) == (who, mode) and not one.cut]
    sizes = sorted({one.tasks for one in same})
    return [
        (float(size), figures.median(figure, (one for one in same if one.tasks == size)))
        for size in sizes
    ]


def _left(rows: Sequence[Sequence[str]]) -> str:
    head, *body = rows
    rule = ["---" for _ in head]
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, rule, *body))


SECTIONS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "machine": _machine,
    "budget": _budget,
    "compare": _compare,
    "latency": _latency,
    "idle": partial(_scenes, name="idle", titles=idle.TITLES),
    "wave": partial(_scenes, name="wave", titles=wave.TITLES),
    "growth": _growth,
    "soak": _soak,
}
