"""The admin API: looks into a running simulator and changes it. JSON both ways, no signature.

It shows no secret, but who reaches it can do everything: it listens only where it is told to.
Errors are 400, 404 or 405 with `{"error": "..."}`. `?project=ID` chooses a project where there are
several; without it the first one is meant.

| call | body | answer |
| --- | --- | --- |
| `GET /` | | endpoint, projects, access keys, words per project |
| `GET /calls?operation=O&last=N` | | `calls`: the remembered calls, oldest first |
| `GET /counts` | | calls by operation and status, error codes, batch sizes, concurrency, locks |
| `POST /reset` | | forgets calls, faults and locks, keeps migrations |
| `GET /faults` | | `faults`: those that are on, with `number` and `hits` |
| `POST /faults` | a fault, see `faults.py` | the same with its `number` |
| `DELETE /faults`, `DELETE /faults/NUMBER` | | all or one off |
| `GET /migrations?word=W` | | `migrations`: id, word, stops, history of each |
| `POST /migrations` | a migration or a list of them, see `MigrationSpec` | those |
| `DELETE /migrations` | | forgets all of the project, as if they had never been |
| `GET /migrations/ID` | | one of them, though DCS may not know it |
| `PATCH /migrations/ID` | fields to change; `word` at once | the migration |
| `DELETE /migrations/ID` | | as if deleted in the cloud |
| `GET /switches`, `PATCH /switches` | switches to change, see `switches.py` | all switches |
| `PATCH /timing` | `lag_s`, `stop_s`, `release_after_s`, `answer_s`, `lock_s` | all five |
| `POST /keys` | `project_id`, `access_key`, `secret_key`, `security_token` | names of all keys |
| `DELETE /keys/NAME` | | the key is unknown from now on |
| `POST /listening` | `true` or `false` | whether DCS takes connections |
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from sandbox.dcs import records
from sandbox.dcs.api import OPERATIONS, UNKNOWN
from sandbox.dcs.faults import ANY, Fault
from sandbox.dcs.fleet import Fleet, Timing
from sandbox.dcs.keys import AccessKey
from sandbox.dcs.migration import Migration, MigrationSpec
from sandbox.dcs.records import BadValueError

if TYPE_CHECKING:
    from sandbox.dcs.simulator import Simulator

BODY_BYTES_MAX: Final = 64 * 1024 * 1024
"""Enough for 100,000 migrations at once."""

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class AdminServer:
    """The admin API of one simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def app(self) -> web.Application:
        """The application with all routes of the table above."""
        app = web.Application(middlewares=[_errors_as_json], client_max_size=BODY_BYTES_MAX)
        app.router.add_get("/", self._overview)
        app.router.add_get("/calls", self._calls)
        app.router.add_get("/counts", self._counts)
        app.router.add_post("/reset", self._reset)
        app.router.add_get("/faults", self._faults)
        app.router.add_post("/faults", self._add_fault)
        app.router.add_delete("/faults", self._clear_faults)
        app.router.add_delete("/faults/{number}", self._remove_fault)
        app.router.add_get("/migrations", self._migrations)
        app.router.add_post("/migrations", self._add_migrations)
        app.router.add_delete("/migrations", self._clear_migrations)
        app.router.add_get("/migrations/{task_id}", self._migration)
        app.router.add_patch("/migrations/{task_id}", self._alter_migration)
        app.router.add_delete("/migrations/{task_id}", self._delete_migration)
        app.router.add_get("/switches", self._switches)
        app.router.add_patch("/switches", self._switch)
        app.router.add_patch("/timing", self._timing)
        app.router.add_post("/keys", self._add_key)
        app.router.add_delete("/keys/{name}", self._remove_key)
        app.router.add_post("/listening", self._listening)
        return app

    async def _overview(self, _: web.Request) -> web.Response:
        simulator = self._simulator
        return web.json_response(
            {
                "endpoint": simulator.endpoint,
                "access_keys": simulator.keys.names(),
                "projects": {
                    project_id: dict(sorted(project.fleet.words().items()))
                    for project_id, project in simulator.projects.items()
                },
            }
        )

    async def _calls(self, request: web.Request) -> web.Response:
        operation = request.query.get("operation")
        chosen = [c for c in self._simulator.calls.log if operation in (None, c.operation)]
        last = _integer("last", request.query.get("last", str(len(chosen))))
        return web.json_response({"calls": [c.to_json() for c in chosen[-last:] if last]})

    async def _counts(self, _: web.Request) -> web.Response:
        keys = self._simulator.keys
        locks = {"locks": dict(keys.locks), "rejections": dict(keys.rejections)}
        return web.json_response(self._simulator.calls.to_json() | locks)

    async def _reset(self, _: web.Request) -> web.Response:
        self._simulator.reset()
        return web.json_response({})

    async def _faults(self, _: web.Request) -> web.Response:
        return web.json_response({"faults": [one.to_json() for one in self._simulator.faults]})

    async def _add_fault(self, request: web.Request) -> web.Response:
        fault = records.build(Fault, await _body(request))
        if fault.operation not in (ANY, UNKNOWN, *OPERATIONS):
            raise BadValueError(f"operation must be {ANY} or one of {', '.join(OPERATIONS)}")
        return web.json_response(self._simulator.faults.add(fault).to_json(), status=201)

    async def _clear_faults(self, _: web.Request) -> web.Response:
        self._simulator.faults.clear()
        return web.json_response({})

    async def _remove_fault(self, request: web.Request) -> web.Response:
        self._simulator.faults.remove(_integer("number", request.match_info["number"]))
        return web.json_response({})

    async def _migrations(self, request: web.Request) -> web.Response:
        word = request.query.get("word")
        chosen = [_shown(one) for one in self._fleet(request) if word in (None, one.word)]
        return web.json_response({"migrations": chosen})

    async def _add_migrations(self, request: web.Request) -> web.Response:
        body = await _body(request)
        fleet = self._fleet(request)
        specs = [
            records.build(MigrationSpec, one)
            for one in (body if isinstance(body, list) else [body])
        ]
        fleet.add(*specs)
        shown = [_shown(fleet[spec.task_id]) for spec in specs]
        return web.json_response({"migrations": shown}, status=201)

    async def _clear_migrations(self, request: web.Request) -> web.Response:
        self._fleet(request).clear()
        return web.json_response({})

    async def _migration(self, request: web.Request) -> web.Response:
        return web.json_response(_shown(self._fleet(request)[request.match_info["task_id"]]))

    async def _alter_migration(self, request: web.Request) -> web.Response:
        changes = _object(await _body(request))
        task_id = request.match_info["task_id"]
        return web.json_response(_shown(self._fleet(request).alter(task_id, changes)))

    async def _delete_migration(self, request: web.Request) -> web.Response:
        fleet = self._fleet(request)
        fleet.delete(fleet[request.match_info["task_id"]])
        return web.json_response({})

    async def _switches(self, _: web.Request) -> web.Response:
        return web.json_response(asdict(self._simulator.server.switches))

    async def _switch(self, request: web.Request) -> web.Response:
        self._simulator.switch(**_object(await _body(request)))
        return await self._switches(request)

    async def _timing(self, request: web.Request) -> web.Response:
        simulator = self._simulator
        changes = dict(_object(await _body(request)))
        for name, owner in (("answer_s", simulator.server), ("lock_s", simulator.keys)):
            if name in changes:
                # The two live elsewhere, but are times of the same type.
                time_s = records.checked(Timing, {"stop_s": changes.pop(name)})["stop_s"]
                setattr(owner, name, time_s)
        for project in simulator.projects.values():
            values = records.checked(Timing, changes)
            project.fleet.timing = replace(project.fleet.timing, **values)
        shown = {"answer_s": simulator.server.answer_s, "lock_s": simulator.keys.lock_s}
        return web.json_response(asdict(simulator.fleet.timing) | shown)

    async def _add_key(self, request: web.Request) -> web.Response:
        body = dict(_object(await _body(request)))
        project_id = str(body.pop("project_id", self._simulator.project.project_id))
        self._simulator.keys.add(records.build(AccessKey, body), project_id)
        return web.json_response({"access_keys": self._simulator.keys.names()}, status=201)

    async def _remove_key(self, request: web.Request) -> web.Response:
        self._simulator.keys.remove(request.match_info["name"])
        return web.json_response({"access_keys": self._simulator.keys.names()})

    async def _listening(self, request: web.Request) -> web.Response:
        wanted = await _body(request)
        if not isinstance(wanted, bool):
            raise BadValueError("expected true or false")
        await (self._simulator.listen() if wanted else self._simulator.hang_up())
        return web.json_response({"listening": wanted})

    def _fleet(self, request: web.Request) -> Fleet:
        project_id = request.query.get("project", self._simulator.project.project_id)
        return self._simulator.projects[project_id].fleet


@web.middleware
async def _errors_as_json(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except KeyError as error:
        return web.json_response({"error": f"not found: {error}"}, status=404)
    except ValueError as error:
        return web.json_response({"error": str(error)}, status=400)
    except web.HTTPError as error:
        return web.json_response({"error": error.reason}, status=error.status)


def _integer(name: str, text: str) -> int:
    if not text.isdecimal():
        raise BadValueError(f"{name} must be a number: {text}")
    return int(text)


async def _body(request: web.Request) -> Any:
    try:
        return json.loads(await request.read())
    except ValueError:
        raise BadValueError("the body is not JSON") from None


def _object(body: Any) -> Mapping[str, Any]:
    if not isinstance(body, Mapping):
        raise BadValueError("expected an object")
    return body


def _shown(migration: Migration) -> dict[str, Any]:
    """What a migration was told to be, and what became of it."""
    return {
        "spec": asdict(migration.spec),
        "task_id": migration.spec.task_id,
        "word": migration.word,
        "stopping": migration.stopping,
        "accepted_stops": len(migration.accepted_at_s),
        "accepted_at_s": migration.accepted_at_s,
        "failed_stops": migration.failed_stops,
        "history": migration.history,
    }
