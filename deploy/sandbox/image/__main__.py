"""Command line: builds the image, measures it, lists its contents and runs it.

Owns options, exit status and output. 0: everything is as expected; 1: something is not; 77: this
machine has no container engine or no base.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from sandbox.control_plane import ControlPlaneError, ToolchainError
from sandbox.control_plane.__main__ import INTERRUPTED, end_on_signals
from sandbox.image import budget, sbom, trial
from sandbox.image.archive import ArchiveError
from sandbox.image.base import AUTO, CHOICES, BaseError
from sandbox.image.build import FOLDER, build
from sandbox.image.container import UnknownFieldError
from sandbox.image.engines import PROGRAMS, EngineError, NoEngineError
from sandbox.image.tools import CANNOT

if TYPE_CHECKING:
    from collections.abc import Sequence

FAILED = (
    ArchiveError,
    ControlPlaneError,
    EngineError,
    OSError,
    ToolchainError,
    UnknownFieldError,
    sbom.SbomError,
    subprocess.SubprocessError,
    trial.TrialError,
)
"""The expected errors; their text is sufficient."""


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; wrong ones end the program with status 2."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.image",
        description="Build deploy/Dockerfile, measure it and run it as the chart would.",
    )
    parser.add_argument("--engine", default="", choices=PROGRAMS, help="instead of any that works")
    parser.add_argument(
        "--base", default=AUTO, choices=CHOICES, help="where the base comes from (%(default)s)"
    )
    return parser.parse_args(arguments)


def say(line: str) -> None:
    """Print one line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options = parse(arguments)
    try:
        return run(options)
    except (NoEngineError, BaseError) as error:
        sys.stderr.write(f"make image cannot be done here: {error} See `make image-tools`.\n")
        return CANNOT
    except FAILED as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        return INTERRUPTED


def run(options: argparse.Namespace) -> int:
    """Do all of it and return the exit status."""
    begun = time.monotonic()
    built = build(options.engine, options.base, say)
    say(f"Built and saved in {time.monotonic() - begun:.0f} s: {built.archive}")
    target = FOLDER / "sbom.cdx.json"
    begun = time.monotonic()
    counts = sbom.write(built, target)
    kinds = " and ".join(f"{number} {kind}" for kind, number in sorted(counts.items()))
    say(f"SBOM: {kinds} packages in {time.monotonic() - begun:.0f} s: {target}")
    if built.engine.runs:
        trial.run(built, say)
    over = budget.excesses(built.sizes)
    for line in over:
        sys.stderr.write(f"{line}\n")
    if not built.engine.runs:
        sys.stderr.write("buildah runs no containers: install podman, by `make image-tools`.\n")
        return 1 if over else CANNOT
    return 1 if over else 0


if __name__ == "__main__":
    end_on_signals()
    raise SystemExit(main())
