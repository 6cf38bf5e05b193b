"""The workflows: pinned, with few rights, and speaking of what is really there; nothing is run."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.checkout import ROOT

FOLDER = ROOT / ".github"
WORKFLOWS = sorted((FOLDER / "workflows").iterdir())

AUDIT_S_MAX = 60.0
"""For one audit of all workflows; it takes a second."""

USES = re.compile(r"^\s*(?:- )?uses: *(.*)$", re.MULTILINE)
PINNED = re.compile(r"[\w-]+/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
MAKE = re.compile(r"\bmake ([a-z -]+)(?:$| [A-Z]+=)", re.MULTILINE)
TEST_PATH = re.compile(r"\btests/[\w/.]+")

RIGHTS = {
    ("release.yaml", "image"): {"contents": "read", "packages": "write", "id-token": "write"},
    ("release.yaml", "chart"): {"contents": "read", "packages": "write", "id-token": "write"},
    ("release.yaml", "notes"): {"contents": "write"},
}
"""The jobs that may do more than read the repository; nobody else may."""


def named(path: Path) -> str:
    """Return what a file is called in lists of tests."""
    return path.name


def loaded(path: Path) -> Any:
    """Return a workflow; the key `on` is read as a word and not as true."""
    text = re.sub(r"^on:", '"on":', path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return yaml.safe_load(text)


@pytest.mark.parametrize("path", WORKFLOWS, ids=named)
def test_every_action_is_pinned(path: Path) -> None:
    """Each has a commit's full hash, with its version beside it for people and Dependabot."""
    found = USES.findall(path.read_text(encoding="utf-8"))
    assert [one for one in found if not PINNED.fullmatch(one)] == []
    steps = [step for job in loaded(path)["jobs"].values() for step in job["steps"]]
    assert len([step for step in steps if "uses" in step]) == len(found)


def test_an_action_has_one_version_everywhere() -> None:
    """So that an update of it is seen whole."""
    pins = {pin for path in WORKFLOWS for pin in USES.findall(path.read_text(encoding="utf-8"))}
    names = [pin.split("@")[0] for pin in pins]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("path", WORKFLOWS, ids=named)
def test_rights_are_few(path: Path) -> None:
    """A workflow may read the repository; a job that may more is one of those listed above."""
    workflow = loaded(path)
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert job.get("permissions") == RIGHTS.get((path.name, name))
        assert job["timeout-minutes"] > 0


@pytest.mark.parametrize("path", WORKFLOWS, ids=named)
def test_no_checkout_leaves_its_token_behind(path: Path) -> None:
    """What a later step runs cannot push."""
    steps = [step for job in loaded(path)["jobs"].values() for step in job["steps"]]
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.mark.parametrize("path", WORKFLOWS, ids=named)
def test_what_is_run_is_there(path: Path) -> None:
    """Each target of make and each folder of tests exists."""
    text = path.read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)
    wanted = {word for line in MAKE.findall(text) for word in line.split()}
    assert wanted <= set(targets)
    folders = [one for one in TEST_PATH.findall(text) if not one.endswith("/")]
    assert [one for one in folders if not (ROOT / one.rstrip(".")).exists()] == []


def test_the_image_is_run_and_not_only_asked_for_its_version() -> None:
    """A container that says its version may still crash at its start, as a pod."""
    jobs = loaded(FOLDER / "workflows" / "image.yaml")["jobs"]
    runs = {name: [step.get("run", "") for step in job["steps"]] for name, job in jobs.items()}
    assert [run for run in runs["image"] if run.startswith("make image ")]
    assert [run for run in runs["node"] if " make node " in run]
    assert "--version" not in str(runs)


def test_another_processor_is_built_and_said_to_be_untested() -> None:
    """Until something runs there, nobody shall think that it was tried."""
    steps = loaded(FOLDER / "workflows" / "image.yaml")["jobs"]["image"]["steps"]
    (arm64,) = (step for step in steps if "linux/arm64" in step.get("run", ""))
    assert "untested" in arm64["name"]


def test_the_release_signs_and_says_what_is_in_it() -> None:
    """The image has an SBOM and its full provenance, and image and chart are signed by digest."""
    jobs = loaded(FOLDER / "workflows" / "release.yaml")["jobs"]
    (build,) = (one["with"] for one in jobs["image"]["steps"] if one.get("id") == "build")
    assert (build["sbom"], build["provenance"]) == (True, "mode=max")
    for job in ("image", "chart"):
        (sign,) = (s["run"] for s in jobs[job]["steps"] if "cosign sign" in s.get("run", ""))
        assert re.search(r"cosign sign --yes [^\n]*@\$", sign.replace('"', ""))
    assert jobs["image"]["needs"] == "test"


def test_an_auditor_finds_nothing() -> None:
    """Zizmor's checks of workflows and of Dependabot's settings hold, offline."""
    zizmor = Path(sysconfig.get_path("scripts")) / "zizmor"
    answer = subprocess.run(  # noqa: S603 - a tool of the development environment
        [zizmor, "--offline", "--no-progress", "--strict-collection", FOLDER],
        capture_output=True,
        text=True,
        timeout=AUDIT_S_MAX,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
