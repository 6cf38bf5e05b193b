"""The rights of docs/kubectl-dcs.md: each command works with exactly these, and with none less."""

from __future__ import annotations

import re
import secrets
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from cluster.plugin.conftest import SCRIPTS
from cluster.plugin.test_terminal import RUN_S_MAX, environment
from sandbox import manifests
from sandbox.waiting import eventually
from support.person import Person, rules

if TYPE_CHECKING:
    from cluster.plugin.conftest import Ran, Run
    from sandbox.control_plane import ControlPlane
    from support.operator.cloud import Cloud
    from support.person import Right
    from support.shop import Shop

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "kubectl-dcs.md").read_text(encoding="utf-8")
ROLES = ROOT / "docs" / "examples" / "kubectl-dcs-roles.yaml"

COMMANDS = {
    "status": ["status"],
    "stop -l": ["stop", "-l", "g=1", "--yes"],
    "stop -l --wait": ["stop", "-l", "g=1", "--yes", "--wait", "--timeout", "5"],
    "stop --wave": ["stop", "--wave", "night", "--yes"],
    "go": ["go", "night"],
    "hold": ["hold", "night"],
    "wait -l": ["wait", "-l", "g=1", "--timeout", "5"],
    "wait WAVE": ["wait", "night", "--timeout", "5"],
    "report WAVE": ["report", "night"],
    "plan": ["plan"],
    "logs": ["logs", "a"],
    "import": ["import", "-o", "-"],
}
"""What is run for each row but `status --watch`, which does not end."""

BOARD = {("watch", "dcsprojects")}
"""What the board needs beyond that; `tests/board/test_cluster.py` proves its rights."""

LEFT_OUT = {
    ("status", ("list", "migrationwaves")),
    ("plan", ("list", "migrationwaves")),
    ("plan", ("list", "dcsprojects")),
}
"""What a command can do without; it says so."""

ADDED = {
    "stop -l --wait": "stop -l",
    "stop --wave": "stop -l",
    "wait WAVE": "wait -l",
}
"""Whose rights a command needs too."""

TELLS = re.compile(r"cannot \w+ resource|cannot be read with your rights|may not list tasks")
"""How a right that is missing shows."""


def table() -> dict[str, list[Right]]:
    """Return the rights of each command, as the page lists them."""
    found: dict[str, list[Right]] = {}
    for commands, verb, resource in re.findall(
        r"^\| ([^|]+) \| `([a-z]+) ([a-z]+)` \|", PAGE, re.MULTILINE
    ):
        for command in re.findall(r"`([^`]+)`", commands):
            found.setdefault(command, []).append((verb, resource))
    return found


TABLE = table()


def rights_of(command: str) -> list[Right]:
    """Return all rights that a command needs."""
    more = rights_of(ADDED[command]) if command in ADDED else []
    return [*more, *TABLE[command]]


@pytest.fixture
def person(control_plane: ControlPlane, namespace: str) -> Person:
    """Give somebody without any right yet."""
    every = {right for known in TABLE.values() for right in known}
    return Person(control_plane, namespace, every)


