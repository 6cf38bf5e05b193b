"""What a fleet costs that gives nothing to do: ended, spread over many projects, only observed.

Owns three scenes, each with 10,000 resources on a stand of its own.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench import scenes
from bench.contestants import Product
from bench.figures import MS_PER_S
from bench.stand import START_S_MAX, Stand
from bench.trial import READY_LOOK_S, alive, counted, pid_of, start, until_ended
from bench.usage import until_quiet, usage
from sandbox import dcs, manifests
from sandbox.waiting import eventually

if TYPE_CHECKING:
    import argparse

    from sandbox.control_plane.processes import Server

LIMIT_S: Final = 600.0
"""For the work before the idling: 10,000 stops take half a minute."""
READY_ASK_S: Final = 0.05
"""Between two questions whether it is ready after a restart: the resolution of that figure."""
WORK: Final = ("orders", "reads", "status_writes")
OBSERVED_WORD: Final = "INCRMIGEATING"
"""What DCS says of a migration that runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """What a process used while nothing happened."""

    seconds: float
    cpu_percent: float
    """Of one core."""
    calls: int
    """To DCS."""
    looks: int
    """Lists of everything, each as many calls as it has pages."""
    rss_bytes: int
    threads: int
    open_files: int


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this measurement."""
    add = parser.add_argument
    add("--n", type=int, default=10_000, help="resources of each scene (%(default)s)")
    add("--projects", type=int, default=200, help="of the second scene (%(default)s)")
    add("--seconds", type=float, default=60.0, help="of idling (%(default)g)")
    add("--observe-seconds", type=float, default=240.0, help="of observing (%(default)g)")
    add("--scene", choices=[*SCENES], action="append", help="only this one; repeatable")
    add("--json", type=Path, metavar="FILE", help="default: .cache/bench/idle.json")


def main(options: argparse.Namespace) -> int:
    """Play the scenes; returns the exit status."""
    return scenes.play("idle", SCENES, options, TITLES)


def ended(options: argparse.Namespace) -> dict[str, Any]:
    """All ended: restart to ready, then nothing to do."""
    product = Product()
    with Stand(options.n) as stand:
        stand.create(stand.tasks())
        server = stand.launch(product)
        _check_all_ended(stand, server, options.n)
        server.stop()
        before, began_s = counted(stand), time.monotonic()
        server.start()
        eventually(lambda: alive(server) and product.listed(stand), START_S_MAX, READY_ASK_S)
        ready_s = time.monotonic() - began_s
        eventually(lambda: product.ready(stand), START_S_MAX, READY_LOOK_S)
        started_cpu_s = until_quiet(pid_of(server))
        found = counted(stand) - before
        return {
            "resources": options.n,
            "restart_to_ready_s": ready_s,
            "restart_cpu_s": started_cpu_s,
            "restart_calls": found["calls"],
            "restart_writes": found["status_writes"] + found["other_writes"],
            **asdict(idle(stand, server, options.seconds)),
        }


def many_projects(options: argparse.Namespace) -> dict[str, Any]:
    """Stop tasks of many projects, each with a key of its own; then nothing to do."""
    each = options.n // options.projects
    projects = [
        dcs.ProjectOptions(
            project_id=f"{number:032x}",
            access_key=f"KEY{number:05}",
            secret_key=f"SECRET-{number:05}",
            running=each,
        )
        for number in range(1000, 1000 + options.projects)
    ]
    tasks = options.projects * each
    with Stand(0, projects) as stand:
        for one in projects:
            key = {"accessKey": one.access_key, "secretKey": one.secret_key}
            stand.add_project(f"project-{one.access_key.lower()}", one.project_id, **key)
        server, start_cpu_s = start(stand, Product())
        server.stop()
        stand.create(
            manifests.migration_task(
                f"task-{number:03}-{one.access_key.lower()}",
                task_id,
                stopped=True,
                projectRef={"name": f"project-{one.access_key.lower()}"},
            )
            for one in projects
            for number, task_id in enumerate(dcs.task_ids(each, 0, one.project_id))
        )
        before, began_s = counted(stand), time.monotonic()
        server.start()
        _check_all_ended(stand, server, tasks)
        seconds = time.monotonic() - began_s
        cpu_s = until_quiet(pid_of(server)) - start_cpu_s
        found = counted(stand) - before
        return {
            "resources": tasks,
            "projects": options.projects,
            "stopped_s": seconds,
            "cpu_ms_per_resource": cpu_s * MS_PER_S / tasks,
            **{name: found[name] for name in WORK},
            **asdict(idle(stand, server, options.seconds)),
        }


def observed(options: argparse.Namespace) -> dict[str, Any]:
    """All run and are not to be stopped: one list of everything a minute."""
    with Stand(options.n) as stand:
        server, start_cpu_s = start(stand, Product())
        before = counted(stand)
        stand.create(stand.tasks(stopped=False))
        eventually(lambda: alive(server) and not stand.any_but(OBSERVED_WORD), LIMIT_S)
        cpu_s = until_quiet(pid_of(server)) - start_cpu_s
        found, resting = counted(stand) - before, idle(stand, server, options.observe_seconds)
        return {
            "resources": options.n,
            "cpu_ms_per_resource": cpu_s * MS_PER_S / options.n,
            **{name: found[name] for name in WORK},
            **asdict(resting),
            "pages_per_look": resting.calls / resting.looks if resting.looks else 0.0,
            "looks_per_minute": resting.looks * 60.0 / resting.seconds,
        }


def idle(stand: Stand, server: Server, seconds: float) -> Idle:
    """Let time pass and return what the process used meanwhile."""
    counts, before, began_s = counted(stand), usage(pid_of(server)), time.monotonic()
    time.sleep(seconds)  # the interval is what is measured; there is no fact to wait for
    after, took_s = usage(pid_of(server)), time.monotonic() - began_s
    found = counted(stand) - counts
    return Idle(
        seconds=took_s,
        cpu_percent=100 * (after.cpu_s - before.cpu_s) / took_s,
        calls=found["calls"],
        looks=found["looks"],
        rss_bytes=after.rss_bytes,
        threads=after.threads,
        open_files=after.open_files,
    )


def _check_all_ended(stand: Stand, server: Server, tasks: int) -> None:
    found = until_ended(stand, server, tasks, LIMIT_S)
    if found < tasks:
        raise RuntimeError(f"only {found:,} of {tasks:,} ended within {LIMIT_S:g} s")


TITLES: Final = {
    "restart_to_ready_s": "restart to ready, s",
    "restart_cpu_s": "CPU of that restart, s",
    "restart_calls": "calls to DCS at that restart",
    "restart_writes": "writes at that restart",
    "seconds": "then idle for, s",
    "cpu_percent": "CPU meanwhile, % of a core",
    "calls": "calls to DCS meanwhile",
    "looks": "looks meanwhile",
    "rss_bytes": "RSS",
    "stopped_s": "until all are TERMINATED, s",
    "cpu_ms_per_resource": "CPU per resource until then, ms",
    "orders": "stop orders until then",
    "reads": "reads of DCS until then",
    "status_writes": "status writes until then",
}
"""How tables call a figure whose own name does not say enough."""

SCENES: Final = {"ended": ended, "many_projects": many_projects, "observed": observed}
