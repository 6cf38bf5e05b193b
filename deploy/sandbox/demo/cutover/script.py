"""The acts: hold, stop the writers, go; then a task that timed out, and one that copies again.

Owns what happens between the start and the end of the stage. It does not judge: `verdict.py` does,
from everything that was measured.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final

from sandbox import manifests
from sandbox.demo.calls import LIST, ORDER
from sandbox.demo.cutover.fleet import BROKEN, FORGOTTEN, TIMEOUT, WAVE, resources
from sandbox.demo.cutover.sources import Sources
from sandbox.demo.cutover.verdict import APART, STATS, Measured
from sandbox.demo.show import clock, follow, put
from sandbox.demo.stage import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sandbox.demo.fleet import Member
    from sandbox.demo.stage import Stage

OPERATOR_OPTIONS: Final = ("--batch-idle-s", "1")
"""Its default of 0.2 s suits a cluster; here everything shares a few processors."""

LINE_S_MIN: Final = 5.0
"""Interval between progress lines."""

HOLD_S_MAX: Final = 180.0
"""Time limit for two samples of each while it holds: two a second, 60 s for all."""

STOP_S_MAX: Final = 120.0
"""Time limit from Go until those that have caught up are stopped: a few seconds."""

TIMEOUT_S_MAX: Final = 180.0
"""Time limit for the forgotten one to time out after its minute, on a fresh sample."""


class Script:
    """Plays all acts on a stage that is up."""

    def __init__(self, stage: Stage, fleet: Sequence[Member]) -> None:
        self._stage, self._fleet = stage, fleet
        self._ids = {one.name: one.task_id for one in fleet}
        self._sources = Sources(stage.admin)
        self._told: defaultdict[str, set[str]] = defaultdict(set)
        self._wave: dict[str, Any] = {}
        self._started_s = self._said_s = time.monotonic()
        self._last = ""

    def play(self) -> Measured:
        """Play, and return what was measured, however it ended.

        Raises:
            StageError, ControlPlaneError, KubectlError, WatchError, OSError: Something broke; what
                was measured up to then is meaningless.
        """
        self._stage.watch()
        self._say(
            f"kubectl apply of the wave {WAVE}, which holds, and its {len(self._fleet)} tasks"
        )
        file = self._stage.write("wave.yaml", resources(self._fleet))
        self._stage.plane.kubectl("apply", "--server-side", "--filename", file)
        self._follow(self._all_hold_with_a_lag, HOLD_S_MAX)
        at_once = self._sources.would_lose()
        self._say(f"Writers are active; stopping all now would lose {at_once} keys")
        quiet = [one.task_id for one in self._fleet if one.name != FORGOTTEN]
        self._sources.stop_writers(quiet)
        self._say(f"The writers of {len(quiet)} sources are stopped; those of {FORGOTTEN} are not")
        self._follow(lambda: self._counts().get("caughtUp") == len(quiet), HOLD_S_MAX)
        self._sources.break_connection(self._ids[BROKEN])
        self._say(f"{len(quiet)} have caught up; the connection of {BROKEN} breaks just now")
        went_s, went_mono_s = time.time(), time.monotonic()
        self._turn("Go")
        together = [one.name for one in self._fleet if one.name not in APART]
        in_time = self._follow(lambda: self._are_stopped(*together), STOP_S_MAX)
        stopped_s = time.monotonic() - went_mono_s if in_time else None
        self._say(f"{len(together)} are stopped" if in_time else "Time is up")
        self._follow(lambda: self._are_stopped(BROKEN), STOP_S_MAX)
        self._say(f"{BROKEN} is stopped; {FORGOTTEN} is waited for, {TIMEOUT} at most")
        self._follow(self._is_paused, TIMEOUT_S_MAX)
        self._say(f"{FORGOTTEN} timed out; its writers are stopped, and the wave goes again")
        self._sources.stop_writers([self._ids[FORGOTTEN]])
        self._turn("Hold")
        self._follow(lambda: self._reason() == "Holding", STOP_S_MAX)
        self._turn("Go")
        self._follow(lambda: self._reason() == "Complete", STOP_S_MAX)
        self._say(f"The wave says {self._reason()}")
        return self._measure(at_once, went_s, stopped_s)

    def _turn(self, state: str) -> None:
        self._say(f"kubectl patch of the wave: state {state}")
        patch = f'{{"spec": {{"state": "{state}"}}}}'
        self._stage.plane.kubectl("patch", "dcsmw", WAVE, "--type", "merge", "--patch", patch)

    def _follow(self, done: Callable[[], bool], timeout_s: float) -> bool:
        """Show what happens until it is done, or until time is up; return whether it is done."""
        return follow(self._look, done, timeout_s)

    def _look(self) -> None:
        """Make sure that everything still runs, note what is reported, and show it."""
        self._stage.check_alive()
        found = self._stage.catch_up().by_name
        for name, resource in found.items():
            self._told[name].add(resource.reason)
        path = manifests.path(NAMESPACE, manifests.WAVES, WAVE)
        self._wave = self._stage.plane.api.get(path)["status"]
        now_s = time.monotonic()
        if found and now_s >= self._said_s + LINE_S_MIN:
            line = self._in_words()
            self._said_s = now_s
            if line != self._last:
                self._last = line
                self._say(line)

    def _in_words(self) -> str:
        """Return the progress as one line."""
        found = self._stage.recording.resources
        reasons = Counter(one.reason or "without a reason" for one in found.by_name.values())
        calls = self._stage.simulator.counts()
        told = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        asked = ", ".join(f"{calls.get(name, 0)} {name}" for name in (ORDER, LIST, STATS))
        return (
            f"  {told} | lag {self._sources.lag() / 1e6:.1f} MB in DCS,"
            f" {self._counts().get('caughtUp', 0)} caught up | DCS calls: {asked}"
            f" | {found.writes()} status writes"
        )

    def _say(self, text: str) -> None:
        put(clock(time.monotonic() - self._started_s, text))

    def _counts(self) -> dict[str, int]:
        return dict(self._wave.get("tasks", {}))

    def _reason(self) -> str:
        for condition in self._wave.get("conditions", ()):
            if condition["type"] == "Ready":
                return str(condition["reason"])
        return ""

    def _all_hold_with_a_lag(self) -> bool:
        found = self._stage.recording.resources.by_name
        told = [one for one in found.values() if one.reason == "Holding" and "lag" in one.status]
        return len(told) == len(self._fleet)

    def _are_stopped(self, *names: str) -> bool:
        found = self._stage.recording.resources.by_name
        return all(found[name].reason == "Terminated" for name in names)

    def _is_paused(self) -> bool:
        found = self._stage.recording.resources.by_name
        timed_out = found[FORGOTTEN].reason == "CutoverTimedOut"
        return timed_out and self._reason() == "PausedByFailures"

    def _measure(self, at_once: int, went_s: float, stopped_s: float | None) -> Measured:
        events = self._stage.plane.api.get(manifests.core_path(NAMESPACE, "events"))["items"]
        for event in events:
            self._told[event["involvedObject"]["name"]].add(event["reason"])
        return Measured(
            resources=self._stage.recording.resources.by_name,
            wave=self._wave,
            told={name: frozenset(reasons) for name, reasons in self._told.items()},
            calls=self._stage.simulator.calls(),
            losses=self._sources.losses(),
            at_once=at_once,
            went_s=went_s,
            stopped_s=stopped_s,
        )
