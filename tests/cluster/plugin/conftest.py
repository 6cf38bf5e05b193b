"""What the tests of the plugin on a real API server share: a way to run it, and some tasks.

No operator runs: its statuses are written by the tests, so that every state can be had.
"""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from kubectl_dcs import cli
from support.shop import Shop

if TYPE_CHECKING:
    from sandbox.api import Api
    from sandbox.control_plane import ControlPlane

SCRIPTS = Path(sys.executable).parent
"""Where the console scripts of this environment are."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command left behind."""

    status: int
    out: str
    err: str


class Run(Protocol):
    """Runs the command line in the test's namespace; `stdin` is what somebody types."""

    def __call__(self, *arguments: str, stdin: str = "", kubeconfig: Path | None = None) -> Ran:
        """Run it."""


@pytest.fixture
def run(
    control_plane: ControlPlane,
    namespace: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Give a way to run the command line as a user with all rights, or as another."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str, stdin: str = "", kubeconfig: Path | None = None) -> Ran:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig or control_plane.kubeconfig))
        capsys.readouterr()
        status = cli.main([*arguments, "-n", namespace])
        said = capsys.readouterr()
        return Ran(status, said.out, said.err)

    return run


@pytest.fixture
def shop(api: Api, namespace: str) -> Shop:
    """Give the objects of the test's namespace."""
    return Shop(api, namespace)
