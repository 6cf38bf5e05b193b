"""Unit tests and a short simulation on the other versions of Python that are at hand.

Owns what runs there: all unit tests, and fewer drawn cases, since what differs between versions of
Python shows in the first hundred. A version that is not at hand is named in one line; the workflow
`ci.yaml` runs everything on each.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

from versions import interpreters, runs

if TYPE_CHECKING:
    import argparse

CASES: Final = 200
"""Drawn cases of the simulation: a fifth of what `make simulation` plays."""

JOBS_MAX: Final = 2
"""Versions that are tested at once: one does not use more than one processor."""

SUITES: Final = {
    "unit": "tests.unit.",
    "simulator": "tests.sandbox.",
    "simulation": "tests.simulation.",
}
"""Each suite with the beginning of its modules' names."""

PATHS: Final = ("tests/unit", "tests/sandbox", "tests/simulation")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options: which versions."""
    others = [version for version in interpreters.SUPPORTED if version != interpreters.OWN]
    parser.add_argument(
        "--python",
        action="append",
        choices=interpreters.SUPPORTED,
        help=f"a version to test (repeatable; default: {', '.join(others)})",
    )
    parser.add_argument(
        "--own", action="store_true", help=f"and Python {interpreters.OWN}, which runs this"
    )


def main(options: argparse.Namespace) -> int:
    """Test every version that is asked for and at hand; returns the exit status."""
    wanted = options.python or [
        one for one in interpreters.SUPPORTED if options.own or one != interpreters.OWN
    ]
    with ThreadPoolExecutor(JOBS_MAX) as pool:
        return max(pool.map(_tested, wanted))


def _tested(version: str) -> int:
    """Test one version, print one line about it or what went wrong, and return the status."""
    try:
        python = environment(version)
        if python is None:
            say(f"Python {version} is not at hand: nothing was tested with it here.")
            return 0
        log = runs.FOLDER / f"python-{version}.log"
        draws = {"SIMULATION_CASES": str(CASES), "PYTHONHASHSEED": "0"}
        suites = runs.pytest(python, PATHS, SUITES, log, draws)
    except runs.RunError as error:
        say(f"Python {version}: {error}")
        return 1
    run = runs.Run(interpreters.full_version(python), "", runs.today(), suites)
    runs.save(run)
    say(runs.line(run))
    if run.failed:
        say(f"The whole log is {log}:\n{runs.tail(log)}")
    return 1 if run.failed else 0


def environment(version: str) -> Path | None:
    """Return the Python of an environment with the project, made first if need be.

    Returns:
        None if no such interpreter is at hand.

    Raises:
        RunError: The environment could not be made.
    """
    if version == interpreters.OWN:
        return Path(sys.executable)
    found = interpreters.find(version)
    if found is None:
        return None
    folder = f".venv-{version}"
    runs.command(
        ["make", "--no-print-directory", f"{folder}/.installed", f"PYTHON={found}"],
        runs.FOLDER / f"venv-{version}.log",
        {},
    )
    return runs.ROOT / folder / "bin" / "python"


def say(text: str) -> None:
    """Print a line at once, whoever else prints."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
