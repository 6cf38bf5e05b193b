"""How many orders, looks and writes a fleet costs, with the defaults of every option.

Orders and looks are counted by DCS, writes by a watch that began before the first resource.
"""

from __future__ import annotations

import logging
import secrets
import time
from math import ceil
from typing import TYPE_CHECKING

import pytest
import yaml

from sandbox.dcs import FaultKind
from sandbox.dcs.migration import key_of
from sandbox.waiting import eventually
from support.operator.cloud import NEVER_S
from support.operator.process import QUICK
from support.operator.records import writes
from support.operator.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sandbox.api import Api
    from support.control_plane import Kubectl
    from support.operator.cloud import Cloud
    from support.operator.fixtures import Launch
    from support.operator.records import Recorder

_log = logging.getLogger(__name__)

STOP_S = 3.0
"""DCS's stop delay for a thousand."""

BATCH_MAX = 50

SIZES = (1, 50, 51, 120)

SLOWLY = ("--batch-idle-s", "1.5", "--batch-max-wait-s", "20")
"""A window that a busy machine cannot tear, though objects come one after another."""

FLEET_S_MAX = 90.0
"""For a thousand; on an idle machine it takes the stop delay and some seconds."""


def looks_before_the_first_order(workspace: Workspace) -> list[tuple[str, int | None]]:
    """Return what DCS was asked before anything was ordered: operations and offsets."""
    asked = [(call.operation, call.offset) for call in workspace.dcs.calls()]
    return asked[: [operation for operation, _ in asked].index("batch_stop")]


@pytest.fixture(scope="module")
def fleets(
    api: Api, cloud: Cloud, recorder: Recorder, launch_for_module: Launch
) -> Mapping[int, Workspace]:
    """Have fleets of several sizes, each in a project of its own, wait for one operator."""
    namespace = f"fleets-{secrets.token_hex(4)}"
    api.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
    fleets = {n: Workspace(api, cloud.open_project(), recorder, namespace) for n in SIZES}
    ids = {count: fleet.dcs.add_many(count, stop_s=NEVER_S) for count, fleet in fleets.items()}
    for count, fleet in fleets.items():
        fleet.connect()
        fleet.create_many(ids[count])
    launch_for_module(namespace).start()
    for count, fleet in fleets.items():
        fleet.until_all("False/Stopping")
        fleet.dcs.end(*ids[count])
    for fleet in fleets.values():
        fleet.until_all("True/Terminated")
    return fleets


@pytest.mark.parametrize("count", SIZES)
def test_waiting_tasks_cost_the_fewest_orders(fleets: Mapping[int, Workspace], count: int) -> None:
    """Of n tasks that wait at the start: one list, ceil(n/50) orders, each id once."""
    fleet = fleets[count]
    full, rest = divmod(count, BATCH_MAX)
    sizes = sorted(len(order) for order in fleet.dcs.orders())
    assert sizes == sorted([BATCH_MAX] * full + ([rest] if rest else []))
    assert len(set(fleet.dcs.ordered())) == count
    assert looks_before_the_first_order(fleet) == [("list", 0)]


@pytest.mark.parametrize("count", SIZES)
def test_a_stop_costs_two_writes(fleets: Mapping[int, Workspace], count: int) -> None:
    """TERMINATING and TERMINATED are written, and nothing else."""
    records = fleets[count].records()
    assert len(records) == count
    assert {tuple(record.phases) for record in records.values()} == {("TERMINATING", "TERMINATED")}
    assert writes(records.values()) == 2 * count
    fleets[count].check()


