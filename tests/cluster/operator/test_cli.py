"""The command line against real and missing clusters: exit status, and one line that says what.

0 after a signal, 1 when it cannot work here, 2 for wrong usage.
"""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from sandbox import manifests
from sandbox.api import ApiError
from sandbox.control_plane import ControlPlane
from sandbox.control_plane.plane import CRDS_DIR
from sandbox.control_plane.processes import LOOPBACK, free_port
from sandbox.waiting import eventually
from support.operator.process import END_S_MAX, run_command

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from support.control_plane import Kubectl
    from support.operator.fixtures import Launch
    from support.operator.workspace import Workspace

CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture(scope="module")
def bare() -> Iterator[ControlPlane]:
    """Run a control plane of its own, without our CRDs."""
    with ControlPlane() as plane:
        yield plane


OURS = ("migrationtasks", "dcsprojects", "migrationwaves")


def one_line(ended: subprocess.CompletedProcess[str], status: int = 1) -> str:
    """Assert the exit status and that one line was said, and return that line."""
    assert ended.returncode == status, ended.stderr
    assert ended.stdout == ""
    lines = ended.stderr.splitlines()
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith("dcs-migration-operator: ")
    return lines[0]


def run(kubeconfig: Path, *options: str, cwd: Path, **variables: str) -> str:
    """Run the operator where it cannot work, and return its one line."""
    listen = ("--listen", f"{LOOPBACK}:{free_port()}", "--no-leader-elect")
    return one_line(
        run_command("run", "--kubeconfig", kubeconfig, *listen, *options, cwd=cwd, **variables)
    )


def test_without_the_crds_it_says_how_to_install_them(bare: ControlPlane, tmp_path: Path) -> None:
    """CRDs missing: exit 1, their names and the command."""
    line = run(bare.kubeconfig, cwd=tmp_path)
    assert "migrationtasks" in line
    assert "kubectl apply -f crds/" in line


def test_without_the_status_subresource_it_does_not_start(
    bare: ControlPlane, tmp_path: Path
) -> None:
    """A CRD without its status subresource: exit 1 instead of statuses that vanish."""
    for path in sorted(CRDS_DIR.glob("*.yaml")):
        crd = yaml.safe_load(path.read_text(encoding="utf-8"))
        if crd["spec"]["names"]["plural"] == manifests.TASKS:
            for version in crd["spec"]["versions"]:
                del version["subresources"]
        bare.api.create(CRD_PATH, crd)
    group = f"/apis/{manifests.GROUP_VERSION}"
    bare.kubectl("wait", "--for=condition=Established", "--filename", CRDS_DIR)

    def served() -> set[str]:
        return {one["name"] for one in bare.api.get(group)["resources"]}

    eventually(lambda: {manifests.TASKS, f"{manifests.PROJECTS}/status"} <= served())
    line = run(bare.kubeconfig, cwd=tmp_path)
    assert "migrationtasks/status" in line
    assert "kubectl apply -f crds/" in line


def test_without_a_cluster_it_names_the_address(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    """Nobody answers: exit 1 and the address."""
    config = yaml.safe_load(control_plane.kubeconfig.read_text(encoding="utf-8"))
    address = f"https://{LOOPBACK}:{free_port()}"
    config["clusters"][0]["cluster"]["server"] = address
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(config), encoding="utf-8")
    line = run(kubeconfig, cwd=tmp_path)
    assert "cluster" in line
    assert address in line


def test_without_a_kubeconfig_it_says_how_to_name_one(tmp_path: Path) -> None:
    """Without option, variable, pod and home folder it exits with 1 and names the option."""
    line = one_line(run_command("run", cwd=tmp_path, HOME=str(tmp_path)))
    assert "--kubeconfig" in line


@pytest.mark.parametrize("text", [None, "", "]no yaml", "apiVersion: v1\nkind: Config\n"])
def test_a_kubeconfig_that_is_none_is_named(tmp_path: Path, text: str | None) -> None:
    """Missing, empty, broken or incomplete, it is exit 1 with the option and no traceback."""
    kubeconfig = tmp_path / "kubeconfig"
    if text is not None:
        kubeconfig.write_text(text, encoding="utf-8")
    assert "--kubeconfig" in run(kubeconfig, cwd=tmp_path)


def test_an_option_may_be_a_variable(tmp_path: Path) -> None:
    """`DCS_OPERATOR_KUBECONFIG` is the option, and outweighs `KUBECONFIG`."""
    missing = str(tmp_path / "missing")
    variables = {"DCS_OPERATOR_KUBECONFIG": missing, "KUBECONFIG": "elsewhere"}
    assert missing in one_line(run_command("run", cwd=tmp_path, **variables))


def test_without_rights_it_says_which(
    control_plane: ControlPlane, kubectl: Kubectl, namespace: str, tmp_path: Path
) -> None:
    """A user without rights: exit 1, and what was refused to whom."""
    kubectl("create", "serviceaccount", "stranger")
    kubeconfig = control_plane.kubeconfig_for_service_account("stranger", namespace)
    line = run(kubeconfig, cwd=tmp_path)
    assert "permission" in line
    assert "migrationtasks" in line
    assert f"{namespace}:stranger" in line


