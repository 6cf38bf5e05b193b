"""The command line of the measurements: `make bench`, or `python -m bench --help`.

    PYTHONPATH=deploy:tests python -m bench compare --n 1000 --only product --mode created

Owns the names of the measurements; each is a module of its own.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from bench import blast, compare, growth, idle, latency, page, soak, wave

if TYPE_CHECKING:
    from collections.abc import Sequence

MEASUREMENTS = {
    "compare": (compare, "product and peer side by side: the default"),
    "blast": (blast, "how far one strange thing reaches: 429s, a wrong key, unknown ids"),
    "idle": (idle, "fleets that give nothing to do"),
    "growth": (growth, "cost and memory per task as their number grows"),
    "latency": (latency, "from DCS's own TERMINATED to the status"),
    "wave": (wave, "a wave that holds, then goes"),
    "soak": (soak, "minutes of churn and faults: does anything grow, is anything lost"),
    "page": (page, "write docs/performance.md from what was measured"),
}


def main(argv: Sequence[str]) -> int:
    """Run one measurement; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure what the operator costs."
    )
    commands = parser.add_subparsers(dest="command", metavar="MEASUREMENT")
    for name, (module, text) in MEASUREMENTS.items():
        command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        module.add_options(command)
        command.set_defaults(main=module.main)
    named = bool(argv) and (argv[0] in MEASUREMENTS or argv[0] in {"-h", "--help"})
    options = parser.parse_args(argv if named else ["compare", *argv])
    status: int = options.main(options)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
