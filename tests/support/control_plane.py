"""One control plane for all cluster tests, with the project's CRDs, and a namespace for each test.

The CRDs are installed once, because a CRD that was just deleted cannot be created again at once.
Namespaces are never deleted: that needs a controller which is not running, and the whole control
plane is thrown away at the end. To wait for something, use `sandbox.waiting.eventually`.
"""

from __future__ import annotations

import functools
import secrets
from typing import TYPE_CHECKING, Protocol

import pytest

from sandbox.control_plane import ControlPlane
from sandbox.control_plane.toolchain import KUBERNETES_MINOR_MIN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox.api import Api


class Kubectl(Protocol):
    """Runs kubectl in the test's namespace; returns its output, or raises its error."""

    def __call__(
        self, *arguments: str | Path, stdin: str | None = None, kubeconfig: Path | None = None
    ) -> str:
        """Run kubectl."""


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """Run etcd and kube-apiserver with the CRDs for the whole session."""
    with ControlPlane() as plane:
        plane.install_crds()
        yield plane


@pytest.fixture(scope="session")
def api(control_plane: ControlPlane) -> Api:
    """Give a fast client with all rights; `sandbox.manifests` makes its paths and bodies."""
    return control_plane.api


@pytest.fixture
def selectable(control_plane: ControlPlane) -> bool:
    """Tell whether the API server selects by fields of ours, which 1.31 was the first to do."""
    return control_plane.minor >= KUBERNETES_MINOR_MIN


@pytest.fixture
def namespace(api: Api) -> str:
    """Make a namespace with a random name for this test alone."""
    name = f"test-{secrets.token_hex(4)}"
    api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    return name


@pytest.fixture
def kubectl(control_plane: ControlPlane, namespace: str) -> Kubectl:
    """Give kubectl as people type it, in the test's namespace."""
    return functools.partial(control_plane.kubectl, "--namespace", namespace)
