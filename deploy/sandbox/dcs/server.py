"""The DCS API on the wire: who calls, what goes wrong on purpose, and how the answer goes out.

A call is checked in the order of the real service, gateway before service: address, signature and
lock of the key, faults, project, permission, shape of the request, fleet. `api.py` owns which call
it is and what it answers.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from aiohttp import web

from sandbox.dcs import api
from sandbox.dcs.api import ApiCall, Project
from sandbox.dcs.calls import Call, Calls
from sandbox.dcs.errors import (
    BAD_PROJECT_ID,
    BAD_SIGNATURE,
    BODY_TOO_LARGE,
    NO_SUCH_API,
    PROJECT_UNAVAILABLE,
    WRONG_PROJECT,
    Refusal,
)
from sandbox.dcs.faults import UNKNOWN, Fault, FaultKind, Faults
from sandbox.dcs.keys import KeyRing
from sandbox.dcs.permissions import Permissions
from sandbox.dcs.signature import Authorization, BadSignatureError, SignedRequest
from sandbox.dcs.spoil import Answer, Delivery, Setting, answer_with
from sandbox.dcs.switches import Switches
from sandbox.dcs.texts import Occasion, dressed

BODY_BYTES_MAX: Final = 12 * 1024 * 1024
"""The largest body that the gateway accepts."""
DRIPS: Final = 20
"""Pieces of a dripping answer."""
UNAUTHORIZED: Final = 401
ID_BITS: Final = 128


@dataclass(frozen=True, slots=True)
class _Arrived:
    """A request as received, and what is known of it before it is checked."""

    request: web.Request
    at_s: float
    signed: SignedRequest
    too_large: bool
    call: ApiCall

    @property
    def claimed_key(self) -> str:
        """The access key that it claims; empty if unknown."""
        try:
            return Authorization.parse(self.signed.headers.get("authorization", "")).access_key
        except BadSignatureError:
            return ""


@dataclass(slots=True, kw_only=True)
class DcsServer:
    """The aiohttp side; everything it needs is a parameter."""

    projects: Mapping[str, Project]
    keys: KeyRing
    permissions: Permissions
    faults: Faults
    calls: Calls
    switches: Switches
    clock: Callable[[], float]
    closing: asyncio.Event
    """Set when the simulator ends: answers that are held back are then cut off."""
    chance: random.Random = field(default_factory=random.Random)
    """Gives request ids and trace ids."""
    answer_s: float = 0.0
    """Seconds by which every answer is delayed. The order counts from the arrival of the call."""

    def app(self) -> web.Application:
        """Return the application with its one route: `api.parse` interprets the addresses."""
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_route("*", "/{address:.*}", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        arrived_s = self.calls.begin()
        try:
            arrived = await _read(request, arrived_s)
            await self._stall(arrived)
            answer, request_id = self._decide(arrived)
            return await self._deliver(request, answer, request_id)
        finally:
            self.calls.end()

    async def _stall(self, arrived: _Arrived) -> None:
        """Delay a call before it is processed."""
        call = arrived.call
        stall = self.faults.take(
            call.operation, call.project_id, arrived.claimed_key, call.task_ids, stalls=True
        )
        if stall is not None:
            await self._hold(stall.seconds)

    def _decide(self, arrived: _Arrived) -> tuple[Answer, str]:
        """Decide the answer and record the call in one step: no other call comes in between."""
        started_s = time.perf_counter()
        request_id = self._new_id()
        call = arrived.call
        answer, fault = self._judge(arrived)
        style = fault.texts if fault is not None and fault.texts else self.switches.error_texts
        if style != "plain":
            occasion = Occasion(
                request=arrived.signed,
                request_id=request_id,
                trace_id=self._new_id(),
                now_s=self.clock(),
            )
            answer = dressed(answer, style, occasion)
        self.calls.decided(
            Call(
                at_s=arrived.at_s,
                decided_at_s=self.clock(),
                took_s=time.perf_counter() - started_s,
                operation=call.operation,
                project_id=call.project_id,
                access_key=arrived.claimed_key,
                ids=call.task_ids,
                offset=call.offset,
                limit=call.limit,
                status=answer.status,
                error_code=answer.error_code,
                fault="" if fault is None else fault.kind.value,
                request_id=request_id,
                connection=_connection(arrived.request),
            )
        )
        return answer, request_id

    def _judge(self, arrived: _Arrived) -> tuple[Answer, Fault | None]:
        """Return the answer, and the fault the call met if it met one."""
        call = arrived.call
        try:
            _check_address(arrived)
            access_key = self.keys.check(arrived.signed)
        except Refusal as refusal:
            answer = Answer.refused(refusal)
            if refusal.code == BAD_SIGNATURE.code:
                answer = replace(answer, seconds=self.keys.rejection_s(arrived.claimed_key))
            return answer, None
        fault = self.faults.take(call.operation, call.project_id, access_key, call.task_ids)
        try:
            project = self._project(call, access_key, arrived.signed.headers)
            answer = self._answer(project, call, access_key, fault)
        except Refusal as refusal:
            answer = Answer.refused(refusal)
        unauthorized = answer.status == UNAUTHORIZED
        if unauthorized and fault is not None and fault.kind is FaultKind.UNAUTHORIZED:
            self.keys.failed(access_key)
            seconds = answer.seconds + self.keys.rejection_s(access_key)
            answer = replace(answer, seconds=seconds)
        elif unauthorized:
            self.keys.refused(access_key)
        else:
            self.keys.passed(access_key)
        return answer, fault

    def _project(self, call: ApiCall, access_key: str, headers: Mapping[str, str]) -> Project:
        """Return the project of the path, if this key may use it and the header agrees."""
        if headers.get("x-project-id", call.project_id) != call.project_id:
            raise Refusal(WRONG_PROJECT)
        project = self.projects.get(call.project_id)
        if project is not None and self.keys.may_use(access_key, call.project_id):
            return project
        if project is None:
            api.check_project_id(call.project_id)
        kinds = {"400": BAD_PROJECT_ID, "401": WRONG_PROJECT, "403": PROJECT_UNAVAILABLE}
        raise Refusal(kinds[self.switches.unknown_project])

    def _answer(
        self, project: Project, call: ApiCall, access_key: str, fault: Fault | None
    ) -> Answer:
        def execute() -> Answer:
            try:
                self.permissions.check(access_key, call.operation)
            except Refusal as refusal:
                return Answer.refused(refusal)
            stale = fault is not None and fault.kind is FaultKind.STALE_LIST
            return api.execute(project, call, fault.age_s if fault is not None and stale else 0.0)

        if fault is None:
            return execute()
        setting = Setting(operation=call.operation, now_s=self.clock(), execute=execute)
        return answer_with(fault, setting)

    async def _deliver(
        self, request: web.Request, answer: Answer, request_id: str
    ) -> web.StreamResponse:
        headers = {"X-Request-Id": request_id, **answer.headers}
        if answer.body:
            headers["Content-Type"] = answer.content_type
        await self._hold(answer.seconds + (0.0 if answer.drip_s else self.answer_s))
        if answer.delivery is Delivery.CUT or self.closing.is_set():
            _cut(request)
        if answer.delivery in (Delivery.WHOLE, Delivery.CUT):
            return web.Response(status=answer.status or 500, body=answer.body, headers=headers)
        headers["Content-Length"] = str(len(answer.body))
        response = web.StreamResponse(status=answer.status, headers=headers)
        # The two ways below provoke callers that hang up first.
        with contextlib.suppress(ConnectionError):
            await response.prepare(request)
            if answer.delivery is Delivery.DRIP:
                await self._drip(response, answer)
            else:
                await response.write(answer.body[: len(answer.body) // 2])
                _cut(request)
        return response

    async def _drip(self, response: web.StreamResponse, answer: Answer) -> None:
        size = max(1, -(-len(answer.body) // DRIPS))
        for start in range(0, len(answer.body), size):
            await self._hold(answer.drip_s / DRIPS)
            await response.write(answer.body[start : start + size])

    async def _hold(self, seconds: float) -> None:
        """Wait, but not beyond the end of the simulator."""
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.closing.wait(), seconds)

    def _new_id(self) -> str:
        return f"{self.chance.getrandbits(ID_BITS):032x}"


def _check_address(arrived: _Arrived) -> None:
    """Raise `Refusal` for a call that the gateway refuses before it checks the signature."""
    if arrived.call.operation == UNKNOWN:
        raise arrived.call.problem or Refusal(NO_SUCH_API)
    if arrived.too_large:
        raise Refusal(BODY_TOO_LARGE)


async def _read(request: web.Request, arrived_s: float) -> _Arrived:
    too_large = False
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        body, too_large = b"", True
    headers = {name.lower(): value for name, value in request.headers.items()}
    signed = SignedRequest(request.method, request.raw_path, headers, body)
    call = api.parse(request.method, request.raw_path, headers.get("content-type", ""), body)
    return _Arrived(request, arrived_s, signed, too_large, call)


def _connection(request: web.Request) -> str:
    peer = None if request.transport is None else request.transport.get_extra_info("peername")
    return "" if peer is None else f"{peer[0]}:{peer[1]}"


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
