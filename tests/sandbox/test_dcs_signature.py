"""Signatures, keys and locks, over the wire and with requests signed by hand."""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.dcs import PROJECT_ID, ProjectOptions, Simulator, SimulatorOptions, simulate
from sandbox.dcs.caller import JSON, Caller, Reply, Signer, sdk_date
from sandbox.dcs.keys import AccessKey, KeyRing
from sandbox.dcs.signature import BadSignatureError, SignedRequest, verify

SIGNER = Signer(access_key=ProjectOptions().access_key, secret_key=ProjectOptions().secret_key)
OTHER_PROJECT = "00000000000000000000000000000002"
LIST = f"/v2/{PROJECT_ID}/migration-tasks"
STOP = f"/v2/{PROJECT_ID}/migration-task/batch-stop"


@pytest.fixture
async def dcs() -> AsyncIterator[Simulator]:
    """Run a simulator with one migration."""
    async with simulate(running=1) as simulator:
        yield simulator


def dated(**minutes: float) -> dict[str, str]:
    """Return the one header that must be signed; the difference to now is given in minutes."""
    return {"X-Sdk-Date": sdk_date(datetime.now(UTC) + timedelta(**minutes))}


def signed(
    method: str, target: str, headers: Mapping[str, str], body: bytes = b""
) -> dict[str, str]:
    """Return the headers with their signature."""
    return {**headers, "Authorization": SIGNER.authorize(method, target, headers, body)}


def assert_unauthorized(reply: Reply) -> None:
    """401 with the gateway's code."""
    assert (reply.status, reply.error_code) == (401, "APIGW.0301")


async def test_a_request_shaped_like_that_of_the_go_sdk_passes(
    dcs: Simulator, caller: Caller
) -> None:
    """No host among the signed headers, and a newline at the end of the signed body."""
    task_id = next(iter(dcs.fleet)).spec.task_id
    body = json.dumps({"migration_tasks": [task_id]}).encode() + b"\n"
    headers = {"User-Agent": "go", "X-Project-Id": PROJECT_ID, **dated()}
    headers = signed("POST", STOP, headers, body)
    reply = await caller.send_raw("POST", STOP, {**headers, "Content-Type": JSON}, body)
    assert (reply.status, reply.json["migration_tasks"][0]["result"]) == (200, "success")


async def test_a_request_shaped_like_that_of_the_java_sdk_passes(
    dcs: Simulator, caller: Caller
) -> None:
    """It may have two slashes in front, and a chunked body without a length."""
    task_id = next(iter(dcs.fleet)).spec.task_id
    body = json.dumps({"migration_tasks": [task_id]}).encode()

    async def chunks() -> AsyncIterator[bytes]:
        yield body[:20]
        yield body[20:]

    target = f"/{STOP}"
    headers = {"Host": dcs.endpoint.partition("://")[2], "X-Project-Id": PROJECT_ID, **dated()}
    headers = signed("POST", target, headers, body)
    headers["Content-Type"] = "application/json;charset=UTF-8"
    reply = await caller.send_raw("POST", target, headers, chunks())
    assert (reply.status, reply.json["migration_tasks"][0]["result"]) == (200, "success")


async def test_a_tampered_body_is_refused(dcs: Simulator, caller: Caller) -> None:
    """The hash of the body is part of the signature; nothing is stopped."""
    task_id = next(iter(dcs.fleet)).spec.task_id
    headers = signed("POST", STOP, dated(), b'{"migration_tasks": []}')
    body = json.dumps({"migration_tasks": [task_id]}).encode()
    assert_unauthorized(
        await caller.send_raw("POST", STOP, {**headers, "Content-Type": JSON}, body)
    )
    assert dcs.fleet[task_id].accepted_at_s == []


async def test_a_tampered_query_is_refused(caller: Caller) -> None:
    """The query is part of the signature."""
    headers = signed("GET", f"{LIST}?limit=10", dated())
    assert_unauthorized(await caller.send_raw("GET", f"{LIST}?limit=1000", headers))


async def test_a_signed_header_that_is_missing_is_refused(caller: Caller) -> None:
    """SignedHeaders names it, the request lacks it."""
    headers = signed("GET", LIST, {**dated(), "X-Project-Id": PROJECT_ID})
    del headers["X-Project-Id"]
    assert_unauthorized(await caller.send_raw("GET", LIST, headers))


@pytest.mark.parametrize("minutes", [-16, 16])
async def test_a_date_off_by_more_than_15_minutes_is_refused(
    caller: Caller, minutes: float
) -> None:
    """It is refused whether it lies in the past or in the future."""
    assert_unauthorized(
        await caller.send_raw("GET", LIST, signed("GET", LIST, dated(minutes=minutes)))
    )


@pytest.mark.parametrize("minutes", [-14, 14])
async def test_a_date_within_15_minutes_passes(caller: Caller, minutes: float) -> None:
    """Clocks may differ a little."""
    reply = await caller.send_raw("GET", LIST, signed("GET", LIST, dated(minutes=minutes)))
    assert reply.status == 200


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no signature"),
        pytest.param({"Authorization": "Basic abc"}, id="another scheme"),
        pytest.param({"Authorization": "SDK-HMAC-SHA256 Access=\udcff"}, id="not UTF-8"),
        pytest.param(signed("GET", LIST, {"X-Sdk-Date": "yesterday"}), id="no date"),
        pytest.param(signed("GET", LIST, {"X-Other": "1"}), id="date not signed"),
    ],
)
async def test_a_request_without_a_proper_signature_is_refused(
    caller: Caller, headers: dict[str, str]
) -> None:
    """The error body has the three documented fields."""
    reply = await caller.send_raw("GET", LIST, {"X-Other": "1", "X-Sdk-Date": "x", **headers})
    assert_unauthorized(reply)
    assert set(reply.json) == {"error_code", "error_msg", "error_ext_msg"}
    assert reply.json["error_ext_msg"] is None


