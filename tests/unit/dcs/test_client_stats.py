"""How far a task is, and what DCS has written down about it."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from dcs_migration_operator.core.cloud import LOG_LINES_MAX
from sandbox.dcs import PROJECT_ID
from support import make
from unit.dcs import wire


async def test_stats_and_logs_are_asked_for_one_task() -> None:
    """Under its address, with the page of the log in the query; what comes back is read."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(f"{request.method} {request.path_qs}")
        if request.path.endswith("/stats"):
            return web.json_response({"offset": "7", "full_migration_progress": 100})
        return web.json_response({"log_num": 1, "migration_logs": [{"message": "begun"}]})

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    async with TestServer(app) as server:
        client = wire.client_of(str(server.make_url("/")).rstrip("/"))
        stats = await asyncio.to_thread(client.stats, make.TASK_ID)
        page = await asyncio.to_thread(client.logs, make.TASK_ID, 20, 10)
        client.close()
    address = f"/v2/{PROJECT_ID}/migration-task/{make.TASK_ID}"
    assert asked == [f"GET {address}/stats", f"GET {address}/logs?limit=10&offset=20"]
    assert (stats.offset, stats.full_progress, stats.source_keys) == (7, 100, None)
    assert [line.message for line in page.lines] == ["begun"]


@pytest.mark.parametrize("limit", [0, -1, LOG_LINES_MAX + 1])
def test_a_page_of_a_log_has_a_limit(limit: int) -> None:
    """DCS documents none, so this is ours."""
    client = wire.client_of("https://dcs.example.com")
    with pytest.raises(ValueError, match="1 to 1000 lines"):
        client.logs(make.TASK_ID, 0, limit)
