"""The simulator as a process: one line when it listens, options that are checked, a clean end."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from sandbox import dcs
from sandbox.dcs.__main__ import main
from sandbox.dcs.caller import Caller, Signer

PROJECT_ID = "0123456789abcdef0123456789abcdef"
SECOND_ID = "fedcba9876543210fedcba9876543210"
TASK_ID = "5130d57f640a435bbc3a0fb1860a5340"
START_S = 30
"""Slow machines need long for a new interpreter."""


async def launch(*options: str) -> asyncio.subprocess.Process:
    """Start the simulator as a process, with both of its outputs to be read."""
    deploy = Path(dcs.__file__).parents[2]
    pipe = asyncio.subprocess.PIPE
    environment = {**os.environ, "PYTHONPATH": str(deploy)}
    command = (sys.executable, "-m", "sandbox.dcs", *options)
    return await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, env=environment)


async def start(*options: str) -> tuple[asyncio.subprocess.Process, Mapping[str, str]]:
    """Give a running simulator and its line."""
    process = await launch(*options)
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), START_S)
    return process, json.loads(line)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_says_where_it_listens_and_ends_cleanly(number: signal.Signals) -> None:
    """It prints one line of JSON and nothing else, and ends with status 0 after a signal."""
    process, line = await start(
        *("--project-id", PROJECT_ID, "--access-key", "AK", "--secret-key", "SK"),
        *("--running", "2", "--words", "RUNNING=1,STRANGE=1", "--mixed", "4"),
        *("--stop-seconds", "0", "--admin", "127.0.0.1:0", "--switch", "item_errors=false"),
    )
    try:
        assert line["project_id"] == PROJECT_ID
        assert line["admin"] != line["endpoint"]
        signer = Signer(access_key="AK", secret_key="SK")
        async with Caller(line["endpoint"], PROJECT_ID, signer) as caller:
            items = (await caller.list()).json["migration_tasks"]
            words = [item["status"] for item in items]
            assert words[:4] == ["INCRMIGEATING", "INCRMIGEATING", "RUNNING", "STRANGE"]
            assert len(words) == 8
            assert [item["task_id"] for item in items[:2]] == dcs.task_ids(2, 0, PROJECT_ID)
            await caller.batch_stop([items[0]["task_id"]])
            assert (await caller.show(items[0]["task_id"])).json["status"] == "TERMINATED"
    finally:
        process.send_signal(number)
        assert await process.wait() == 0
    assert await process.communicate() == (b"", b"")


async def test_files_describe_fleets_and_further_projects(tmp_path: Path) -> None:
    """Each project has its own key and migrations."""
    fleet = tmp_path / "fleet.json"
    fleet.write_text(json.dumps({"migrations": [{"task_id": TASK_ID, "word": "MIGRATING"}]}))
    second = {
        "project_id": SECOND_ID,
        "access_key": "SECOND",
        "secret_key": "SK2",
        "words": {"FAILED": 3},
        "migrations": [{"task_id": TASK_ID}],
    }
    projects = tmp_path / "projects.json"
    projects.write_text(json.dumps({"projects": [second]}))
    process, line = await start("--fleet", str(fleet), "--projects", str(projects))
    try:
        assert SECOND_ID in line["projects"]
        counts = []
        for project_id, signer in (
            (dcs.PROJECT_ID, Signer(access_key=dcs.ACCESS_KEY, secret_key=dcs.SECRET_KEY)),
            (SECOND_ID, Signer(access_key="SECOND", secret_key="SK2")),
        ):
            async with Caller(line["endpoint"], project_id, signer) as caller:
                counts.append((await caller.list()).json["count"])
        assert counts == [1, 4]
    finally:
        process.terminate()
        assert await process.wait() == 0


async def test_what_goes_wrong_can_be_said_at_the_start(tmp_path: Path) -> None:
    """Options set faults, writers, acts, permissions, further projects and switches."""
    fleet = tmp_path / "fleet.json"
    fleet.write_text(
        json.dumps({"migrations": [{"task_id": TASK_ID, "name": "busy", "lag_bytes": 1}]})
    )
    process, line = await start(
        *("--fleet", str(fleet), "--writers", "busy*", "--switch", "list_rows_max=1"),
        *("--shared-projects", "2", "--shared-running", "3", "--deny", "modify"),
        *("--fault", json.dumps({"kind": "error", "operation": "show", "status": 404})),
        *("--act", json.dumps({"act": "die"}), "--read-after-seconds", "0.01"),
        *("--skew-seconds", "-60", "--reject-seconds", "0.01", "--forget-seconds", "300"),
    )
    try:
        signer = Signer(access_key=dcs.ACCESS_KEY, secret_key=dcs.SECRET_KEY)
        shared = dcs.project_ids(2, 0)
        assert set(shared) < set(line["projects"])
        async with Caller(line["endpoint"], dcs.PROJECT_ID, signer) as caller:
            assert (await caller.show(TASK_ID)).status == 404
            assert (await caller.batch_stop([TASK_ID])).error_code == "DCS.2007"
            stats = (await caller.send("GET", f"/migration-task/{TASK_ID}/stats")).json
            assert (stats["is_migrating"], stats["offset"]) == (False, "0")
        async with Caller(line["endpoint"], shared[1], signer) as caller:
            page = (await caller.list()).json
            assert (page["count"], len(page["migration_tasks"])) == (3, 1)
    finally:
        process.terminate()
        assert await process.wait() == 0


@pytest.mark.parametrize(
    "options, hint",
    [
        (["--fly"], "unrecognized arguments: --fly"),
        (["--listen", "nowhere"], "not an address HOST:PORT: nowhere"),
        (["--listen", "127.0.0.1:99999"], "not an address"),
        (["--running", "many"], "invalid int value"),
        (["--running", "-1"], "--running: must not be negative"),
        (["--words", "MIGRATING"], "not WORD=N"),
        (["--switch", "stop_again=maybe"], "possible: success, failed"),
        (["--switch", "nothing=1"], "unknown field 'nothing'"),
        (["--switch", "list_rows_max=0"], "list_rows_max must be 1 or more"),
        (["--switch", "list_rows_max=few"], "expected: int"),
        (["--fault", "drop"], "argument --fault: not JSON: drop"),
        (["--fault", '{"kind": "drop", "operation": "fly"}'], "--fault: operation must be"),
        (["--act", '{"act": "dance"}'], "argument --act: field 'act'"),
        (["--deny", "fly"], "argument --deny: invalid choice"),
        (["--reject-seconds", "-1"], "--reject-seconds: must not be negative"),
        (["--fleet", "/nowhere/fleet.json"], "No such file"),
        (["--projects", __file__], "not JSON"),
    ],
)
def test_wrong_options_are_one_line_and_status_2(
    capsys: pytest.CaptureFixture[str], options: list[str], hint: str
) -> None:
    """The line is on stderr, without the usage around it."""
    with pytest.raises(SystemExit) as end:
        main(options)
    errors = capsys.readouterr().err
    assert (end.value.code, errors.count("\n")) == (2, 1)
    assert hint in errors


def test_one_id_twice_in_a_fleet_is_status_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The line names the id."""
    fleet = tmp_path / "fleet.json"
    fleet.write_text(json.dumps({"migrations": [{"task_id": TASK_ID}, {"task_id": TASK_ID}]}))
    with pytest.raises(SystemExit) as end:
        main(["--fleet", str(fleet)])
    assert end.value.code == 2
    assert TASK_ID in capsys.readouterr().err


