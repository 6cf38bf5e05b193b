"""The acts: apply the resources, request their stop, follow it to the end, measure.

Owns what happens between the start and the end of the stage. It does not judge: `verdict.py` does,
from everything that was measured.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from sandbox.demo.resources import status_patches
from sandbox.demo.show import LOOK_S, Moment, follow
from sandbox.demo.verdict import Measured, is_as_expected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from sandbox.demo.fleet import Member
    from sandbox.demo.resources import Resource
    from sandbox.demo.show import Screen
    from sandbox.demo.stage import Stage

WINDOW_IDLE_S = 1.0
"""The operator's `--batch-idle-s`. Its default of 0.2 s suits a cluster; here kubectl, API server,
etcd, DCS and operator share a few processors, and one kubectl pauses up to 0.4 s between two
resources. They count as applied at the same moment all the same."""

OPERATOR_OPTIONS = ("--batch-idle-s", f"{WINDOW_IDLE_S:g}")

PHASES_S_MAX = 60.0
"""Time limit for every resource to show a phase: 5 s are promised."""

STOP_S_MAX = 180.0
"""Until everything has ended, on top of the time DCS takes for a stop."""

SETTLE_S = 2.0
"""Pause after the end, to catch writes and calls that should not happen."""


class Script:
    """Plays all acts on a stage that is up."""

    def __init__(self, stage: Stage, fleet: Sequence[Member], screen: Screen) -> None:
        self._stage, self._fleet, self._screen = stage, fleet, screen

    def play(self, stop_s: float) -> Measured:
        """Play, and return what was measured, however it ended.

        Args:
            stop_s: How long DCS takes for the slowest stop.

        Raises:
            StageError, ControlPlaneError, KubectlError, WatchError, OSError: Something broke; what
                was measured up to then is meaningless.
        """
        self._stage.watch()
        count, say = len(self._fleet), self._screen.say
        say(f"kubectl apply of {count} MigrationTasks, to be observed only")
        self._apply(self._manifests("observed.yaml", stopped=False))
        if not self._follow(self._all_show_a_phase, PHASES_S_MAX):
            say(f"Not every resource shows a phase after {PHASES_S_MAX:g} s.")
        say(f"kubectl apply of the same {count} with stopped: true")
        started_s = time.monotonic()
        apply_s = self._apply(self._manifests("stopped.yaml", stopped=True))
        stopped = self._follow(self._all_are_stopped, STOP_S_MAX + stop_s)
        stopped_s = time.monotonic() - started_s if stopped else None
        say("Every task that can be stopped is TERMINATED" if stopped else "Time is up")
        self._follow(self._all_are_as_expected, PHASES_S_MAX if stopped else 0.0)
        self._follow(lambda: False, SETTLE_S)
        return self._measure(apply_s, stopped_s)

    def _manifests(self, name: str, *, stopped: bool) -> Path:
        return self._stage.write(name, (one.manifest(stopped=stopped) for one in self._fleet))

    def _apply(self, file: Path) -> float:
        """Apply a file with kubectl while showing what happens; return how long it took."""
        kubectl, started_s = self._stage.plane.kubectl, time.monotonic()
        with ThreadPoolExecutor(max_workers=1) as pool:
            # With server-side apply it is one request per resource instead of two.
            answer = pool.submit(kubectl, "apply", "--server-side", "--filename", file)
            while not answer.done():
                self._look()
                time.sleep(LOOK_S)
            answer.result()
        return time.monotonic() - started_s

    def _follow(self, done: Callable[[], bool], timeout_s: float) -> bool:
        """Show what happens until it is done, or until time is up; return whether it is done."""
        return follow(self._look, done, timeout_s)

    def _look(self) -> None:
        """Make sure that everything still runs, and show the current state."""
        self._stage.check_alive()
        resources = self._stage.catch_up()
        calls = self._stage.simulator.counts()
        self._screen.show(Moment(resources.phases(), calls, resources.writes()))

    def _resources(self) -> dict[str, Resource]:
        return self._stage.recording.resources.by_name

    def _all_show_a_phase(self) -> bool:
        shown = [one for one in self._resources().values() if one.phase not in {"", "PENDING"}]
        return len(shown) == len(self._fleet)

    def _all_are_stopped(self) -> bool:
        return self._are_as_expected(one for one in self._fleet if one.can_be_stopped)

    def _all_are_as_expected(self) -> bool:
        return self._are_as_expected(self._fleet)

    def _are_as_expected(self, members: Iterable[Member]) -> bool:
        resources = self._resources()
        return all(is_as_expected(one, resources.get(one.name)) for one in members)

    def _measure(self, apply_s: float, stopped_s: float | None) -> Measured:
        """Collect the figures of one moment in which nothing was written."""
        stage = self._stage
        while True:
            writes = stage.recording.resources.writes()
            patches = status_patches(stage.plane.api.get("/metrics"))
            time.sleep(LOOK_S)
            self._look()
            # The refused task may be ordered again just now.
            if writes == stage.recording.resources.writes():
                break
        return Measured(
            resources=self._resources(),
            status_patches=patches,
            calls=stage.simulator.calls(),
            histories=stage.simulator.histories(),
            apply_s=apply_s,
            stopped_s=stopped_s,
        )
