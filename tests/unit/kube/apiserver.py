"""A small HTTP server in the place of kube-apiserver: takes notes and answers as told."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from dcs_migration_operator.kube.api import KubeApi
from dcs_migration_operator.kube.session import Cluster

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Mapping


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = Reply | Callable[[Asked], Reply]


class ApiServer:
    """Answers every request with the next answer, and with the last one from then on."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[Asked] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Take note and answer."""
        asked = Asked(
            request.method, request.path, request.query, request.headers, await request.read()
        )
        self.asked.append(asked)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        reply = answer if isinstance(answer, Reply) else answer(asked)
        return web.Response(
            status=reply.status,
            body=reply.body,
            content_type=reply.content_type,
            headers=reply.headers,
        )


@asynccontextmanager
async def serving(server: ApiServer, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve on a free port; yields the base URL."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", server.handle)
    running = TestServer(app, scheme="https" if tls else "http")
    await running.start_server(ssl=tls)
    try:
        yield str(running.make_url("/")).rstrip("/")
    finally:
        await running.close()


@asynccontextmanager
async def api_of(server: ApiServer, **cluster: Any) -> AsyncIterator[KubeApi]:
    """Serve, and yield the calls against it."""
    async with (
        serving(server) as url,
        KubeApi(Cluster(server=url, namespace="default", **cluster), connections_max=4) as api,
    ):
        yield api


def ok(body: object, status: int = 200) -> Reply:
    """Return an answer with this JSON."""
    return Reply(status, json.dumps(body).encode())


def refusal(status: int, message: object = "no") -> Reply:
    """Return an error as the API server writes it."""
    body = {"kind": "Status", "status": "Failure", "message": message, "code": status}
    return ok(body, status)
