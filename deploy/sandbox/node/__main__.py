"""Command line: runs the walk on a real node, in an enclosure, and reports what is left behind.

Owns options, exit status and the messages around the walk. 0: everything is as expected; 1:
something is not, or something is left behind; 77: this machine lacks something; 130: interrupted.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sandbox.control_plane import ToolchainError, ensure
from sandbox.control_plane.__main__ import INTERRUPTED
from sandbox.demo.__main__ import end_on_signals
from sandbox.image.base import AUTO, CHOICES, BaseError
from sandbox.image.build import build
from sandbox.image.engines import PROGRAMS, EngineError, NoEngineError
from sandbox.image.tools import CANNOT
from sandbox.node import machine
from sandbox.node.enclosure import Enclosure
from sandbox.node.servers import TOOLS
from sandbox.shell import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

RESULTS: Final = ROOT / "build" / "node"
"""The folder of step timings and failure logs; not under version control."""


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; wrong ones end the program with status 2."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.node",
        description="Run the chart on a real kubelet in an enclosure of this machine.",
    )
    parser.add_argument("--build-only", action="store_true", help="build the binaries and exit")
    parser.add_argument("--archive", type=Path, help="take this image instead of building one")
    parser.add_argument("--engine", default="", choices=PROGRAMS, help="as for sandbox.image")
    parser.add_argument("--base", default=AUTO, choices=CHOICES, help="as for sandbox.image")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options = parse(arguments)
    lacking = machine.missing()
    if lacking and not options.build_only:
        hint = "" if lacking == ["root"] else " (see `make image-tools`)"
        _say(f"make node cannot run here: this machine lacks {', '.join(lacking)}{hint}.")
        return CANNOT
    try:
        ensure(*TOOLS)
        return 0 if options.build_only else _walk(_archive(options))
    except (NoEngineError, BaseError) as error:
        _say(f"make node cannot run here: {error} See `make image-tools`.")
        return CANNOT
    except (EngineError, ToolchainError, OSError) as error:
        _say(str(error))
        return 1
    except KeyboardInterrupt:
        _say("Interrupted.")
        return INTERRUPTED


def _archive(options: argparse.Namespace) -> Path:
    """Return the image as a file."""
    if options.archive:
        return Path(options.archive).resolve()
    return build(options.engine, options.base, _say).archive


def _walk(image: Path) -> int:
    """Run the walk in an enclosure and return the exit status."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    outside = Path("/proc/self/ns/mnt").readlink()
    module = [sys.executable, "-m", "sandbox.node.inside"]
    known = [f"--outside={outside}", f"--image={image}", f"--results={RESULTS}"]
    enclosure = Enclosure([*module, "--cgroup={cgroup}", *known])
    try:
        with enclosure:
            status = enclosure.wait()
    finally:
        left = enclosure.left_behind
        for line in left:
            _say(f"Left behind: {line}")
        if not left:
            _say("Left behind on this machine: nothing.")
    return 1 if left or status else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    end_on_signals()
    raise SystemExit(main())
