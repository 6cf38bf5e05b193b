"""From the CRDs before cutovers to those of today and back, with resources that exist.

`tests/cases/before_cutover` keeps those CRDs as they were. They are installed under another group,
so that the CRDs that all other tests share stay as they are.
"""

from __future__ import annotations

import copy
import secrets
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from sandbox import manifests
from sandbox.api import ApiError
from sandbox.waiting import eventually
from support.checkout import CASES
from support.checkout import CRDS as TODAY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox.api import Api

BEFORE: Final = CASES / "before_cutover"

CRDS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GROUP: Final = "dcs.huaweicloud.com"


class Installed:
    """One CRD under a group of its own, first as it was.

    Args:
        sample: An object that uses what is new in `spec`.
        new: The field of `spec` that is new.
    """

    def __init__(self, api: Api, plural: str, sample: dict[str, Any], new: str) -> None:
        self._api, self._plural, self._sample, self._new = api, plural, sample, new
        self._group = f"g{secrets.token_hex(4)}.example.com"
        self._path = f"{CRDS}/{plural}.{self._group}"
        self._collection = f"/apis/{self._group}/v1alpha1/namespaces/default/{plural}"
        api.create(CRDS, self._crd(BEFORE))
        eventually(lambda: self._knows_it() is False)

    def put(self, folder: Path) -> None:
        """Replace the CRD by another edition, and wait until that is the one that is served."""
        body = self._crd(folder)
        there = self._api.get(self._path)
        body["metadata"]["resourceVersion"] = there["metadata"]["resourceVersion"]
        self._api.replace(self._path, body)
        eventually(lambda: self._knows_it() is (folder == TODAY))

    def create(self, body: dict[str, Any], *, dry_run: bool = False) -> Any:
        """Create an object of it."""
        renamed = body | {"apiVersion": f"{self._group}/v1alpha1"}
        query = "?dryRun=All" if dry_run else ""
        return self._api.create(f"{self._collection}{query}", renamed)

    def get(self, name: str) -> Any:
        """Read an object of it."""
        return self._api.get(f"{self._collection}/{name}")

    def patch(self, name: str, body: Any) -> Any:
        """Patch an object of it."""
        return self._api.patch(f"{self._collection}/{name}", body)

    def close(self) -> None:
        """Delete the CRD and all objects."""
        self._api.delete(self._path)

    def _crd(self, folder: Path) -> dict[str, Any]:
        text = (folder / f"{self._plural}.yaml").read_text(encoding="utf-8")
        body: dict[str, Any] = yaml.safe_load(text.replace(GROUP, self._group))
        # Those of the real CRDs would be ambiguous to the kubectl of other tests.
        for names in ("shortNames", "categories"):
            del body["spec"]["names"][names]
        return body

    def _knows_it(self) -> bool | None:
        """Tell whether what is new is kept; None while the kind is not served."""
        body = copy.deepcopy(self._sample)
        body["metadata"] = {"name": f"probe-{secrets.token_hex(4)}"}
        try:
            return self._new in self.create(body, dry_run=True)["spec"]
        except ApiError:
            return None


WITH_CUTOVER: Final = manifests.migration_task("new", cutover={"waveRef": {"name": "first"}})
SUSPENDED: Final = manifests.dcs_project("new", region="cn-north-4", suspend=True)


@pytest.fixture
def tasks(api: Api) -> Iterator[Installed]:
    """Give the CRD of tasks as it was before cutovers."""
    installed = Installed(api, manifests.TASKS, WITH_CUTOVER, "cutover")
    yield installed
    installed.close()


@pytest.fixture
def projects(api: Api) -> Iterator[Installed]:
    """Give the CRD of projects as it was before they could be suspended."""
    installed = Installed(api, manifests.PROJECTS, SUSPENDED, "suspend")
    yield installed
    installed.close()


def test_an_older_crd_drops_a_cutover_and_the_task_is_only_observed(tasks: Installed) -> None:
    """It fails closed: what is left of the wish is `stopped: false`."""
    stored = tasks.create(WITH_CUTOVER)["spec"]
    assert stored.keys() == {"taskId", "stopped", "projectRef"}
    assert stored["stopped"] is False


def test_older_tasks_stay_as_they_are_and_can_still_be_written(tasks: Installed) -> None:
    """Each wish that an older CRD could hold is valid under the new one, to the last byte."""
    old = {
        "watched": manifests.migration_task("watched"),
        "stopped": manifests.migration_task("stopped", stopped=True),
        "elsewhere": manifests.migration_task(
            "elsewhere", projectRef={"kind": "ClusterDCSProject", "name": "shared"}
        ),
    }
    before = {name: tasks.create(body)["spec"] for name, body in old.items()}
    tasks.put(TODAY)
    for name, spec in before.items():
        labelled = tasks.patch(name, {"metadata": {"labels": {"wave": "first"}}})
        assert labelled["spec"] == spec
        assert labelled["metadata"]["generation"] == 1


def test_after_a_rollback_of_the_crd_a_task_is_only_observed(tasks: Installed) -> None:
    """An older operator reads no cutover; it comes back with the newer CRD, unless written over."""
    tasks.put(TODAY)
    cutover = tasks.create(WITH_CUTOVER)["spec"]["cutover"]
    tasks.put(BEFORE)
    assert "cutover" not in tasks.get("new")["spec"]
    tasks.put(TODAY)
    assert tasks.get("new")["spec"]["cutover"] == cutover
    tasks.put(BEFORE)
    tasks.patch("new", {"metadata": {"labels": {"touched": "yes"}}})
    tasks.put(TODAY)
    assert "cutover" not in tasks.get("new")["spec"]


def test_an_older_crd_drops_a_suspension(projects: Installed) -> None:
    """The brake needs the new CRD; upgrade.md says to look before relying on it."""
    assert "suspend" not in projects.create(SUSPENDED)["spec"]


def test_older_projects_stay_as_they_are(projects: Installed) -> None:
    """A project that says nothing of a suspension is not suspended."""
    spec = projects.create(manifests.dcs_project("old", region="cn-north-4"))["spec"]
    projects.put(TODAY)
    labelled = projects.patch("old", {"metadata": {"labels": {"a": "b"}}})
    assert labelled["spec"] == spec
    assert "suspend" not in spec
