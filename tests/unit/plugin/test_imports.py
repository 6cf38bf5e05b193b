"""`kubectl dcs import` against fakes of both sides: files, summaries, credentials, refusals."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from dcs_migration_operator.core.cloud import Page
from dcs_migration_operator.core.errors import (
    AuthFailed,
    Misconfigured,
    PermissionDenied,
    Throttled,
    Unavailable,
)
from dcs_migration_operator.core.model import ErrorDetail, Observation
from sandbox import manifests
from unit.plugin import bodies
from unit.plugin.fake_api import refusal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dcs_migration_operator.core.model import Account
    from unit.plugin.conftest import Run
    from unit.plugin.fake_api import FakeApi

KEY, SECRET, TOKEN = "AK-PLANTED", "SK-PLANTED", "TOKEN-PLANTED"

ROWS = 1000


class FakeDcs:
    """A project of DCS; `fault` is raised by the first call."""

    def __init__(self) -> None:
        self.migrations: list[Observation] = []
        self.accounts: list[Account] = []
        self.offsets: list[int] = []
        self.fault: Exception | None = None
        self.rows_max = ROWS

    def __call__(self, account: Account, **_: Any) -> FakeDcs:
        """Take the place of the constructor."""
        self.accounts.append(account)
        return self

    def list_page(self, offset: int) -> Page:
        """Return a page, or raise the fault."""
        self.offsets.append(offset)
        if self.fault:
            raise self.fault
        rows = self.migrations[offset : offset + self.rows_max]
        return Page(len(rows), tuple(rows))

    def close(self) -> None:
        """Do nothing."""

    def add(self, name: str, word: str = "INCRMIGEATING", number: int | None = None) -> str:
        """Add a migration and return its id."""
        number = len(self.migrations) + 1 if number is None else number
        task_id = f"{number:08x}-0000-4000-8000-000000000000"
        self.migrations.append(Observation(word, task_id, name, target="dcs-1"))
        return task_id


@pytest.fixture
def dcs(monkeypatch: pytest.MonkeyPatch) -> FakeDcs:
    """Put a fake in the place of the DCS client."""
    fake = FakeDcs()
    monkeypatch.setattr("kubectl_dcs.cloud.DcsClient", fake)
    return fake


def encoded(**data: str) -> dict[str, str]:
    """Return the data of a Secret."""
    return {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}


@pytest.fixture
def connected(api: FakeApi) -> None:
    """Store a project and its Secret."""
    project = manifests.dcs_project("default", region="cn-north-4")
    project["metadata"]["namespace"] = "shop"
    api.put("dcsprojects", project)
    secret = {"metadata": {"name": "credentials", "namespace": "shop"}}
    api.put(
        "secrets", secret | {"data": encoded(accessKey=KEY, secretKey=f"{SECRET}\n")}, "/api/v1"
    )


pytestmark = pytest.mark.usefixtures("connected")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder that is not there yet."""
    return tmp_path / "git" / "fleet"


def read(folder: Path) -> dict[str, Any]:
    """Return the manifests of a folder by their files."""
    return {
        path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in folder.iterdir()
    }


def test_each_migration_that_nobody_names_gets_a_file(
    api: FakeApi, run: Run, dcs: FakeDcs, folder: Path
) -> None:
    """What is managed is counted by who does; what does not run is left out."""
    ids = [dcs.add("orders"), dcs.add("订单"), dcs.add("done", "SUCCESS"), dcs.add("carts")]
    taken = bodies.task("x", namespace="elsewhere", spec={"taskId": ids[3]})
    api.put("migrationtasks", taken)
    ran = run("import", "--running", "-o", str(folder), "--label", "wave=1")
    assert (ran.status, ran.out) == (0, "")
    found = read(folder)
    assert sorted(found) == ["migration-00000002.yaml", "orders.yaml"]
    assert found["orders.yaml"] == {
        "apiVersion": "dcs.huaweicloud.com/v1alpha1",
        "kind": "MigrationTask",
        "metadata": {"name": "orders", "namespace": "shop", "labels": {"wave": "1"}},
        "spec": {"taskId": ids[0]},
    }
    assert ran.err.splitlines() == [
        "4 migrations in DCS, by 2 calls.",
        f"Written to {folder}: 2 manifests.",
        "Managed already: 1: 1 by namespace elsewhere.",
        "Excluded by the filters: 1.",
    ]


def test_the_key_of_the_projects_secret_is_used(run: Run, dcs: FakeDcs) -> None:
    """With the newline that `echo` leaves taken off; neither is printed."""
    dcs.add("orders")
    ran = run("import", "-o", "-")
    (account,) = dcs.accounts
    assert (account.credentials.access_key, account.credentials.secret_key) == (KEY, SECRET)
    assert account.endpoint == "https://dcs.cn-north-4.myhuaweicloud.com"
    assert "PLANTED" not in ran.out + ran.err


