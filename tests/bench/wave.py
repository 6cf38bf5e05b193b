"""What a wave costs on a real API server: a fleet that holds, then goes, a few tasks at a time.

    PYTHONPATH=deploy:tests python -m bench wave --n 1000

Owns the scene of one wave. The writers have stopped, so each target is caught up as soon as that
has been seen twice: what is measured is sampling, admission, orders and writes, not patience.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench import scenes
from bench.contestants import Product
from bench.stand import NAMESPACE, Stand
from bench.trial import alive, counted, pid_of, start
from bench.usage import cpu_s, until_quiet, usage
from sandbox import manifests
from sandbox.waiting import eventually

if TYPE_CHECKING:
    import argparse

LIMIT_S: Final = 900.0
"""A key gets 10 samples a second and each target needs two at least: 1,000 tasks take 200 s."""
LOOK_S: Final = 0.5
MS_PER_S: Final = 1000
WAVE: Final = "night"
TITLES: Final = {"orders": "stop orders", "rss_bytes": "RSS"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this measurement."""
    add = parser.add_argument
    add("--n", type=int, default=1000, help="tasks of the wave (%(default)s)")
    add("--hold-s", type=float, default=60.0, help="it holds for so long (%(default)g)")
    add("--max-under-way", type=int, default=50, help="of the wave (%(default)s)")
    add("--scene", choices=[*SCENES], action="append", help="only this one; repeatable")
    add("--json", type=Path, metavar="FILE", help="default: .cache/bench/wave.json")


def main(options: argparse.Namespace) -> int:
    """Play the scene; returns the exit status."""
    return scenes.play("wave", SCENES, options, TITLES)


def wave(options: argparse.Namespace) -> dict[str, Any]:
    """Hold, go, and wait until every task of the wave is stopped."""
    path = manifests.path(NAMESPACE, manifests.WAVES)
    cutover = {"waveRef": {"name": WAVE}, "stableFor": "10s"}
    with Stand(options.n) as stand:
        server, start_cpu_s = start(stand, Product())
        api = stand.plane.api
        api.create(path, manifests.migration_wave(WAVE, maxUnderWay=options.max_under_way))
        stand.create(
            manifests.migration_task(f"task-{number:05}", task_id, cutover=cutover)
            for number, task_id in enumerate(stand.task_ids)
        )

        def tasks(count: str) -> int:
            alive(server)
            status = api.get(f"{path}/{WAVE}").get("status", {})
            found: int = status.get("tasks", {}).get(count, 0)
            return found

        eventually(lambda: tasks("total") == options.n, LIMIT_S, LOOK_S)
        held_cpu_s, held, held_calls = cpu_s(pid_of(server)), counted(stand), stand.cloud.counts()
        time.sleep(options.hold_s)  # the interval is what is measured
        hold_cpu_s = cpu_s(pid_of(server)) - held_cpu_s
        hold_samples = stand.cloud.counts()["stats"] - held_calls["stats"]
        began_s = time.monotonic()
        api.patch(f"{path}/{WAVE}", {"spec": {"state": "Go"}})
        eventually(lambda: tasks("stopped") == options.n, LIMIT_S, LOOK_S)
        seconds = time.monotonic() - began_s
        until_quiet(pid_of(server))
        used, found, calls = usage(pid_of(server)), counted(stand) - held, stand.cloud.counts()
    return {
        "tasks": options.n,
        "max_under_way": options.max_under_way,
        "hold_s": options.hold_s,
        "cpu_percent_while_it_holds": 100 * hold_cpu_s / options.hold_s,
        "samples_a_second_while_it_holds": hold_samples / options.hold_s,
        "go_to_all_stopped_s": seconds,
        "orders": found["orders"],
        "lists": calls["list"] - held_calls["list"],
        "samples": calls["stats"] - held_calls["stats"],
        "status_writes_per_task": found["status_writes"] / options.n,
        "cpu_ms_per_task": (used.cpu_s - start_cpu_s) * MS_PER_S / options.n,
        "rss_bytes": used.rss_bytes,
    }


SCENES: Final = {"wave": wave}
