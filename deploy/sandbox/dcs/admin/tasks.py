"""The part of the admin API about the tasks of a project; its table is in `__init__.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sandbox.dcs import lag, moments, records
from sandbox.dcs.admin.wire import body_of, object_of, plain, seconds, several
from sandbox.dcs.migration import Migration, MigrationSpec
from sandbox.dcs.others import Act

if TYPE_CHECKING:
    from sandbox.dcs.api import Project
    from sandbox.dcs.fleet import Fleet
    from sandbox.dcs.simulator import Simulator


@dataclass(frozen=True, slots=True, kw_only=True)
class _Writers:
    """Whose writers are switched on or off."""

    on: bool
    name: str = "*"
    task_ids: tuple[str, ...] = ()


class Tasks:
    """The calls about the tasks of one simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def routes(self) -> list[web.RouteDef]:
        """Return addresses and what answers them."""
        return [
            web.get("/migrations", self._migrations),
            web.post("/migrations", self._add_migrations),
            web.delete("/migrations", self._clear_migrations),
            web.get("/migrations/{task_id}", self._migration),
            web.patch("/migrations/{task_id}", self._alter_migration),
            web.delete("/migrations/{task_id}", self._delete_migration),
            web.get("/moments", self._moments),
            web.post("/writers", self._write),
            web.get("/lag", self._lag),
            web.get("/losses", self._losses),
            web.delete("/losses", self._clear_losses),
            web.get("/others", self._done),
            web.post("/others", self._do),
        ]

    async def _migrations(self, request: web.Request) -> web.Response:
        word = request.query.get("word")
        chosen = [_shown(one) for one in self._fleet(request) if word in (None, one.word)]
        return web.json_response({"migrations": chosen})

    async def _add_migrations(self, request: web.Request) -> web.Response:
        specs = [records.build(MigrationSpec, one) for one in several(await body_of(request))]
        fleet = self._fleet(request)
        fleet.add(*specs)
        shown = [_shown(fleet[spec.task_id]) for spec in specs]
        return web.json_response({"migrations": shown}, status=201)

    async def _clear_migrations(self, request: web.Request) -> web.Response:
        self._fleet(request).clear()
        return web.json_response({})

    async def _migration(self, request: web.Request) -> web.Response:
        return web.json_response(_shown(self._fleet(request)[request.match_info["task_id"]]))

    async def _alter_migration(self, request: web.Request) -> web.Response:
        changes = await object_of(request)
        task_id = request.match_info["task_id"]
        return web.json_response(_shown(self._fleet(request).alter(task_id, changes)))

    async def _delete_migration(self, request: web.Request) -> web.Response:
        fleet = self._fleet(request)
        fleet.delete(fleet[request.match_info["task_id"]])
        return web.json_response({})

    async def _moments(self, request: web.Request) -> web.Response:
        project = self._project(request)
        tasks = [moments.task_moments(one) for one in project.fleet]
        if "since_s" in request.query:
            since_s = seconds("since_s", request.query["since_s"])
            tasks = [one for one in tasks if _terminated_since(one, since_s)]
        own = (one for one in self._simulator.calls.log if one.project_id == project.project_id)
        return web.json_response(
            {
                "now_s": self._simulator.clock(),
                "tasks": tasks,
                "orders": moments.order_moments(own),
            }
        )

    async def _write(self, request: web.Request) -> web.Response:
        wanted = records.build(_Writers, await body_of(request))
        fleet = self._fleet(request)
        chosen = fleet.choose(wanted.name, wanted.task_ids)
        fleet.write(on=wanted.on, chosen=chosen)
        return web.json_response({"switched": len(chosen)})

    async def _lag(self, request: web.Request) -> web.Response:
        fleet = self._fleet(request)
        now_s = fleet.advance()
        chosen = fleet.choose(request.query.get("name", "*"))
        tasks = [_lag_of(one, now_s) for one in chosen]
        return web.json_response(
            {
                "now_s": now_s,
                "tasks": tasks,
                "offset": sum(one["offset"] for one in tasks if one["is_migrating"]),
                "missing_keys": sum(one["missing_keys"] for one in tasks),
            }
        )

    async def _losses(self, request: web.Request) -> web.Response:
        fleet = self._fleet(request)
        fleet.advance()
        return web.json_response(fleet.losses.to_json())

    async def _clear_losses(self, request: web.Request) -> web.Response:
        fleet = self._fleet(request)
        fleet.advance()
        fleet.losses.clear()
        return web.json_response({})

    async def _done(self, request: web.Request) -> web.Response:
        project = self._project(request)
        project.fleet.advance()
        return web.json_response(project.others.to_json())

    async def _do(self, request: web.Request) -> web.Response:
        act = records.build(Act, await body_of(request))
        return web.json_response({"task_ids": self._project(request).others.do(act)}, status=201)

    def _project(self, request: web.Request) -> Project:
        project_id = request.query.get("project", self._simulator.project.project_id)
        return self._simulator.projects[project_id]

    def _fleet(self, request: web.Request) -> Fleet:
        return self._project(request).fleet


def _terminated_since(moment: dict[str, Any], since_s: float) -> bool:
    at_s: float | None = moment["terminated_at_s"]
    return at_s is not None and at_s >= since_s


def _shown(migration: Migration) -> dict[str, Any]:
    """Return the configuration and the state of a migration."""
    return {
        "spec": plain(migration.spec),
        "task_id": migration.spec.task_id,
        "word": migration.word,
        "stopping": migration.stopping,
        "writing": migration.sync.writing,
        "phase": migration.sync.phase,
        "accepted_stops": len(migration.accepted_at_s),
        "accepted_at_s": migration.accepted_at_s,
        "failed_stops": migration.failed_stops,
        "history": migration.history,
        "loss": None if migration.loss is None else plain(migration.loss),
    }


def _lag_of(migration: Migration, now_s: float) -> dict[str, Any]:
    known = plain(lag.figures(migration, now_s))
    known |= {"task_id": migration.spec.task_id, "word": migration.word}
    known["progress"] = round(known["progress"], 1)
    del known["bytes_per_s"], known["operations_per_s"]
    return known | {"writing": migration.sync.writing}
