"""The operator, unchanged, that says at SIGUSR1 how many asyncio tasks and objects it has.

Objects are those that may hold others; blocks are all pieces of memory that Python has given out,
texts included; heap is what the C library has given out, for whatever is large or not Python's.
Memory that grows while none of them does is the allocator's.

    INSPECT_FILE=/path python -m bench.inspected run ...

All of it is invisible from outside. The answer is written to the file that the variable names.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import os
import signal
import sys
from pathlib import Path
from typing import ClassVar

from dcs_migration_operator.cli import main

VARIABLE = "INSPECT_FILE"


class _Mallinfo(ctypes.Structure):
    """What glibc's mallinfo2(3) returns."""

    _fields_: ClassVar = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def _heap_bytes() -> int:
    """Return the bytes that malloc has given out, mapped ones included; 0 without glibc."""
    try:
        mallinfo2 = ctypes.CDLL(None).mallinfo2
    except AttributeError:
        return 0
    mallinfo2.restype = _Mallinfo
    found = mallinfo2()
    return int(found.uordblks + found.hblkhd)


def _answer(*_: object) -> None:
    """Run in the main thread, between two steps of the event loop."""
    found = {
        "tasks": len(asyncio.all_tasks()),
        "objects": len(gc.get_objects()),
        "blocks": sys.getallocatedblocks(),
        "heap_bytes": _heap_bytes(),
    }
    file = Path(os.environ[VARIABLE])
    file.with_suffix(".new").write_text(json.dumps(found), encoding="utf-8")
    file.with_suffix(".new").rename(file)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, _answer)
    sys.exit(main())
