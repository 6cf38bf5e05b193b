"""Writes every generated page, or with `--check` only lists the stale ones."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from reference import chart, crds, options, translations

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]


def pages() -> dict[Path, str]:
    """Return the intended text of each generated page."""
    generated = {module.PATH: module.render() for module in (crds, options, chart)}
    return generated | translations.pages()


def stale(wanted: Mapping[Path, str]) -> list[Path]:
    """Return the pages that are missing or differ."""
    return [
        path
        for path, text in wanted.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def main() -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if a page is stale")
    check = parser.parse_args().check
    wanted = pages()
    changed = stale(wanted)
    for path in changed:
        sys.stdout.write(f"{'stale' if check else 'written'}: {path.relative_to(ROOT)}\n")
        if not check:
            path.write_text(wanted[path], encoding="utf-8")
    return 1 if check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
