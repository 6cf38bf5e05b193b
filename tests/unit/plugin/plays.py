"""Worlds that are watched, planned, and then played by the real engine on virtual time.

The moment between is one: the operator watches while its projects are suspended, the plan is made,
and the projects are resumed. No stop that leaves is answered, so that what would become due by one
that was accepted (the next task of a wave) does not blur what was due at that moment.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from dcs_migration_operator.core.cutover import ALWAYS, Cutover, TermsSaid, Window
from dcs_migration_operator.core.model import task_key
from dcs_migration_operator.core.status import rfc3339, to_json
from dcs_migration_operator.settings import ChannelSettings, Settings
from kubectl_dcs import kinds, planning
from kubectl_dcs.forecasting import forecast
from kubectl_dcs.forecasts import World
from kubectl_dcs.tasks import task_view
from kubectl_dcs.waves import wave_view
from kubectl_dcs.worlds import Gathered
from sandbox import manifests
from simulation import virtual
from simulation.cloud import HANGS, Migration, task_id
from simulation.lags import LagModel
from simulation.rig import NAMESPACE, Rig
from simulation.virtual import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dcs_migration_operator.core.model import Account
    from kubectl_dcs.forecasts import Verdict

WATCHED_S: Final = 60.0
"""For so long the operator watches before the plan is made."""

ACTS_S: Final = 25.0
"""After so long everything that is due has left; a stop that hangs has not come to its end."""

BATCHES_MAX: Final = 40
"""Calls under way at once: none waits for another, since none is answered."""

LAGS: Final[Mapping[str, Callable[[], LagModel]]] = {
    "rests": LagModel,
    "near": lambda: LagModel(left=5, falls_per_s=0.0),
    "behind": lambda: LagModel(left=1204, falls_per_s=0.0),
    "dead": lambda: LagModel(dead=True),
    "silent": lambda: LagModel(silent=True),
    "full": lambda: LagModel(full_until=1e9),
}
"""None changes while a world is watched and played: a plan is of a world that stands still."""

PROJECTS: Final = {"default": "0" * 32, "other": "1" * 32}
"""Cloud project ids by the name of the DCSProject; both are at one endpoint, with one key."""

WINDOWS: Final = {
    "always": ALWAYS,
    "early": Window(not_before=virtual.EPOCH + timedelta(days=1)),
    "over": Window(not_after=virtual.EPOCH + timedelta(seconds=1)),
}

Calls = dict[str, list[tuple[str, ...]]]
"""The ids of each call in their order, by cloud project, as 32 hex digits."""


@dataclass(frozen=True, slots=True)
class One:
    """A task resource with its migration.

    Attributes:
        word: What DCS says.
        lag: A word of `LAGS`.
        wish: `observe`, `stop`, `alone` (a cutover without a wave), or the name of a wave.
        twin: Names the id of the resource before it.
        near: Its own terms take a lag of 5.
        project: A name of `PROJECTS`.
    """

    word: str = "INCRMIGEATING"
    lag: str = "rests"
    wish: str = "stop"
    twin: bool = False
    near: bool = False
    project: str = "default"


@dataclass(frozen=True, slots=True)
class Wave:
    """A wave: its state, its window as a word of `WINDOWS`, and how many it opens at once."""

    goes: bool = True
    window: str = "always"
    under_way_max: int = 50


@dataclass(frozen=True, slots=True)
class Drawn:
    """One world.

    Attributes:
        suspended: The projects that stay so; the others are resumed after the plan was made.
        listed_backwards: DCS lists its migrations against the order of the resources' names.
    """

    tasks: list[One]
    waves: Mapping[str, Wave] = field(default_factory=dict)
    suspended: frozenset[str] = frozenset()
    batch_size: int = 50
    listed_backwards: bool = False

    def ids(self) -> list[str]:
        """Return the id that each resource names."""
        found: list[str] = []
        for number, one in enumerate(self.tasks):
            found.append(found[-1] if one.twin and found else task_id(number))
        return found


@dataclass(frozen=True, slots=True)
class Played:
    """What the plan printed, what it knew, and what the operator then did."""

    printed: Calls
    did: Calls
    verdicts: Mapping[str, Verdict]
    shown: Mapping[str, str]
    """The reason that each resource shows in the end, by its name."""

    rest: frozenset[str]
    """The names of those whose ids are in no call that was planned."""

    @property
    def foretold(self) -> dict[str, str]:
        """The reasons of the rest, as planned."""
        return {name: self.verdicts[name].reason for name in self.rest}

    @property
    def came(self) -> dict[str, str]:
        """The reasons that the rest shows in the end."""
        return {name: self.shown[name] for name in self.rest}


def play(drawn: Drawn) -> Played:
    """Watch a world, plan it, and let the operator act."""
    result: Played = virtual.run(_play(drawn))
    return result


async def _play(drawn: Drawn) -> Played:
    ids = drawn.ids()
    fleet = {
        text: Migration(one.word, stop_s=1e9, lag=LAGS[one.lag](), spoils=HANGS)
        for text, one in reversed(list(zip(ids, drawn.tasks, strict=True)))
    }
    fleet = dict(sorted(fleet.items(), reverse=drawn.listed_backwards))
    channel = ChannelSettings(batch_size=drawn.batch_size, orders_parallel_max=BATCHES_MAX)
    settings = Settings(channel=channel)
    async with Rig(fleet, settings=settings) as rig:
        did: Calls = defaultdict(list)

        def note(account: Account, operation: str, moment: str, named: Sequence[str]) -> None:
            if (operation, moment) == ("batch_stop", "before"):
                did[account.project_id].append(tuple(map(task_key, named)))

        rig.interfere = note
        _apply(rig, drawn, ids)
        rig.engine.activate()
        await asyncio.sleep(WATCHED_S)
        assert not did
        plan = planning.make(
            Gathered(_world(rig, drawn, ids), {}, {}, {}),
            [(NAMESPACE, _name(number)) for number in range(len(ids))],
            partial(forecast, batch_size=drawn.batch_size),
        )
        for name in PROJECTS.keys() - drawn.suspended:
            rig.add_project(name, project_id=PROJECTS[name])
        await asyncio.sleep(ACTS_S)
        shown = {uid: rig.reason(uid) for uid in rig.api.objects}
    printed = _printed("\n".join(planning.as_lines(plan, verbose=True)))
    verdicts = {name: verdict for (_, name), verdict in plan.forecast.verdicts.items()}
    planned = set(chain.from_iterable(chain.from_iterable(printed.values())))
    rest = frozenset(_name(n) for n, text in enumerate(ids) if task_key(text) not in planned)
    return Played(printed, dict(did), verdicts, shown, rest)


def _name(number: int) -> str:
    """Return the name of a resource; the API server lists them in the order of their names."""
    return f"task-{number:03}"


def _apply(rig: Rig, drawn: Drawn, ids: list[str]) -> None:
    for name, project_id in PROJECTS.items():
        rig.add_project(name, project_id=project_id, suspended=True)
    for name, wave in drawn.waves.items():
        window, most = WINDOWS[wave.window], wave.under_way_max
        rig.add_wave(name, goes=wave.goes, window=window, under_way_max=most)
    for number, (one, text) in enumerate(zip(drawn.tasks, ids, strict=True)):
        stops = one.wish == "stop"
        where = {"task_id": text, "project": one.project}
        uid = rig.add_task(number, uid=_name(number), stopped=stops, tell=False, **where)
        if one.wish not in {"observe", "stop"}:
            said = TermsSaid(max_lag=5) if one.near else TermsSaid()
            stored = rig.api.objects[uid]
            cutover = Cutover(said, "" if one.wish == "alone" else one.wish)
            stored.task = replace(stored.task, cutover=cutover)
        rig.api.tell(uid)


def _world(rig: Rig, drawn: Drawn, ids: list[str]) -> World:
    """Return the world as `plan` would read it, with the projects resumed."""
    tasks, waves, projects = {}, {}, {}
    for number, (one, text) in enumerate(zip(drawn.tasks, ids, strict=True)):
        name = _name(number)
        body = _object(manifests.migration_task(name, text, **_spec(one)))
        body["status"] = to_json(rig.api.objects[name].status)
        tasks[NAMESPACE, name] = task_view(body)
    for name, wave in drawn.waves.items():
        window = WINDOWS[wave.window]
        spec: dict[str, Any] = {"state": "Go" if wave.goes else "Hold"}
        spec["maxUnderWay"] = wave.under_way_max
        if window.not_before:
            spec["notBefore"] = rfc3339(window.not_before)
        if window.not_after:
            spec["notAfter"] = rfc3339(window.not_after)
        body = _object(manifests.migration_wave(name, **spec))
        body["status"] = to_json(rig.api.waves[f"wave-{name}"].status)
        waves[NAMESPACE, name] = wave_view(body)
    for name, project_id in PROJECTS.items():
        spec = {"region": "cn-north-4", "projectId": project_id}
        spec["suspend"] = name in drawn.suspended
        projects[kinds.PROJECT.kind, NAMESPACE, name] = _object(manifests.dcs_project(name, **spec))
    return World(tasks, waves, projects, clock().wall)


def _spec(one: One) -> dict[str, Any]:
    spec: dict[str, Any] = {"projectRef": {"name": one.project}}
    if one.wish == "stop":
        return spec | {"stopped": True}
    if one.wish == "observe":
        return spec
    cutover: dict[str, Any] = {"maxLag": 5} if one.near else {}
    if one.wish != "alone":
        cutover["waveRef"] = {"name": one.wish}
    return spec | {"cutover": cutover}


def _object(body: dict[str, Any]) -> dict[str, Any]:
    name = body["metadata"]["name"]
    body["metadata"] |= {"namespace": NAMESPACE, "uid": name, "generation": 1}
    return body


def _printed(text: str) -> Calls:
    """Return the calls as a person reads them in a plan."""
    calls: Calls = defaultdict(list)
    for head, ids in re.findall(r"^  call \d+: (.*)\n((?:    .*\n?)+)", text, re.MULTILINE):
        found = re.fullmatch(r"(\d+) ids?(?:, .*)?, project (\w+) at \S+", head)
        assert found, head
        named = tuple(task_key(line.split()[0]) for line in ids.splitlines())
        assert len(named) == int(found[1])
        calls[found[2]].append(named)
    return dict(calls)
