"""Plays named scenes one after the other, prints what each found, and saves all of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from bench import store
from bench.figures import MIB, plain

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping


def play(
    name: str,
    scenes: Mapping[str, Callable[[argparse.Namespace], dict[str, Any]]],
    options: argparse.Namespace,
    titles: Mapping[str, str],
) -> int:
    """Play the scenes that are asked for, or all; returns the exit status.

    Args:
        name: Of the measurement, and of its file.
        scenes: All scenes by name; each returns its figures.
        options: Of the command; `scene` and `json` are read here.
        titles: What tables call a figure whose own name does not say enough.
    """
    found: dict[str, Any] = {}
    for one in options.scene or scenes:
        found[one] = scenes[one](options)
        rows = [[titles.get(k, k.replace("_", " ")), shown(k, v)] for k, v in found[one].items()]
        sys.stdout.write(f"{one}\n{plain(rows)}\n")
        sys.stdout.flush()
    sys.stdout.write(f"saved: {store.save(name, {'scenes': found}, options.json)}\n")
    return 0


def shown(name: str, value: float) -> str:
    """Write a figure; bytes as MiB."""
    if name.endswith("_bytes"):
        return f"{value / MIB:.0f} MiB"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"
