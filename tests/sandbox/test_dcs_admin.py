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
async def admin(dcs: Simulator) -> AsyncIterator[Admin]:
    """Give a function that calls the admin side and returns status and body."""
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
    """A change is valid for all projects."""
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
        "forget_s": None,
        "reject_s": 0.0,
        "skew_s": 0.0,
    }
    assert (await admin("GET", "/timing"))[1] == times
    fleets = [project.fleet for project in dcs.projects.values()]
    assert [(fleet.timing.stop_s, fleet.switches.item_errors) for fleet in fleets] == [
        (9.0, False),
        (9.0, False),
    ]


async def test_several_faults_at_once(admin: Admin) -> None:
    """A list of them, each with its number; one mistake and none is on."""
    poisoned = [{"kind": "drop", "task_id": f"{number:032x}"} for number in range(3)]
    status, body = await admin("POST", "/faults", poisoned)
    assert (status, [one["number"] for one in body["faults"]]) == (201, [1, 2, 3])
    assert (await admin("POST", "/faults", [*poisoned, {"kind": "x"}]))[0] == 400
    assert len((await admin("GET", "/faults"))[1]["faults"]) == 3


async def test_writers_lag_and_losses(admin: Admin, caller: Caller) -> None:
    """Switched by name, seen as they are, and summed up when tasks are stopped."""
    for number in range(2):
        spec = {"task_id": f"{number:032x}", "name": f"wave{number}", "catch_up_bytes_per_s": 0}
        await admin("POST", "/migrations", spec | {"lag_bytes": 2000})
    assert await admin("POST", "/writers", {"on": True, "name": "wave*"}) == (200, {"switched": 2})
    off = {"on": False, "task_ids": ["0" * 32]}
    assert await admin("POST", "/writers", off) == (200, {"switched": 1})
    await admin("PATCH", f"/migrations/{0:032x}", {"lag_bytes": 2000})
    _, shown = await admin("GET", "/lag?name=wave0")
    (one,) = shown["tasks"]
    assert (one["offset"], one["missing_keys"], one["writing"]) == (2000, 10, False)
    assert (one["phase"], one["progress"], one["is_migrating"]) == ("incremental", 100.0, True)
    assert (shown["offset"], shown["missing_keys"]) == (2000, 10)
    _, shown = await admin("GET", "/lag?name=wave*")
    assert shown["missing_keys"] > 20
    await caller.batch_stop(["0" * 32])
    _, losses = await admin("GET", "/losses")
    assert (losses["stops"], losses["lost_keys"]) == (1, 10)
    (loss,) = losses["losses"]
    assert (loss["task_id"], loss["offset"], loss["by"]) == ("0" * 32, 2000, "order")
    _, shown = await admin("GET", f"/migrations/{0:032x}")
    assert (shown["loss"], shown["phase"], shown["writing"]) == (loss, "stopped", False)
    _, projects = await admin("GET", "/projects")
    assert projects["projects"][PROJECT_ID] == {"tasks": 4, "stops": 1, "lost_keys": 10}
    await admin("DELETE", "/losses")
    assert (await admin("GET", "/losses"))[1]["lost_keys"] == 0


async def test_moments_of_tasks_and_orders(admin: Admin, caller: Caller) -> None:
    """On the clock that the admin API tells; only those that terminated since, if wanted."""
    spec = {"task_id": TASK_ID, "stop_s": 0.0}
    await admin("POST", "/migrations", spec)
    await caller.batch_stop([TASK_ID])
    _, clock = await admin("GET", "/clock")
    _, before = await admin("GET", "/moments?since_s=0")
    (task,) = before["tasks"]
    (order,) = before["orders"]
    assert task["accepted_at_s"] == [task["terminated_at_s"]]
    assert order["arrived_at_s"] <= task["terminated_at_s"] <= order["accepted_at_s"]
    assert (order["ids"], order["status"], task["told_at_s"]) == ([TASK_ID], 200, None)
    assert task["terminated_at_s"] <= clock["now_s"] <= before["now_s"]
    await caller.show(TASK_ID)
    _, after = await admin("GET", f"/moments?since_s={task['terminated_at_s']}")
    assert after["tasks"][0]["told_at_s"] >= clock["now_s"] - 0.001
    _, later = await admin("GET", f"/moments?since_s={clock['now_s'] + 1}")
    assert later["tasks"] == []
    assert len((await admin("GET", "/moments"))[1]["tasks"]) == 3
    _, other = await admin("GET", f"/moments?project={OTHER_PROJECT}")
    assert (len(other["tasks"]), other["orders"]) == (1, [])


async def test_a_refused_order_was_never_accepted(admin: Admin, caller: Caller) -> None:
    """Its arrival is known all the same."""
    await admin("POST", "/faults", {"kind": "error", "status": 504, "executes": True})
    await caller.batch_stop([f"{0:032x}"])
    (order,) = (await admin("GET", "/moments"))[1]["orders"]
    assert (order["status"], order["accepted_at_s"]) == (504, None)


