"""Runs the real helm on the chart, apart from anything the user's own helm has set up.

Owns how helm is called; what it should print is up to the tests, here and in `tests/cluster`.
"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import yaml

from sandbox.control_plane import ensure
from sandbox.control_plane.processes import loopback_environment
from support.checkout import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CHART = ROOT / "deploy" / "chart"

RUN_S_MAX = 60.0
"""Time limit of one command; on an idle machine each takes a fraction of a second."""

KUBE_VERSION = "1.37.0"
"""The Kubernetes version for which templates are rendered, unless a test says otherwise."""

Manifest = dict[str, Any]


class HelmError(Exception):
    """helm failed; the text is its output."""


class Helm:
    """Runs helm with a separate home folder.

    Args:
        home: The folder of its cache and configuration.
        kubeconfig: The kubeconfig, for commands that need a cluster.
    """

    def __init__(self, home: Path, kubeconfig: Path | None = None) -> None:
        self._binary = ensure("helm")["helm"]
        homes = {f"HELM_{kind}_HOME": str(home / kind) for kind in ("CACHE", "CONFIG", "DATA")}
        self._environment = loopback_environment() | homes
        self._environment["KUBECONFIG"] = str(kubeconfig or home / "none")

    def __call__(self, *arguments: str | Path, timeout_s: float = RUN_S_MAX) -> str:
        """Run a command and return what it printed.

        Raises:
            HelmError: It failed.
        """
        answer = subprocess.run(  # noqa: S603 - our own helm with the caller's arguments
            [self._binary, *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if answer.returncode != 0:
            raise HelmError(answer.stderr + answer.stdout)
        return answer.stdout

    def template(
        self,
        *options: str | Path,
        release: str = "dcs",
        namespace: str = "dcs-system",
        values: Mapping[str, Any] | None = None,
        chart: Path = CHART,
    ) -> list[Manifest]:
        """Return the rendered objects; `values` are those that differ from the defaults."""
        given = [f"--set-json={key}={json.dumps(value)}" for key, value in (values or {}).items()]
        version = ("--kube-version", KUBE_VERSION)
        where = (release, chart, "--namespace", namespace)
        text = self("template", *where, *version, *given, *options)
        return [body for body in yaml.safe_load_all(text) if body]


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    """Return the objects of one kind."""
    return [body for body in manifests if body["kind"] == kind]


def only(manifests: list[Manifest], kind: str) -> Manifest:
    """Return the only object of one kind."""
    (found,) = of_kind(manifests, kind)
    return found
