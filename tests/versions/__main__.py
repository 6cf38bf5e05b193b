"""The command line of tests with other versions: `make pythons`, `make versions`.

    PYTHONPATH=deploy:tests python -m versions pythons --python 3.13

Owns the names of what can be done; each is a module of its own.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from versions import kubernetes, page, pythons

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "pythons": (pythons, "unit tests and a short simulation on other versions of Python"),
    "kubernetes": (
        kubernetes,
        "cluster tests and commands of the pages on other Kubernetes",
    ),
    "page": (page, "write docs/compatibility.md from what ran"),
}


def main(argv: Sequence[str]) -> int:
    """Do one of them; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m versions", description="Test with other versions of Python and Kubernetes."
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        module.add_options(command)
        command.set_defaults(main=module.main)
    options = parser.parse_args(argv)
    status: int = options.main(options)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
