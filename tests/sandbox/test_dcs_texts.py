"""Error texts that repeat the request or change each time; and texts that stay as they are."""

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from sandbox.dcs import (
    PROJECT_ID,
    Fault,
    FaultKind,
    MigrationSpec,
    ProjectOptions,
    Simulator,
    SimulatorOptions,
)
from sandbox.dcs.caller import Caller, Reply, Signer, sdk_date

TOKEN = "TOKEN+with/every=character"
TASK = "b21989ec-2889-4b8e-99db-19c073425ec2"
KEY = ProjectOptions(security_token=TOKEN)
SIGNER = Signer(access_key=KEY.access_key, secret_key=KEY.secret_key)


@pytest.fixture
async def dcs() -> AsyncIterator[Simulator]:
    """Open a project with a temporary key, and a migration that refuses to stop."""
    async with Simulator(SimulatorOptions(projects=(KEY,))) as simulator:
        simulator.fleet.add(MigrationSpec(task_id=TASK, refuse_code="DCS.4017"))
        yield simulator


async def send(dcs: Simulator, method: str, path: str, body: bytes = b"") -> Reply:
    """Call with the token, as the SDKs do."""
    async with Caller(dcs.endpoint, PROJECT_ID, SIGNER) as client:
        target = f"/v2/{PROJECT_ID}{path}"
        headers = {
            "Content-Type": "application/json",
            "X-Sdk-Date": sdk_date(datetime.now(UTC)),
            "X-Security-Token": TOKEN,
        }
        headers["Authorization"] = SIGNER.authorize(method, target, headers, body)
        return await client.send_raw(method, target, headers, body)


async def stop(dcs: Simulator) -> Any:
    """Return the item of a stop that is refused for its id alone."""
    body = b'{"migration_tasks": ["%b"]}' % TASK.encode()
    reply = await send(dcs, "POST", "/migration-task/batch-stop", body)
    return reply.json["migration_tasks"][0]


async def test_an_echo_repeats_the_signed_request(dcs: Simulator) -> None:
    """It holds the canonical request with the token, and the header Authorization."""
    dcs.switch(error_texts="echo")
    dcs.faults.add(Fault(kind=FaultKind.UNAUTHORIZED))
    text = (await send(dcs, "GET", "/migration-tasks")).json["error_msg"]
    assert text.startswith("Incorrect IAM authentication information: verify aksk signature fail")
    assert f"canonicalRequest:GET|/v2/{PROJECT_ID}/migration-tasks/||" in text
    assert f"x-security-token:{TOKEN}|" in text
    assert f"Authorization: SDK-HMAC-SHA256 Access={KEY.access_key}" in text
    assert KEY.secret_key not in text


async def test_an_encoded_echo_hides_the_token_in_three_ways(dcs: Simulator) -> None:
    """Percent-encoded, in base64, and in hex; never as it is."""
    dcs.switch(error_texts="echo_encoded")
    text = (await send(dcs, "GET", "/migration-task/x")).json["error_msg"]
    raw = TOKEN.encode()
    for form in (quote(TOKEN, safe=""), base64.b64encode(raw).decode(), raw.hex()):
        assert form in text
    assert TOKEN not in text


async def test_a_cut_echo_shows_both_ends(dcs: Simulator) -> None:
    """Beginning and end of the token and of the signature can be read."""
    dcs.switch(error_texts="echo_cut")
    text = (await send(dcs, "GET", "/migration-task/x")).json["error_msg"]
    assert f"X-Security-Token: {TOKEN[:8]}...{TOKEN[-8:]}" in text
    assert TOKEN not in text


@pytest.mark.parametrize("kind", [FaultKind.THROTTLE, FaultKind.ERROR, FaultKind.FORBIDDEN])
async def test_a_changing_text_is_new_each_time(dcs: Simulator, kind: FaultKind) -> None:
    """Status and code stay what they are."""
    dcs.switch(error_texts="changing")
    dcs.faults.add(Fault(kind=kind))
    replies = [await send(dcs, "GET", "/migration-tasks") for _ in range(2)]
    assert len({reply.json["error_msg"] for reply in replies}) == 2
    assert len({(reply.status, reply.error_code) for reply in replies}) == 1
    assert [reply.json["request_id"] for reply in replies] == [
        reply.headers["X-Request-Id"] for reply in replies
    ]


@pytest.mark.parametrize("style", ["echo", "echo_encoded", "echo_cut", "changing"])
async def test_a_refusal_of_one_id_is_dressed_too(dcs: Simulator, style: str) -> None:
    """Its code stays, its text does not; a second one differs if texts change."""
    plain = await stop(dcs)
    dcs.switch(error_texts=style)
    first, second = await stop(dcs), await stop(dcs)
    assert first["error_code"] == plain["error_code"] == "DCS.4017"
    assert first["error_msg"].startswith(plain["error_msg"])
    assert len(first["error_msg"]) > len(plain["error_msg"])
    if style == "changing":
        assert first["error_msg"] != second["error_msg"]


async def test_one_fault_can_have_a_style_of_its_own(dcs: Simulator) -> None:
    """Other errors stay plain."""
    dcs.faults.add(Fault(kind=FaultKind.ERROR, operation="list", texts="changing"))
    assert "trace id" in (await send(dcs, "GET", "/migration-tasks")).json["error_msg"]
    assert "trace id" not in (await send(dcs, "GET", "/migration-task/x")).json["error_msg"]


async def test_good_answers_and_pages_stay_as_they_are(dcs: Simulator) -> None:
    """Only errors in JSON have a text to dress."""
    plain = (await send(dcs, "GET", "/migration-tasks")).body
    dcs.switch(error_texts="changing")
    assert (await send(dcs, "GET", "/migration-tasks")).body == plain
    dcs.faults.add(Fault(kind=FaultKind.ERROR, html=True))
    assert (await send(dcs, "GET", "/migration-tasks")).body.startswith(b"<html>")


async def test_a_request_without_a_signature_is_echoed_as_far_as_it_goes(dcs: Simulator) -> None:
    """There is no canonical request of it."""
    dcs.switch(error_texts="echo")
    async with Caller(dcs.endpoint, PROJECT_ID, SIGNER) as client:
        reply = await client.send_raw("GET", f"/v2/{PROJECT_ID}/migration-tasks", {})
    assert f"canonicalRequest:GET|/v2/{PROJECT_ID}/migration-tasks" in reply.json["error_msg"]


async def test_equal_seeds_give_equal_ids() -> None:
    """Request ids and trace ids of two runs are the same, of another seed others."""
    runs = []
    for seed in (1, 1, 2):
        options = SimulatorOptions(projects=(KEY,), seed=seed)
        async with Simulator(options, clock=lambda: 0.0) as dcs:
            dcs.switch(error_texts="changing")
            reply = await send(dcs, "GET", "/migration-task/x")
            runs.append((reply.headers["X-Request-Id"], reply.json["error_msg"]))
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
