"""The operator, unchanged, that says at SIGUSR1 how many asyncio tasks and objects it has.

Objects are those that may hold others; blocks are all pieces of memory that Python has given out,
texts included. Memory that grows while neither does is the allocator's.

    INSPECT_FILE=/path python -m bench.inspected run ...

All of it is invisible from outside. The answer is written to the file that the variable names.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
from pathlib import Path

from dcs_migration_operator.cli import main

VARIABLE = "INSPECT_FILE"


def _answer(*_: object) -> None:
    """Runs in the main thread, between two steps of the event loop."""
    found = {
        "tasks": len(asyncio.all_tasks()),
        "objects": len(gc.get_objects()),
        "blocks": sys.getallocatedblocks(),
    }
    file = Path(os.environ[VARIABLE])
    file.with_suffix(".new").write_text(json.dumps(found), encoding="utf-8")
    file.with_suffix(".new").rename(file)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, _answer)
    sys.exit(main())
