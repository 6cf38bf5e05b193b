"""The plugin as people run it: behind kubectl, interrupted, waiting, and without what it needs."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from cluster.plugin.conftest import SCRIPTS
from sandbox.control_plane import ControlPlane
from sandbox.control_plane.processes import loopback_environment
from sandbox.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.plugin.conftest import Run
    from support.shop import Shop

RUN_S_MAX = 60.0
"""For one command in a process of its own."""


def environment(plane: ControlPlane) -> dict[str, str]:
    """Return what a person's shell has: kubectl and the plugin on the PATH, and a kubeconfig."""
    folders = [str(SCRIPTS), str(plane.binaries["kubectl"].parent), "/usr/bin", "/bin"]
    return loopback_environment() | {
        "PATH": os.pathsep.join(folders),
        "KUBECONFIG": str(plane.kubeconfig),
        "KUBECACHEDIR": str(plane.folder / "kubectl-cache"),
    }


def test_kubectl_finds_the_plugin(control_plane: ControlPlane, shop: Shop) -> None:
    """`kubectl dcs …` is `kubectl-dcs …`, with its exit status; kubectl lists it too."""
    shop.task("a", labels={"g": "1"})
    command = ["kubectl", "dcs", "stop", "-l", "g=1", "-n", shop.namespace]
    answer = subprocess.run(  # noqa: S603 - kubectl of the control plane
        command,
        env=environment(control_plane),
        input="1\n",
        capture_output=True,
        text=True,
        timeout=RUN_S_MAX,
        check=False,
    )
    assert (answer.returncode, answer.stdout) == (
        0,
        "1 migration will be stopped once the target has caught up.\n",
    )
    failed = subprocess.run(  # noqa: S603 - the same
        ["kubectl", "dcs", "wait", "none", "-n", shop.namespace],  # noqa: S607 - on that PATH
        env=environment(control_plane),
        capture_output=True,
        text=True,
        timeout=RUN_S_MAX,
        check=False,
    )
    assert failed.returncode == 2
    assert "no MigrationWave in namespace" in failed.stderr


def test_kubectl_completes_the_plugin(control_plane: ControlPlane, shop: Shop) -> None:
    """By the script that is installed beside it, with names from the cluster."""
    shop.wave("night")
    answer = subprocess.run(  # noqa: S603 - kubectl of the control plane
        ["kubectl", "__complete", "dcs", "go", "-n", shop.namespace, ""],  # noqa: S607 - on that PATH
        env=environment(control_plane),
        capture_output=True,
        text=True,
        timeout=RUN_S_MAX,
        check=True,
    )
    assert answer.stdout.splitlines() == ["night", ":4"]


def test_ctrl_c_ends_a_wait_with_a_sentence(
    control_plane: ControlPlane, shop: Shop, tmp_path: Path
) -> None:
    """And the status that shells give it; what was wished stays."""
    shop.task("a", labels={"g": "1"})
    command = [str(SCRIPTS / "kubectl-dcs"), "stop", "-l", "g=1", "--yes", "--wait"]
    errors = tmp_path / "errors"
    with errors.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603 - the plugin
            [*command, "-n", shop.namespace],
            env=environment(control_plane),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=file,
        )
        try:
            eventually(lambda: "cutover" in shop.get("a")["spec"], RUN_S_MAX)
            shop.say("a", "False/CatchingUp", "Reconciling")
            process.send_signal(signal.SIGINT)
            assert process.wait(RUN_S_MAX) == 130
        finally:
            process.kill()
    said = errors.read_text(encoding="utf-8")
    assert "the operator carries on" in said or "have the request" in said
    assert "Traceback" not in said


