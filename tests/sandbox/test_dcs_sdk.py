"""The official Python SDK, in a thread, against the simulator: as it comes, without tricks."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions import exceptions
from huaweicloudsdkdcs import v2

from sandbox.dcs import (
    PROJECT_ID,
    REDIS_PASSWORD,
    Fault,
    FaultKind,
    MigrationSpec,
    Simulator,
    simulate,
)

UNKNOWN = "00000000-0000-4000-8000-000000000009"
BACKUP = "00000000-0000-4000-8000-00000000000a"

Ask = Callable[..., Any]


@pytest.fixture
async def dcs() -> AsyncIterator[Simulator]:
    """25 running migrations, one of which is a backup import; a stop takes a moment."""
    spec = MigrationSpec(task_id=BACKUP, migration_type="backupfile_import", word="MIGRATING")
    async with simulate(spec, running=24, stop_s=0.05) as simulator:
        yield simulator


@pytest.fixture
def ids(dcs: Simulator) -> list[str]:
    """All ids, in the order of the list."""
    return [migration.spec.task_id for migration in dcs.fleet]


@pytest.fixture
def ask(dcs: Simulator) -> Ask:
    """Call one method of the SDK in a thread; by default with the right key and project."""
    key = dcs.project

    def call_blocking(method: str, request: Any, secret_key: str, project_id: str) -> Any:
        credentials = BasicCredentials(key.access_key, secret_key, project_id)
        builder = v2.DcsClient.new_builder().with_credentials(credentials)
        client = builder.with_endpoint(dcs.endpoint).build()
        try:
            return getattr(client, method)(request)
        finally:
            client.get_http_client().close()

    async def call(
        method: str, request: Any, secret_key: str = key.secret_key, project_id: str = PROJECT_ID
    ) -> Any:
        return await asyncio.to_thread(call_blocking, method, request, secret_key, project_id)

    return call


def stop(task_ids: list[str]) -> Any:
    """Return a request for the batch stop."""
    body = v2.BatchStopMigrationTasksBody(migration_tasks=task_ids)
    return v2.BatchStopMigrationTasksRequest(body=body)


async def refused(ask: Ask, *call: Any, **identity: str) -> tuple[int, str]:
    """Status and code of a call that is refused; every refusal names its request."""
    with pytest.raises(exceptions.ServiceResponseException) as refusal:
        await ask(*call, **identity)
    assert len(refusal.value.request_id) == 32
    return refusal.value.status_code, refusal.value.error_code


async def test_batch_stop_stops_and_names_what_it_does_not_know(
    dcs: Simulator, ask: Ask, ids: list[str]
) -> None:
    """Results by id; the word becomes TERMINATED only after its time."""
    reply = await ask("batch_stop_migration_tasks", stop([ids[0], UNKNOWN]))
    results = {item.task_id: (item.result, item.error_code) for item in reply.migration_tasks}
    assert results == {ids[0]: ("success", None), UNKNOWN: ("failed", "DCS.4133")}
    words = []
    while "TERMINATED" not in words:
        shown = await ask("show_migration_task", v2.ShowMigrationTaskRequest(ids[0]))
        words.append(shown.status)
        await asyncio.sleep(0.01)
    assert set(words) <= {"TERMINATING", "TERMINATED"}
    assert dcs.calls.sizes() == [2]
    assert len(dcs.fleet[ids[0]].accepted_at_s) == 1


async def test_the_list_is_paged_until_a_page_is_short(ask: Ask, ids: list[str]) -> None:
    """By the rows received; the default page has 10."""
    found: list[str] = []
    while True:
        request = v2.ListMigrationTaskRequest(offset=len(found), limit=10)
        page = await ask("list_migration_task", request)
        assert page.count == 25
        found += [item.task_id for item in page.migration_tasks]
        if len(page.migration_tasks) < 10:
            break
    assert found == ids
    default = await ask("list_migration_task", v2.ListMigrationTaskRequest())
    assert len(default.migration_tasks) == 10


async def test_list_and_show_have_the_fields_of_the_sdk_models(
    dcs: Simulator, ask: Ask, ids: list[str]
) -> None:
    """Every field of the model is sent, and no other."""
    assert dcs.project.project_id == PROJECT_ID
    page = await ask("list_migration_task", v2.ListMigrationTaskRequest(limit=1))
    sent = page.to_json_object()["migration_tasks"][0]
    assert set(sent) == set(v2.MigrationTaskList.openapi_types)
    shown = await ask("show_migration_task", v2.ShowMigrationTaskRequest(ids[0]))
    raw = shown.raw_content.decode()
    assert [name for name in v2.ShowMigrationTaskResponse.openapi_types if name not in raw] == []
    instance = shown.source_instance.to_dict()
    assert set(instance) == set(v2.SourceInstanceBody.openapi_types)
    assert None not in instance.values()


async def test_show_and_single_stop_carry_redis_passwords(ask: Ask, ids: list[str]) -> None:
    """In plain text and recognizable; the list has none."""
    for method, request in (
        ("show_migration_task", v2.ShowMigrationTaskRequest(ids[0])),
        ("stop_migration_task", v2.StopMigrationTaskRequest(ids[0])),
    ):
        answer = await ask(method, request)
        assert answer.source_instance.password == f"{REDIS_PASSWORD}-source"
        assert answer.target_instance.password == f"{REDIS_PASSWORD}-target"
    page = await ask("list_migration_task", v2.ListMigrationTaskRequest())
    assert REDIS_PASSWORD not in page.raw_content.decode()


async def test_the_other_calls_answer_in_their_shapes(
    dcs: Simulator, ask: Ask, ids: list[str]
) -> None:
    """Single stops, logs, restart and delete."""
    dcs.fleet.alter(ids[0], {"stop_s": 60.0})
    stopped = await ask("stop_migration_task", v2.StopMigrationTaskRequest(ids[0]))
    assert stopped.status == "TERMINATING"
    await ask("stop_migration_task_sync", v2.StopMigrationTaskSyncRequest(ids[1]))
    logs = await ask(
        "list_migration_task_logs", v2.ListMigrationTaskLogsRequest(ids[0], log_level="INFO")
    )
    assert (logs.log_num, logs.migration_logs[0].keyword) == (2, ["TERMINATING"])
    body = v2.BatchRestartOnlineMigrationTasksBody(migration_tasks=[ids[2]])
    request = v2.BatchRestartOnlineMigrationTasksRequest(body)
    restarted = await ask("batch_restart_online_migration_tasks", request)
    assert restarted.migration_tasks[0].error_code == "DCS.4957"
    removal = v2.DeleteMigrationTaskRequest(v2.DeleteMigrateTaskRequest([ids[3], UNKNOWN]))
    deleted = await ask("delete_migration_task", removal)
    assert deleted.task_id_list == [ids[3]]


async def test_a_backup_import_shows_its_files(ask: Ask) -> None:
    """Only such a task has them."""
    shown = await ask("show_migration_task", v2.ShowMigrationTaskRequest(BACKUP))
    assert shown.backup_files.files[0].file_name.endswith(".rdb")


async def test_what_is_refused_and_how(dcs: Simulator, ask: Ask, ids: list[str]) -> None:
    """Status and code of every refusal a caller can provoke."""
    many = [ids[0]] * 51
    show, listing = "show_migration_task", "list_migration_task"
    batch = "batch_stop_migration_tasks"
    assert await refused(ask, batch, stop(many)) == (400, "DCS.4063")
    assert await refused(ask, batch, stop(["malformed"])) == (400, "DCS.4855")
    assert await refused(ask, show, v2.ShowMigrationTaskRequest("x")) == (400, "DCS.4070")
    assert await refused(ask, show, v2.ShowMigrationTaskRequest(UNKNOWN)) == (400, "DCS.4133")
    await ask("batch_stop_migration_tasks", stop(ids[:1]))
    dcs.switch(stop_again="failed")
    request = v2.StopMigrationTaskRequest(ids[0])
    assert await refused(ask, "stop_migration_task", request) == (400, "DCS.4957")
    for bad in ({"limit": 0}, {"limit": 1001}, {"offset": -1}):
        request = v2.ListMigrationTaskRequest(**bad)
        assert await refused(ask, listing, request) == (400, "DCS.4063")
    request = v2.ListMigrationTaskRequest()
    other = "f" * 32
    assert await refused(ask, listing, request, project_id=other) == (403, "APIGW.0310")
    assert await refused(ask, listing, request, secret_key="no") == (401, "APIGW.0301")


@pytest.mark.parametrize("types", ["string", "number"])
async def test_stats_have_the_fields_of_the_sdk_model(
    dcs: Simulator, ask: Ask, ids: list[str], types: str
) -> None:
    """Every field and no other; the SDK makes text of numbers."""
    dcs.switch(stats_types=types)
    dcs.fleet.alter(ids[0], {"lag_bytes": 5000, "catch_up_bytes_per_s": 0.0})
    figures = await ask("show_migration_task_stats", v2.ShowMigrationTaskStatsRequest(ids[0]))
    assert set(figures.to_json_object()) == set(v2.ShowMigrationTaskStatsResponse.openapi_types)
    assert (figures.offset, figures.is_migrating) == ("5000", True)
    assert figures.full_migration_progress == "100.0"


async def test_the_lag_of_a_task_as_the_sdk_sees_it(
    dcs: Simulator, ask: Ask, ids: list[str]
) -> None:
    """A busy source shows one, a dead one 0 and that nothing migrates, a bad id is not found."""

    async def stats(task_id: str) -> tuple[bool, bool]:
        request = v2.ShowMigrationTaskStatsRequest(task_id)
        figures = await ask("show_migration_task_stats", request)
        return int(figures.offset) > 0, figures.is_migrating

    dcs.fleet.write(on=True, chosen=dcs.fleet.choose(task_ids=ids[:2]))
    dcs.fleet.alter(ids[1], {"dead": True})
    found = [await stats(one) for one in ids[:3]]
    assert found == [(True, True), (False, False), (False, True)]
    request = v2.ShowMigrationTaskStatsRequest(UNKNOWN)
    assert await refused(ask, "show_migration_task_stats", request) == (400, "DCS.4133")


async def test_a_log_has_the_fields_of_the_sdk_model(
    dcs: Simulator, ask: Ask, ids: list[str]
) -> None:
    """The SDK reads it in pages, and by level."""
    dcs.fleet.alter(ids[0], {"log_lines": [["ERROR", "broken"]], "debug_lines": 20})

    async def page(**query: Any) -> Any:
        return await ask(
            "list_migration_task_logs", v2.ListMigrationTaskLogsRequest(ids[0], **query)
        )

    found = await page()
    assert (found.log_num, len(found.migration_logs)) == (22, 10)
    assert set(found.migration_logs[0].to_dict()) == set(v2.MigrationLog.openapi_types)
    assert len((await page(offset=20, limit=10)).migration_logs) == 2
    assert [one.message for one in (await page(log_level="ERROR")).migration_logs] == ["broken"]


async def test_odd_answers_as_the_sdk_sees_them(dcs: Simulator, ask: Ask, ids: list[str]) -> None:
    """An empty list, words that nobody documents, and another name for the id."""
    dcs.switch(stop_ended="success")  # the first stop may be through before the last

    async def answer(kind: FaultKind, **fault: Any) -> list[tuple[Any, Any]]:
        dcs.faults.add(Fault(kind=kind, operation="batch_stop", times=1, **fault))
        reply = await ask("batch_stop_migration_tasks", stop(ids[:1]))
        return [(item.task_id, item.result) for item in reply.migration_tasks]

    assert await answer(FaultKind.EMPTY_LIST) == []
    for said in (None, "accepted", "success ", "Success"):
        assert await answer(FaultKind.FIELDS, says={"result": said}) == [(ids[0], said)]
    renamed = await answer(FaultKind.FIELDS, rename={"task_id": "id"})
    assert renamed == [(None, "success")]


@pytest.mark.parametrize(
    "name, form, shown",
    [
        pytest.param("a\nb", "raw", None, id="control characters"),
        pytest.param("\u6570", "gbk", ["\ufffd\ufffd"], id="gbk"),
        pytest.param("a\ud800", "json", ["a\ud800"], id="lone surrogate"),
    ],
)
async def test_strange_names_as_the_sdk_sees_them(
    ask: Ask, dcs: Simulator, name: str, form: Any, shown: list[str] | None
) -> None:
    """Control characters make the whole list vanish without an error; others pass somehow."""
    dcs.fleet.clear()
    dcs.fleet.add(MigrationSpec(task_id=BACKUP, name=name, name_form=form))
    page = await ask("list_migration_task", v2.ListMigrationTaskRequest())
    names = page.migration_tasks and [row.task_name for row in page.migration_tasks]
    assert names == shown


async def test_a_list_with_short_pages_is_complete_all_the_same(
    dcs: Simulator, ask: Ask, ids: list[str]
) -> None:
    """For whoever goes on until a page is empty."""
    dcs.switch(list_rows_max=7)
    found: list[str] = []
    while True:
        request = v2.ListMigrationTaskRequest(offset=len(found), limit=1000)
        rows = (await ask("list_migration_task", request)).migration_tasks
        if not rows:
            break
        found += [row.task_id for row in rows]
    assert found == ids


async def test_an_echo_reaches_whoever_reads_the_exception(dcs: Simulator, ask: Ask) -> None:
    """The text of the SDK's exception then holds the signature of the request."""
    dcs.switch(error_texts="echo")
    with pytest.raises(exceptions.ServiceResponseException) as refusal:
        await ask("list_migration_task", v2.ListMigrationTaskRequest(), secret_key="no")
    assert "canonicalRequest:GET|" in refusal.value.error_msg
    assert "Signature=" in refusal.value.error_msg


