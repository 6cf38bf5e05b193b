"""Thousands of tasks that change all the time, for the tests of size and for their figures.

`python -m board.crowd` serves them in a process of its own, so that its memory and time are those
of the board and its feed alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from board.night import stamp
from board.served import SCOPE
from kubectl_dcs.board.live import Live
from kubectl_dcs.board.playback import play
from kubectl_dcs.board.replay import Replay
from kubectl_dcs.board.security import Keys
from kubectl_dcs.board.server import Server
from kubectl_dcs.following import News, What
from kubectl_dcs.kinds import TASK, WAVE
from unit.plugin import bodies

if TYPE_CHECKING:
    from collections.abc import Iterator

TASKS: Final = 5000
CHANGES_PER_S: Final = 200
WAVES: Final = 20
TICK_S: Final = 0.05

KINDS: Final[tuple[dict[str, Any], ...]] = (
    {"ready": "False/CatchingUp", "standing": "Reconciling"},
    {"ready": "False/CatchingUp", "standing": "Reconciling", "also": ("CaughtUp",)},
    {"ready": "False/Stopping", "standing": "Reconciling", "phase": "TERMINATING"},
    {"ready": "True/Terminated", "also": ("Stopped",), "phase": "TERMINATED"},
    {"ready": "True/Holding"},
)
TROUBLE: Final[dict[str, Any]] = {"ready": "False/CutoverTimedOut", "standing": "Stalled"}


class Crowd:
    """The tasks, and their changes; drawn, always the same."""

    def __init__(self, tasks: int = TASKS) -> None:
        self._draw = random.Random(5)  # noqa: S311 - drawn, always the same
        self.names = [f"cache-{number:05}" for number in range(tasks)]
        self._number = 0

    def listed(self) -> list[News]:
        """Return all of them, as a first list."""
        waves = [bodies.wave(f"wave-{number:02}", state="Go") for number in range(WAVES)]
        tasks = [self.body(name) for name in self.names]
        return [News(What.LISTED, TASK, tasks), News(What.LISTED, WAVE, waves)]

    def body(self, name: str) -> dict[str, Any]:
        """Return a task as it is from now on."""
        self._number += 1
        kind = TROUBLE if self._draw.random() < 0.002 else self._draw.choice(KINDS)
        wave = f"wave-{int(name[-2:]) % WAVES:02}"
        body = bodies.task(
            name,
            **kind,
            spec={"cutover": {"waveRef": {"name": wave}}},
            lag=self._draw.randrange(10**6),
        )
        body["metadata"]["resourceVersion"] = str(self._number)
        body["status"]["lag"]["observedAt"] = stamp(self._number / CHANGES_PER_S)
        return body

    def changes(self, count: int) -> Iterator[News]:
        """Yield so many changes, one by one as a watch brings them."""
        for name in self._draw.sample(self.names, count):
            yield News(What.CHANGED, TASK, (self.body(name),))


async def serve(seconds: float, record: Path | None, file: Path | None) -> None:
    """Serve, print the address, feed for so many seconds, print figures, and wait for the end."""
    if file:
        with play(file) as playback:
            server = Server(Replay(playback, file.name), Keys())
            sys.stdout.write(await server.start(0) + "\n")
            sys.stdout.flush()
            await asyncio.to_thread(sys.stdin.readline)
            await server.stop()
        return
    live, crowd = Live(SCOPE, record=record), Crowd()
    server = Server(live, Keys())
    jobs = [asyncio.create_task(live.stream.run())]
    if live.recorder:
        jobs.append(asyncio.create_task(live.recorder.run(time.time)))
    for news in crowd.listed():
        live.hear(news)
    sys.stdout.write(await server.start(0) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)  # until the page is open
    figures = await _feed(live, crowd, seconds)
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    await server.stop()
    for job in jobs:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)


async def _feed(live: Live, crowd: Crowd, seconds: float) -> dict[str, Any]:
    before, made_s, number = time.process_time(), 0.0, live.stream.number
    loop = asyncio.get_running_loop()
    began_s, done, late_s = loop.time(), 0, 0.0
    while loop.time() - began_s < seconds:
        due = int((loop.time() - began_s) * CHANGES_PER_S) - done
        making_s = time.process_time()
        news = list(crowd.changes(due))
        made_s += time.process_time() - making_s
        for one in news:
            live.hear(one)
        done += due
        asked_s = loop.time()
        await asyncio.sleep(TICK_S)
        late_s = max(late_s, loop.time() - asked_s - TICK_S)
    spent_s = time.process_time() - before - made_s
    return {
        "changes": done,
        "seconds": round(loop.time() - began_s, 1),
        "messages": live.stream.number - number,
        "cpu_percent": round(100 * spent_s / seconds, 1),
        "rss_max_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "loop_late_ms_max": round(1000 * late_s),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--record", type=Path)
    parser.add_argument("--file", type=Path)
    given = parser.parse_args()
    asyncio.run(serve(given.seconds, given.record, given.file))
