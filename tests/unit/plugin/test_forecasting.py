"""What `plan` prints for a frozen world is what the operator then does, call for call."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcs_migration_operator.core.cutover import Cutover
from dcs_migration_operator.core.model import task_key
from dcs_migration_operator.core.status import to_json
from kubectl_dcs import kinds
from kubectl_dcs.forecasting import forecast
from kubectl_dcs.forecasts import Forecast, Group, World
from kubectl_dcs.tasks import task_view
from kubectl_dcs.waves import wave_view
from sandbox import manifests
from simulation import virtual
from simulation.cloud import Migration, task_id
from simulation.lags import LagModel
from simulation.rig import NAMESPACE, Rig
from simulation.virtual import clock

if TYPE_CHECKING:
    from collections.abc import Callable

WATCHED_S: Final = 60.0
"""For so long the operator watches before the wishes of the world are made."""

ACTS_S: Final = 25.0
"""After so long everything that is due has left, and nothing else has become due."""

WORLDS: Final = 60
"""Drawn worlds; each takes about 0.1 s."""

LAGS: Final[dict[str, Callable[[], LagModel]]] = {
    "rests": LagModel,
    "busy": lambda: LagModel(quiet_at=1e9),
    "dead": lambda: LagModel(dead=True),
    "silent": lambda: LagModel(silent=True),
    "full": lambda: LagModel(full_until=1e9),
}
WISHES: Final = ("observe", "stop", "alone", "wave a", "wave b", "no wave")

ONE = st.tuples(
    st.sampled_from(["INCRMIGEATING"] * 4 + ["MIGRATING", "TERMINATED", "SUCCESS", "FAILED"]),
    st.sampled_from(["rests", "rests", *LAGS]),
    st.sampled_from(WISHES),
)


class Play:
    """One world: watched, forecast, and then played."""

    def __init__(
        self, drawn: list[tuple[str, str, str]], going: dict[str, bool], *, suspended: bool
    ) -> None:
        self.drawn, self.going, self.suspended = drawn, going, suspended
        self.forecast: Forecast | None = None
        self.batches: list[tuple[str, ...]] = []

    async def run(self) -> None:
        """Let the operator watch a suspended project, forecast, and let the project be resumed."""
        fleet = {
            task_id(n): Migration(word, stop_s=1e9, lag=LAGS[lag]())
            for n, (word, lag, _) in enumerate(self.drawn)
        }
        async with Rig(fleet) as rig:
            rig.add_project(suspended=True)
            for wave, goes in self.going.items():
                rig.add_wave(wave, goes=goes)
            for n, (_, _, wish) in enumerate(self.drawn):
                if wish in {"observe", "stop"}:
                    rig.add_task(n, stopped=wish == "stop")
                else:
                    name = "" if wish == "alone" else wish.replace(" ", "-")
                    rig.cut_over(n, Cutover(wave=name))
            rig.engine.activate()
            await asyncio.sleep(WATCHED_S)
            assert rig.batches == []
            self.forecast = forecast(self._world(rig))
            if not self.suspended:
                rig.add_project()
            await asyncio.sleep(ACTS_S)
            self.batches = rig.batches

    def _world(self, rig: Rig) -> World:
        """Return the world as `plan` would read it, with the wishes in it."""
        tasks = {}
        for n, (_, _, wish) in enumerate(self.drawn):
            spec: dict[str, Any] = {}
            if wish == "stop":
                spec = {"stopped": True}
            elif wish == "alone":
                spec = {"cutover": {}}
            elif wish != "observe":
                spec = {"cutover": {"waveRef": {"name": wish.replace(" ", "-")}}}
            body = manifests.migration_task(f"uid-{n}", task_id(n), **spec)
            body["metadata"] |= {
                "namespace": NAMESPACE,
                "uid": f"uid-{n}",
                "generation": 1,
                "resourceVersion": "1",
            }
            body["status"] = to_json(rig.api.objects[f"uid-{n}"].status)
            tasks[NAMESPACE, f"uid-{n}"] = task_view(body)
        waves = {}
        for wave, goes in self.going.items():
            body = manifests.migration_wave(wave, state="Go" if goes else "Hold")
            body["metadata"] |= {"namespace": NAMESPACE, "uid": f"wave-{wave}", "generation": 1}
            body["status"] = to_json(rig.api.waves[f"wave-{wave}"].status)
            waves[NAMESPACE, wave] = wave_view(body)
        project = manifests.dcs_project("default", region="cn-north-4", projectId="0" * 32)
        project["metadata"] |= {"namespace": NAMESPACE, "uid": "p", "generation": 1}
        project["spec"]["suspend"] = self.suspended
        projects = {(kinds.PROJECT.kind, NAMESPACE, "default"): project}
        return World(tasks, waves, projects, clock().wall)


def ids_of(play: Play) -> list[set[str]]:
    """Return the ids of each call that was forecast."""
    assert play.forecast
    return [
        {task_key(task_id(int(name.removeprefix("uid-")))) for _, name in call.tasks}
        for call in play.forecast.calls
    ]


@given(
    drawn=st.lists(ONE, min_size=1, max_size=8),
    going=st.fixed_dictionaries({"wave-a": st.booleans(), "wave-b": st.booleans()}),
    suspended=st.booleans(),
)
@settings(max_examples=WORLDS)
def test_the_plan_is_what_the_operator_does(
    *, drawn: list[tuple[str, str, str]], going: dict[str, bool], suspended: bool
) -> None:
    """For any world: the same ids in the same calls, and nothing else leaves."""
    play = Play(drawn, going, suspended=suspended)
    virtual.run(play.run())
    did = [{task_key(one) for one in batch} for batch in play.batches]
    assert sorted(map(sorted, did)) == sorted(map(sorted, ids_of(play)))


def test_sixty_ready_tasks_are_two_calls() -> None:
    """A full one, and the rest."""
    play = Play([("INCRMIGEATING", "rests", "stop")] * 60, {}, suspended=False)
    virtual.run(play.run())
    assert [len(ids) for ids in ids_of(play)] == [50, 10]
    assert sorted(len(batch) for batch in play.batches) == [10, 50]


@pytest.mark.parametrize(
    "lag, group, reason",
    [
        ("rests", Group.STOP, "Pending"),
        ("busy", Group.WAIT, "CatchingUp"),
        ("dead", Group.REFUSED, "NotReplicating"),
        ("silent", Group.WAIT, "LagUnknown"),
        ("full", Group.WAIT, "CatchingUp"),
    ],
)
def test_the_reason_is_in_the_operators_own_words(lag: str, group: Group, reason: str) -> None:
    """With its group."""
    play = Play([("INCRMIGEATING", lag, "alone")], {}, suspended=False)
    virtual.run(play.run())
    assert play.forecast
    verdict = play.forecast.verdicts[NAMESPACE, "uid-0"]
    assert (verdict.group, verdict.reason) == (group, reason)


def test_a_project_that_is_not_there_refuses() -> None:
    """With the sentence of the operator."""
    body = manifests.migration_task("one", task_id(0), stopped=True)
    body["metadata"] |= {"namespace": NAMESPACE, "uid": "u", "generation": 1}
    world = World({(NAMESPACE, "one"): task_view(body)}, {}, {}, virtual.EPOCH)
    verdict = forecast(world).verdicts[NAMESPACE, "one"]
    assert (verdict.group, verdict.reason) == (Group.REFUSED, "ProjectNotReady")
    assert "does not exist" in verdict.message
    unknown = forecast(replace(world, unknown=frozenset({kinds.PROJECT.kind})))
    assert unknown.verdicts[NAMESPACE, "one"].group is Group.WAIT
