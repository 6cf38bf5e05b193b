"""What the operator finds around it is no business of its own: each case stops a task all the same.

Every pod of these tests has a read-only root, no temporary folder, no terminal, no home and a user
without a name; a case adds what another image, container runtime or node would.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sandbox.control_plane.processes import LOOPBACK
from support.chart.helm import only
from support.chart.pod import Pod
from support.chart.rights import Release, Team
from support.operator.process import run_command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox.control_plane import ControlPlane
    from support.chart.helm import Helm
    from support.operator.cloud import Cloud

NOWHERE = f"http://{LOOPBACK}:1"

VARIABLES: dict[str, dict[str, str]] = {
    "nothing": {},
    "home-of-runc": {"HOME": "/", "HOSTNAME": "another"},
    "home-that-is-missing": {"HOME": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent"},
    "temporary-folder-that-is-missing": {"TMPDIR": "/nonexistent"},
    "ascii": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "locale-that-is-missing": {"LC_ALL": "zh_CN.GB18030", "LANG": "zh_CN.GB18030"},
    "far-east": {"TZ": "<+14>-14"},
    "time-zone-that-is-missing": {"TZ": "Nowhere/AtAll"},
    "terminal": {"TERM": "xterm-256color", "COLUMNS": "20", "FORCE_COLOR": "1"},
    "user": {"USER": "nobody", "LOGNAME": "nobody"},
    "proxies": {
        "HTTP_PROXY": NOWHERE,
        "HTTPS_PROXY": NOWHERE,
        "ALL_PROXY": NOWHERE,
        "http_proxy": NOWHERE,
        "https_proxy": NOWHERE,
        "all_proxy": NOWHERE,
    },
    "trust": {
        "REQUESTS_CA_BUNDLE": "/nonexistent",
        "CURL_CA_BUNDLE": "/nonexistent",
        "SSL_CERT_FILE": "/nonexistent",
        "SSL_CERT_DIR": "/nonexistent",
    },
}
"""What is set besides the variables of image, kubelet and Deployment."""

LIMITS: dict[str, dict[str, int]] = {
    "few-files": {"NOFILE": 64},
    "no-core-files": {"CORE": 0},
    "small-stacks": {"STACK": 1 << 20},
}
"""What a node may limit."""

FEW_THREADS = """
import _thread

def limited(start):
    def begin(*args, **more):
        if _thread._count() >= {limit}:
            raise RuntimeError("can't start new thread")
        return start(*args, **more)
    return begin

for name in ("start_new_thread", "start_new", "start_joinable_thread"):
    if hasattr(_thread, name):
        setattr(_thread, name, limited(getattr(_thread, name)))
"""
"""What Python says where a node allows a pod few processes; a limit by `RLIMIT_NPROC` does not hold
for root, even where it has given up everything else."""


@pytest.fixture(scope="module")
def release(ground: ControlPlane, helm: Helm) -> Release:
    """Apply the roles of the default values."""
    ground.install_crds()
    return Release(ground, helm, {}, "dcs-system")


@pytest.fixture
def team(release: Release, cloud: Cloud) -> Iterator[Team]:
    """Give a namespace with a project."""
    made = Team(release, cloud)
    made.add_project()
    yield made
    made.close()


def stops_a_task(release: Release, team: Team, folder: Path, **surroundings: Any) -> Pod:
    """Start a pod, let it stop a task and end it; returns it."""
    deployment = only(release.rendered, "Deployment")
    pod = Pod(release.plane, deployment, folder, **surroundings)
    pod.start()
    team.add_task("own")
    team.until("Terminated", team.path("own"))
    pod.close()
    return pod


@pytest.mark.parametrize("case", VARIABLES)
def test_variables(release: Release, team: Team, tmp_path: Path, case: str) -> None:
    """They change nothing, whether they name something or nothing."""
    stops_a_task(release, team, tmp_path, variables=VARIABLES[case])


@pytest.mark.parametrize("case", LIMITS)
def test_limits(release: Release, team: Team, tmp_path: Path, case: str) -> None:
    """There is enough for the work of one project."""
    stops_a_task(release, team, tmp_path, limits=LIMITS[case])


def test_few_threads(release: Release, team: Team, tmp_path: Path) -> None:
    """One at a time is enough."""
    (tmp_path / "sitecustomize.py").write_text(FEW_THREADS.format(limit=1), encoding="utf-8")
    stops_a_task(release, team, tmp_path, variables={"PYTHONPATH": str(tmp_path)})


def test_fewer_files_than_connections(release: Release, cloud: Cloud, tmp_path: Path) -> None:
    """Twelve accounts at once on 32 files: some wait for one, none is lost, and it stays up."""
    teams = [Team(release, cloud) for _ in range(12)]
    pod = Pod(release.plane, only(release.rendered, "Deployment"), tmp_path, limits={"NOFILE": 32})
    pod.start()
    for team in teams:
        team.add_project()
        team.add_task("own")
    for team in teams:
        team.until("Terminated", team.path("own"))
    pod.close()
    for team in teams:
        team.close()


def test_nothing_is_kept_where_it_could_be(tmp_path: Path) -> None:
    """The Huawei Cloud SDK would leave an id of this machine in any home that it finds."""
    for name in ("home", "work", "temporary"):
        (tmp_path / name).mkdir()
    answer = run_command(
        *("run", "--kubeconfig", "/nonexistent"),
        cwd=tmp_path / "work",
        HOME=str(tmp_path / "home"),
        TMPDIR=str(tmp_path / "temporary"),
    )
    assert answer.returncode == 1
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["home", "temporary", "work"]