@pytest.mark.parametrize(
    "project, hint",
    [
        ({"secret_key": 12345}, "'secret_key' does not fit: expected: str"),
        ({"secret_key": "12345", "words": {"FAILED": "x"}}, "'words' does not fit: expected: int"),
        ({"secret_key": "12345", "colour": 1}, "unknown field 'colour'"),
        ({"secret_key": "12345", "migrations": [{"task_id": "1"}]}, "neither a dashed UUID"),
    ],
)
def test_a_mistake_in_a_projects_file_shows_no_secret(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, project: Mapping[str, object], hint: str
) -> None:
    """Neither the one that is wrong nor one beside it."""
    projects = tmp_path / "projects.json"
    projects.write_text(json.dumps({"projects": [project]}))
    with pytest.raises(SystemExit):
        main(["--projects", str(projects)])
    errors = capsys.readouterr().err
    assert hint in errors
    assert "12345" not in errors


@pytest.mark.parametrize("option", ["--listen", "--admin"])
async def test_an_address_in_use_is_status_1(option: str) -> None:
    """With a line that says so, whichever of the two addresses it is."""
    async with dcs.simulate() as other:
        process = await launch(option, other.endpoint.partition("://")[2])
        output, errors = await asyncio.wait_for(process.communicate(), START_S)
    assert (process.returncode, output, errors.count(b"\n")) == (1, b"", 1)
    assert b"cannot listen" in errors
