"""`kubectl dcs import` between a real API server and the strict simulator of DCS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from sandbox import manifests

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.plugin.conftest import Ran, Run
    from sandbox.api import Api
    from support.control_plane import Kubectl
    from support.operator.cloud import Cloud, CloudProject
    from support.shop import Shop

RUNNING, MANAGED = 412, 37


class Importer:
    """A project of the simulated cloud, connected to the test's namespace."""

    def __init__(self, api: Api, run: Run, dcs: CloudProject, namespace: str) -> None:
        self._run, self.dcs = run, dcs
        self._allow = f"--allow-endpoint={dcs.cloud.endpoint}"
        secret = manifests.secret(**dcs.credentials)
        api.create(manifests.core_path(namespace, "secrets"), secret)
        project = manifests.dcs_project(
            "default", endpoint=dcs.cloud.endpoint, projectId=dcs.project_id
        )
        api.create(manifests.path(namespace, manifests.PROJECTS), project)

    def __call__(self, *options: str) -> Ran:
        """Run the import."""
        return self._run("import", "--project", "default", self._allow, *options)


@pytest.fixture
def importer(api: Api, run: Run, cloud: Cloud, namespace: str) -> Importer:
    """Give a way to import."""
    return Importer(api, run, cloud.open_project(with_token=True), namespace)


def test_what_is_imported_is_applied_as_it_is(
    importer: Importer, shop: Shop, kubectl: Kubectl, tmp_path: Path
) -> None:
    """412 run, of which 37 are managed; afterwards all are, and a second import finds none."""
    ids = importer.dcs.add_many(RUNNING - 2)
    ids += [importer.dcs.add(name="订单缓存"), importer.dcs.add(name="Orders (EU)")]
    importer.dcs.add_many(20, word="SUCCESS")
    for number, task_id in enumerate(ids[:MANAGED]):
        shop.task(f"known-{number}", taskId=task_id)
    folder = tmp_path / "fleet"
    ran = importer("--running", "-o", str(folder), "--kustomize")
    assert ran.status == 0
    assert f"Managed already: {MANAGED}: {MANAGED} by namespace {shop.namespace}." in ran.err
    assert f"Written to {folder}: {RUNNING - MANAGED} manifests." in ran.err
    applied = kubectl("apply", "--kustomize", folder)
    assert applied.count(" created") == RUNNING - MANAGED
    listed: list[Any] = yaml.safe_load(kubectl("get", "dcsmt", "--output", "yaml"))["items"]
    assert {one["spec"]["taskId"] for one in listed} == set(ids)
    assert not any(one["spec"]["stopped"] for one in listed)
    again = importer("--running", "-o", str(tmp_path / "none"))
    assert "0 manifests" in again.err
    assert "orders-eu" in {one["metadata"]["name"] for one in listed}


def test_nothing_of_the_credentials_is_written(importer: Importer, tmp_path: Path) -> None:
    """Neither to a file nor to the terminal, also when DCS says no."""
    importer.dcs.add()
    folder = tmp_path / "fleet"
    said = [importer("-o", str(folder)), importer("-o", "-")]
    importer.dcs.rotate()
    refused = importer("-o", "-")
    assert refused.status == 1
    assert "refused the request: APIGW.0301" in refused.err
    texts = [path.read_text(encoding="utf-8") for path in folder.iterdir()]
    texts += [ran.out + ran.err for ran in (*said, refused)]
    for secret in importer.dcs.credentials.values():
        assert not any(secret in text for text in texts)
    assert not any("PLANTED" in text for text in texts)


def test_an_import_costs_two_lists(importer: Importer) -> None:
    """The second finds nothing more; nothing is shown, nothing is stopped."""
    importer.dcs.add_many(30)
    importer("-o", "-")
    assert [call.operation for call in importer.dcs.calls()] == ["list", "list"]
