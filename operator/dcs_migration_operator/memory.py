"""Sets up garbage collector, buffers and allocator for a process that lives for months."""

from __future__ import annotations

import asyncio.sslproto
import contextlib
import ctypes
import gc
from typing import Final

GC_THRESHOLDS: Final = (5_000, 20, 20)
"""Python's own are 700, 10, 10. A task is 12 objects that live as long as its resource: looking for
cycles among them takes an eighth of the CPU at 10,000 tasks, so a twentieth, and no more memory."""

M_TRIM_THRESHOLD: Final = -1
M_MMAP_THRESHOLD: Final = -3
M_ARENA_MAX: Final = -8
"""Names of glibc's malloc.h, for mallopt(3)."""

LARGE_BYTES: Final = 128 * 1024
"""glibc's own value at the start, which it would raise: then buffers lie among small things in the
heap, which grew by 9 MiB in ten minutes of churn and held no more."""


TLS_BYTES: Final = 64 * 1024
"""What asyncio sets aside for each connection, and again for each read; it would take 256 KiB. A
record of TLS has 16 KiB at most. Brings 4 MiB and a twentieth of the CPU."""


def settle() -> None:
    """Do it, once all modules are there; where the C library is not glibc, half of it.

    One arena is enough: a thread that calls DCS waits most of its life.
    """
    gc.collect()
    gc.freeze()  # modules are never garbage
    gc.set_threshold(*GC_THRESHOLDS)
    asyncio.sslproto.SSLProtocol.max_size = TLS_BYTES
    with contextlib.suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(M_TRIM_THRESHOLD, LARGE_BYTES)
