"""Every state that a resource can be left in, with what a person who waits for it would expect.

The statuses are written by the operator's own core, so that a change of its words or conditions
reaches the tools that read them. The rows are those of the contract's table of conditions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

import yaml

from dcs_migration_operator.core.cloud import Stats
from dcs_migration_operator.core.cutover import Terms, TermsSaid, WaveStanding, Window
from dcs_migration_operator.core.model import (
    ObjectRef,
    Outcome,
    StopRequest,
    TroubleKind,
    Wave,
    WaveRef,
)
from dcs_migration_operator.core.projects import describe_project
from dcs_migration_operator.core.status import Status, WaveCounts, to_json
from dcs_migration_operator.core.waves import State as WaveState
from dcs_migration_operator.core.waves import describe_wave
from sandbox import manifests
from support import cutover, make
from support.checkout import CRDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dcs_migration_operator.core.decide import Situation


KINDS = {
    "migrationtasks": "MigrationTask",
    "migrationwaves": "MigrationWave",
    "dcsprojects": "DCSProject",
    "clusterdcsprojects": "ClusterDCSProject",
}
"""By plural, which is also the name of the CRD's file."""

ACTIVE = (
    *("CREATING", "RUNNING", "MIGRATING", "FULLMIGRATING"),
    *("INCRMIGEATING", "INCRMIGRATING", "A_NEW_WORD"),
)
ENDED = ("SUCCESS", "MIGRATION_SUCCESS", "RELEASED")
FAILED = ("FAILED", "MIGRATION_FAILED", "ERROR")


class Expected(Enum):
    """What a tool that waits should do; the value is kstatus' word."""

    DONE = "Current"
    WAIT = "InProgress"
    ALARM = "Failed"


@dataclass(frozen=True)
class State:
    """One object as the API server returns it, and what to expect of it."""

    name: str
    body: dict[str, Any]
    expected: Expected
    held: bool = False
    """It waits for a person's word, as wished; kstatus has no word of its own for that."""


def _states() -> Iterator[State]:
    yield from _stopping()
    yield from _observing()
    yield from _in_trouble()
    yield from _cutovers()
    yield from _waves()
    yield from _projects()
    yield from _unwritten()


def _stopping() -> Iterator[State]:
    rejected = StopRequest(Outcome.REJECTED, attempts=1, answered_at=990.0, detail=make.FAULT)
    yield _task("stop, not asked yet", make.situation(), Expected.WAIT)
    for word in ACTIVE:
        yield _task(f"stop, {word}, not ordered", make.situation(word), Expected.WAIT)
        accepted = make.situation(word, request=make.accepted(990.0))
        yield _task(f"stop, {word}, accepted", accepted, Expected.WAIT)
    late = make.accepted(500.0, attempts=2, ineffective=1)
    yield _task("stop without effect", make.situation("MIGRATING", request=late), Expected.WAIT)
    refused = make.situation("MIGRATING", request=rejected)
    yield _task("stop, refused", refused, Expected.WAIT)
    stopping = make.situation("TERMINATING", request=make.accepted(990.0))
    yield _task("stop, TERMINATING", stopping, Expected.WAIT)
    stopped = make.situation("TERMINATED", request=make.accepted(990.0))
    yield _task("stop, TERMINATED", stopped, Expected.DONE)
    for word in ENDED:
        yield _task(f"stop, {word}", make.situation(word), Expected.DONE)
    for word in FAILED:
        yield _task(f"stop, {word}", make.situation(word), Expected.ALARM)
    yield _task("stop, DELETED", make.situation("DELETED"), Expected.ALARM)
    # The wish to stop was applied a moment ago; the status still speaks of the generation before.
    observed = _task("", make.situation("MIGRATING", stopped=False), Expected.DONE).body
    observed["metadata"]["generation"] = 2
    observed["spec"]["stopped"] = True
    yield State("stop, not taken up yet", observed, Expected.WAIT)


def _observing() -> Iterator[State]:
    yield _task("observe, not asked yet", make.situation(stopped=False), Expected.WAIT)
    for word in (*ACTIVE, "TERMINATING", "TERMINATED", *ENDED):
        yield _task(f"observe, {word}", make.situation(word, stopped=False), Expected.DONE)
    for word in (*FAILED, "DELETED"):
        yield _task(f"observe, {word}", make.situation(word, stopped=False), Expected.ALARM)


def _in_trouble() -> Iterator[State]:
    for kind in TroubleKind:
        trouble = make.trouble(kind, detail=make.FAULT)
        expected = Expected.WAIT if kind.heals_alone else Expected.ALARM
        for word in (None, "MIGRATING", "TERMINATING"):
            before = make.situation(word, blocked=trouble)
            yield _task(f"stop, {kind.value}, seen {word}", before, expected)
        unseen = make.situation(stopped=False, blocked=trouble)
        yield _task(f"observe, {kind.value}, not asked yet", unseen, expected)
        # What is only watched need not be seen all the time; what a person has to fix is told.
        seen = make.situation("MIGRATING", stopped=False, blocked=trouble)
        watched = Expected.DONE if kind.heals_alone else Expected.ALARM
        yield _task(f"observe, {kind.value}, seen", seen, watched)
        done = make.situation("TERMINATED", blocked=trouble)
        yield _task(f"stop, {kind.value}, TERMINATED", done, Expected.DONE)


