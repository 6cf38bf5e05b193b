"""How soon people see it: from DCS's own TERMINATED to the same word in the status.

    PYTHONPATH=deploy:tests python -m bench latency --stop-s 3 --stop-s 60

Owns the table of stops of different lengths. DCS knows the moment itself; the moment of the status
is when a watch tells of it, on the same clock.
"""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench import store
from bench.contestants import Product
from bench.figures import plain
from bench.stand import NAMESPACE, Stand
from bench.trial import alive, counted, percentile, start
from sandbox import manifests
from sandbox.waiting import eventually

if TYPE_CHECKING:
    import argparse

STOPS_S: Final = (1.0, 3.0, 10.0, 60.0, 600.0)
"""Stops as DCS was seen to need them, and the longest that is plausible."""
LIMIT_S: Final = 120.0
"""On top of the stop itself."""
LOOK_S: Final = 0.1
"""Between two looks whether it is over; what is measured does not depend on it."""
ENDED: Final = "TERMINATED"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this measurement."""
    add = parser.add_argument
    add("--n", type=int, default=1000, help="tasks of each stop (%(default)s)")
    add("--stop-s", type=float, action="append", help="seconds a stop takes; repeatable")
    add("--json", type=Path, metavar="FILE", help="default: .cache/bench/latency.json")


def main(options: argparse.Namespace) -> int:
    """Measure each length, print and save what they found."""
    found = []
    for stop_s in options.stop_s or STOPS_S:
        found.append(measure(options.n, stop_s))
        sys.stdout.write(f"{found[-1]}\n")
        sys.stdout.flush()
    sys.stdout.write("\n" + plain(rows(found)) + "\n")
    sys.stdout.write(f"saved: {store.save('latency', {'stops': found}, options.json)}\n")
    return 0


def rows(found: list[dict[str, Any]]) -> list[list[str]]:
    """Return the table, one row for each length of a stop."""
    head = ["a stop takes, s", "tasks", "seen after, median, s", "95 %, s", "longest, s"]
    head += ["last create to all TERMINATED, s", "pages", "shows"]
    return [
        head,
        *(
            [
                f"{one['stop_s']:g}",
                f"{one['tasks']:,}",
                *(f"{one[name]:.2f}" for name in ("seen_p50_s", "seen_p95_s", "seen_max_s")),
                f"{one['created_to_ended_s']:.1f}",
                f"{one['pages']:,}",
                f"{one['shows']:,}",
            ]
            for one in found
        ),
    ]


def measure(tasks: int, stop_s: float) -> dict[str, Any]:
    """Stop so many tasks; return how soon their ends were seen, and what looking cost."""
    with Stand(tasks, stop_s=stop_s) as stand:
        server, _ = start(stand, Product())
        path = manifests.path(NAMESPACE, manifests.TASKS)
        first = stand.plane.api.get(path)["metadata"]["resourceVersion"]
        before, seen_at_s, over = counted(stand), dict[str, float](), threading.Event()

        def watch() -> None:
            version = first
            while len(seen_at_s) < tasks and not over.is_set():
                # The API server ends a watch whose reader is slow, as ours is while it creates.
                for event in stand.plane.api.watch(path, version):
                    body = event["object"]
                    version = body["metadata"]["resourceVersion"]
                    if body.get("status", {}).get("phase") == ENDED:
                        seen_at_s.setdefault(body["spec"]["taskId"], time.time())
                    if len(seen_at_s) == tasks or over.is_set():
                        return

        with ThreadPoolExecutor(max_workers=1) as pool:
            watching = pool.submit(watch)
            created_s = max(stand.create(stand.tasks()).values())
            try:
                eventually(lambda: alive(server) and watching.done(), stop_s + LIMIT_S, LOOK_S)
            finally:
                over.set()
            watching.result()
        calls = stand.cloud.counts()
        said_at_s, found = stand.cloud.said_at_s(ENDED), counted(stand) - before
    waits_s = [at_s - said_at_s[task_id] for task_id, at_s in seen_at_s.items()]
    return {
        "stop_s": stop_s,
        "tasks": tasks,
        "seen_p50_s": percentile(waits_s, 50),
        "seen_p95_s": percentile(waits_s, 95),
        "seen_max_s": max(waits_s),
        "created_to_ended_s": max(seen_at_s.values()) - created_s,
        "orders": found["orders"],
        "pages": calls["list"],
        "shows": calls["show"],
        "status_writes": found["status_writes"],
    }