def test_a_wait_survives_a_restart_of_the_api_server(
    control_plane: ControlPlane, shop: Shop, tmp_path: Path
) -> None:
    """It says that the connection was lost, and goes on with everything that happened since."""
    shop.task("a", labels={"g": "1"}, cutover={})
    shop.say("a", "False/CatchingUp", "Reconciling")
    out, errors = tmp_path / "out", tmp_path / "errors"
    with out.open("wb") as stdout, errors.open("wb") as stderr:
        process = subprocess.Popen(  # noqa: S603 - the plugin
            [str(SCRIPTS / "kubectl-dcs"), "status", "--watch", "-n", shop.namespace],
            env=environment(control_plane),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
        try:
            eventually(lambda: "CatchingUp" in out.read_text(encoding="utf-8"), RUN_S_MAX)
            control_plane.restart_apiserver()
            eventually(lambda: "Connection lost" in errors.read_text(encoding="utf-8"), RUN_S_MAX)
            shop.stopped("a")
            eventually(lambda: "Terminated" in out.read_text(encoding="utf-8"), RUN_S_MAX)
            assert "Connected again" in errors.read_text(encoding="utf-8")
            process.send_signal(signal.SIGINT)
            assert process.wait(RUN_S_MAX) == 130
        finally:
            process.kill()


def test_on_a_terminal_a_wait_draws_until_it_ends(
    control_plane: ControlPlane, shop: Shop, tmp_path: Path
) -> None:
    """A bar that moves; the sentence stands below it in the end, and the cursor is shown again."""
    shop.task("a", labels={"g": "1"}, cutover={})
    shop.say("a", "False/CatchingUp", "Reconciling", lag={"offset": 1204})
    ours, theirs = pty.openpty()
    seen = tmp_path / "seen"
    process = subprocess.Popen(  # noqa: S603 - the plugin
        [str(SCRIPTS / "kubectl-dcs"), "wait", "-l", "g=1", "-n", shop.namespace],
        env=environment(control_plane) | {"TERM": "xterm", "COLUMNS": "100", "LINES": "30"},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
    )
    os.close(theirs)

    def show() -> str:
        with contextlib.suppress(BlockingIOError, OSError):
            while data := os.read(ours, 65536):
                with seen.open("ab") as file:
                    file.write(data)
        return seen.read_text(encoding="utf-8") if seen.exists() else ""

    os.set_blocking(ours, False)
    try:
        eventually(lambda: "0/1 stopped" in show() and "highest lag 1,204: a" in show(), RUN_S_MAX)
        shop.stopped("a")
        eventually(lambda: process.poll() is not None and "1 of 1 stopped" in show(), RUN_S_MAX)
        assert process.returncode == 0
        assert show().rindex("\x1b[?25h") > show().rindex("\x1b[?25l")
    finally:
        process.kill()
        os.close(ours)


@pytest.mark.parametrize(
    "ends, status", [("Terminated", 0), ("CutoverTimedOut", 1)], ids=["done", "trouble"]
)
def test_a_wait_for_a_wave_ends_as_its_tasks_do(
    run: Run, shop: Shop, ends: str, status: int
) -> None:
    """Its tasks alone; the others of the namespace do not matter."""
    shop.wave("night", state="Go")
    shop.task("a", cutover={"waveRef": {"name": "night"}})
    shop.task("b", cutover={})
    if ends == "Terminated":
        shop.stopped("a")
    else:
        shop.say("a", f"False/{ends}", "Stalled")
    assert run("wait", "night").status == status


def test_a_token_that_is_not_valid_is_one_line(
    run: Run, control_plane: ControlPlane, tmp_path: Path
) -> None:
    """With what to do."""
    text = control_plane.kubeconfig.read_text(encoding="utf-8")
    broken = tmp_path / "kubeconfig"
    broken.write_text(re.sub(r"token: \S+", "token: nobody", text), encoding="utf-8")
    ran = run("status", kubeconfig=broken)
    assert ran.status == 1
    assert ran.err == (
        "kubectl dcs: the API server does not accept your credentials, or no longer does: log in"
        " again; `kubectl auth whoami` shows whether it worked\n"
    )


def test_without_the_crds_the_line_says_what_to_apply() -> None:
    """On a cluster that has never heard of this product."""
    with ControlPlane() as bare:
        answer = subprocess.run(  # noqa: S603 - the plugin
            [str(SCRIPTS / "kubectl-dcs"), "status"],
            env=environment(bare),
            capture_output=True,
            text=True,
            timeout=RUN_S_MAX,
            check=False,
        )
    assert answer.returncode == 1
    assert answer.stderr == (
        "kubectl dcs: this cluster does not know the kind MigrationTask: apply crds/ of this"
        " version, or upgrade the chart\n"
    )
