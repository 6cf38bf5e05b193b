"""Which cluster, which namespace and which project of DCS the command line means."""

from __future__ import annotations

import shlex
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Where:
    """Which cluster and which namespace the command line names; empty means as kubectl has it."""

    kubeconfig: str = ""
    context: str = ""
    namespace: str = ""
    everywhere: bool = False

    def words(self) -> str:
        """Return the options that mean the same, with a blank before each, to be copied."""
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
        shared: A ClusterDCSProject is meant.
        secret_namespace: Where the Secret of a shared one is: the operator's namespace.
        allowed: Patterns of endpoints that may be called; empty for those of Huawei Cloud.
    """

    name: str
    shared: bool = False
    secret_namespace: str = ""
    allowed: tuple[str, ...] = ()
