"""Writes the tables of `docs/compatibility.md` from what ran.

Owns what stands between `<!-- versions:NAME -->` and `<!-- /versions -->`; everything else on the
page is written by hand. The runs behind it are kept in `docs/compatibility.json`: a new one takes
the place of an older one with the same minor versions, and all others stay as they are.
"""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Final

from sandbox.control_plane import toolchain
from versions import interpreters, runs

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

PAGE: Final = runs.ROOT / "docs" / "compatibility.md"
KEPT: Final = PAGE.with_suffix(".json")


def add_options(_: argparse.ArgumentParser) -> None:
    """Add nothing: there is one page."""


def main(_: argparse.Namespace) -> int:
    """Write the page and what it is made from."""
    found = merged([*kept(), *_loaded(runs.FOLDER.glob("*.json"))])
    KEPT.write_text(
        json.dumps([runs.document(run) for run in found], indent=1) + "\n", encoding="utf-8"
    )
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")
    sys.stdout.write(f"written: {PAGE.name}\n")
    return 0


def kept() -> list[runs.Run]:
    """Return the runs that the page was last made from."""
    if not KEPT.exists():
        return []
    return [runs.load(one) for one in json.loads(KEPT.read_bytes())]


def _loaded(files: Iterable[Path]) -> list[runs.Run]:
    return [runs.load(json.loads(file.read_bytes())) for file in files]


def merged(found: Iterable[runs.Run]) -> list[runs.Run]:
    """Return the latest run of each pair of versions that is still tested, in order."""
    latest: dict[tuple[str, str], runs.Run] = {}
    for run in sorted(found, key=lambda run: run.at):
        latest[run.key] = run
    releases = {"", *toolchain.releases()}
    kept = [
        run
        for (kubernetes, python), run in latest.items()
        if kubernetes in releases and python in interpreters.SUPPORTED
    ]
    return sorted(kept, key=lambda run: (runs.order(run.kubernetes), runs.order(run.python)))


def written(page: str, found: Sequence[runs.Run]) -> str:
    """Return the page with its tables made anew.

    Raises:
        LookupError: The page lacks the place for one of them.
    """
    for name, table in TABLES.items():
        section = re.compile(rf"(<!-- versions:{name} -->\n).*?(<!-- /versions -->)", re.DOTALL)
        if not section.search(page):
            raise LookupError(f"{PAGE.name} has no section {name}")
        page = section.sub(rf"\g<1>\n{table(found)}\n\g<2>", page)
    return page


def _kubernetes(found: Sequence[runs.Run]) -> str:
    return _table(["Kubernetes", "Python"], [run for run in found if run.kubernetes])


def _python(found: Sequence[runs.Run]) -> str:
    return _table(["Python"], [run for run in found if not run.kubernetes])


TABLES: Final[dict[str, Callable[[Sequence[runs.Run]], str]]] = {
    "kubernetes": _kubernetes,
    "python": _python,
}


def _table(versions: Sequence[str], found: Sequence[runs.Run]) -> str:
    """Return a Markdown table with one row per run and one column per suite."""
    suites = list(dict.fromkeys(suite for run in found for suite in run.suites))
    rows = [[*versions, *suites, "minutes", "day"], ["---"] * (len(versions) + len(suites) + 2)]
    for run in found:
        numbers = {"Kubernetes": run.kubernetes.removeprefix("v"), "Python": run.python}
        outcomes = [run.suites.get(suite) for suite in suites]
        minutes = sum(one.seconds for one in run.suites.values()) / 60
        rows.append(
            [
                *(numbers[version] for version in versions),
                *(cell(one) for one in outcomes),
                f"{minutes:.1f}",
                run.at,
            ]
        )
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def cell(outcome: runs.Outcome | None) -> str:
    """Return what a cell says: how many passed, and everything that did not."""
    if outcome is None:
        return "not run"
    parts = [f"{outcome.passed} passed"]
    parts += [f"**{outcome.failed} failed**"] if outcome.failed else []
    parts += [f"{outcome.skipped} skipped"] if outcome.skipped else []
    return ", ".join(parts)
