"""The wire: malformed requests, addresses nobody knows, what is counted, and the way back up."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
import pytest

from sandbox.dcs import PROJECT_ID, Migration, ProjectOptions, Simulator, bodies, simulate
from sandbox.dcs.caller import Caller, Signer, sdk_date

SIGNER = Signer(access_key=ProjectOptions().access_key, secret_key=ProjectOptions().secret_key)
STOP = "/migration-task/batch-stop"


@pytest.fixture
async def dcs() -> AsyncIterator[Simulator]:
    """Run a simulator with three migrations."""
    async with simulate(running=3) as simulator:
        yield simulator


@pytest.mark.parametrize(
    "body, code",
    [
        (b"", "DCS.4004"),
        (b" \n", "DCS.4004"),
        (b"{", "DCS.4005"),
        (b"[" * 100_000, "DCS.4005"),
        (b"\xff\xfe", "DCS.4005"),
        (b"{}", "DCS.4063"),
        (b"[]", "DCS.4063"),
        (b'{"migration_tasks": "one"}', "DCS.4063"),
        (b'{"migration_tasks": []}', "DCS.4063"),
    ],
)
async def test_a_malformed_body_is_refused(caller: Caller, body: bytes, code: str) -> None:
    """Empty, not JSON, or without a list of ids."""
    reply = await caller.send("POST", STOP, body)
    assert (reply.status, reply.error_code) == (400, code)


async def test_a_body_must_say_that_it_is_json(caller: Caller) -> None:
    """The same body passes only with the right Content-Type."""
    body = b'{"migration_tasks": ["00000000000000000000000000000001"]}'
    target = f"/v2/{PROJECT_ID}{STOP}"
    headers = {"X-Sdk-Date": sdk_date(datetime.now(UTC))}
    headers["Authorization"] = SIGNER.authorize("POST", target, headers, body)
    codes = []
    for content_type in ("text/plain", "application/json; charset=utf-8"):
        sent = {**headers, "Content-Type": content_type}
        reply = await caller.send_raw("POST", target, sent, body)
        codes.append(reply.json.get("error_code"))
    assert codes == ["DCS.4005", None]


@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", "/migration-task"),
        ("GET", "/instances"),
        ("GET", STOP + "/"),
        ("PUT", STOP),
        ("POST", "/migration-tasks"),
        ("DELETE", "/migration-tasks"),
    ],
)
async def test_an_unknown_address_or_method_is_the_gateways_404(
    dcs: Simulator, caller: Caller, method: str, path: str
) -> None:
    """Whoever asks; it is counted as unknown."""
    reply = await caller.send(method, path)
    assert (reply.status, reply.error_code) == (404, "APIGW.0101")
    assert dcs.calls.count("unknown", 404) == 1


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=+1", "limit=ten", "limit=", "offset=-1", "offset=x"]
)
async def test_a_page_out_of_bounds_is_refused(caller: Caller, query: str) -> None:
    """Limit is 1 to 1000, offset 0 or more; both are plain digits."""
    target = f"/v2/{PROJECT_ID}/migration-tasks?{query}"
    headers = {"X-Sdk-Date": sdk_date(datetime.now(UTC))}
    signed = target.replace("+", "%20")  # what a plus in a query means
    headers["Authorization"] = SIGNER.authorize("GET", signed, headers, b"")
    reply = await caller.send_raw("GET", target, headers)
    assert (reply.status, reply.error_code) == (400, "DCS.4063")


async def test_a_body_over_12_mb_is_refused(caller: Caller) -> None:
    """By the gateway, before the signature is looked at."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(13):
            yield b" " * 1024 * 1024

    reply = await caller.send_raw("POST", f"/v2/{PROJECT_ID}{STOP}", {}, chunks())
    assert (reply.status, reply.error_code) == (413, "APIGW.0201")


async def test_every_answer_has_its_own_request_id(dcs: Simulator, caller: Caller) -> None:
    """Good or bad; the log knows it."""
    replies = [await caller.list(), await caller.list(), await caller.show("x")]
    request_ids = [reply.headers["X-Request-Id"] for reply in replies]
    assert len(set(request_ids)) == 3
    assert [call.request_id for call in dcs.calls.log] == request_ids


