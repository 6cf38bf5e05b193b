"""What a listing hands on, and when it is complete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from dcs_migration_operator.kube.listing import Listing

if TYPE_CHECKING:
    from dcs_migration_operator.engine.intake import Intake

GROUP: Final = "/apis/dcs.huaweicloud.com/v1alpha1"
KINDS: Final = ("migrationtasks", "dcsprojects", "migrationwaves")


def item(name: str) -> dict[str, Any]:
    """Return an object that every kind can be."""
    metadata = {"namespace": "team-a", "name": name, "uid": name, "resourceVersion": "1"}
    spec = {"taskId": "b21989ec-2889-4b8e-99db-19c073425ec2", "region": "x", "projectId": "y"}
    return {"metadata": metadata, "spec": spec}


class Told:
    """Keeps the uids that the intake was told of, by kind (`Intake`)."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    @property
    def intake(self) -> Intake:
        """Itself, as a listing knows it."""
        return cast("Intake", self)

    def task_changed(self, task: Any, _status: object, _version: int) -> None:
        """Keep a task."""
        self.calls.append(("task", task.ref.uid))

    def project_changed(self, project: Any, _status: object, _version: int) -> None:
        """Keep a project."""
        self.calls.append(("project", project.object.uid))

    def wave_changed(self, wave: Any, _status: object, _version: int) -> None:
        """Keep a wave."""
        self.calls.append(("wave", wave.object.uid))

    def unreadable(self, ref: Any, _version: int, _reason: str) -> None:
        """Keep what cannot be read."""
        self.calls.append(("unreadable", ref.uid))


def test_each_object_is_taken_in_as_what_it_is() -> None:
    """By the plural in the path; one that cannot be read harms no other of its page."""
    told = Told()
    listing = Listing(told.intake, (), cluster_projects=True)
    odd = item("odd") | {"spec": None}
    listing.page(f"{GROUP}/migrationtasks", [item("t1"), odd, {}, item("t2")], last=False)
    listing.page(f"{GROUP}/dcsprojects", [item("p1")], last=True)
    listing.page(f"{GROUP}/clusterdcsprojects", [item("p2")], last=True)
    listing.page(f"{GROUP}/migrationwaves", [item("w1")], last=True)
    assert told.calls == [
        *(("task", "t1"), ("unreadable", "odd"), ("task", "t2")),
        *(("project", "p1"), ("project", "p2"), ("wave", "w1")),
    ]


@pytest.mark.parametrize("server", ["", "/clusters/one"])
@pytest.mark.parametrize("cluster_projects", [False, True])
@pytest.mark.parametrize("namespaces", [(), ("team-a",), ("team-a", "team-b")])
def test_it_is_complete_once_every_list_was_read_to_its_end(
    namespaces: tuple[str, ...], server: str, *, cluster_projects: bool
) -> None:
    """Each kind in each namespace, whatever the path of the server; before, nobody may act."""
    listing = Listing(Told().intake, namespaces, cluster_projects=cluster_projects)
    scopes = [f"{GROUP}/namespaces/{one}" for one in namespaces] or [GROUP]
    paths = [f"{server}{scope}/{kind}" for scope in scopes for kind in KINDS]
    paths += [f"{server}{GROUP}/clusterdcsprojects"] if cluster_projects else []
    for path in paths:
        assert not listing.complete.is_set()
        listing.page(path, [], last=False)
        assert not listing.complete.is_set()
        listing.page(path, [], last=True)
    assert listing.complete.is_set()


def test_a_list_that_is_read_again_completes_no_other() -> None:
    """As after a watch that has lost its place before the others had begun."""
    listing = Listing(Told().intake, (), cluster_projects=False)
    for _ in range(5):
        listing.page(f"{GROUP}/migrationtasks", [], last=True)
    assert not listing.complete.is_set()
