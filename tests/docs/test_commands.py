"""Every block of commands of the pages for new users is run, or says why it cannot be."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from dcs_migration_operator.core.model import task_key
from docs.pages import Block, blocks, languages
from docs.walk import TASK_ID, Walk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox.control_plane import ControlPlane
    from support.operator.cloud import Cloud, CloudProject

READMES = ("README.md", "README.zh-CN.md")
GETTING_STARTED = ("docs/getting-started.md", "docs/zh/getting-started.md")

WALKS = {
    "readme": READMES[:1],
    "life": (GETTING_STARTED[0], "docs/upgrade.md", "docs/uninstall.md"),
    "readme-zh": READMES[1:],
    "life-zh": GETTING_STARTED[1:],
}
"""Pages that are followed one after the other, on a cluster where nothing is installed."""

CUTOVERS = ("docs/cutover.md", "docs/zh/cutover.md")
"""Pages that begin where a project is, but no task."""

BEFORE_A_CUTOVER = ("helm install ", "kubectl create secret ")
"""How the blocks of getting started begin that they need."""

PAGES = (*(page for walk in WALKS.values() for page in walk), *CUTOVERS)

NOT_RUN = {
    "README.md: make demo   # the main job on an embedded Kubernetes control plane and a"
    " simulated DCS": "runs these tests",
    "README.zh-CN.md: make demo   # 在内嵌的 Kubernetes 控制面和模拟的 DCS"
    " 上完成一次完整的停止流程": "runs these tests",
    **{f"{page}: kubectl apply -f crds/": "runs until Ctrl-C" for page in READMES},
    **{
        f"{page}: docker build --file deploy/Dockerfile --tag"
        " registry.example.com/dcs-migration-operator:dev"
        " .": "needs a container engine and a registry"
        for page in GETTING_STARTED
    },
    **{
        f"{page}: kubectl --namespace dcs-system rollout status"
        " deployment/dcs-migration-operator": "waits for pods, which a kubelet has to start"
        for page in GETTING_STARTED
    },
    "docs/upgrade.md: helm install dcs-migration-operator deploy/chart --namespace dcs-system"
    " --create-namespace --take-ownership --force-conflicts": "only after an installation by hand",
}
"""The blocks that the tests leave out, with the reason that the page gives for each."""


@pytest.fixture
def dcs(cloud: Cloud) -> CloudProject:
    """Give an account in which the migration of the pages runs."""
    project = cloud.open_project()
    project.add(TASK_ID)
    return project


@pytest.fixture
def walk(ground: ControlPlane, dcs: CloudProject, tmp_path: Path) -> Iterator[Walk]:
    """Give a reader who has followed nothing yet."""
    with contextlib.closing(Walk(ground, dcs, tmp_path)) as made:
        yield made


@pytest.mark.parametrize("pages", WALKS.values(), ids=WALKS.keys())
@pytest.mark.timeout(300)
def test_whoever_follows_the_pages_gets_there(
    pages: tuple[str, ...], walk: Walk, dcs: CloudProject
) -> None:
    """All commands succeed as they are, and DCS ends the migration after one order."""
    for page in pages:
        for block in blocks(page):
            if not block.reason:
                walk.follow(block)
    assert dcs.words(TASK_ID)[-1] == "TERMINATED"
    assert dcs.ordered() == [task_key(TASK_ID)]


@pytest.mark.parametrize("page", CUTOVERS)
@pytest.mark.timeout(300)
def test_whoever_cuts_over_by_the_page_gets_there(page: str, walk: Walk, dcs: CloudProject) -> None:
    """All commands succeed as they are: the migration is stopped, by one order, without a loss."""
    for block in blocks(GETTING_STARTED[0]):
        if block.text.startswith(BEFORE_A_CUTOVER):
            walk.follow(block)
    for block in blocks(page):
        walk.follow(block)
    assert dcs.words(TASK_ID)[-1] == "TERMINATED"
    assert dcs.ordered() == [task_key(TASK_ID)]
    assert dcs.losses() == (1, 0)


def test_what_is_not_run_says_why() -> None:
    """Only these blocks, for these reasons; another one has to be run or to be entered here."""
    marked: list[Block] = [block for page in PAGES for block in blocks(page) if block.reason]
    assert {block.title: block.reason for block in marked} == NOT_RUN


@pytest.mark.parametrize("page", PAGES)
def test_commands_are_marked_as_such(page: str) -> None:
    """As `sh`: a block that is called otherwise would be neither run nor listed."""
    assert languages(page) <= {"sh", "yaml", "json", "text", ""}
