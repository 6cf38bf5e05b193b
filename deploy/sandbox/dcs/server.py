"""The DCS API on the wire: who calls, what goes wrong on purpose, and how the answer goes out.

The order in which a call is judged is that of the real thing, gateway before service: address,
signature and lock of the key, faults, project, shape of the request, fleet. Which call it is and
what it answers is `api.py`'s business.
"""

import asyncio
import contextlib
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from sandbox.dcs import api
from sandbox.dcs.api import ApiCall, Project
from sandbox.dcs.calls import Call, Calls
from sandbox.dcs.errors import (
    BAD_PROJECT_ID,
    BODY_TOO_LARGE,
    NO_SUCH_API,
    PROJECT_UNAVAILABLE,
    WRONG_PROJECT,
    Refusal,
)
from sandbox.dcs.faults import Fault, FaultKind, Faults
from sandbox.dcs.keys import KeyRing
from sandbox.dcs.signature import Authorization, BadSignatureError, SignedRequest
from sandbox.dcs.spoil import Answer, Delivery, answer_with
from sandbox.dcs.switches import Switches

BODY_BYTES_MAX: Final = 12 * 1024 * 1024
"""The gateway takes no larger body."""
DRIPS: Final = 20
"""Pieces of a dripping answer."""


@dataclass(slots=True, kw_only=True)
class DcsServer:
    """The aiohttp side; everything it needs is handed in."""

    projects: Mapping[str, Project]
    keys: KeyRing
    faults: Faults
    calls: Calls
    switches: Switches
    closing: asyncio.Event
    """Set when the simulator ends: every answer that is held back is cut off then."""
    answer_s: float = 0.0
    """Every answer is held back so long. The order counts from the arrival of the call."""

    def app(self) -> web.Application:
        """The application with its one route: addresses are judged by `api.parse`."""
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_route("*", "/{address:.*}", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        arrived_s = self.calls.begin()
        try:
            body: bytes | None
            try:
                body = await request.read()
            except web.HTTPRequestEntityTooLarge:
                body = None
            answer, request_id = self._judge(request, body, arrived_s)
            return await self._deliver(request, answer, request_id)
        finally:
            self.calls.end()

    def _judge(
        self, request: web.Request, body: bytes | None, arrived_s: float
    ) -> tuple[Answer, str]:
        """Decides the answer and writes the call down, in one go: no other call comes between."""
        started_s = time.perf_counter()
        request_id = uuid.uuid4().hex
        headers = {name.lower(): value for name, value in request.headers.items()}
        content_type = headers.get("content-type", "")
        call = api.parse(request.method, request.raw_path, content_type, body or b"")
        fault: Fault | None = None
        try:
            if call.operation == api.UNKNOWN:
                raise call.problem or Refusal(NO_SUCH_API)
            access_key = self.keys.check(_signed(request, headers, body))
            fault = self.faults.take(call.operation, call.project_id, access_key, call.task_ids)
            if fault is not None and fault.kind is FaultKind.UNAUTHORIZED:
                self.keys.failed(access_key)
            else:
                self.keys.passed(access_key)
            answer = _answer(self._project(call, access_key, headers), call, fault)
        except Refusal as refusal:
            answer = Answer.refused(refusal)
        self.calls.decided(
            Call(
                at_s=arrived_s,
                took_s=time.perf_counter() - started_s,
                operation=call.operation,
                project_id=call.project_id,
                access_key=_claimed_key(headers),
                ids=call.task_ids,
                offset=call.offset,
                limit=call.limit,
                status=answer.status,
                error_code=answer.error_code,
                fault="" if fault is None else fault.kind.value,
                request_id=request_id,
                connection=_connection(request),
            )
        )
        return answer, request_id

    def _project(self, call: ApiCall, access_key: str, headers: Mapping[str, str]) -> Project:
        """The project of the path, if this key may use it and the header names the same one."""
        if headers.get("x-project-id", call.project_id) != call.project_id:
            raise Refusal(WRONG_PROJECT)
        project = self.projects.get(call.project_id)
        if project is not None and self.keys.may_use(access_key, call.project_id):
            return project
        if project is None:
            api.check_project_id(call.project_id)
        kinds = {"400": BAD_PROJECT_ID, "401": WRONG_PROJECT, "403": PROJECT_UNAVAILABLE}
        raise Refusal(kinds[self.switches.unknown_project])

    async def _deliver(
        self, request: web.Request, answer: Answer, request_id: str
    ) -> web.StreamResponse:
        headers = {"X-Request-Id": request_id, **answer.headers}
        if answer.body:
            headers["Content-Type"] = answer.content_type
        if answer.delivery is not Delivery.DRIP:
            await self._hold(self.answer_s + answer.seconds)
        if answer.delivery is Delivery.CUT or self.closing.is_set():
            _cut(request)
        if answer.delivery in (Delivery.WHOLE, Delivery.CUT):
            return web.Response(status=answer.status or 500, body=answer.body, headers=headers)
        headers["Content-Length"] = str(len(answer.body))
        response = web.StreamResponse(status=answer.status, headers=headers)
        # A caller that hangs up first is what the two ways below provoke.
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
            await self._hold(answer.seconds / DRIPS)
            await response.write(answer.body[start : start + size])

    async def _hold(self, seconds: float) -> None:
        """Waits, but no longer than the simulator lives."""
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.closing.wait(), seconds)


def _answer(project: Project, call: ApiCall, fault: Fault | None) -> Answer:
    if fault is None:
        return api.execute(project, call)
    age_s = fault.age_s if fault.kind is FaultKind.STALE_LIST else 0.0
    return answer_with(fault, lambda: api.execute(project, call, age_s))


def _signed(request: web.Request, headers: dict[str, str], body: bytes | None) -> SignedRequest:
    if body is None:
        raise Refusal(BODY_TOO_LARGE)
    return SignedRequest(request.method, request.raw_path, headers, body)


def _claimed_key(headers: Mapping[str, str]) -> str:
    try:
        return Authorization.parse(headers.get("authorization", "")).access_key
    except BadSignatureError:
        return ""


def _connection(request: web.Request) -> str:
    peer = None if request.transport is None else request.transport.get_extra_info("peername")
    return "" if peer is None else f"{peer[0]}:{peer[1]}"


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