async def test_others_act_through_the_admin_api(admin: Admin) -> None:
    """What they did is told, per project."""
    assert await admin("POST", "/others", {"act": "stop", "name": "migration-00001"}) == (
        201,
        {"task_ids": [(await admin("GET", "/migrations"))[1]["migrations"][1]["task_id"]]},
    )
    _, body = await admin("GET", "/others")
    assert [one["act"] for one in body["done"]] == ["stop"]
    assert (await admin("GET", f"/others?project={OTHER_PROJECT}"))[1] == {"done": []}
    await admin("POST", "/reset")
    assert (await admin("GET", "/others"))[1] == {"done": []}


async def test_projects_are_opened_on_the_same_key(dcs: Simulator, admin: Admin) -> None:
    """As many as wanted, with the switches that hold; another key is named."""
    await admin("PATCH", "/switches", {"list_rows_max": 1})
    await admin("PATCH", "/timing", {"stop_s": 9})
    more = [{"project_id": f"{number:032x}", "running": 2} for number in range(10, 13)]
    status, body = await admin("POST", "/projects", more)
    assert (status, body["projects"]) == (201, [one["project_id"] for one in more])
    async with Caller(dcs.endpoint, f"{12:032x}", SIGNER) as client:
        assert len((await client.list()).json["migration_tasks"]) == 1
    assert dcs.projects[f"{12:032x}"].fleet.timing.stop_s == 9
    _, keys = await admin("GET", "/keys")
    assert keys["keys"][SIGNER.access_key]["projects"] == 5
    twice = more[0] | {"access_key": "TWICE", "secret_key": "S3CRET"}
    assert (await admin("POST", "/projects", twice))[0] == 400
    assert "TWICE" not in (await admin("GET", "/"))[1]["access_keys"]
    again = {"project_id": f"{10:032x}", "access_key": "NEW", "secret_key": "S3CRET"}
    assert (await admin("POST", "/projects", again))[0] == 201
    assert "NEW" in (await admin("GET", "/"))[1]["access_keys"]


async def test_keys_tell_their_rows_of_401s(dcs: Simulator, admin: Admin) -> None:
    """Without a secret; what a key must not do, and how long its 401s take, can be changed."""
    async with Caller(
        dcs.endpoint, PROJECT_ID, Signer(access_key=SIGNER.access_key, secret_key="no")
    ) as client:
        for _ in range(6):
            await client.list()
    _, keys = await admin("GET", "/keys")
    shown = keys["keys"][SIGNER.access_key]
    assert (shown["most_in_a_row"], shown["in_a_row"], shown["locks"]) == (6, 6, 1)
    assert (await admin("GET", "/counts"))[1]["most_401s_in_a_row"] == 6
    changes = {"reject_s": 0.3, "denied": ["get"]}
    _, changed = await admin("PATCH", f"/keys/{SIGNER.access_key}", changes)
    assert (changed["reject_s"], changed["denied"]) == (0.3, ["get"])
    _, changed = await admin("PATCH", f"/keys/{SIGNER.access_key}", {"reject_s": None})
    assert (changed["reject_s"], changed["denied"]) == (0.0, ["get"])
    assert SIGNER.secret_key not in str(keys)


async def test_connections_stall_and_go_on(admin: Admin, caller: Caller) -> None:
    """The admin API has connections of its own."""
    expected = {"listening": True, "stalled": True, "read_after_s": 0.01}
    changes = {"stalled": True, "read_after_s": 0.01}
    assert await admin("PATCH", "/listening", changes) == (200, expected)
    assert await admin("PATCH", "/listening", {"stalled": False}) == (
        200,
        expected | {"stalled": False},
    )
    assert (await caller.list()).status == 200
    await admin("POST", "/listening", body=False)
    assert (await admin("GET", "/listening"))[1]["listening"] is False


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
        ("POST", "/faults", [[]], 400, "expected an object"),
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
        ("POST", "/writers", {"name": "*"}, 400, "on"),
        ("POST", "/writers", {"on": True, "task_ids": ["0" * 32]}, 404, "not found"),
        ("POST", "/others", {"act": "dance"}, 400, "possible: stop, restart"),
        ("POST", "/others", {"act": "stop", "share": 2}, 400, "share must be 0 to 1"),
        ("GET", "/moments?since_s=x", None, 400, "since_s"),
        ("PATCH", "/keys/NOBODY", {"reject_s": 1}, 404, "not found"),
        ("PATCH", f"/keys/{SIGNER.access_key}", {"denied": ["fly"]}, 400, "unknown actions"),
        ("POST", "/projects", [{"colour": 1}], 400, "unknown field"),
        ("PATCH", "/listening", {"stalled": 1}, 400, "possible: True, False"),
        ("PATCH", "/switches", {"list_rows_max": 0}, 400, "1 or more"),
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
