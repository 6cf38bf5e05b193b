"""One trial: one contestant, one way of beginning, so many tasks; everything is counted outside.

Orders and reads are counted by DCS, writes by the API server, CPU and memory by the kernel. The
CPU that the program needs to start with nothing to do is measured first and left out.
"""

from __future__ import annotations

import math
import os
import time
from collections import Counter
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from bench.stand import START_S_MAX, Stand
from bench.usage import until_quiet, usage
from sandbox.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.contestants import Contestant
    from sandbox.control_plane.processes import Server

LOOK_S: Final = 0.1
"""Between two looks whether it is over: the resolution of `seconds`."""
READY_LOOK_S: Final = 0.5
"""Between two looks whether it is ready: the API server's metrics are a large page."""

ORDERS: Final = ("stop", "batch_stop")
READS: Final = ("list", "show")


class Mode(StrEnum):
    """Whether the tasks are there before the contestant or come while it runs."""

    WAITING = "waiting"
    CREATED = "created"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What one trial found."""

    contestant: str
    mode: str
    tasks: int
    ended: int
    """Resources that said TERMINATED when the trial was over; fewer than `tasks` if it was cut."""
    seconds: float
    """Until all said TERMINATED: from the last create, or from the start of the program."""
    orders: int
    reads: int
    looks: int
    """Lists of everything: what a read per page and look would be."""
    status_writes: int
    other_writes: int
    """To the resource itself: annotations and finalizers."""
    cpu_s: float
    """Process start excluded."""
    start_cpu_s: float
    rss_bytes: int
    """At the end."""
    rss_peak_bytes: int
    accepted_p50_s: float
    """From the wish (created, or the program started) until DCS accepted the stop."""
    accepted_p99_s: float
    load: float
    """Load of the machine before the trial, over one minute."""

    @property
    def cut(self) -> bool:
        """Whether it took too long and was ended before its time."""
        return self.ended < self.tasks

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)


def run(
    contestant: Contestant,
    mode: Mode,
    tasks: int,
    limit_s: float,
    watching: Callable[[int], None] = lambda _: None,
) -> Trial:
    """Run one trial on a stand of its own.

    Args:
        contestant: Who.
        mode: How it begins.
        tasks: How many; each has `stopped: true`.
        limit_s: A trial that takes longer is cut, and says so.
        watching: Told the process id as soon as the measured part begins.
    """
    load = os.getloadavg()[0]
    with Stand(tasks) as stand:
        server, start_cpu_s = start(stand, contestant)
        if mode is Mode.WAITING:
            server.stop()
            stand.create(stand.tasks())
        before = counted(stand)
        began_s, wished_at_s = _begin(stand, server, mode, watching)
        ended = until_ended(stand, server, tasks, limit_s)
        seconds = time.time() - began_s
        if ended == tasks:
            until_quiet(pid_of(server))
        used, found = usage(pid_of(server)), counted(stand) - before
        accepted_at_s = stand.cloud.accepted_at_s()
    waits_s = [at_s - wished_at_s[task_id] for task_id, at_s in accepted_at_s.items()]
    return Trial(
        contestant=contestant.name,
        mode=mode,
        tasks=tasks,
        ended=ended,
        seconds=seconds,
        orders=found["orders"],
        reads=found["reads"],
        looks=found["looks"],
        status_writes=found["status_writes"],
        other_writes=found["other_writes"],
        cpu_s=used.cpu_s - start_cpu_s,
        start_cpu_s=start_cpu_s,
        rss_bytes=used.rss_bytes,
        rss_peak_bytes=used.rss_peak_bytes,
        accepted_p50_s=percentile(waits_s, 50),
        accepted_p99_s=percentile(waits_s, 99),
        load=load,
    )


def _begin(
    stand: Stand, server: Server, mode: Mode, watching: Callable[[int], None]
) -> tuple[float, dict[str, float]]:
    """Let the measured part begin; return from when time counts, and when each stop was wished."""
    if mode is Mode.WAITING:
        began_s = time.time()
        server.start()
        watching(pid_of(server))
        return began_s, dict.fromkeys(stand.task_ids, began_s)
    watching(pid_of(server))
    wished_at_s = stand.create(stand.tasks())
    return max(wished_at_s.values()), wished_at_s


def counted(stand: Stand) -> Counter[str]:
    """Return what DCS and the API server have counted so far."""
    calls, writes = stand.cloud.counts(), stand.writes()
    return Counter(
        calls=calls.total(),
        orders=sum(calls[one] for one in ORDERS),
        reads=sum(calls[one] for one in READS),
        looks=stand.cloud.looks(),
        status_writes=writes["status"],
        other_writes=writes[""],
    )


def start(stand: Stand, contestant: Contestant) -> tuple[Server, float]:
    """Start a contestant with nothing to do; return it with the CPU seconds that took."""
    server = stand.launch(contestant)
    eventually(lambda: alive(server) and contestant.ready(stand), START_S_MAX, READY_LOOK_S)
    return server, until_quiet(pid_of(server))


def until_ended(stand: Stand, server: Server, tasks: int, limit_s: float) -> int:
    """Wait until all resources say TERMINATED or time is up; return how many do.

    As long as DCS has something running, only DCS is asked: that disturbs nobody.
    """

    def look() -> bool:
        alive(server)
        return stand.cloud.words()["TERMINATED"] == tasks and not stand.any_but("TERMINATED")

    try:
        eventually(look, limit_s, LOOK_S)
    except TimeoutError:
        return stand.count("TERMINATED")
    return tasks


def alive(server: Server) -> bool:
    """Say yes, or raise with the end of the log of a program that has ended."""
    if not server.running:
        raise RuntimeError(f"{server.log.stem} ended by itself:\n{server.tail()}")
    return True


def pid_of(server: Server) -> int:
    """Return its process id; raises if it has ended."""
    alive(server)
    assert server.pid
    return server.pid


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the smallest value that so many percent of all do not exceed; NaN of nothing."""
    if not values:
        return math.nan
    return sorted(values)[-(-len(values) * percent // 100) - 1]
