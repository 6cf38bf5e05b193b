"""Command line: plays the demo, or keeps everything up for use by hand.

Owns options, signals, exit status and error messages. 0: everything is as expected; 1: something is
not, or broke; 2: wrong usage; 130: interrupted.
"""

from __future__ import annotations

import argparse
import math
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

STOP_S = 6.0
"""Long enough to watch, and for the operator's poll interval to grow."""

STOP_S_MAX = 3600.0

MIGRATIONS_MAX = 1000
"""More would take kubectl minutes."""

INTERRUPTED = 130
"""Exit status that shells use for a program ended by Ctrl-C, so that `make` stops as well."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; wrong ones end the program with status 2."""
    from sandbox.demo.fleet import MIGRATIONS, MIGRATIONS_MIN  # noqa: PLC0415 - see main

    parser = argparse.ArgumentParser(
        prog="python -m sandbox.demo",
        description="Stop many migrations through the operator, on a Kubernetes API server and a"
        " simulated DCS of this machine, and check what it cost.",
    )
    parser.add_argument(
        "--stay",
        action="store_true",
        help="play nothing: keep everything up until Ctrl-C, for use by hand",
    )
    parser.add_argument(
        "--migrations",
        type=int,
        default=MIGRATIONS,
        metavar="N",
        help=f"how many, {MIGRATIONS_MIN} to {MIGRATIONS_MAX} (default: %(default)s)",
    )
    parser.add_argument(
        "--stop-seconds",
        type=float,
        default=STOP_S,
        metavar="S",
        help="how long DCS takes for the slowest stop (default: %(default)g)",
    )
    options = parser.parse_args(arguments)
    if not MIGRATIONS_MIN <= options.migrations <= MIGRATIONS_MAX:
        parser.error(f"--migrations must be {MIGRATIONS_MIN} to {MIGRATIONS_MAX}")
    if not (math.isfinite(options.stop_seconds) and 0 <= options.stop_seconds <= STOP_S_MAX):
        parser.error(f"--stop-seconds must be 0 to {STOP_S_MAX:g}")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    try:
        options = parse(arguments)
        # Imported late, so that a missing package can be named in one line.
        from sandbox.demo import run  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        sys.stderr.write(f"The Python package {error.name} is missing; `make venv` installs it.\n")
        return 1
    try:
        return run.run(options)
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted; everything has been ended.\n")
        return INTERRUPTED


def end_on_signals() -> None:
    """Make the usual signals end the program as Ctrl-C does, with cleanup.

    This includes SIGINT itself, which shells make their background processes ignore.
    """
    for number in SIGNALS:
        signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # Once is enough: a second one would abort the cleanup.
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    end_on_signals()
    raise SystemExit(main())
