"""What the tests of the plugin share: the fake API server, and a way to run a command."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pytest

from kubectl_dcs import cli
from unit.plugin.fake_api import FakeApi

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command left behind."""

    status: int
    out: str
    err: str


class Run(Protocol):
    """Runs the command line; `stdin` is what somebody types."""

    def __call__(self, *arguments: str, stdin: str = "") -> Ran:
        """Run it."""


@pytest.fixture
def api() -> Iterator[FakeApi]:
    """Run a fake API server."""
    with FakeApi() as running:
        yield running


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let repeated requests follow each other at once."""
    monkeypatch.setattr("kubectl_dcs.cluster.PAUSE_S", 0.0)
    monkeypatch.setattr("kubectl_dcs.following.PAUSE_S_FIRST", 0.01)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide everything by which the machine of the test could be found."""
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "HUAWEICLOUD_SDK_AK"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def bare_run(
    alone: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Give a way to run the command line, with no cluster in sight."""
    del alone

    def run(*arguments: str, stdin: str = "") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        status = cli.main(arguments)
        said = capsys.readouterr()
        return Ran(status, said.out, said.err)

    return run


@pytest.fixture
def run(
    bare_run: Run,
    api: FakeApi,
    no_pauses: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Run:
    """Give a way to run the command line against the fake API server."""
    del no_pauses
    monkeypatch.setenv("KUBECONFIG", str(api.kubeconfig(tmp_path)))
    return bare_run