async def test_the_sixth_401_in_a_row_locks_the_key(dcs: Simulator, caller: Caller) -> None:
    """Afterwards even a right signature is refused, until the lock is lifted."""
    bad = Signer(access_key=SIGNER.access_key, secret_key="wrong")
    async with Caller(dcs.endpoint, PROJECT_ID, bad) as intruder:
        for _ in range(5):
            assert_unauthorized(await intruder.list())
        assert not dcs.keys.is_locked(SIGNER.access_key)
        assert_unauthorized(await intruder.list())
    assert dcs.keys.is_locked(SIGNER.access_key)
    reply = await caller.list()
    assert_unauthorized(reply)
    assert "reach the limit" in reply.json["error_msg"]
    assert (dcs.keys.locks[SIGNER.access_key], dcs.calls.count("list", 401)) == (1, 7)
    dcs.keys.forgive()
    assert (await caller.list()).status == 200


async def test_a_success_ends_the_row_of_401s(dcs: Simulator, caller: Caller) -> None:
    """Only consecutive failures count."""
    bad = Signer(access_key=SIGNER.access_key, secret_key="wrong")
    async with Caller(dcs.endpoint, PROJECT_ID, bad) as intruder:
        for _ in range(3):
            for _ in range(5):
                await intruder.list()
            assert (await caller.list()).status == 200


def test_a_lock_ends_by_itself() -> None:
    """It ends after its time, on the clock of the keys."""
    now_s = 1000.0
    keys = KeyRing(lambda: now_s, lock_s=300)
    for _ in range(6):
        keys.failed("KEY")
    assert keys.is_locked("KEY")
    now_s += 300
    assert not keys.is_locked("KEY")


def test_locking_can_be_switched_off() -> None:
    """A duration of 0 means that no key is ever locked."""
    keys = KeyRing(lambda: 0.0, lock_s=0)
    for _ in range(10):
        keys.failed("KEY")
    assert (keys.locks["KEY"], keys.rejections["KEY"]) == (0, 10)


@pytest.mark.parametrize(
    "sent, status",
    [
        pytest.param({"X-Security-Token": "TOKEN"}, 200, id="right token"),
        pytest.param({"X-Security-Token": "OTHER"}, 401, id="wrong token"),
        pytest.param({}, 401, id="no token"),
    ],
)
async def test_a_temporary_key_needs_its_token(sent: dict[str, str], status: int) -> None:
    """Each call without it is refused."""
    options = SimulatorOptions(projects=(ProjectOptions(security_token="TOKEN"),))
    async with (
        Simulator(options) as dcs,
        Caller(dcs.endpoint, PROJECT_ID, SIGNER) as client,
    ):
        headers = signed("GET", LIST, {**dated(), **sent})
        assert (await client.send_raw("GET", LIST, headers)).status == status


async def test_a_key_cannot_use_the_project_of_another() -> None:
    """403 by default, or what the switch says; an id that cannot be one is 400 DCS.4002."""
    other = ProjectOptions(project_id=OTHER_PROJECT, access_key="OTHER")
    options = SimulatorOptions(projects=(ProjectOptions(), other))
    async with Simulator(options) as dcs:
        codes = {}
        for answer in ("403", "401", "400"):
            dcs.switch(unknown_project=answer)
            async with Caller(dcs.endpoint, OTHER_PROJECT, SIGNER) as client:
                reply = await client.list()
                codes[reply.status] = reply.error_code
        assert codes == {403: "APIGW.0310", 401: "DCS.1004", 400: "DCS.4002"}
        async with Caller(dcs.endpoint, "{project_id}", SIGNER) as client:
            assert (await client.list()).error_code == "DCS.4002"


async def test_the_header_must_name_the_project_of_the_path(caller: Caller) -> None:
    """If it is there at all."""
    headers = signed("GET", LIST, {**dated(), "X-Project-Id": OTHER_PROJECT})
    reply = await caller.send_raw("GET", LIST, headers)
    assert (reply.status, reply.error_code) == (401, "DCS.1004")


def test_no_secret_is_in_an_exception_or_a_repr() -> None:
    """They show neither the secret key nor the signature."""
    headers = {"x-sdk-date": sdk_date(datetime.now(UTC))}
    headers["authorization"] = SIGNER.authorize("GET", LIST, headers, b"")
    request = SignedRequest("GET", LIST, headers, b"")
    with pytest.raises(BadSignatureError) as error:
        verify(request, "another", datetime.now(UTC).timestamp())
    shown = repr(error.value) + repr(AccessKey(access_key="A", secret_key=SIGNER.secret_key))
    shown += repr(ProjectOptions()) + repr(SimulatorOptions())
    signature = headers["authorization"].rpartition("=")[2]
    assert [secret for secret in (SIGNER.secret_key, signature) if secret in shown] == []
