"""What the image holds: the wheel with its locked needs, and an operator that does its job."""

from __future__ import annotations

import contextlib
import json
import subprocess
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest

from dcs_migration_operator import __version__
from dcs_migration_operator.core.model import task_key
from support.checkout import ROOT
from support.operator import process
from support.operator.process import QUICK, OperatorProcess, run_command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from image.buildfile import Build
    from sandbox.control_plane import ControlPlane
    from support.operator.workspace import Workspace

ASK_S_MAX = 60.0
"""For one question to an interpreter."""

LIST = """
import importlib.metadata, json
held = {one.name: one.version for one in importlib.metadata.distributions()}
print(json.dumps({name.lower().replace("_", "-"): version for name, version in held.items()}))
"""

# Building takes most of a minute on two cores, and the session's first test has to wait for it.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def command(build: Build) -> Path:
    """Give the command that the image starts."""
    return build.path("/opt/operator/bin/dcs-migration-operator")


@pytest.fixture
def operator(
    own: Workspace,
    command: Path,
    control_plane: ControlPlane,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[OperatorProcess]:
    """Run it against the real API server, with no other package within reach."""
    monkeypatch.setattr(process, "COMMAND", (str(command),))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    options = ["--namespace", own.namespace, *QUICK]
    made = OperatorProcess(control_plane.kubeconfig, tmp_path / "operator.log", options)
    with contextlib.closing(made):
        made.start()
        yield made


def test_it_holds_exactly_what_is_locked(build: Build) -> None:
    """It has each package of requirements/runtime.txt, the operator, and nothing else."""
    python = build.path("/opt/operator/bin/python")
    answer = subprocess.run(  # noqa: S603 - the interpreter of the environment
        [python, "-I", "-c", LIST],
        capture_output=True,
        text=True,
        timeout=ASK_S_MAX,
        check=True,
    )
    held = json.loads(answer.stdout)
    lines = (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.split(" ")[0] for line in lines if "==" in line]
    locked = dict(pin.split("==") for pin in pins)
    assert held.pop("dcs-migration-operator") == __version__
    for_older_pythons = set(locked) - set(held)
    assert for_older_pythons <= {"typing-extensions"}
    assert held == {name: locked[name] for name in locked if name not in for_older_pythons}
    assert not {"kubernetes", "rich", "pykube-ng", "pytest", "pip", "hatchling"} & set(held)


def test_the_plugin_is_not_in_it(build: Build) -> None:
    """Neither its code nor its commands: it is for people, and its needs are not there."""
    environment = build.path("/opt/operator")
    assert not list(environment.rglob("*kubectl*dcs*"))
    assert list(environment.rglob("dcs_migration_operator"))


def test_the_wheel_holds_the_packages_and_nothing_else(build: Build) -> None:
    """It has each module of the checkout, the files of the board's page, and the metadata."""
    (wheel,) = build.path("/src/dist").glob("*.whl")
    names = [name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name]
    packages = [ROOT / "operator" / name for name in ("dcs_migration_operator", "kubectl_dcs")]
    files = [
        path
        for package in packages
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]
    assert sorted(names) == sorted(str(path.relative_to(ROOT / "operator")) for path in files)


def test_it_says_its_version(command: Path, tmp_path: Path) -> None:
    """The command is there, and starts."""
    answer = run_command("--version", cwd=tmp_path, command=[str(command)])
    said = (answer.returncode, answer.stdout, answer.stderr)
    assert said == (0, f"dcs-migration-operator {__version__}\n", "")


def test_its_operator_stops_a_task(own: Workspace, operator: OperatorProcess) -> None:
    """From `stopped: true` to TERMINATED, by one order, against a real API server."""
    task_id = own.dcs.add()
    own.create("one", task_id)
    own.until("one", "True/Terminated")
    assert own.dcs.ordered() == [task_key(task_id)]
    assert operator.metric("dcs_operator_batch_size_count") == 1
