"""The part of the admin API about the cloud around the tasks; its table is in `__init__.py`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sandbox.dcs import records
from sandbox.dcs.admin.wire import body_of, integer, object_of, several
from sandbox.dcs.faults import Fault
from sandbox.dcs.fleet import Timing
from sandbox.dcs.keys import AccessKey
from sandbox.dcs.records import BadValueError

if TYPE_CHECKING:
    from sandbox.dcs.simulator import Simulator


@dataclass(frozen=True, slots=True, kw_only=True)
class _Times:
    """The times that belong to no project, in seconds."""

    answer_s: float = 0.0
    lock_s: float = 0.0
    forget_s: float | None = None
    reject_s: float = 0.0
    skew_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeyChanges:
    """What can be changed about a key."""

    reject_s: float | None = None
    denied: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listening:
    """How connections are taken."""

    stalled: bool = False
    read_after_s: float = 0.0


class Cloud:
    """The calls about one simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def routes(self) -> list[web.RouteDef]:
        """Return addresses and what answers them."""
        return [
            web.get("/", self._overview),
            web.get("/clock", self._clock),
            web.get("/calls", self._calls),
            web.get("/counts", self._counts),
            web.post("/reset", self._reset),
            web.get("/faults", self._faults),
            web.post("/faults", self._add_faults),
            web.delete("/faults", self._clear_faults),
            web.delete("/faults/{number}", self._remove_fault),
            web.get("/switches", self._switches),
            web.patch("/switches", self._switch),
            web.get("/timing", self._timing),
            web.patch("/timing", self._retime),
            web.get("/keys", self._keys),
            web.post("/keys", self._add_key),
            web.patch("/keys/{name}", self._change_key),
            web.delete("/keys/{name}", self._remove_key),
            web.get("/projects", self._projects),
            web.post("/projects", self._add_projects),
            web.get("/listening", self._listening),
            web.post("/listening", self._listen),
            web.patch("/listening", self._change_listening),
        ]

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

    async def _clock(self, _: web.Request) -> web.Response:
        return web.json_response({"now_s": self._simulator.clock()})

    async def _calls(self, request: web.Request) -> web.Response:
        operation = request.query.get("operation")
        chosen = [c for c in self._simulator.calls.log if operation in (None, c.operation)]
        last = integer("last", request.query.get("last", str(len(chosen))))
        return web.json_response({"calls": [c.to_json() for c in chosen[-last:] if last]})

    async def _counts(self, _: web.Request) -> web.Response:
        keys = self._simulator.keys
        rows = {
            "locks": dict(keys.locks),
            "rejections": dict(keys.rejections),
            "most_401s_in_a_row": keys.most_in_a_row,
        }
        return web.json_response(self._simulator.calls.to_json() | rows)

    async def _reset(self, _: web.Request) -> web.Response:
        self._simulator.reset()
        return web.json_response({})

    async def _faults(self, _: web.Request) -> web.Response:
        return web.json_response({"faults": [one.to_json() for one in self._simulator.faults]})

    async def _add_faults(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        faults = [records.build(Fault, one) for one in several(body)]
        shown = [self._simulator.faults.add(fault).to_json() for fault in faults]
        answer: Any = {"faults": shown} if isinstance(body, list) else shown[0]
        return web.json_response(answer, status=201)

    async def _clear_faults(self, _: web.Request) -> web.Response:
        self._simulator.faults.clear()
        return web.json_response({})

    async def _remove_fault(self, request: web.Request) -> web.Response:
        self._simulator.faults.remove(integer("number", request.match_info["number"]))
        return web.json_response({})

    async def _switches(self, _: web.Request) -> web.Response:
        return web.json_response(asdict(self._simulator.server.switches))

    async def _switch(self, request: web.Request) -> web.Response:
        self._simulator.switch(**await object_of(request))
        return await self._switches(request)

    async def _timing(self, _: web.Request) -> web.Response:
        return web.json_response(asdict(self._simulator.timing) | asdict(self._times()))

    async def _retime(self, request: web.Request) -> web.Response:
        simulator = self._simulator
        changes = await object_of(request)
        own = {one: changes.pop(one) for one in asdict(self._times()) if one in changes}
        times = replace(self._times(), **records.checked(_Times, own))
        timing = replace(simulator.timing, **records.checked(Timing, changes))
        simulator.retime(timing)
        simulator.server.answer_s = times.answer_s
        keys = simulator.keys
        keys.lock_s, keys.forget_s = times.lock_s, times.forget_s
        keys.reject_s, keys.skew_s = times.reject_s, times.skew_s
        return await self._timing(request)

    def _times(self) -> _Times:
        keys = self._simulator.keys
        return _Times(
            answer_s=self._simulator.server.answer_s,
            lock_s=keys.lock_s,
            forget_s=keys.forget_s,
            reject_s=keys.reject_s,
            skew_s=keys.skew_s,
        )

    async def _keys(self, _: web.Request) -> web.Response:
        shown = {name: self._key(name, key) for name, key in self._simulator.keys.to_json().items()}
        return web.json_response({"keys": shown})

    async def _add_key(self, request: web.Request) -> web.Response:
        body = await object_of(request)
        project_id = str(body.pop("project_id", self._simulator.project.project_id))
        self._simulator.keys.add(records.build(AccessKey, body), project_id)
        return web.json_response({"access_keys": self._simulator.keys.names()}, status=201)

    async def _change_key(self, request: web.Request) -> web.Response:
        name, keys = request.match_info["name"], self._simulator.keys
        changes = records.checked(_KeyChanges, await object_of(request))
        if name not in keys.names():
            raise KeyError(name)
        if "denied" in changes:
            self._simulator.permissions.deny(name, changes["denied"])
        if "reject_s" in changes:
            keys.slow_down(name, changes["reject_s"])
        return web.json_response(self._key(name, keys.to_json()[name]))

    async def _remove_key(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self._simulator.keys.remove(name)
        self._simulator.permissions.forget(name)
        return web.json_response({"access_keys": self._simulator.keys.names()})

    def _key(self, name: str, key: dict[str, Any]) -> dict[str, Any]:
        return key | {"denied": self._simulator.permissions.denied(name)}

    async def _projects(self, _: web.Request) -> web.Response:
        shown = {
            project_id: {
                "tasks": len(project.fleet),
                "stops": project.fleet.losses.stops,
                "lost_keys": project.fleet.losses.keys,
            }
            for project_id, project in self._simulator.projects.items()
        }
        return web.json_response({"projects": shown})

    async def _add_projects(self, request: web.Request) -> web.Response:
        projects = self._simulator.built(several(await body_of(request)))
        for project in projects:
            self._simulator.add_project(project)
        return web.json_response({"projects": [one.project_id for one in projects]}, status=201)

    async def _listening(self, _: web.Request) -> web.Response:
        simulator = self._simulator
        return web.json_response(
            {
                "listening": simulator.listening,
                "stalled": simulator.listener.stalled,
                "read_after_s": simulator.listener.read_after_s,
            }
        )

    async def _listen(self, request: web.Request) -> web.Response:
        wanted = await body_of(request)
        if not isinstance(wanted, bool):
            raise BadValueError("expected true or false")
        await (self._simulator.listen() if wanted else self._simulator.hang_up())
        return web.json_response({"listening": wanted})

    async def _change_listening(self, request: web.Request) -> web.Response:
        changes = records.checked(_Listening, await object_of(request))
        listener = self._simulator.listener
        if "read_after_s" in changes:
            listener.read_after_s = changes["read_after_s"]
        if "stalled" in changes:
            await (listener.stall() if changes["stalled"] else listener.resume())
        return await self._listening(request)