async def test_calls_are_written_down(dcs: Simulator, caller: Caller) -> None:
    """Operation, ids, page, status, code, key and connection; counted before they are answered."""
    ids = [migration.spec.task_id for migration in dcs.fleet]
    await caller.batch_stop(ids)
    await caller.batch_stop(ids[:1])
    await caller.list("limit=2&offset=1")
    await caller.show("x")
    stop, again, page, show = dcs.calls.log
    assert (stop.ids, stop.status, stop.access_key) == (tuple(ids), 200, SIGNER.access_key)
    assert (page.offset, page.limit, page.operation) == (1, 2, "list")
    assert (show.ids, show.status, show.error_code) == (("x",), 400, "DCS.4070")
    assert {call.connection for call in (stop, again, page, show)} == dcs.calls.connections
    assert (dcs.calls.sizes(), dcs.calls.count("batch_stop", 200)) == ([1, 3], 2)
    assert [len(migration.accepted_at_s) for migration in dcs.fleet] == [2, 1, 1]


async def test_no_secret_is_written_down(dcs: Simulator, caller: Caller) -> None:
    """The log and the counts hold neither keys nor signatures nor Redis passwords."""
    await caller.show(next(iter(dcs.fleet)).spec.task_id)
    written = json.dumps([call.to_json() for call in dcs.calls.log]) + str(dcs.calls.to_json())
    assert dcs.project.secret_key not in written
    assert dcs.options.redis_password not in written
    assert "Signature" not in written


async def test_a_malformed_request_is_not_written_to_the_log(
    dcs: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    """That there was one is; its bytes could be a signature."""
    host, _, port = dcs.endpoint.partition("://")[2].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET / HTTP/1.1\r\nAuthorization: S\x00CRET\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.0 400")
    writer.close()
    await writer.wait_closed()
    assert "Error handling request" in caplog.text
    assert "CRET" not in caplog.text


async def test_the_log_is_bounded_and_the_counts_are_not() -> None:
    """Older calls are only counted."""
    async with (
        simulate(log_max=2) as dcs,
        Caller(dcs.endpoint, PROJECT_ID, SIGNER) as caller,
    ):
        for _ in range(5):
            await caller.list()
        assert (len(dcs.calls.log), dcs.calls.count("list")) == (2, 5)


async def test_answers_take_their_time_side_by_side() -> None:
    """Five at once are seen as five, and none comes early."""
    async with (
        simulate(running=1, answer_s=0.2) as dcs,
        Caller(dcs.endpoint, PROJECT_ID, SIGNER) as caller,
    ):
        begun_s = asyncio.get_running_loop().time()
        await asyncio.gather(*(caller.list() for _ in range(5)))
        took_s = asyncio.get_running_loop().time() - begun_s
        assert dcs.calls.concurrency_max == 5
        assert took_s >= 0.19
        assert len(dcs.calls.connections) == 5
        assert dcs.calls.per_second_max in range(1, 6)


async def test_reset_forgets_calls_but_not_migrations(dcs: Simulator, caller: Caller) -> None:
    """A second part of a test starts counting at 0."""
    await caller.list()
    dcs.reset()
    assert (dcs.calls.count(), list(dcs.calls.log), len(dcs.fleet)) == (0, [], 3)


async def test_it_can_be_down_for_a_while(dcs: Simulator, caller: Caller) -> None:
    """Callers are refused, and later find it at the same address with the same state."""
    endpoint = dcs.endpoint
    assert (await caller.list()).status == 200
    await dcs.hang_up()
    with pytest.raises(aiohttp.ClientConnectionError):
        await caller.list()
    await dcs.listen()
    assert dcs.endpoint == endpoint
    assert (await caller.list()).json["count"] == 3


async def test_a_page_of_1000_items_is_joined_and_not_serialized(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rows are encoded when a migration is created, and no more while it stays as it is."""
    encoded: list[str] = []
    list_row = bodies.list_row

    def counted(migration: Migration, word: str) -> bytes:
        encoded.append(word)
        return list_row(migration, word)

    monkeypatch.setattr(bodies, "list_row", counted)
    async with (
        simulate(running=3000) as dcs,
        Caller(dcs.endpoint, PROJECT_ID, SIGNER) as caller,
    ):
        assert len(encoded) == 3000
        for _ in range(2):
            page = (await caller.list("limit=1000&offset=1000")).json
            assert len(page["migration_tasks"]) == 1000
        assert (len(encoded), dcs.calls.count("list", 200)) == (3000, 2)
