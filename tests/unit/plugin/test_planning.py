"""Plans: groups, calls, what files change, and what needs care."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcs_migration_operator.core.model import task_key
from kubectl_dcs import kinds
from kubectl_dcs.cares import cares
from kubectl_dcs.forecasts import Call, Forecast, Group, Key, Verdict, World
from kubectl_dcs.planning import Plan, as_json, as_lines, make
from kubectl_dcs.worlds import Applied, Change, gathered
from sandbox import manifests
from unit.plugin import bodies

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 11, 27, 18, tzinfo=UTC)

ENDPOINT = "https://dcs.example.com"

SIZE = 50

DEFAULT = manifests.dcs_project("default", region="cn-north-4")
DEFAULT["metadata"]["namespace"] = "shop"

Objects = dict[tuple[str, str, str], dict[str, Any]]


def forecaster(world: World) -> Forecast:
    """Judge a world in the simplest way: who wishes a stop and runs is stopped."""
    verdicts: dict[Key, Verdict] = {}
    due: dict[str, Key] = {}
    for key, task in sorted(world.tasks.items()):
        reason, message = task.ready.reason, task.ready.message
        if task.holds("Stalled"):
            group = Group.REFUSED
        elif task.stopped and task.phase.startswith("INCR"):
            group, reason = Group.STOP, "Due"
            due.setdefault(task_key(task.task_id), key)
        elif task.cutover is not None and task.phase.startswith("INCR"):
            group = Group.WAIT
        else:
            group = Group.NOTHING
        verdicts[key] = Verdict(group, reason, message)
    keys = list(due.values())
    parts = [tuple(keys[n : n + SIZE]) for n in range(0, len(keys), SIZE)]
    return Forecast(verdicts, tuple(Call(ENDPOINT, "p" * 32, part) for part in parts))


def objects(*made: dict[str, Any]) -> Objects:
    """Return objects by what names them."""
    return {(b["kind"], b["metadata"].get("namespace", ""), b["metadata"]["name"]): b for b in made}


def plan_of(
    *made: dict[str, Any],
    chosen: Callable[[Key], bool] = lambda _: True,
    changes: dict[Key, Change] | None = None,
    refusals: dict[Key, str] | None = None,
    before: Objects | None = None,
) -> Plan:
    """Return the plan of some objects."""
    there = objects(*made)
    found = gathered(before or there, Applied(there, changes or {}, refusals or {}), NOW)
    return make(found, filter(chosen, found.world.tasks), forecaster)


def due(name: str, **fields: Any) -> dict[str, Any]:
    """Return a task that would be stopped."""
    return bodies.task(name, "False/Pending", spec={"stopped": True}, **fields)


def test_every_group_is_told_with_its_number() -> None:
    """Calls with their sizes, waits with their reasons and the highest lag."""
    plan = plan_of(
        DEFAULT,
        *(due(f"d{n:03}") for n in range(120)),
        bodies.task("w1", lag=7),
        bodies.task("w2", lag=1204),
        bodies.task("w3", "True/Holding", spec={"cutover": {"waveRef": {"name": "night"}}}),
        bodies.stopped("done"),
        bodies.task("watched", "True/Observed", spec={}),
        bodies.task("broken", "False/TaskFailed", standing="Stalled", phase="FAILED"),
    )
    assert "\n".join(as_lines(plan, verbose=False)) == "\n".join(
        [
            "Would stop: 120 by 3 calls to DCS",
            *(
                f"  call {n}: {size} ids, project {'p' * 32} at {ENDPOINT}"
                for n, size in ((1, 50), (2, 50), (3, 20))
            ),
            "Would wait: 3",
            "  CatchingUp: 2, highest lag 1,204: shop/w2",
            "  Holding (wave night): 1",
            "Nothing to do: 2 (1 observed, 1 stopped)",
            "Needs a person: 1",
            "  shop/broken: TaskFailed: Because of TaskFailed.",
            "Careful: 0",
        ]
    )
    assert plan.status == 1


def test_verbose_names_every_task() -> None:
    """With its id, in the order of the call."""
    one = due("a")
    text = "\n".join(as_lines(plan_of(one, bodies.task("w", lag=7)), verbose=True))
    assert f"    {one['spec']['taskId']}  shop/a" in text
    assert "    shop/w  lag 7  Because of CatchingUp." in text


def test_a_call_is_as_large_as_it_will_be() -> None:
    """Whoever asks about a few sees whom they share their calls with."""
    plan = plan_of(*(due(f"d{n:02}") for n in range(60)), chosen=lambda key: key[1] == "d07")
    lines = list(as_lines(plan, verbose=False))
    assert lines[:2] == [
        "Would stop: 1 by 1 call to DCS",
        f"  call 1: 50 ids, 49 of them not selected, project {'p' * 32} at {ENDPOINT}",
    ]
    (call,) = as_json(plan)["calls"]
    assert (call["size"], call["chosen"]) == (50, 1)


def test_what_files_change_is_told_first() -> None:
    """With the group that a task leaves and the one that it comes to."""
    before = bodies.task("moved", "True/Observed", spec={"taskId": "0" * 32})
    after = bodies.task("moved", "True/Observed", spec={"taskId": "0" * 32, "stopped": True})
    plan = plan_of(
        after,
        due("new"),
        bodies.task("same"),
        before=objects(before),
        changes={
            ("shop", "moved"): Change.CHANGED,
            ("shop", "new"): Change.NEW,
            ("shop", "same"): Change.NONE,
        },
        refusals={("shop", "odd"): "taskId cannot be changed"},
    )
    lines = list(as_lines(plan, verbose=False))
    assert lines[:2] == [
        "The files add 1, change 1 and leave 1 as they are.",
        "  shop/moved: nothing to do → would stop",
    ]
    assert "  shop/odd: the API server would refuse it: taskId cannot be changed" in lines
    assert plan.status == 1
    said = as_json(plan)
    found = {one["name"]: (one["change"], one["groupBefore"]) for one in said["tasks"]}
    assert found == {
        "moved": ("changed", "nothing"),
        "new": ("new", None),
        "same": ("none", None),
    }
    assert said["invalid"][0]["name"] == "odd"


@settings(deadline=None)  # how long it takes is up to the machine
@given(st.lists(st.sampled_from(["due", "waits", "done", "broken"]), max_size=130))
def test_each_task_is_in_one_group_and_each_due_id_in_one_call(which: list[str]) -> None:
    """For all worlds: the numbers add up, and no call is larger than DCS takes."""
    made = {
        "due": due,
        "waits": bodies.task,
        "done": bodies.stopped,
        "broken": lambda name: bodies.task(name, "False/TaskFailed", standing="Stalled"),
    }
    plan = plan_of(*(made[one](f"t{number}") for number, one in enumerate(which)))
    said = as_json(plan)
    assert sum(said["counts"].values()) == len(which)
    ids = [task["taskId"] for call in said["calls"] for task in call["tasks"]]
    assert len(ids) == len(set(ids)) == said["counts"]["stop"] == which.count("due")
    assert all(0 < call["size"] <= SIZE for call in said["calls"])
    assert plan.status == (1 if "broken" in which else 0)


def about(**fields: Any) -> dict[str, Any]:
    """Return what DCS says of a migration."""
    return {"task": {"method": "incremental_migration", **fields}}


def project(name: str, **spec: Any) -> dict[str, Any]:
    """Return a cluster-scoped project."""
    body = manifests.dcs_project(name, region="cn-north-4", **spec)
    return body | {"kind": kinds.CLUSTER_PROJECT.kind}


SHARED = {"stopped": True, "projectRef": {"kind": "ClusterDCSProject", "name": "shared"}}


def said(
    *made: dict[str, Any], labels: dict[str, dict[str, str]] | None = None
) -> set[tuple[str, str]]:
    """Return the name and the word of each care about all tasks."""
    there = objects(*made)
    world = gathered(there, Applied(there, {}, {}), NOW, namespaces=labels).world
    return {(one.task[1], one.what) for one in cares(world, world.tasks)}


@pytest.mark.parametrize(
    "fields, careful",
    [
        ({"phase": "FULLMIGRATING"}, True),
        ({"phase": "MIGRATING", **about(method="full_amount_migration")}, True),
        ({"lag": 7, "phase": "INCRMIGEATING"}, False),
        ({"phase": "TERMINATED", **about(method="full_amount_migration")}, False),
        ({"phase": "PENDING"}, False),
    ],
)
def test_a_stop_in_the_full_phase_leaves_half_a_target(
    fields: dict[str, Any], *, careful: bool
) -> None:
    """Only while it runs."""
    found = said(DEFAULT, bodies.task("a", spec={"stopped": True}, **fields))
    assert (("a", "FullPhase") in found) is careful


def test_the_progress_of_the_full_phase_is_named() -> None:
    """Below 100 it is in it, whatever the word says."""
    body = bodies.task("a", spec={"stopped": True})
    body["status"]["lag"] = {"fullProgress": 63.5}
    there = objects(DEFAULT, body)
    world = gathered(there, Applied(there, {}, {}), NOW).world
    (care,) = cares(world, world.tasks)
    assert "(63.5 %)" in care.text
    body["status"]["lag"] = {"fullProgress": 100}
    assert said(DEFAULT, body) == set()


@pytest.mark.parametrize(
    "source, careful",
    [
        ("dcs-orders", True),
        ("e6e3ae7d-8d2c-4ea5-a2c5-8f2f1d6a6a11", True),
        ("10.0.0.1:6379", False),
        ("10.0.0.1", False),
        ("10.0.0.1:6379,10.0.0.2:6379", False),
        ("redis.example.com:6379", False),
        ("[fd00::1]:6379", False),
        ("fd00::1", False),
        ("", False),
    ],
)
def test_switch_ip_needs_a_running_task(source: str, *, careful: bool) -> None:
    """Where the source is an instance of DCS, which has a name or an id and not an address."""
    body = bodies.task("a", spec={"stopped": True}, **about(sourceInstance=source))
    assert (("a", "SwitchIP") in said(DEFAULT, body)) is careful


def test_a_target_that_several_write_to_is_told_to_each() -> None:
    """Those that are stopped do not write any more; other projects have other instances."""
    other = manifests.dcs_project("other", region="cn-north-4")
    other["metadata"]["namespace"] = "shop"
    target = about(targetInstance="dcs-1")
    found = said(
        DEFAULT,
        other,
        bodies.task("a", **target),
        bodies.task("b", spec={}, **target),
        bodies.stopped("c", **target),
        bodies.task("d", spec={"projectRef": {"name": "other"}}, **target),
    )
    assert found == {("a", "SharedTarget"), ("b", "SharedTarget")}


def test_an_id_that_several_resources_name_is_told() -> None:
    """In either spelling."""
    dashed = "01234567-89ab-cdef-0123-456789abcdef"
    found = said(
        DEFAULT,
        bodies.task("a", spec={"taskId": dashed}),
        bodies.task("b", spec={"taskId": dashed.replace("-", "").upper()}),
        bodies.task("c"),
    )
    assert found == {("a", "SameId"), ("b", "SameId")}


def test_a_project_that_is_not_there_is_told() -> None:
    """Until it is, nothing is ordered; where projects may not be read, nothing is said."""
    task = bodies.task("a", spec={"projectRef": {"name": "none"}})
    assert said(DEFAULT, task) == {("a", "NoProject")}
    there = objects(task)
    unknown = frozenset({kinds.PROJECT.kind})
    world = gathered(there, Applied(there, {}, {}), NOW, unknown=unknown).world
    assert cares(world, world.tasks) == []


@pytest.mark.parametrize(
    "allowed, labels, admitted",
    [
        (None, {}, False),
        ({"names": ["shop"]}, {}, True),
        ({"names": ["other"]}, {}, False),
        ({"selector": {"matchLabels": {"team": "a"}}}, {"shop": {"team": "a"}}, True),
        ({"selector": {"matchLabels": {"team": "a"}}}, {"shop": {"team": "b"}}, False),
        ({"selector": {"matchLabels": {"team": "a"}}}, {}, True),
    ],
)
def test_a_namespace_that_a_shared_project_does_not_admit_is_told(
    allowed: Any, labels: dict[str, dict[str, str]], *, admitted: bool
) -> None:
    """What labels a namespace has may not be known, and then nothing is said."""
    spec = {} if allowed is None else {"allowedNamespaces": allowed}
    found = said(project("shared", **spec), bodies.task("a", spec=SHARED), labels=labels)
    assert (("a", "NotAdmitted") not in found) is admitted
