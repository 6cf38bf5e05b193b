"""Command line: plays the demo of cutovers.

Owns the exit status and error messages. 0: everything is as expected; 1: something is not, or
broke; 2: wrong usage; 130: interrupted.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from sandbox.demo.__main__ import INTERRUPTED, end_on_signals

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    argparse.ArgumentParser(
        prog="python -m sandbox.demo.cutover",
        description="Cut a wave of 60 migrations over through the operator, on a Kubernetes API"
        " server and a simulated DCS of this machine, and check that no key was lost.",
    ).parse_args(arguments)
    try:
        # Imported late, so that a missing package can be named in one line.
        from sandbox.demo.cutover import run  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        sys.stderr.write(f"The Python package {error.name} is missing; `make venv` installs it.\n")
        return 1
    try:
        return run.run()
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted; everything has been ended.\n")
        return INTERRUPTED


if __name__ == "__main__":
    end_on_signals()
    raise SystemExit(main())
