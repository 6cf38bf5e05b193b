"""What the pages and the chart say of versions is what was tested."""

from __future__ import annotations

import re

import pytest
import yaml

from docs.pages import read
from sandbox.control_plane import toolchain
from support.checkout import ROOT
from versions import interpreters, kubernetes, page, runs

RUNS = page.kept()
RELEASES = list(toolchain.releases())
OLDEST, NEWEST = RELEASES[0], RELEASES[-1]

HINT = "`make versions` writes docs/compatibility.md anew; it takes an hour."


def test_the_page_is_made_of_the_runs() -> None:
    """Nobody has written into its tables."""
    assert page.written(read("docs/compatibility.md"), RUNS) == read("docs/compatibility.md"), HINT


def test_every_row_is_of_a_version_that_can_be_tested() -> None:
    """What is not in the table was not run since the last change of what runs."""
    found = {run.key[0] for run in RUNS if run.kubernetes}
    assert found <= set(RELEASES), HINT
    assert {run.key[1] for run in RUNS} <= set(interpreters.SUPPORTED), HINT


@pytest.mark.parametrize("run", RUNS, ids=lambda run: "-".join(filter(None, run.key)))
def test_everything_passed(run: runs.Run) -> None:
    """A version on which something failed is not one that is supported."""
    assert run.failed == 0
    assert run.suites
    assert all(outcome.passed > 0 for outcome in run.suites.values())


def test_the_chart_refuses_what_is_older() -> None:
    """Its `kubeVersion` begins with the oldest version whose servers are built and tested."""
    chart = yaml.safe_load(read("deploy/chart/Chart.yaml"))
    assert chart["kubeVersion"] == f">={OLDEST}.0-0"


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "README.zh-CN.md",
        "deploy/chart/README.md",
        "docs/getting-started.md",
        "docs/zh/getting-started.md",
    ],
)
def test_the_pages_name_the_oldest_version(name: str) -> None:
    """They name it and no other one."""
    assert set(re.findall(r"Kubernetes ≥ (\d\.\d+)", read(name))) == {OLDEST}


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_readme_names_the_range(name: str) -> None:
    """It gives both ends and links to the table."""
    assert re.search(rf"\[{OLDEST} \w+ {NEWEST}\]\(docs/compatibility\.md\)", read(name))


def test_the_workflow_tests_every_older_version() -> None:
    """The newest one is that of all other tests."""
    text = (ROOT / ".github" / "workflows" / "versions.yaml").read_text(encoding="utf-8")
    (matrix,) = re.findall(r"kubernetes: \[(.*)\]", text)
    assert re.findall(r"\d\.\d+", matrix) == list(toolchain.releases())[:-1]
    assert f'python-version: "{kubernetes.of_image()}"' in text
