"""Many minutes of churn and faults: does anything grow, is anything lost?

Owns the samples and the verdict. Exit status 1 if a wish was not fulfilled once the faults ceased,
if the operator logged an error, or if memory, files, threads, tasks or objects grew beyond noise.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench import store
from bench.churn import Churn
from bench.contestants import Product
from bench.figures import MIB, plain
from bench.inspected import VARIABLE
from bench.stand import Stand
from bench.trial import alive, pid_of, start
from bench.usage import until_quiet, usage
from sandbox.waiting import eventually

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from sandbox.control_plane.processes import Server

STEP_S: Final = 1.0
SAMPLE_S: Final = 5.0
"""Between two samples."""
END_S_MAX: Final = 900.0
"""From the last fault until every wish is fulfilled. An order without effect is repeated after
60 s, 120 s, 240 s, and a throttled key rests 5 minutes at most."""
ANSWER_S_MAX: Final = 30.0
"""For the answer to a signal."""

PROBLEM: Final = re.compile(r'Traceback|"level": "(error|critical)"')
"""What the log may not hold, whatever DCS does."""

TOLERANCES: Final = {
    "rss_bytes": (0.05, 4 * MIB),
    "open_files": (0.0, 12),
    "threads": (0.0, 4),
    "tasks": (0.1, 30),
    "objects": (0.05, 5000),
    "blocks": (0.05, 20_000),
    "heap_bytes": (0.05, 2 * MIB),
}
"""Growth that is noise: a share of the first value, and at least so much. Memory: the allocator's
arenas. Files: one connection each for 16 writers may be open or not. Threads: they come with calls
under way. Tasks, objects, blocks, heap: they come with resources under way."""


MEMORY: Final = {"rss_bytes": "RSS, MiB", "heap_bytes": "heap in use, MiB"}
"""What is shown in MiB, and how it is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One moment of the operator."""

    at_s: float
    rss_bytes: int
    open_files: int
    threads: int
    tasks: int
    objects: int
    blocks: int
    heap_bytes: int


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this measurement."""
    add = parser.add_argument
    add("--minutes", type=float, default=20.0, help="of churn (%(default)g)")
    add("--seed", type=int, default=secrets.randbelow(2**31), help="to repeat a soak")
    add("--keep-log", type=Path, metavar="FILE", help="where the operator's log is copied to")
    add("--json", type=Path, metavar="FILE", help="default: .cache/bench/soak.json")


def main(options: argparse.Namespace) -> int:
    """Soak, print and save what was found; 1 if something was lost or grew."""
    _say(f"seed {options.seed}, {options.minutes:g} minutes")
    with Stand(0) as stand:
        file = stand.folder / "inspected.json"
        product = Product(module="bench.inspected", environment=(f"{VARIABLE}={file}",))
        server, _ = start(stand, product)
        churn, samples = Churn(stand, options.seed), list[Sample]()
        churn.fill()
        _soak(churn, server, file, samples, options.minutes * 60.0)
        churn.calm()
        lost, end_s = _until_fulfilled(churn, server)
        until_quiet(pid_of(server))
        samples.append(sample(server, file, samples[-1].at_s + end_s))
        log = server.log.read_text(encoding="utf-8")
        if options.keep_log:
            options.keep_log.write_text(log, encoding="utf-8")
    problems = [line for line in log.splitlines() if PROBLEM.search(line)]
    grown = {name: growth(samples, name) for name in TOLERANCES}
    found = {
        "seed": options.seed,
        "minutes": options.minutes,
        "created": churn.created,
        "wished": churn.wished,
        "deleted": churn.deleted,
        "faults": churn.faults,
        "lost": lost,
        "errors_logged": len(problems),
        "calm_to_fulfilled_s": end_s,
        "growth": grown,
        "samples": [asdict(one) for one in samples],
    }
    _say("\n" + plain(rows(grown)))
    _say(
        f"{churn.created:,} created, {churn.wished:,} wished to be stopped, {churn.deleted:,} "
        f"deleted, {churn.faults} faults; every wish fulfilled {end_s:.0f} s after the last fault"
        if not lost
        else f"lost: {len(lost)} wishes, for example {', '.join(lost[:5])}"
    )
    _say("".join(f"logged: {line}\n" for line in problems[:5]) + f"{len(problems)} errors logged")
    _say(f"saved: {store.save('soak', found, options.json)}")
    return 1 if lost or problems or any(one["beyond_noise"] for one in grown.values()) else 0


def sample(server: Server, file: Path, at_s: float) -> Sample:
    """Read a process, and ask it for what only it knows."""
    file.unlink(missing_ok=True)
    os.kill(pid_of(server), signal.SIGUSR1)
    eventually(lambda: alive(server) and file.exists(), ANSWER_S_MAX)
    inside, outside = json.loads(file.read_bytes()), usage(pid_of(server))
    return Sample(
        at_s=at_s,
        rss_bytes=outside.rss_bytes,
        open_files=outside.open_files,
        threads=outside.threads,
        tasks=inside["tasks"],
        objects=inside["objects"],
        blocks=inside["blocks"],
        heap_bytes=inside["heap_bytes"],
    )


def growth(samples: Sequence[Sample], name: str) -> dict[str, Any]:
    """Compare the second fifth of the samples with the last; the first one is for warming up.

    The last sample of all is of the calm after the churn and belongs to neither.
    """
    churning = samples[:-1]
    fifth = max(1, len(churning) // 5)
    values = [float(getattr(one, name)) for one in churning]
    warm = churning[fifth:] if len(churning) > fifth + 1 else churning
    times, later = [one.at_s for one in warm], values[-len(warm) :]
    first, last = statistics.median(values[fifth : 2 * fifth]), statistics.median(values[-fifth:])
    share, least = TOLERANCES[name]
    return {
        "start": values[0],
        "first": first,
        "last": last,
        "calm": float(getattr(samples[-1], name)),
        "per_hour": statistics.linear_regression(times, later).slope * 3600.0,
        "noise": max(share * first, least),
        "beyond_noise": last - first > max(share * first, least),
    }


def rows(grown: dict[str, dict[str, Any]]) -> list[list[str]]:
    """Return the table of what grew."""
    head = ["", "start", "2nd fifth", "last fifth", "calm", "slope per hour", "noise", "grew"]
    found = [head]
    for name, one in grown.items():
        unit, title = (MIB, MEMORY[name]) if name in MEMORY else (1, name.replace("_", " "))
        keys = ("start", "first", "last", "calm", "per_hour", "noise")
        digits = 1 if unit == MIB else 0
        figures = (f"{one[key] / unit:,.{digits}f}" for key in keys)
        found.append([title, *figures, "beyond noise" if one["beyond_noise"] else "no"])
    return found


def _soak(churn: Churn, server: Server, file: Path, samples: list[Sample], seconds: float) -> None:
    began_s = time.monotonic()
    next_sample_s = 0.0
    while (now_s := time.monotonic() - began_s) < seconds:
        if now_s >= next_sample_s:
            samples.append(sample(server, file, now_s))
            next_sample_s += SAMPLE_S
        churn.step()
        # A steady pace: the time a step took is part of its second.
        time.sleep(max(0.0, STEP_S - (time.monotonic() - began_s - now_s)))


def _until_fulfilled(churn: Churn, server: Server) -> tuple[list[str], float]:
    began_s = time.monotonic()
    try:
        eventually(lambda: alive(server) and not churn.lost(), END_S_MAX, STEP_S)
    except TimeoutError:
        return churn.lost(), time.monotonic() - began_s
    return [], time.monotonic() - began_s


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