@pytest.mark.timeout(240)
def test_a_thousand_waiting_tasks_cost_twenty_orders(own: Workspace, launch: Launch) -> None:
    """1,000 at once: exactly 20 full orders, at most 2 writes each, few looks."""
    count = 1000
    task_ids = own.dcs.add_many(count, stop_s=STOP_S)
    own.create_many(task_ids)
    operator = launch(own.namespace)
    operator.start()
    started = time.monotonic()
    own.until_all("True/Terminated", FLEET_S_MAX)
    seconds = time.monotonic() - started
    assert [len(order) for order in own.dcs.orders()] == [BATCH_MAX] * ceil(count / BATCH_MAX)
    assert sorted(own.dcs.ordered()) == sorted(map(key_of, task_ids))
    # A page holds up to 1,000 rows, so only an empty one tells that the list is complete.
    assert looks_before_the_first_order(own) in ([("list", 0)], [("list", 0), ("list", count)])
    pages = [call.offset for call in own.dcs.calls("list")]
    assert pages == [0, count] * (len(pages) // 2)
    assert own.dcs.calls("show") == []
    records = own.records().values()
    assert max(len(record.statuses) for record in records) <= 2
    # Shown by `pytest --log-level=info -rP`.
    figures = {"seconds": round(seconds, 1), "looks": len(pages) // 2, "writes": writes(records)}
    _log.info("a thousand: %s", figures)


def test_one_apply_is_one_order(
    own: Workspace, launch: Launch, kubectl: Kubectl, tmp_path: Path
) -> None:
    """`kubectl apply` of a file with 40 tasks, while the operator runs: one order for all."""
    task_ids = own.dcs.add_many(40)
    operator = launch(own.namespace, *QUICK, *SLOWLY)
    operator.start()
    file = tmp_path / "fleet.yaml"
    tasks = [own.task(f"{n:04}", one, stopped=True) for n, one in enumerate(task_ids)]
    file.write_text(yaml.safe_dump_all(tasks), encoding="utf-8")
    kubectl("apply", "--filename", file)
    own.until_all("True/Terminated")
    assert [len(order) for order in own.dcs.orders()] == [40]
    assert max(len(record.statuses) for record in own.records().values()) <= 2


def test_a_smaller_batch_is_kept(own: Workspace, launch: Launch) -> None:
    """`--batch-size` lowers the most ids of an order."""
    own.create_many(own.dcs.add_many(25))
    launch(own.namespace, *QUICK, "--batch-size", "10").start()
    own.until_all("True/Terminated")
    assert sorted(len(order) for order in own.dcs.orders()) == [5, 10, 10]


def test_deleting_in_the_middle_leaves_nothing(own: Workspace, launch: Launch) -> None:
    """60 wait while DCS is away, 20 of them are deleted: one order for the 40 others."""
    task_ids = own.dcs.add_many(60)
    own.dcs.fail(FaultKind.ERROR, operation="list", status=503)
    own.create_many(task_ids)
    operator = launch(own.namespace, *QUICK)
    operator.start()
    own.until_all("False/CloudUnavailable")
    for number in range(20):
        own.delete(f"{number:04}")
    name = "dcs_operator_tasks"
    eventually(lambda: operator.metric(name) == 40)
    own.dcs.heal()
    for number in range(20, 60):
        own.until(f"{number:04}", "True/Terminated")
    assert [set(order) for order in own.dcs.orders()] == [set(map(key_of, task_ids[20:]))]
    assert all(own.dcs.words(one) == ["INCRMIGEATING"] for one in task_ids[:20])
    assert operator.metric(name) == operator.metric(name, phase="TERMINATED", ready="True") == 40


def test_a_fleet_is_flipped_later(own: Workspace, launch: Launch) -> None:
    """Observed first, wished to stop later: one write before, at most two after, no flapping."""
    count = 30
    task_ids = own.dcs.add_many(count, stop_s=NEVER_S)
    own.create_many(task_ids, stopped=False)
    operator = launch(own.namespace, *QUICK, *SLOWLY)
    operator.start()
    own.until_all("True/Observed")
    for number in range(count):
        own.stop(f"{number:04}")
    own.until_all("False/Stopping")
    own.dcs.end(*task_ids)
    own.until_all("True/Terminated")
    assert [len(order) for order in own.dcs.orders()] == [count]
    for record in own.records().values():
        assert record.phases == ["INCRMIGEATING", "TERMINATING", "TERMINATED"]
        assert len(record.statuses) == 3


def test_what_had_ended_costs_one_write_and_no_order(own: Workspace, launch: Launch) -> None:
    """A fleet that ended before: one list, no order, exactly one write each."""
    task_ids = own.dcs.add_many(60, word="TERMINATED") + own.dcs.add_many(60, word="SUCCESS")
    own.create_many(task_ids)
    launch(own.namespace).start()
    eventually(lambda: all(r.last.ready.startswith("True/") for r in own.records().values()))
    assert [call.operation for call in own.dcs.calls()] == ["list"]
    assert {len(record.statuses) for record in own.records().values()} == {1}
