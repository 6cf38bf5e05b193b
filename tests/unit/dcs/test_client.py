"""What the client sends, and what it makes of right answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from dcs_migration_operator.core.cloud import BATCH_IDS_MAX, LIST_ROWS_MAX
from dcs_migration_operator.core.errors import AuthFailed, Misconfigured, NotFound, OutcomeUnknown
from dcs_migration_operator.core.model import Outcome, task_key
from sandbox.dcs import (
    PROJECT_ID,
    REDIS_PASSWORD,
    SECRET_KEY,
    Fault,
    FaultKind,
    ProjectOptions,
    Simulator,
    SimulatorOptions,
    simulate,
)
from support import make
from unit.dcs import wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from dcs_migration_operator.dcs.client import DcsClient

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
async def recorder() -> AsyncIterator[tuple[str, list[web.Request]]]:
    """Run a server that answers each call with an empty list and a cookie, and notes the calls."""
    asked: list[web.Request] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request)
        headers = {"Set-Cookie": "session=1; Path=/"}
        return web.json_response({"count": 0, "migration_tasks": []}, headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("/")).rstrip("/"), asked


async def test_one_order_stops_many(dcs: Simulator, client: DcsClient, ids: list[str]) -> None:
    """One call, the ids as they were given, one acceptance per key."""
    answers = await wire.stop(client, ids)
    assert list(answers) == [task_key(task_id) for task_id in ids]
    assert {answer.outcome for answer in answers.values()} == {Outcome.ACCEPTED}
    (sent,) = dcs.calls.of("batch_stop")
    assert sent.ids == tuple(ids)
    assert {answer.request_id for answer in answers.values()} == {sent.request_id}


async def test_a_failed_item_carries_dcs_words(client: DcsClient, ids: list[str]) -> None:
    """The others are accepted all the same."""
    answers = await wire.stop(client, [*ids, make.TASK_ID])
    unknown = answers[task_key(make.TASK_ID)]
    assert unknown.outcome is Outcome.REJECTED
    assert unknown.detail is not None
    assert unknown.detail.code == "DCS.4133"
    assert [a.outcome for a in answers.values()].count(Outcome.ACCEPTED) == len(ids)


async def test_a_full_batch_is_one_call() -> None:
    """DCS takes 50."""
    async with simulate(running=BATCH_IDS_MAX) as dcs:
        client = wire.client_of(dcs.endpoint)
        ids = [migration.spec.task_id for migration in dcs.fleet]
        answers = await wire.stop(client, ids)
        client.close()
        assert (len(answers), dcs.calls.sizes()) == (BATCH_IDS_MAX, [BATCH_IDS_MAX])


@pytest.mark.parametrize("count", [0, BATCH_IDS_MAX + 1])
async def test_a_batch_that_dcs_would_not_take_is_not_sent(
    dcs: Simulator, client: DcsClient, count: int
) -> None:
    """The documented limit is hard, whatever the caller was configured with."""
    with pytest.raises(ValueError, match="1 to 50 ids"):
        client.batch_stop([make.TASK_ID] * count, wire.everything)
    assert dcs.calls.count() == 0


async def test_the_list_is_asked_in_the_largest_pages(dcs: Simulator, client: DcsClient) -> None:
    """From the record on that was named; behind the end there are no rows."""
    page = await asyncio.to_thread(client.list_page, 1)
    behind = await asyncio.to_thread(client.list_page, 3)
    assert (page.rows, len(page.tasks), behind.rows) == (2, 2, 0)
    assert [(c.limit, c.offset) for c in dcs.calls.of("list")] == [
        (LIST_ROWS_MAX, 1),
        (LIST_ROWS_MAX, 3),
    ]


async def test_list_and_show_agree(client: DcsClient, ids: list[str]) -> None:
    """Word, id, names and instances are read alike; a look by either changes nothing."""
    page = await asyncio.to_thread(client.list_page, 0)
    shown = [await asyncio.to_thread(client.show, task_id) for task_id in ids]
    assert list(page.tasks) == shown
    assert {seen.word for seen in shown} == {"INCRMIGEATING"}
    assert all(seen.name and seen.method and seen.source and seen.target for seen in shown)


async def test_redis_passwords_stay_behind(client: DcsClient, ids: list[str]) -> None:
    """The answer of show holds two; nothing that the client returns or is does."""
    seen = await asyncio.to_thread(client.show, ids[0])
    assert REDIS_PASSWORD not in f"{seen!r} {vars(client)!r}"


async def test_an_unknown_id_is_not_found(client: DcsClient) -> None:
    """DCS says so by HTTP 400 with a code of its own, not by 404."""
    error = await wire.error_of(client, "show", make.TASK_ID)
    assert type(error) is NotFound
    assert error.detail.code == "DCS.4133"


async def test_a_show_that_speaks_of_another_task_is_no_answer(ids: list[str]) -> None:
    """A cache in between would otherwise have one task stand for another; spelling is no matter."""
    body = json.dumps({"task_id": ids[1], "status": "TERMINATED"}).encode()
    answer = b"HTTP/1.1 200 OK\r\nX-Request-Id: req-7\r\n\r\n" + body
    async with wire.fixed_server(answer) as endpoint:
        mistaken = wire.client_of(endpoint)
        error = await wire.error_of(mistaken, "show", ids[0])
        same = await asyncio.to_thread(mistaken.show, ids[1].replace("-", "").upper())
        mistaken.close()
    assert (type(error), error.detail.request_id) == (OutcomeUnknown, "req-7")
    assert same.word == "TERMINATED"


@pytest.mark.parametrize("task_id", ["a b", "ä/ö", "50%", "x?y=1", "../..", "+"])
async def test_odd_ids_stay_one_part_of_the_path(
    dcs: Simulator, client: DcsClient, task_id: str
) -> None:
    """They are escaped before they are signed; DCS then judges the id, not the signature."""
    error = await wire.error_of(client, "show", task_id)
    assert type(error) is NotFound
    assert dcs.calls.of("show")[0].ids == (task_id,)


async def test_a_temporary_key_is_accepted() -> None:
    """With its token; without it the gateway refuses the key."""
    project = ProjectOptions(security_token="TOKEN-1")
    async with Simulator(SimulatorOptions(projects=(project,))) as dcs:
        with_token = wire.client_of(dcs.endpoint, security_token="TOKEN-1")
        without = wire.client_of(dcs.endpoint)
        assert (await asyncio.to_thread(with_token.list_page, 0)).rows == 0
        assert type(await wire.error_of(without, "list", "")) is AuthFailed
        with_token.close()
        without.close()


async def test_a_wrong_secret_costs_one_401_per_call(dcs: Simulator) -> None:
    """Nothing is tried again: five in a row would lock the key."""
    client = wire.client_of(dcs.endpoint, secret_key="WRONG")
    assert type(await wire.error_of(client, "list", "")) is AuthFailed
    assert (dcs.calls.count(), dcs.keys.rejections.total()) == (1, 1)
    client.close()


async def test_a_project_of_somebody_else_is_a_matter_of_configuration(dcs: Simulator) -> None:
    """The key is right, the project is not."""
    client = wire.client_of(dcs.endpoint, project_id=f"{PROJECT_ID[:-1]}2")
    error = await wire.error_of(client, "list", "")
    assert (type(error), error.detail.code) == (Misconfigured, "APIGW.0310")
    client.close()


async def test_calls_share_a_connection(dcs: Simulator, client: DcsClient, ids: list[str]) -> None:
    """One after another they need only one, answers of any kind included."""
    dcs.faults.add(Fault(kind=FaultKind.ERROR, operation="show"))
    await asyncio.to_thread(client.list_page, 0)
    await wire.error_of(client, "show", ids[0])
    await wire.stop(client, ids)
    assert (dcs.calls.count(), len(dcs.calls.connections)) == (3, 1)


async def test_threads_may_share_a_client(dcs: Simulator, client: DcsClient) -> None:
    """Calls at the same time get their own answers."""
    pages = await asyncio.gather(*(asyncio.to_thread(client.list_page, n) for n in range(4)))
    assert [page.rows for page in pages] == [3, 2, 1, 0]
    assert dcs.calls.count("list", 200) == 4


async def test_what_is_sent(recorder: tuple[str, list[web.Request]]) -> None:
    """Both methods send JSON, say who they are, and use neither compression nor cookies."""
    endpoint, asked = recorder
    client = wire.client_of(endpoint)
    await wire.stop(client, [make.TASK_ID])
    await asyncio.to_thread(client.list_page, 0)
    client.close()
    assert [request.method for request in asked] == ["POST", "GET"]
    assert [request.raw_path for request in asked] == [
        f"/v2/{PROJECT_ID}/migration-task/batch-stop",
        f"/v2/{PROJECT_ID}/migration-tasks?limit=1000&offset=0",
    ]
    for request in asked:
        assert request.headers["User-Agent"] == "dcs-migration-operator"
        assert request.headers["Content-Type"] == "application/json;charset=utf-8"
        assert request.headers["Accept-Encoding"] == "identity"
        assert request.headers["X-Project-Id"] == PROJECT_ID
        assert "Cookie" not in request.headers
        assert SECRET_KEY not in str(request.headers)


async def test_the_body_of_an_order() -> None:
    """It has the documented field with the ids, and nothing else."""
    bodies: list[Any] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        bodies.append(json.loads(await request.read()))
        return web.json_response({"migration_tasks": []})

    app = web.Application()
    app.router.add_post("/{tail:.*}", answer)
    async with TestServer(app) as server:
        client = wire.client_of(str(server.make_url("/")).rstrip("/"))
        await wire.stop(client, ["a", "b"])
        client.close()
    assert bodies == [{"migration_tasks": ["a", "b"]}]


async def test_the_environment_has_no_say(
    recorder: tuple[str, list[web.Request]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No proxy, no `.netrc` that would replace the signature."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    endpoint, asked = recorder
    client = wire.client_of(endpoint)
    assert (await asyncio.to_thread(client.list_page, 0)).rows == 0
    client.close()
    assert asked[0].headers["Authorization"].startswith("SDK-HMAC-SHA256 Access=")


async def test_a_ca_bundle_of_the_environment_has_no_say(
    dcs: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing one would fail the call before its handshake, and a false one would be trusted."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, "/nowhere/bundle.pem")
    client = wire.client_of(dcs.endpoint.replace("http://", "https://"))
    error = await wire.error_of(client, "list", "")
    client.close()
    assert error.detail.code == "tls"


@pytest.mark.parametrize("secret, token", [("SK\nX-Evil: 1", None), ("SK", "TOKEN\r\nX-Evil: 1")])
async def test_what_no_header_can_carry_is_not_sent(
    dcs: Simulator, secret: str, token: str | None
) -> None:
    """The error does not repeat it, unlike the library's."""
    client = wire.client_of(dcs.endpoint, secret_key=secret, security_token=token)
    error = await wire.error_of(client, "list", "")
    client.close()
    if token is None:
        assert type(error) is AuthFailed  # the secret is only signed with
        return
    assert (type(error), error.detail.code) == (Misconfigured, "request")
    assert "Evil" not in f"{error!r} {error.detail!r}"
    assert dcs.calls.count() == 0


def test_a_client_shows_no_credential() -> None:
    """Nor the proxy's, whose URL holds one."""
    client = wire.client_of(
        "https://dcs.example.com", security_token="TOKEN-1", proxy_url="http://u:PASS-1@proxy"
    )
    shown = repr(client) + repr(vars(client))
    assert not [secret for secret in (SECRET_KEY, "TOKEN-1", "PASS-1") if secret in shown]