def test_a_refused_token_is_told(control_plane: ControlPlane, tmp_path: Path) -> None:
    """A token that nobody knows: exit 1, and the token is not repeated."""
    config = yaml.safe_load(control_plane.kubeconfig.read_text(encoding="utf-8"))
    config["users"][0]["user"]["token"] = "PLANTED-TOKEN-OF-NOBODY"
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(config), encoding="utf-8")
    line = run(kubeconfig, cwd=tmp_path)
    assert "permission" in line
    assert "PLANTED" not in line


def test_a_taken_address_is_told(
    control_plane: ControlPlane, own: Workspace, launch: Launch, tmp_path: Path
) -> None:
    """Another process listens there already: exit 1 and the option."""
    operator = launch(own.namespace)
    operator.start()
    options = ("--namespace", own.namespace, "--listen", operator.address)
    line = run(control_plane.kubeconfig, *options, cwd=tmp_path)
    assert operator.address in line
    assert "--listen" in line


@pytest.mark.parametrize(
    "arguments, word",
    [
        ([], "COMMAND"),
        (["walk"], "walk"),
        (["run", "--fly"], "--fly"),
        (["run", "--batch-size", "51"], "--batch-size"),
        (["run", "--batch-size", "0"], "--batch-size"),
        (["run", "--batch-idle-s", "soon"], "--batch-idle-s"),
        (["run", "--poll-min-s", "5", "--poll-max-s", "4"], "--poll-max-s"),
        (["run", "--listen", "nowhere"], "--listen"),
        (["run", "--allow-endpoint", "dcs.example.com"], "--allow-endpoint"),
        (["run", "--all-namespaces", "--namespace", "one"], "--namespace"),
        (["run", "--log-format", "xml"], "--log-format"),
        (["run", "--log-level", "loud"], "--log-level"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_told(arguments: list[str], word: str, tmp_path: Path) -> None:
    """Exit 2, usage, and the argument that is wrong; nothing is started."""
    ended = run_command(*arguments, cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith("usage: ")
    assert word in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("name, value", [("BATCH_SIZE", "51"), ("ALLOW_ENDPOINT", "nonsense")])
def test_a_wrong_variable_is_told(name: str, value: str, tmp_path: Path) -> None:
    """A variable with a wrong value is wrong usage as well."""
    ended = run_command("run", cwd=tmp_path, **{f"DCS_OPERATOR_{name}": value})
    assert ended.returncode == 2
    assert value in ended.stderr.splitlines()[-1]


def test_the_version_is_told_by_both_commands(tmp_path: Path) -> None:
    """`--version` of the console script and of the module say the same, with exit status 0."""
    by_module = run_command("--version", cwd=tmp_path)
    script = shutil.which("dcs-migration-operator", path=str(Path(sys.executable).parent))
    assert script is not None
    by_script = run_command("--version", cwd=tmp_path, command=(script,))
    assert by_module.returncode == by_script.returncode == 0
    assert by_module.stdout == by_script.stdout
    assert by_module.stdout.startswith("dcs-migration-operator ")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_a_clean_end(own: Workspace, launch: Launch, number: signal.Signals) -> None:
    """SIGTERM and SIGINT end it with exit status 0 within 10 s."""
    operator = launch(own.namespace)
    operator.start()
    status, seconds = operator.terminate(number)
    assert status == 0
    assert seconds < END_S_MAX


def test_the_pages_answer(own: Workspace, launch: Launch) -> None:
    """`/healthz`, `/readyz` and `/metrics` say that all is well."""
    operator = launch(own.namespace)
    operator.start()
    assert operator.page("/healthz")[0] == 200
    assert operator.page("/readyz")[0] == 200
    status, text = operator.page("/metrics")
    assert status == 200
    for name in ("tasks", "leader", "batch_size_bucket", "stop_seconds_bucket"):
        assert f"dcs_operator_{name}" in text


def test_rights_in_one_namespace_are_enough(
    control_plane: ControlPlane, kubectl: Kubectl, own: Workspace, launch: Launch
) -> None:
    """With `--namespace` a Role suffices: read our kinds, patch statuses, get Secrets."""
    kubectl("create", "serviceaccount", "operator")
    rights = [
        ("list,watch", ",".join(f"{plural}.dcs.huaweicloud.com" for plural in OURS)),
        *(("patch", f"{plural}.dcs.huaweicloud.com/status") for plural in OURS),
        ("get", "secrets"),
        ("get,create,update", "leases.coordination.k8s.io"),
    ]
    for number, (verbs, resources) in enumerate(rights):
        name = f"right-{number}"
        kubectl("create", "role", name, "--verb", verbs, "--resource", resources)
        account = f"{own.namespace}:operator"
        kubectl("create", "rolebinding", name, "--role", name, "--serviceaccount", account)
    kubeconfig = control_plane.kubeconfig_for_service_account("operator", own.namespace)
    # A role that was made a moment ago is not everywhere at once.
    mine = ("--kubeconfig", kubeconfig)
    eventually(lambda: kubectl("auth", "can-i", "create", "leases", *mine).strip() == "yes")
    options = ("--lease-namespace", own.namespace)
    operator = launch(own.namespace, *options, leader_elect=True, kubeconfig=kubeconfig)
    operator.start()
    own.create("one", own.dcs.add())
    own.until("one", "True/Terminated")
    eventually(lambda: own.project_ready() == "True/Configured")
    with pytest.raises(ApiError, match="not found"):
        own.read("another")
