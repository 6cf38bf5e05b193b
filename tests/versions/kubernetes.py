"""Cluster tests and the pages' commands against other versions of Kubernetes.

Owns what runs against each: what may differ between them, with the tests of `make cluster`; the
operator runs on the Python that the image ships, where that is at hand. The servers are built from
source on first use, which takes minutes for each version; then they are kept.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from sandbox.control_plane import ToolchainError, ensure, toolchain
from versions import interpreters, pythons, runs

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

SUITES: Final = {
    "main job": "tests.cluster.operator.test_counts",
    "CRDs": "tests.cluster.crds.",
    "chart": "tests.cluster.chart.",
    "operator": "tests.cluster.",
    "pages": "tests.docs.",
}
"""Each suite with the beginning of its modules' names; the first that fits has a module."""

MODULES: Final = (
    "operator/test_counts",
    "operator/test_kubectl",
    "operator/test_phases",
    "operator/test_replicas",
    "operator/test_words",
    "crds/test_schemas",
    "crds/test_cluster_project",
    "crds/test_cutover",
    "crds/test_kubectl",
    "crds/test_status",
    "chart/test_life",
)
"""The main job, the schemas and the chart; faults of networks and processes are the same on all."""

PATHS: Final = (
    *(f"tests/cluster/{module}.py" for module in MODULES),
    "tests/docs/test_commands.py",
)

WORKERS: Final = 2
"""Each has a control plane of its own, which takes most of a processor."""

TOOLS: Final = ("helm", "kube-controller-manager")
"""What the tests need besides the core."""

IMAGE: Final = re.compile(r"^FROM \S*/python:(\d+\.\d+)\.", re.MULTILINE)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options: which versions."""
    releases = list(toolchain.releases())
    parser.add_argument(
        "--kubernetes",
        action="append",
        choices=releases,
        help=f"a minor version (repeatable; default: {', '.join(releases)})",
    )
    parser.add_argument(
        "--python",
        choices=interpreters.SUPPORTED,
        default=of_image(),
        help="the operator's Python (default: %(default)s, as in the image)",
    )


def of_image() -> str:
    """Return the minor version of Python that the image ships."""
    text = (runs.ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    versions: set[str] = set(IMAGE.findall(text))
    (version,) = versions
    return version


def main(options: argparse.Namespace) -> int:
    """Run everything against each version; returns the exit status."""
    try:
        python = pythons.environment(options.python)
        if python is None:
            pythons.say(f"Python {options.python} is not at hand: Python {interpreters.OWN} it is.")
            python = pythons.environment(interpreters.OWN)
        assert python is not None
        wanted = options.kubernetes or list(toolchain.releases())
        return max([_tested(release, python) for release in wanted])
    except (runs.RunError, ToolchainError) as error:
        pythons.say(str(error))
        return 1


def _tested(release: str, python: Path) -> int:
    """Run everything against one version and print what came of it; returns the status."""
    # Read by everything that is started from here.
    os.environ[toolchain.RELEASE_VARIABLE] = release
    tools = ensure(*toolchain.CORE, *TOOLS)
    log = runs.FOLDER / f"kubernetes-{release}.log"
    suites = runs.pytest(python, PATHS, SUITES, log, {}, workers=WORKERS)
    version = toolchain.version_of(toolchain.KUBERNETES, toolchain.releases()[release])
    run = runs.Run(interpreters.full_version(python), version, runs.today(), suites)
    runs.save(run)
    size_mb = tools["kube-apiserver"].stat().st_size / 2**20
    pythons.say(f"{runs.line(run)} (kube-apiserver of {size_mb:.0f} MB)")
    if run.failed:
        pythons.say(f"The whole log is {log}:\n{runs.tail(log)}")
    return 1 if run.failed else 0
