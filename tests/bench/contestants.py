"""Who is measured: the product as it is installed, and the peer.

Owns their command lines and how each shows that it is ready. Both run with their defaults: the
product with leader election, health page and metrics on.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import dcs_migration_operator
from sandbox import dcs
from sandbox.control_plane.processes import LOOPBACK, free_port
from sandbox.pages import read_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.stand import Stand

PAGE_S_MAX: Final = 10.0
"""For one page of the operator."""

PYTHON: Final = Path(sys.prefix) / "bench" / "bin" / "python"
"""The interpreter of what is measured, with what an installation has: the tools of the tests, some
of which kopf imports, would cost 16 MiB and half a second of CPU."""

PACKAGES: Final = os.pathsep.join(
    [str(Path(dcs_migration_operator.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
)

ENV: Final = "/usr/bin/env"
"""Sets variables and becomes the program: same process id."""

PEER: Final = Path(__file__).with_name("peer.py")


def python() -> str:
    """Return the interpreter of what is measured.

    Raises:
        SystemExit: It is not installed.
    """
    if not PYTHON.exists():
        raise SystemExit("what is measured is not installed: make .venv/bench/.installed")
    return str(PYTHON)


class Contestant(Protocol):
    """One program under measurement."""

    @property
    def name(self) -> str:
        """How tables call it."""

    def command(self, stand: Stand) -> Sequence[str]:
        """Return the command line with which it is started."""

    def ready(self, stand: Stand) -> bool:
        """Tell whether it is at work."""


@dataclass(frozen=True, slots=True)
class Product:
    """The operator of this project.

    Attributes:
        options: Additional ones of `run`.
        module: What is run as the operator.
        environment: Further variables, as NAME=VALUE.
    """

    options: tuple[str, ...] = ()
    module: str = "dcs_migration_operator"
    environment: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)

    @property
    def name(self) -> str:
        """How tables call it."""
        return "product"

    def command(self, stand: Stand) -> Sequence[str]:
        """Return the command line with which it is started."""
        return [
            *(ENV, f"PYTHONPATH={PACKAGES}", *self.environment),
            *(python(), "-m", self.module, "run"),
            *("--kubeconfig", str(stand.plane.kubeconfig)),
            *("--listen", f"{LOOPBACK}:{self.port}"),
            *("--allow-endpoint", f"http://{LOOPBACK}:*"),
            *self.options,
        ]

    def ready(self, stand: Stand) -> bool:
        """Tell whether it has listed everything and leads."""
        return self.listed(stand) and "dcs_operator_leader 1.0" in (self._page("/metrics") or "")

    def listed(self, _: Stand) -> bool:
        """Tell whether it says that it is ready."""
        return self._page("/readyz") is not None

    def _page(self, path: str) -> str | None:
        """Return a page, or nothing if it does not answer with 200."""
        with contextlib.suppress(OSError):
            status, text = read_page(f"{LOOPBACK}:{self.port}", path, PAGE_S_MAX)
            return text if status == http.HTTPStatus.OK else None
        return None


@dataclass(frozen=True, slots=True)
class Peer:
    """The naive operator, started by kopf's own command."""

    @property
    def name(self) -> str:
        """How tables call it."""
        return "peer"

    def command(self, stand: Stand) -> Sequence[str]:
        """Return the command line with which it is started."""
        return [
            ENV,
            f"KUBECONFIG={stand.plane.kubeconfig}",
            f"AK={dcs.ACCESS_KEY}",
            f"SK={dcs.SECRET_KEY}",
            f"PROJECT_ID={dcs.PROJECT_ID}",
            f"DCS_ENDPOINT={stand.cloud.endpoint}",
            *(python(), "-m", "kopf", "run", "--standalone", "--all-namespaces", str(PEER)),
        ]

    def ready(self, stand: Stand) -> bool:
        """Tell whether it watches: it has no page that would say so."""
        return stand.is_watched()
