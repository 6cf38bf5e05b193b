"""The admin API: everything a test in another process needs to see and to change."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from sandbox.dcs import PROJECT_ID, ProjectOptions, Simulator, SimulatorOptions
from sandbox.dcs.caller import Caller, Signer

SIGNER = Signer(access_key=ProjectOptions().access_key, secret_key=ProjectOptions().secret_key)
TASK_ID = "b21989ec-2889-4b8e-99db-19c073425ec2"
OTHER_PROJECT = "00000000000000000000000000000002"

Admin = Callable[..., Awaitable[tuple[int, Any]]]


@pytest.fixture
async def dcs() -> AsyncIterator[Simulator]:
    """Two projects with two migrations and one, and the admin API."""
    options = SimulatorOptions(
        admin_port=0,
        projects=(
            ProjectOptions(running=2),
            ProjectOptions(project_id=OTHER_PROJECT, running=1),
        ),
    )
    async with Simulator(options) as simulator:
        yield simulator


@pytest.fixture
async def caller(dcs: Simulator) -> AsyncIterator[Caller]:
    """Calls the DCS side."""
    async with Caller(dcs.endpoint, PROJECT_ID, SIGNER) as client:
        yield client


@pytest.fixture
async def admin(dcs: Simulator) -> AsyncIterator[Admin]:
    """Calls the admin side; gives status and body."""
    async with aiohttp.ClientSession(dcs.admin_endpoint, trust_env=False) as session:

        async def call(method: str, path: str, body: object = None) -> tuple[int, Any]:
            async with session.request(method, path, json=body) as response:
                return response.status, await response.json()

        yield call


async def test_the_overview_shows_projects_and_words(dcs: Simulator, admin: Admin) -> None:
    """And the names of the keys, without secrets."""
    assert await admin("GET", "/") == (
        200,
        {
            "endpoint": dcs.endpoint,
            "access_keys": [SIGNER.access_key],
            "projects": {PROJECT_ID: {"INCRMIGEATING": 2}, OTHER_PROJECT: {"INCRMIGEATING": 1}},
        },
    )


async def test_calls_and_counts(admin: Admin, caller: Caller) -> None:
    """What was called, until it is reset."""
    await caller.list()
    await caller.show("x")
    _, body = await admin("GET", "/calls?operation=show&last=1")
    assert [call["error_code"] for call in body["calls"]] == ["DCS.4070"]
    _, counts = await admin("GET", "/counts")
    assert counts["operations"] == {"list": {"200": 1}, "show": {"400": 1}}
    assert counts["error_codes"] == {"DCS.4070": 1}
    assert (counts["locks"], counts["rejections"]) == ({}, {})
    await admin("POST", "/reset")
    assert (await admin("GET", "/counts"))[1]["calls"] == 0


async def test_faults_are_switched_on_and_off(admin: Admin, caller: Caller) -> None:
    """Each has a number and says how often it was met."""
    fault = {"kind": "error", "operation": "list", "status": 503, "for_s": 60}
    status, on = await admin("POST", "/faults", fault)
    assert (status, on["number"], on["kind"]) == (201, 1, "error")
    assert (await caller.list()).status == 503
    assert (await admin("GET", "/faults"))[1]["faults"][0]["hits"] == 1
    assert await admin("DELETE", "/faults/1") == (200, {})
    assert (await caller.list()).status == 200
    await admin("POST", "/faults", fault)
    await admin("DELETE", "/faults")
    assert (await caller.list()).status == 200


async def test_migrations_are_created_altered_and_deleted(admin: Admin, caller: Caller) -> None:
    """DCS shows each change at once."""
    spec = {"task_id": TASK_ID, "script": [[3600, "MIGRATING"]], "stop_s": 60}
    status, body = await admin("POST", "/migrations", [spec])
    assert (status, body["migrations"][0]["word"]) == (201, "INCRMIGEATING")
    await caller.batch_stop([TASK_ID])
    _, shown = await admin("GET", f"/migrations/{TASK_ID}")
    assert (shown["word"], shown["accepted_stops"]) == ("TERMINATING", 1)
    _, shown = await admin("PATCH", f"/migrations/{TASK_ID}", {"word": "FAILED"})
    assert [word for _, word in shown["history"]] == ["INCRMIGEATING", "TERMINATING", "FAILED"]
    _, body = await admin("GET", "/migrations?word=FAILED")
    assert [one["task_id"] for one in body["migrations"]] == [TASK_ID]
    await admin("DELETE", f"/migrations/{TASK_ID}")
    assert (await caller.show(TASK_ID)).error_code == "DCS.4133"
    await admin("DELETE", "/migrations")
    assert (await caller.list()).json == {"count": 0, "migration_tasks": []}
    _, body = await admin("GET", f"/migrations?project={OTHER_PROJECT}")
    assert len(body["migrations"]) == 1


async def test_switches_and_times_are_changed(dcs: Simulator, admin: Admin) -> None:
    """For all projects."""
    _, switches = await admin("PATCH", "/switches", {"item_errors": False})
    assert (switches["item_errors"], switches["stop_again"]) == (False, "success")
    assert (await admin("GET", "/switches"))[1] == switches
    _, times = await admin("PATCH", "/timing", {"stop_s": 9, "answer_s": 0.01, "lock_s": 5})
    assert times == {
        "lag_s": 0.0,
        "stop_s": 9.0,
        "release_after_s": None,
        "answer_s": 0.01,
        "lock_s": 5.0,
    }
    fleets = [project.fleet for project in dcs.projects.values()]
    assert [(fleet.timing.stop_s, fleet.switches.item_errors) for fleet in fleets] == [
        (9.0, False),
        (9.0, False),
    ]


async def test_keys_come_and_go(dcs: Simulator, admin: Admin) -> None:
    """A new key may call at once, a removed one no more; no secret is shown."""
    key = {"access_key": "NEW", "secret_key": "S3CRET"}
    assert await admin("POST", "/keys", key) == (
        201,
        {"access_keys": ["NEW", SIGNER.access_key]},
    )
    async with Caller(dcs.endpoint, PROJECT_ID, Signer(**key)) as client:
        assert (await client.list()).status == 200
        await admin("DELETE", "/keys/NEW")
        assert (await client.list()).status == 401


async def test_dcs_can_be_taken_down_and_up(admin: Admin, caller: Caller) -> None:
    """While the admin API stays."""
    assert await admin("POST", "/listening", body=False) == (200, {"listening": False})
    with pytest.raises(aiohttp.ClientConnectionError):
        await caller.list()
    await admin("POST", "/listening", body=True)
    assert (await caller.list()).status == 200


@pytest.mark.parametrize(
    "method, path, body, status, hint",
    [
        ("POST", "/faults", {"kind": "earthquake"}, 400, "possible: throttle"),
        ("POST", "/faults", {"kind": "drop", "operation": "fly"}, 400, "operation must be"),
        ("POST", "/faults", {"operation": "list"}, 400, "kind"),
        ("POST", "/faults", [], 400, "expected an object"),
        ("POST", "/migrations", {"task_id": "x"}, 400, "neither a dashed UUID"),
        ("POST", "/migrations", {"task_id": TASK_ID, "script": [["a"]]}, 400, "script"),
        ("PATCH", f"/migrations/{TASK_ID}", {"word": "X"}, 404, "not found"),
        ("DELETE", "/faults/7", None, 404, "not found"),
        ("PATCH", "/switches", {"stop_again": 3}, 400, "possible: success, failed"),
        ("PATCH", "/timing", {"stop_s": "soon"}, 400, "expected: float"),
        ("PATCH", "/timing", {"lock_s": "soon"}, 400, "expected: float"),
        ("GET", "/calls?last=x", None, 400, "last"),
        ("DELETE", "/keys/NOBODY", None, 404, "not found"),
        ("POST", "/listening", "yes", 400, "true or false"),
        ("GET", "/migrations?project=x", None, 404, "not found"),
        ("GET", "/nothing", None, 404, "Not Found"),
        ("PUT", "/faults", None, 405, "Method Not Allowed"),
    ],
)
async def test_mistakes_are_told(
    admin: Admin, method: str, path: str, body: object, status: int, hint: str
) -> None:
    """In one line that says what would be right."""
    got, answer = await admin(method, path, body)
    assert got == status
    assert hint in answer["error"]