@pytest.fixture
def world(shop: Shop, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Give a wave with a task that catches up, and a project of the simulated cloud."""
    dcs = cloud.open_project()
    shop.wave("night")
    wish = {"cutover": {"waveRef": {"name": "night"}}}
    shop.task("a", labels={"g": "1"}, taskId=dcs.add(), **wish)
    shop.say("a", "False/CatchingUp", "Reconciling")
    secret = manifests.secret(**dcs.credentials)
    shop.api.create(manifests.core_path(shop.namespace, "secrets"), secret)
    spec = {"endpoint": cloud.endpoint, "projectId": dcs.project_id}
    project = manifests.dcs_project(**spec)
    shop.api.create(manifests.path(shop.namespace, manifests.PROJECTS), project)
    monkeypatch.setenv("KUBECTL_DCS_ALLOW_ENDPOINT", cloud.endpoint)
    return shop


def test_the_table_has_every_command_that_is_tried() -> None:
    """And none besides."""
    assert TABLE.keys() == COMMANDS.keys() | {"status --watch"}


def attempt(run: Run, world: Shop, person: Person, command: str) -> Ran:
    """Run a command as somebody, on a world in which it has something to do."""
    if command == "hold":
        world.api.patch(world.path("night", manifests.WAVES), {"spec": {"state": "Go"}})
    if command == "go":
        world.api.patch(world.path("night", manifests.WAVES), {"spec": {"state": "Hold"}})
    if command.startswith("stop"):
        lag = secrets.randbelow(1000)
        cutover = {"waveRef": {"name": "night"}, "maxLag": lag}
        world.api.patch(world.path("a"), {"spec": {"cutover": cutover}})
        options = ["--max-lag", str(lag + 1)]
        return run(*COMMANDS[command], *options, kubeconfig=person.kubeconfig)
    return run(*COMMANDS[command], kubeconfig=person.kubeconfig)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_needs_exactly_its_rights(
    run: Run, world: Shop, person: Person, command: str
) -> None:
    """With all of them it works; with one less something fails, and the right is named."""
    rights = rights_of(command)
    person.may(rights)
    whole = attempt(run, world, person, command)
    # Nobody stops the task, so that a wait has to go on, which takes the right to watch.
    assert whole.status == (3 if "wait" in command else 0), whole.err
    # `import` can do without all namespaces, and `plan` without cluster-scoped projects.
    assert command in {"import", "plan"} or not TELLS.search(whole.err)
    for right in rights:
        person.may([one for one in rights if one != right])
        less = attempt(run, world, person, command)
        assert less.status == 1 or (command, right) in LEFT_OUT
        assert TELLS.search(less.err), (right, less)


def test_watching_needs_exactly_its_rights(
    control_plane: ControlPlane, world: Shop, person: Person, tmp_path: Path
) -> None:
    """With both it goes on; without one it ends with the right's name."""
    rights = TABLE["status --watch"]
    command = [str(SCRIPTS / "kubectl-dcs"), "status", "--watch", "-n", world.namespace]
    own = environment(control_plane) | {"KUBECONFIG": str(person.kubeconfig)}
    person.may(rights)
    out = tmp_path / "out"
    with out.open("wb") as file:
        process = subprocess.Popen(command, env=own, stdout=file)  # noqa: S603 - the plugin
        try:
            eventually(lambda: "CatchingUp" in out.read_text(encoding="utf-8"), RUN_S_MAX)
            world.say("a", "False/TaskFailed", "Stalled")
            eventually(lambda: "TaskFailed" in out.read_text(encoding="utf-8"), RUN_S_MAX)
            process.send_signal(signal.SIGINT)
            assert process.wait(RUN_S_MAX) == 130
        finally:
            process.kill()
    for right in rights:
        person.may([one for one in rights if one != right])
        ended = subprocess.run(  # noqa: S603 - the plugin
            command, env=own, capture_output=True, text=True, timeout=RUN_S_MAX, check=False
        )
        assert ended.returncode == 1
        assert TELLS.search(ended.stderr)


def test_rights_on_one_wave_are_enough(
    run: Run, control_plane: ControlPlane, world: Shop, person: Person
) -> None:
    """Whoever may say Go for one wave may not for another."""
    world.wave("noon")
    person.may(rights_of("wait WAVE"))
    tasks = rules([("list", "migrationtasks"), ("watch", "migrationtasks")])
    waves = rules([(v, "migrationwaves") for v in ("get", "list", "watch", "patch")])
    for rule in waves:
        rule["resourceNames"] = ["night"]
    name = person.kubeconfig.name.rpartition(".")[2]
    body = {"rules": [*tasks, *waves]}
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{world.namespace}/roles/{name}"
    control_plane.api.patch(path, body)
    refused = "cannot get resource"
    eventually(lambda: refused in run("go", "noon", kubeconfig=person.kubeconfig).err, RUN_S_MAX)
    assert run("go", "night", kubeconfig=person.kubeconfig).status == 0
    assert run("wait", "night", "--timeout", "5", kubeconfig=person.kubeconfig).status == 3


def test_the_example_roles_are_enough() -> None:
    """For those who look, and for those who cut over."""
    watch, cutover = (
        {
            (verb, resource)
            for rule in role["rules"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
        }
        for role in yaml.safe_load_all(ROLES.read_text(encoding="utf-8"))
    )
    looking = {"status", "status --watch", "plan", "wait -l", "wait WAVE", "report WAVE"}
    assert {right for command in looking for right in TABLE[command]} | BOARD == watch
    acting = looking | {"stop -l", "stop -l --wait", "stop --wave", "go", "hold"}
    assert {right for command in acting for right in TABLE[command]} | BOARD == cutover