async def test_a_missing_permission_as_the_sdk_sees_it(
    dcs: Simulator, ask: Ask, ids: list[str]
) -> None:
    """One for show and stats, another for the stop."""
    dcs.permissions.deny(dcs.project.access_key, ["get", "modify"])
    for method, request in (
        ("show_migration_task", v2.ShowMigrationTaskRequest(ids[0])),
        ("show_migration_task_stats", v2.ShowMigrationTaskStatsRequest(ids[0])),
        ("batch_stop_migration_tasks", stop(ids[:1])),
    ):
        assert await refused(ask, method, request) == (403, "DCS.2007")
    assert (await ask("list_migration_task", v2.ListMigrationTaskRequest())).count == 25


async def test_a_restarted_task_migrates_again(dcs: Simulator, ask: Ask, ids: list[str]) -> None:
    """With a full sync first, if the switch says so."""
    dcs.switch(restart_sync="full")
    await ask("batch_stop_migration_tasks", stop(ids[:1]))
    while dcs.fleet[ids[0]].word != "TERMINATED":  # noqa: ASYNC110 - its clock is the real one
        await asyncio.sleep(0.01)
    body = v2.BatchRestartOnlineMigrationTasksBody(migration_tasks=ids[:1])
    request = v2.BatchRestartOnlineMigrationTasksRequest(body)
    restarted = await ask("batch_restart_online_migration_tasks", request)
    assert [item.result for item in restarted.migration_tasks] == ["success"]
    shown = await ask("show_migration_task", v2.ShowMigrationTaskRequest(ids[0]))
    assert shown.status == "FULLMIGRATING"
