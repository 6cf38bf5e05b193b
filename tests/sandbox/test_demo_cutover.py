"""The demo of cutovers: its wave, what it asks the simulator, and its verdict, a sentence each."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import yaml

from sandbox import dcs
from sandbox.dcs import MigrationSpec, ProjectOptions, Simulator, SimulatorOptions
from sandbox.dcs.migration import key_of
from sandbox.demo.calls import Call
from sandbox.demo.cutover.__main__ import main
from sandbox.demo.cutover.fleet import (
    BROKEN,
    BYTES_PER_WRITE,
    FORGOTTEN,
    LAG_BYTES,
    WAVE,
    resources,
    wave_fleet,
)
from sandbox.demo.cutover.sources import Losses, Sources
from sandbox.demo.cutover.summary import HOLDS, summary
from sandbox.demo.cutover.verdict import (
    STATS_PER_S_MAX,
    TOLD,
    Measured,
    mismatches,
    orders_least,
    stats_pace,
)
from sandbox.demo.fleet import migrations
from sandbox.demo.resources import Resource
from support.checkout import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

MAKEFILE = ROOT / "Makefile"

FLEET = wave_fleet()
NAMES = [one.name for one in FLEET]
KEYS = {one.name: key_of(one.task_id) for one in FLEET}
GO_S = 100.0


def resource(name: str, reason: str = "Terminated", lag: int | None = 0) -> Resource:
    """Return the resource of a task at the end."""
    ready = {"type": "Ready", "status": "True", "reason": reason, "message": ""}
    status = {"phase": "TERMINATED", "conditions": [ready], "stop": {"lagAtOrder": lag}}
    return Resource(name, current=True, status=status, writes_observed=4)


def order(at_s: float, *names: str) -> Call:
    """One order."""
    return Call(operation="batch_stop", at_s=at_s, ids=tuple(KEYS[name] for name in names))


def measured() -> Measured:
    """Return a run in which all went well."""
    together = [name for name in NAMES if name not in TOLD]
    samples = [Call(operation="stats", at_s=GO_S + n / STATS_PER_S_MAX) for n in range(300)]
    orders = [
        order(GO_S + 10.0, *together[:50]),
        order(GO_S + 20.0, *together[50:]),
        order(GO_S + 40.0, BROKEN),
        order(GO_S + 90.0, FORGOTTEN),
    ]
    return Measured(
        resources={name: resource(name) for name in NAMES},
        wave={"tasks": {"total": 60, "stopped": 60}},
        told={name: frozenset({reason, "Terminated"}) for name, reason in TOLD.items()},
        calls=[*samples, *orders],
        losses=Losses(stops=60, keys=0, with_loss=0),
        at_once=1234,
        went_s=GO_S,
        stopped_s=25.0,
    )


def with_calls(*calls: Call) -> Callable[[Measured], Measured]:
    """Return a run with more calls."""
    return lambda run: replace(run, calls=[*run.calls, *calls])


def with_resource(other: Resource) -> Callable[[Measured], Measured]:
    """Return a run in which one resource says something else."""
    return lambda run: replace(run, resources={**run.resources, other.name: other})


def test_the_wave_is_sixty_tasks_that_hold() -> None:
    """All are written to at first, none is stopped outright, and one has less time."""
    wave, *tasks = resources(FLEET)
    assert (wave["kind"], wave["spec"]) == ("MigrationWave", {"state": "Hold"})
    assert len(tasks) == len({one["spec"]["taskId"] for one in tasks}) == 60
    assert all(one["spec"]["cutover"]["waveRef"] == {"name": WAVE} for one in tasks)
    assert [one["metadata"]["name"] for one in tasks if "timeout" in one["spec"]["cutover"]] == [
        FORGOTTEN
    ]
    assert all("stopped" not in one["spec"] for one in tasks)
    specs = [MigrationSpec(**one) for one in migrations(FLEET)["migrations"]]
    assert all(one.writers and one.lag_bytes for one in specs)
    assert set(TOLD) <= set(NAMES)


def test_a_run_in_which_all_went_well_has_no_mismatch() -> None:
    """And its summary says what stopping at once would have cost."""
    text = summary(FLEET, measured())
    assert mismatches(FLEET, measured()) == []
    assert orders_least(FLEET) == 4
    assert text.endswith(HOLDS)
    assert "1234 would have been lost" in text
    assert "50 + 8 + 1 + 1 ids; 0 while the wave held" in text
    words = " ".join(text.split())
    assert "60 were ordered at a lag of 0" in words
    assert "300 samples of lags (stats), at most 12.0 a second" in words


@pytest.mark.parametrize(
    "change, told",
    [
        (
            lambda run: replace(run, losses=Losses(stops=60, keys=7, with_loss=2)),
            "2 stops lost 7 keys",
        ),
        (
            lambda run: replace(run, losses=Losses(stops=59, keys=0, with_loss=0)),
            "carried out 59 stops, not 60",
        ),
        (lambda run: replace(run, at_once=0), "would have lost nothing"),
        (
            with_resource(resource("cache-01", "Holding")),
            "cache-01 says TERMINATED/Holding",
        ),
        (
            with_resource(resource("cache-01", lag=9)),
            "cache-01 does not say that its lag was 0",
        ),
        (
            lambda run: replace(run, resources={}),
            "cache-04 says nothing; cache-05 says nothing; and 55 more",
        ),
        (
            lambda run: replace(run, wave={"tasks": {"total": 60, "stopped": 59}}),
            "not 60 stopped",
        ),
        (lambda run: replace(run, wave={}), "The wave counts {}"),
        (with_calls(order(GO_S - 1.0, "cache-01")), "1 orders left while the wave held"),
        (with_calls(order(GO_S + 99.0, "cache-01")), "Not ordered exactly once: cache-01."),
        (with_calls(order(GO_S + 99.0)), "5 orders (50 + 8 + 1 + 1 + 0 ids), not 4"),
        (
            lambda run: replace(run, calls=[c for c in run.calls if c.at_s != GO_S + 90.0]),
            f"Not ordered exactly once: {FORGOTTEN}.",
        ),
        (lambda run: replace(run, told={}), f"{FORGOTTEN} never said CutoverTimedOut"),
        (lambda run: replace(run, told={}), f"{BROKEN} never said FullSyncAgain"),
        (
            with_calls(*[Call(operation="stats", at_s=GO_S + 1.0)] * 10),
            "13.0 stats calls a second, not 12 at most",
        ),
    ],
)
def test_what_is_not_as_it_has_to_be_is_told(
    change: Callable[[Measured], Measured], told: str
) -> None:
    """In the verdict, which decides the exit status, and in the summary."""
    run = change(measured())
    assert told in " ".join(mismatches(FLEET, run))
    text = " ".join(summary(FLEET, run).split())
    assert "This is not as expected: - " in text
    assert told in text


def test_the_pace_of_samples_is_the_worst_ten_seconds() -> None:
    """A burst counts, and no samples are no pace."""
    assert stats_pace([]) == 0.0
    calls = [Call(operation="stats", at_s=float(n)) for n in range(100)]
    assert stats_pace(calls) == 1.0
    burst = [Call(operation="stats", at_s=50.5)] * 20
    assert stats_pace([*calls, *burst, Call(operation="list", at_s=50.5)]) == 3.0


async def test_sources_are_asked_and_changed() -> None:
    """Writers, a broken connection, what would be lost and what was: as the simulator has it."""
    async with Simulator(SimulatorOptions(admin_port=0, projects=(ProjectOptions(),))) as simulator:
        simulator.fleet.add(*[MigrationSpec(**one) for one in migrations(FLEET)["migrations"]])
        assert simulator.admin_endpoint
        sources = Sources(simulator.admin_endpoint)
        before = await asyncio.to_thread(sources.would_lose)
        assert before >= 60 * LAG_BYTES // BYTES_PER_WRITE // 2
        assert await asyncio.to_thread(sources.lag) >= 60 * LAG_BYTES // 2
        await asyncio.to_thread(sources.stop_writers, [FLEET[0].task_id])
        shown = [one.sync.writing for one in simulator.fleet]
        assert (shown.count(False), shown.count(True)) == (1, 59)
        await asyncio.to_thread(sources.break_connection, FLEET[1].task_id)
        assert simulator.fleet[FLEET[1].task_id].word == "FULLMIGRATING"
        assert await asyncio.to_thread(sources.losses) == Losses(stops=0, keys=0, with_loss=0)
        with pytest.raises(OSError, match="refused POST /others"):
            await asyncio.to_thread(sources.break_connection, "unknown")


def test_wrong_usage_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    """It has no options."""
    with pytest.raises(SystemExit) as end:
        main(["--fly"])
    assert end.value.code == 2
    assert "unrecognized arguments: --fly" in capsys.readouterr().err


def test_what_is_written_can_be_applied() -> None:
    """It is YAML with a document for each resource, and a fleet for the simulator's project."""
    documents = list(yaml.safe_load_all(yaml.safe_dump_all(resources(FLEET))))
    assert documents == resources(FLEET)
    assert {one["task_id"] for one in migrations(FLEET)["migrations"]} == set(
        dcs.task_ids(60, 0, dcs.PROJECT_ID)
    )


def test_make_knows_it() -> None:
    """`make demo-cutover` plays it, and `make help` says so."""
    assert "\ndemo-cutover: $(STAMP) ## " in MAKEFILE.read_text(encoding="utf-8")