def _cutovers() -> Iterator[State]:
    holds, missing = WaveStanding.HOLDS, WaveStanding.MISSING
    early, late = Window(make.START + timedelta(hours=1)), Window(None, make.START)
    short = Terms(timeout_s=60.0)
    rows = (
        ("not caught up", cutover.wish(cutover.BEHIND), Expected.WAIT),
        ("lag unknown", cutover.wish(Stats()), Expected.WAIT),
        ("waits for its turn", cutover.wish(), Expected.WAIT),
        ("caught up", cutover.wish(*[cutover.IDLE] * 3), Expected.WAIT),
        ("too late", cutover.wish(cutover.BEHIND, window=late), Expected.ALARM),
        ("timed out", cutover.wish(cutover.BEHIND, terms=short), Expected.ALARM),
        ("dead", cutover.wish(cutover.DEAD), Expected.ALARM),
        ("without its wave", cutover.wish(standing=missing, opening=None), Expected.ALARM),
    )
    for name, wish, expected in rows:
        yield _task(f"cutover, {name}", cutover.situation(wish), expected)
    paused = WaveStanding.PAUSED
    for name, wish in (
        ("held", cutover.wish(cutover.BEHIND, standing=holds, opening=None)),
        ("too early", cutover.wish(cutover.BEHIND, window=early, opening=None)),
        ("its wave was paused", cutover.wish(standing=paused, opening=None)),
    ):
        yield _task(f"cutover, {name}", cutover.situation(wish), Expected.DONE, held=True)
    left = cutover.wish(*[cutover.IDLE] * 3, committed=True)
    stopped = cutover.situation(left, "TERMINATED", request=make.accepted(990.0))
    yield _task("cutover, TERMINATED", stopped, Expected.DONE)
    for kind, before in (
        ("stop", make.situation("MIGRATING")),
        ("cutover", cutover.situation(cutover.wish(cutover.IDLE))),
    ):
        # Neither under way nor a fault; kstatus knows no such thing, and waits.
        brake = replace(before, suspended=True)
        yield _task(f"{kind}, its project is suspended", brake, Expected.WAIT, held=True)


def _waves() -> Iterator[State]:
    wave = Wave(
        ref=WaveRef("team-a", "one"),
        object=ObjectRef("migrationwaves", "team-a", "one", "u"),
        generation=1,
        goes=True,
        window=Window(make.START, make.START),
        under_way_max=50,
        failures_max=1,
        said=TermsSaid(),
    )
    expected = {
        WaveState.GOING: Expected.WAIT,
        WaveState.PAUSED: Expected.ALARM,
        WaveState.WINDOW_MISSED: Expected.ALARM,
    }
    for state in WaveState:
        counts = WaveCounts(total=2, waiting=1, trouble=1)
        body = _object("migrationwaves", describe_wave(wave, Status(), counts, state, make.now()))
        held = state in {WaveState.HOLDING, WaveState.WAITING_FOR_TIME}
        yield State(f"wave, {state.value}", body, expected.get(state, Expected.DONE), held=held)


def _projects() -> Iterator[State]:
    for plural in ("dcsprojects", "clusterdcsprojects"):
        usable = describe_project(make.project(), Status(), None, make.now())
        yield State(f"{plural}, usable", _object(plural, usable), Expected.DONE)
        for kind in TroubleKind:
            trouble = make.trouble(kind)
            status = describe_project(make.project(), Status(), trouble, make.now())
            expected = Expected.WAIT if kind.heals_alone else Expected.ALARM
            yield State(f"{plural}, {kind.value}", _object(plural, status), expected)


def _unwritten() -> Iterator[State]:
    """Yield objects that the operator has not seen: their status is what the CRD's defaults say."""
    for plural in KINDS:
        crd = yaml.safe_load((CRDS / f"{plural}.yaml").read_text(encoding="utf-8"))
        schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        body = _object(plural, Status())
        body["status"] = schema["properties"]["status"].get("default", {})
        yield State(f"{plural}, just created", body, Expected.WAIT)


def _task(name: str, before: Situation, expected: Expected, *, held: bool = False) -> State:
    # Long after the last news, so that also what passes by itself has been written.
    status = make.shown_after(replace(before, news_at=0.0))
    body = _object("migrationtasks", status)
    body["spec"] = {"taskId": make.TASK_ID, "stopped": before.task.stopped}
    return State(name, body, expected, held=held)


def _object(plural: str, status: Status) -> dict[str, Any]:
    return {
        "apiVersion": manifests.GROUP_VERSION,
        "kind": KINDS[plural],
        "metadata": {"name": "one", "generation": 1},
        "status": to_json(status),
    }


STATES = tuple(_states())
"""Every state of every kind."""
