"""Which cluster, namespace and DCS project the command line selects."""

from __future__ import annotations

import shlex
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Where:
    """The cluster and the namespace on the command line; empty means kubectl's default."""

    kubeconfig: str = ""
    context: str = ""
    namespace: str = ""
    everywhere: bool = False

    def words(self) -> str:
        """Return the options with the same meaning, each after a space, ready to be copied."""
        given = (
            ("--kubeconfig", self.kubeconfig),
            ("--context", self.context),
            ("-n", self.namespace),
        )
        parts = [f" {option} {shlex.quote(value)}" for option, value in given if value]
        return "".join([*parts, " -A"] if self.everywhere else parts)


@dataclass(frozen=True, slots=True)
class ProjectName:
    """Names a project.

    Attributes:
        shared: Whether it is a ClusterDCSProject.
        secret_namespace: The namespace of a shared project's Secret: the operator's.
        allowed: Patterns of endpoints that may be called; empty for those of Huawei Cloud.
    """

    name: str
    shared: bool = False
    secret_namespace: str = ""
    allowed: tuple[str, ...] = ()