def test_the_environment_outweighs_the_secret(
    api: FakeApi, run: Run, dcs: FakeDcs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sets it means it; the Secret is not even read."""
    for name, value in [("AK", KEY), ("SK", SECRET), ("SECURITY_TOKEN", TOKEN)]:
        monkeypatch.setenv(f"HUAWEICLOUD_SDK_{name}", value)
    ran = run("import", "-o", "-")
    assert ran.status == 0
    assert "Calling DCS with the access key of HUAWEICLOUD_SDK_AK." in ran.err
    assert dcs.accounts[0].credentials.security_token == TOKEN
    assert "PLANTED" not in ran.out + ran.err
    assert not [one for one in api.asked if "/secrets/" in one.path]


def test_ten_thousand_migrations_cost_eleven_calls(run: Run, dcs: FakeDcs) -> None:
    """Pages of a thousand, until one is short."""
    for number in range(10_000):
        dcs.add(f"m{number}")
    ran = run("import", "-o", "json")
    assert ran.status == 0
    assert len(json.loads(ran.out)["items"]) == 10_000
    assert dcs.offsets == [ROWS * number for number in range(11)]


def test_a_server_that_gives_shorter_pages_is_asked_to_the_end(run: Run, dcs: FakeDcs) -> None:
    """A page that is not full is no proof that there is no other."""
    dcs.rows_max = 100
    for number in range(250):
        dcs.add(f"m{number}")
    assert len(json.loads(run("import", "-o", "json").out)["items"]) == 250
    assert dcs.offsets == [0, 100, 200]


def test_what_moves_between_pages_is_there_once(run: Run, dcs: FakeDcs) -> None:
    """DCS does not promise that a list stays as it is."""
    for number in range(1500):
        dcs.add(f"m{number}", number=number if number != 1200 else 999)
    ran = run("import", "-o", "json")
    assert len(json.loads(ran.out)["items"]) == 1499


def test_a_second_run_changes_nothing(run: Run, dcs: FakeDcs, folder: Path) -> None:
    """And what somebody has edited meanwhile is kept, unless forced."""
    dcs.add("orders")
    dcs.add("carts")
    run("import", "-o", str(folder))
    edited = folder / "orders.yaml"
    edited.write_text(edited.read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    again = run("import", "-o", str(folder))
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert "Kept, because their contents differ" in again.err
    assert "  orders.yaml" in again.err
    assert "carts.yaml" not in again.err
    run("import", "-o", str(folder), "--force")
    assert "# mine" not in edited.read_text(encoding="utf-8")


def test_one_file_or_standard_output_take_all(run: Run, dcs: FakeDcs, tmp_path: Path) -> None:
    """As documents that kubectl applies as they are."""
    dcs.add("orders")
    dcs.add("carts")
    place = tmp_path / "fleet.yaml"
    assert run("import", "-o", str(place)).status == 0
    assert run("import", "-o", "-").out == place.read_text(encoding="utf-8")
    names = [d["metadata"]["name"] for d in yaml.safe_load_all(place.read_text(encoding="utf-8"))]
    assert names == ["carts", "orders"]
    place.write_text("mine", encoding="utf-8")
    assert run("import", "-o", str(place)).status == 2
    assert run("import", "-o", str(place), "--force").status == 0


def test_a_kustomization_lists_what_is_there(run: Run, dcs: FakeDcs, folder: Path) -> None:
    """Files of earlier imports too, since their resources are managed by now."""
    dcs.add("orders")
    run("import", "-o", str(folder))
    dcs.migrations.clear()
    dcs.add("carts")
    run("import", "-o", str(folder), "--kustomize")
    assert read(folder)["kustomization.yaml"]["resources"] == ["carts.yaml", "orders.yaml"]


@pytest.mark.parametrize(
    "fault, line",
    [
        (
            AuthFailed(ErrorDetail("APIGW.0301", "Incorrect IAM authentication information.")),
            (
                "DCS at https://dcs.cn-north-4.myhuaweicloud.com refused the request: APIGW.0301:"
                " Incorrect IAM authentication information; check the access key"
            ),
        ),
        (
            PermissionDenied(ErrorDetail("DCS.4100", "no")),
            "the access key needs dcs:migrationTask:get, dcs:migrationTask:list",
        ),
        (
            Unavailable(ErrorDetail("no-connection", "the endpoint cannot be reached")),
            "the endpoint cannot be reached; try again later",
        ),
        (Throttled(ErrorDetail("APIGW.0308", "over ratelimit")), "over ratelimit; try again later"),
        (Misconfigured(ErrorDetail("HTTP 302", "moved")), "check the endpoint and the project id"),
    ],
)
def test_what_dcs_refuses_is_one_line(
    run: Run, dcs: FakeDcs, folder: Path, fault: Exception, line: str
) -> None:
    """After one call: five wrong keys in a row would lock the key for everybody."""
    dcs.fault = fault
    ran = run("import", "-o", str(folder))
    assert ran.status == 1
    assert line in ran.err
    assert ran.err.count("\n") == 1
    assert len(dcs.offsets) == 1
    assert not folder.exists()


def without_secret(api: FakeApi) -> None:
    """Delete the Secret."""
    del api.objects["/api/v1/namespaces/shop/secrets/credentials"]


def with_secret(**data: str) -> Callable[[FakeApi], None]:
    """Replace what is in the Secret."""

    def change(api: FakeApi) -> None:
        api.objects["/api/v1/namespaces/shop/secrets/credentials"]["data"] = data

    return change


def with_endpoint(endpoint: str) -> Callable[[FakeApi], None]:
    """Let the project name an endpoint."""

    def change(api: FakeApi) -> None:
        path = "/apis/dcs.huaweicloud.com/v1alpha1/namespaces/shop/dcsprojects/default"
        api.objects[path]["spec"] |= {"region": None, "endpoint": endpoint}

    return change


@pytest.mark.parametrize(
    "change, line",
    [
        (
            without_secret,
            "Secret shop/credentials does not exist; create it, or set HUAWEICLOUD_SDK_AK",
        ),
        (with_secret(), "key accessKey of Secret shop/credentials is missing, empty or not"),
        (with_secret(accessKey="not base64!"), "key accessKey of Secret shop/credentials is"),
        (
            with_endpoint("https://dcs.evil.example.com"),
            "names the endpoint https://dcs.evil.example.com, which is not one of Huawei Cloud's",
        ),
    ],
)
def test_what_is_missing_is_named(
    api: FakeApi, run: Run, dcs: FakeDcs, change: Callable[[FakeApi], None], line: str
) -> None:
    """Before DCS is called."""
    change(api)
    ran = run("import", "-o", "-")
    assert ran.status == 1
    assert line in ran.err
    assert dcs.accounts == []


@pytest.mark.parametrize("typed", [True, False], ids=["typed", "in the environment"])
def test_an_endpoint_of_ones_own_is_allowed_by_name(
    api: FakeApi, run: Run, dcs: FakeDcs, monkeypatch: pytest.MonkeyPatch, *, typed: bool
) -> None:
    """Also a plain one on this machine, as in the sandbox."""
    with_endpoint("http://127.0.0.1:8080")(api)
    options = ["--allow-endpoint", "http://127.0.0.1:*"] if typed else []
    if not typed:
        variable = "KUBECTL_DCS_ALLOW_ENDPOINT"
        monkeypatch.setenv(variable, "https://dcs.example.com http://127.0.0.1:*")
    assert run("import", "-o", "-", *options).status == 0
    assert dcs.accounts[0].named


def test_a_cluster_project_has_its_secret_where_the_operator_is(
    api: FakeApi, run: Run, dcs: FakeDcs
) -> None:
    """The line asks for the namespace; the manifests name the project."""
    api.collections.add("clusterdcsprojects")
    dcs.add("orders")
    api.put("clusterdcsprojects", manifests.dcs_project("shared", region="cn-north-4"))
    secret = {"metadata": {"name": "credentials", "namespace": "dcs-system"}}
    api.put("secrets", secret | {"data": encoded(accessKey=KEY, secretKey=SECRET)}, "/api/v1")
    asked = run("import", "--cluster-project", "shared", "-o", "-")
    assert asked.status == 2
    assert "(--secret-namespace)" in asked.err
    ran = run(
        "import", "--cluster-project", "shared", "--secret-namespace", "dcs-system", "-o", "-"
    )
    assert yaml.safe_load(ran.out)["spec"]["projectRef"] == {
        "kind": "ClusterDCSProject",
        "name": "shared",
    }


def test_half_of_a_key_in_the_environment_is_wrong_usage(
    run: Run, dcs: FakeDcs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather than taking the Secret after all."""
    monkeypatch.setenv("HUAWEICLOUD_SDK_AK", KEY)
    ran = run("import", "-o", "-")
    assert ran.status == 2
    assert "set both HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK" in ran.err
    assert dcs.accounts == []


def test_who_may_see_one_namespace_alone_is_told(
    api: FakeApi, run: Run, dcs: FakeDcs, folder: Path
) -> None:
    """What others manage is then not known, which the line says."""
    dcs.add("orders")
    everywhere = "/apis/dcs.huaweicloud.com/v1alpha1/migrationtasks"
    api.faults.append(lambda asked: refusal(403, "no") if asked.path == everywhere else None)
    ran = run("import", "-o", str(folder))
    assert ran.status == 0
    assert "You may not list tasks in all namespaces" in ran.err
    assert sorted(read(folder)) == ["orders.yaml"]


def test_a_folder_that_cannot_be_written_is_one_line(
    run: Run, dcs: FakeDcs, tmp_path: Path
) -> None:
    """With the reason of the system."""
    dcs.add("orders")
    (tmp_path / "file").write_text("", encoding="utf-8")
    ran = run("import", "-o", str(tmp_path / "file" / "below"))
    assert ran.status == 1
    assert "cannot be written: Not a directory" in ran.err
