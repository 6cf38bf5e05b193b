"""Cutovers and waves on a real API server: stopped when the target has caught up, and not before.

The simulated DCS knows the true lag of each migration, and counts the keys that a stop loses.
"""

from __future__ import annotations

import signal
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from sandbox.dcs import FaultKind
from sandbox.dcs.migration import key_of
from sandbox.waiting import eventually
from support.operator.process import QUICK
from support.operator.records import writes

if TYPE_CHECKING:
    from support.control_plane import Kubectl
    from support.operator.fixtures import Launch
    from support.operator.records import Shown
    from support.operator.workspace import Workspace

TAKEOVER_S_MAX: Final = 60.0
"""15 s of the Lease and what a busy machine adds."""

TIMEOUT_S_MAX: Final = 120.0
"""The shortest timeout is a minute; the round of samples after it and a busy machine add to it."""

WAVE: Final = 60
"""More than one order, and more than may be under way at once."""

CATCHING_UP: Final = "False/CatchingUp"
QUEUED: Final = "False/Queued"

HOLDING_S_MAX: Final = 150.0
"""Until each of a wave that holds was sampled twice: two a second, and what a busy machine adds."""

SOON: Final = {"stableFor": "0s"}
"""Two samples, 5 s apart, are enough."""


def in_seconds(seconds: float) -> str:
    """Return a moment as people write it into a spec."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def cells(table: str, name: str) -> dict[str, str]:
    """Return the row of a table by its headings; only the last cell may hold blanks."""
    head, *rows = table.splitlines()
    (row,) = [line for line in rows if line.startswith(name)]
    begins = [head.index(title) for title in head.split()]
    ends = [*begins[1:], None]
    places = zip(head.split(), begins, ends, strict=True)
    return {title: row[begin:end].strip() for title, begin, end in places}


def test_a_task_is_stopped_once_its_writers_have_stopped(
    own: Workspace, launch: Launch, kubectl: Kubectl
) -> None:
    """While they write it is catching up and nothing is ordered; then one order, with lag 0."""
    task_id, watched = own.dcs.add(writers=True), own.dcs.add(writers=True)
    own.cut_over("one", task_id, **SOON)
    own.create("watched", watched, stopped=False)
    launch(own.namespace, *QUICK).start()
    shown = own.until("one", "False/CatchingUp")
    assert shown.conditions["CaughtUp"] == "False/Lagging"
    assert shown.conditions["Reconciling"] == "True/CatchingUp"
    assert shown.lag["offset"] > 0
    assert shown.body["cutover"].keys() == {"openedAt", "timesOutAt"}
    row = cells(kubectl("get", "dcsmt", "--output", "wide"), own.full("one"))
    assert (row["STOP"], row["READY"], row["REASON"]) == ("false", "False", "CatchingUp")
    assert int(row["LAG"]) > 0
    assert "the limit 0" in row["MESSAGE"]
    own.until_looked(3, "stats")
    assert own.dcs.ordered() == []

    own.dcs.write(on=False)
    shown = own.until("one", "True/Terminated")
    assert own.dcs.ordered() == [key_of(task_id)]
    assert own.dcs.losses() == (1, 0)
    assert shown.stop["lagAtOrder"] == 0
    assert shown.conditions["CaughtUp"] == "True/CaughtUp"
    eventually(lambda: len(own.events()) == 2)
    assert set(own.events()) == {
        ("Normal", "CutoverOpened", own.full("one")),
        ("Normal", "CaughtUp", own.full("one")),
    }
    assert {key for call in own.dcs.calls("stats") for key in map(key_of, call.ids)} == {
        key_of(task_id)
    }


@pytest.mark.timeout(240)
def test_what_does_not_catch_up_is_told_and_the_time_is_kept(
    own: Workspace, launch: Launch
) -> None:
    """Busy, dead, unknown, in its full phase, and no incremental one: each has its reason.

    When the minute is up nothing is ordered but for those that say StopAnyway, which tell the lag.
    """
    minute = {"timeout": "1m", **SOON}
    anyway = {**minute, "onTimeout": "StopAnyway"}
    busy, lost, dead, unknown = own.dcs.add_many(4, writers=True)
    own.dcs.alter(dead, dead=True)
    own.dcs.fail(FaultKind.ERROR, operation="stats", task_id=unknown, status=500)
    full = own.dcs.add(word="FULLMIGRATING", writers=True)
    ends_alone = own.dcs.add(word="FULLMIGRATING", method="full_amount_migration")
    own.cut_over("busy", busy, **minute)
    own.cut_over("lost", lost, **anyway)
    own.cut_over("dead", dead, **minute)
    own.cut_over("unknown", unknown, **anyway)
    own.cut_over("full", full, **minute)
    own.cut_over("ends-alone", ends_alone, **minute)
    launch(own.namespace, *QUICK).start()
    expected = {
        "busy": ("False/CatchingUp", "False/Lagging"),
        "lost": ("False/CatchingUp", "False/Lagging"),
        "dead": ("False/NotReplicating", "False/NotReplicating"),
        "unknown": ("False/LagUnknown", "Unknown/LagUnknown"),
        "full": ("False/CatchingUp", "False/FullPhase"),
        "ends-alone": ("False/NotIncremental", "Unknown/NotIncremental"),
    }
    for name, (ready, caught_up) in expected.items():
        assert own.until(name, ready).conditions["CaughtUp"] == caught_up
    assert own.dcs.ordered() == []

    for name in ("busy", "dead", "full"):
        timed_out = own.until(name, "False/CutoverTimedOut", TIMEOUT_S_MAX)
        assert timed_out.conditions["Stalled"] == "True/CutoverTimedOut"
        assert timed_out.stop == {}
    assert own.until("lost", "True/Terminated").stop["lagAtOrder"] > 0
    assert "lagAtOrder" not in own.until("unknown", "True/Terminated").stop
    assert sorted(own.dcs.ordered()) == sorted(map(key_of, (lost, unknown)))
    assert own.dcs.losses()[1] > 0
    told = {("Warning", "StoppedWithLag", own.full(one)) for one in ("lost", "unknown")}
    told |= {("Warning", "CutoverTimedOut", own.full(one)) for one in ("busy", "dead", "full")}
    told |= {("Warning", "NotIncremental", own.full("ends-alone"))}
    eventually(lambda: told <= set(own.events()))


def has_lag(shown: Shown) -> bool:
    """Tell whether a status says how far the target is behind."""
    return bool(shown.lag)


def say(own: Workspace, ready: str) -> int:
    """Return how many tasks say so."""
    return [record.last.ready for record in own.records().values()].count(ready)


@pytest.mark.timeout(400)
def test_a_wave_holds_goes_holds_again_and_is_complete(
    own: Workspace, launch: Launch, kubectl: Kubectl
) -> None:
    """60 tasks: at Hold lags are only shown; with writers nothing leaves; then two orders.

    In between the operator is killed: what it had sampled counts no more, and nothing is lost.
    """
    task_ids = own.dcs.add_many(WAVE, writers=True)
    own.put_wave("Hold", cutover=SOON)
    own.join(task_ids)
    operator = launch(own.namespace, *QUICK)
    operator.start()
    own.until_all("True/Holding")
    for name in own.records():
        own.until_shown(name.removeprefix(f"{own.name}-"), has_lag)
    status = own.until_wave("True/Holding", total=WAVE, waiting=WAVE)
    assert "openedAt" not in status

    own.put_wave("Go", cutover=SOON)
    own.until_wave("False/Going", total=WAVE, waiting=WAVE)
    eventually(lambda: (say(own, CATCHING_UP), say(own, QUEUED)) == (50, 10))
    row = cells(kubectl("get", "dcsmw"), own.name)
    assert (row["STATE"], row["TASKS"], row["STOPPED"]) == ("Go", str(WAVE), "0")
    assert (row["READY"], row["REASON"]) == ("False", "Going")
    own.put_wave("Hold", cutover=SOON)
    own.until_all("True/Holding")
    operator.kill()
    own.dcs.write(on=False)
    operator.start()
    own.until_wave("True/Holding", HOLDING_S_MAX, total=WAVE, caughtUp=WAVE)
    row = cells(kubectl("get", "dcsmw"), own.name)
    assert (row["STATE"], row["TASKS"], row["CAUGHT-UP"]) == ("Hold", str(WAVE), str(WAVE))
    assert own.dcs.ordered() == []

    before = writes(own.records().values())
    own.put_wave("Go", cutover=SOON)
    own.until_all("True/Terminated")
    assert [len(order) for order in own.dcs.orders()] == [50, 10]
    assert sorted(own.dcs.ordered()) == sorted(map(key_of, task_ids))
    assert own.dcs.losses() == (WAVE, 0)
    status = own.until_wave("True/Complete", total=WAVE, stopped=WAVE, waiting=0, trouble=0)
    assert status["completedAt"] >= status["openedAt"]
    row = cells(kubectl("get", "dcsmw"), own.name)
    assert row["TASKS"] == row["STOPPED"] == str(WAVE)
    assert (row["TROUBLE"], row["READY"], row["REASON"]) == ("0", "True", "Complete")
    shown = [record.last for record in own.records().values()]
    assert {one.stop["lagAtOrder"] for one in shown} == {0}
    assert writes(own.records().values()) - before <= 5 * WAVE


def test_without_its_wave_or_with_the_brake_on_nothing_leaves(
    own: Workspace, launch: Launch
) -> None:
    """A wave that is deleted holds, and so does a project that is suspended, whatever the lag."""
    task_ids = own.dcs.add_many(3, writers=True)
    own.put_wave("Go", cutover=SOON)
    own.join(task_ids)
    launch(own.namespace, *QUICK).start()
    own.until_all(CATCHING_UP)
    own.delete_wave()
    own.until_all("False/WaveNotFound")
    own.dcs.write(on=False)
    own.until_looked(6, "stats")
    assert own.dcs.ordered() == []

    own.put_project(suspend=True)
    own.put_wave("Go", cutover=SOON)
    own.until_all("False/Suspended")
    own.until_looked(6, "stats")
    assert own.dcs.ordered() == []

    own.put_project(suspend=False)
    own.until_all("True/Terminated")
    assert [len(order) for order in own.dcs.orders()] == [3]
    assert own.dcs.losses() == (3, 0)


def test_no_order_leaves_outside_of_the_window(own: Workspace, launch: Launch) -> None:
    """Too early is as wished for; too late needs a person; with the window put right it goes on."""
    own.put_wave("Go", notBefore=in_seconds(3600), cutover=SOON)
    own.join(own.dcs.add_many(2))
    late = own.dcs.add()
    own.cut_over("late", late, notAfter=in_seconds(-60), **SOON)
    launch(own.namespace, *QUICK).start()
    own.until("0000", "True/Holding")
    own.until("late", "False/WindowMissed")
    own.until_wave("True/WaitingForTime", total=2)
    own.until_looked(6, "stats")
    assert own.dcs.ordered() == []
    own.put_wave("Go", notAfter=in_seconds(-60), cutover=SOON)
    own.until("0000", "False/WindowMissed")
    own.until_wave("False/WindowMissed", total=2)
    assert own.dcs.ordered() == []
    own.put_wave("Go", notBefore=in_seconds(-60), notAfter=in_seconds(3600), cutover=SOON)
    for name in ("0000", "0001"):
        own.until(name, "True/Terminated")
    assert len(own.dcs.ordered()) == 2
    assert own.until("late", "False/WindowMissed").stop == {}


@pytest.mark.timeout(240)
def test_another_leader_goes_on_with_a_fresh_round(own: Workspace, launch: Launch) -> None:
    """The leader is killed after the writers have stopped: the next one keeps the deadline."""
    options = (*QUICK, "--lease-namespace", own.namespace)
    first = launch(own.namespace, *options, leader_elect=True)
    first.start()
    eventually(lambda: first.metric("dcs_operator_leader") == 1)
    second = launch(own.namespace, *options, leader_elect=True)
    second.start()
    own.put_wave("Go")
    own.join(own.dcs.add_many(10, writers=True))
    own.until_all(CATCHING_UP)
    opened = {name: one.last.body["cutover"] for name, one in own.records().items()}
    own.dcs.write(on=False)
    own.until_looked(10, "stats")  # the first samples that show 0
    first.signal(signal.SIGKILL)
    asked = len(own.dcs.calls("stats"))
    own.until("0000", "True/Terminated", TAKEOVER_S_MAX)
    own.until_all("True/Terminated")
    assert [len(order) for order in own.dcs.orders()] == [10]
    assert own.dcs.losses() == (10, 0)
    assert len(own.dcs.calls("stats")) >= asked + 2 * 10
    assert {name: one.last.body["cutover"] for name, one in own.records().items()} == opened


def read_back(own: Workspace, name: str) -> Any:
    """Return the spec of a task as it is stored."""
    return own.read(name)["spec"]


def test_a_revert_takes_a_cutover_back(own: Workspace, launch: Launch, kubectl: Kubectl) -> None:
    """Removed before the order has left, the task is only observed, and sampled no more."""
    own.cut_over("one", own.dcs.add(writers=True), **SOON)
    launch(own.namespace, *QUICK).start()
    own.until("one", CATCHING_UP)
    patch = '{"spec": {"cutover": null}}'
    kubectl("patch", "dcsmt", own.full("one"), "--type", "merge", "--patch", patch)
    shown = own.until("one", "True/Observed")
    assert "CaughtUp" not in shown.conditions
    assert {"lag", "cutover", "stop"}.isdisjoint(shown.body)
    own.dcs.write(on=False)
    own.until_looked(1)
    asked = len(own.dcs.calls("stats"))
    own.until_looked(10)
    assert len(own.dcs.calls("stats")) == asked
    assert own.dcs.ordered() == []
