"""The control plane as far as it needs no binaries: options, keys, files, failures to start."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest
import yaml

from sandbox import manifests
from sandbox.control_plane import (
    ControlPlane,
    ControlPlaneError,
    ToolchainError,
    identity,
    servers,
    toolchain,
)
from sandbox.control_plane.__main__ import main

LAYOUT = servers.Layout(Path("folder"), etcd_port=1, apiserver_port=2)


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a machine without Go and without binaries, and return its cache folder."""
    monkeypatch.setattr(toolchain, "CACHE_DIR", tmp_path / "cache")
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv(toolchain.ASSETS_VARIABLE, raising=False)
    return tmp_path / "cache"


@pytest.mark.usefixtures("bare_machine")
@pytest.mark.parametrize("options", [[], ["--build-only"]])
def test_the_command_without_go_fails_with_one_line(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 1, nothing for the shell to read, and one line for the person."""
    assert main(options) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = shown.err.splitlines()
    assert line.startswith("Install Go 1.26.0 or newer")


@pytest.mark.parametrize(
    "options, message",
    [
        pytest.param(["--nonsense"], "unrecognized arguments: --nonsense", id="unknown"),
        pytest.param(["--tool=helm"], "--tool needs --build-only", id="tool alone"),
        pytest.param(["--build-only", "--tool=docker"], "invalid choice: 'docker'", id="no tool"),
    ],
)
def test_wrong_options_are_refused(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 2, and the message names the mistake."""
    with pytest.raises(SystemExit) as end:
        main(options)
    assert end.value.code == 2
    assert message in capsys.readouterr().err


def test_build_only_with_everything_there_builds_nothing(
    bare_machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says where the binaries are and is done, even without Go."""
    for name in toolchain.CORE:
        toolchain.cached(name).parent.mkdir(parents=True, exist_ok=True)
        toolchain.cached(name).touch()
    assert main(["--build-only"]) == 0
    assert f"etcd: {bare_machine}" in capsys.readouterr().err


def test_an_interrupted_build_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C during a build ends `make` too, instead of letting it go on without binaries."""

    def interrupted(*_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sandbox.control_plane.__main__.ensure", interrupted)
    assert main(["--build-only"]) == 130


@pytest.mark.usefixtures("bare_machine")
def test_a_plane_that_never_started_can_be_stopped() -> None:
    """Cleaning up after a failed start is harmless."""
    plane = ControlPlane()
    with pytest.raises(ToolchainError):
        plane.start()
    plane.stop()


def test_a_failed_start_shows_the_log_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last lines of the server that ended are in the message; the folder is gone."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv(toolchain.ASSETS_VARIABLE, str(fake_assets(tmp_path, "out of luck")))
    with pytest.raises(ControlPlaneError, match=r"etcd ended:\nout of luck"):
        ControlPlane().start()
    assert list(tmp_path.glob("dcs-control-plane-*")) == []


def test_a_taken_port_is_tried_again_with_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody may take a port before the server does; three times in a row is a failure."""
    message = "listen tcp 127.0.0.1:1: bind: address already in use"
    monkeypatch.setenv(toolchain.ASSETS_VARIABLE, str(fake_assets(tmp_path, message)))
    with pytest.raises(ControlPlaneError, match="address already in use"):
        ControlPlane().start()
    assert (tmp_path / "starts").read_text(encoding="utf-8").count("etcd") == 3


def fake_assets(folder: Path, message: str) -> Path:
    """Make binaries of which etcd fails with a message and the API server waits."""
    assets = folder / "assets"
    assets.mkdir()
    texts = {
        "etcd": f"echo etcd >> {folder / 'starts'}; echo '{message}'; exit 1",
        "kube-apiserver": "[ $1 = --version ] && echo Kubernetes v1.99.0 || exec /bin/sleep 1000",
        "kubectl": "echo Client Version: v1.99.0",
    }
    for name, text in texts.items():
        (assets / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (assets / name).chmod(0o755)
    return assets


def test_the_signing_key_is_a_private_key_of_the_curve() -> None:
    """SEC 1 in DER: version 1, 32 bytes of key, the name of the curve; new each time."""
    key = identity.new_signing_key()
    assert key != identity.new_signing_key()
    first, *body, last = key.splitlines()
    assert (first, last) == ("-----BEGIN EC PRIVATE KEY-----", "-----END EC PRIVATE KEY-----")
    der = base64.b64decode("".join(body))
    assert der[:7] == bytes.fromhex("30310201010420")
    assert der[39:] == bytes.fromhex("a00a") + identity.P256_OBJECT_ID


def test_only_the_owner_reads_keys_and_tokens(tmp_path: Path) -> None:
    """Files with secrets in them are closed to the group and to others."""
    path = identity.write_private(tmp_path / "key", "text")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_token_file_lists_users_with_their_groups() -> None:
    """Each has one line, with the groups in quotes."""
    text = identity.token_file({"a": "token-a", "b": "token-b"}, {"a": ["x", "y"]})
    assert text == 'token-a,a,a,"x,y"\ntoken-b,b,b,""\n'


def test_the_kubeconfig_names_server_issuer_and_user() -> None:
    """It is complete: kubectl asks for nothing else."""
    text = identity.kubeconfig(LAYOUT.url, LAYOUT.ca_file, "me", "token", "mine")
    config = yaml.safe_load(text)
    assert config["clusters"][0]["cluster"] == {
        "server": "https://127.0.0.1:2",
        "certificate-authority": "folder/certificates/apiserver.crt",
    }
    assert config["users"] == [{"name": "me", "user": {"token": "token"}}]
    assert config["contexts"][0]["context"]["namespace"] == "mine"


def test_additional_flags_come_last() -> None:
    """The last of two equal flags wins, so a test can change anything."""
    command = servers.apiserver(Path("kube-apiserver"), LAYOUT, ["--v=4"])
    assert command[-1] == "--v=4"


def test_everything_listens_on_loopback() -> None:
    """No address in any command line is reachable from another machine."""
    commands = [
        *servers.etcd(Path("etcd"), LAYOUT),
        *servers.apiserver(Path("kube-apiserver"), LAYOUT, []),
    ]
    listening = [str(part) for part in commands if "listen-" in str(part) or "bind-" in str(part)]
    assert len(listening) == 3
    assert all("127.0.0.1" in part for part in listening)


def test_paths_of_resources() -> None:
    """Paths end where the arguments end."""
    base = "/apis/dcs.huaweicloud.com/v1alpha1/namespaces/n/migrationtasks"
    assert manifests.path("n", manifests.TASKS) == base
    assert manifests.path("n", manifests.TASKS, "one", "status") == f"{base}/one/status"
    assert manifests.core_path("n", "secrets", "s") == "/api/v1/namespaces/n/secrets/s"
