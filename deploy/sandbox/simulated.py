"""The simulated DCS as a separate process, and its record of the orders that it received.

Owns its start, its account, and the exact sum: which tasks were ordered to stop, and how often.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from sandbox import dcs, manifests
from sandbox.control_plane.processes import Server
from sandbox.pages import ask
from sandbox.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

READY_S_MAX: Final = 60.0
"""From start to listening: 1 s on an idle machine."""

ANSWER_S_MAX: Final = 30.0
"""Time limit of one call to its admin API, which answers in milliseconds."""

ORDER: Final = "batch_stop"

SECRET_NAME: Final = "dcs-credentials"  # noqa: S105 - the name of a Secret, as in the pages


@dataclass(frozen=True)
class Sum:
    """The sum of all orders to DCS.

    Attributes:
        orders: Calls to stop, whatever their outcome.
        ids: Ids in these calls; an id sent twice counts twice.
        accepted: Stops that DCS accepted, by task id; only those with at least one.
        errors: Calls that were refused, by error code.
    """

    orders: int
    ids: int
    accepted: dict[str, int]
    errors: dict[str, int]


class SimulatedDcs:
    """One simulator; close it at the end.

    Args:
        log: Where its output goes.
        running: How many migrations run in it from the start.
        stop_s: How long DCS takes for a stop.
        listen: HOST:PORT of DCS; port 0 means a free one.
        admin: HOST:PORT of its admin API.
        prefix: A command that starts it, for a network of its own.

    Attributes:
        server: The process.
    """

    def __init__(
        self,
        log: Path,
        *,
        running: int,
        stop_s: float,
        listen: str = "127.0.0.1:0",
        admin: str = "127.0.0.1:0",
        prefix: Sequence[str] = (),
    ) -> None:
        command = [*prefix, sys.executable, "-m", "sandbox.dcs", "--listen", listen]
        command += ["--admin", admin, "--running", str(running), "--stop-seconds", str(stop_s)]
        self.server = Server(command, log)
        self.endpoint = ""
        self._admin = ""

    def start(self) -> None:
        """Start the process."""
        self.server.start()

    def wait(self) -> None:
        """Wait until it listens.

        Raises:
            RuntimeError: It ended instead.
        """

        def line() -> bytes:
            if not self.server.running:
                raise RuntimeError(f"The simulated DCS ended: {self.server.tail()}")
            return self.server.log.read_bytes().partition(b"\n")[0]

        said = json.loads(eventually(line, READY_S_MAX))
        self.endpoint, self._admin = said["endpoint"], urlsplit(said["admin"]).netloc

    def close(self) -> None:
        """End the process."""
        self.server.close()

    def migrations(self) -> list[dict[str, Any]]:
        """Return all migrations, in the order in which DCS lists them."""
        found: list[dict[str, Any]] = self.ask("GET", "/migrations")["migrations"]
        return found

    def word(self, task_id: str) -> str:
        """Return the status that DCS reports for one migration."""
        return str(self.ask("GET", f"/migrations/{task_id}")["word"])

    def orders(self) -> int:
        """Return how many orders to stop there have been."""
        return len(self.ask("GET", "/counts")["batch_sizes"].get(ORDER, []))

    def sum(self) -> Sum:
        """Return what has been ordered so far."""
        counts = self.ask("GET", "/counts")
        sizes = counts["batch_sizes"].get(ORDER, [])
        accepted = {
            one["task_id"]: one["accepted_stops"]
            for one in self.migrations()
            if one["accepted_stops"]
        }
        return Sum(len(sizes), sum(sizes), accepted, counts["error_codes"])

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the admin API."""
        return ask(self._admin, method, path, body, ANSWER_S_MAX)


def mismatches(found: Sum, wished: Collection[str]) -> list[str]:
    """Return where a sum differs from one accepted stop for each task that was to be stopped.

    Args:
        found: The sum from DCS.
        wished: Ids of all tasks that were ever to be stopped.
    """
    wrong = []
    twice = sorted(one for one, times in found.accepted.items() if times > 1)
    if twice:
        wrong.append(f"stopped more than once: {', '.join(twice)}")
    never = sorted(set(wished) - set(found.accepted))
    if never:
        wrong.append(f"never stopped: {', '.join(never)}")
    unasked = sorted(set(found.accepted) - set(wished))
    if unasked:
        wrong.append(f"stopped although no stop was wanted: {', '.join(unasked)}")
    if found.ids != len(wished):
        wrong.append(f"{found.ids} ids were sent in orders, for {len(wished)} tasks")
    if found.errors:
        wrong.append(f"calls were refused: {found.errors}")
    return wrong


def account(endpoint: str, name: str = "default") -> list[dict[str, Any]]:
    """Return the Secret and the DCSProject that connect a namespace to a simulator."""
    reference = {"secretRef": {"name": SECRET_NAME}}
    key = {"accessKey": dcs.ACCESS_KEY, "secretKey": dcs.SECRET_KEY}
    return [
        manifests.secret(SECRET_NAME, **key),
        manifests.dcs_project(
            name, endpoint=endpoint, projectId=dcs.PROJECT_ID, credentials=reference
        ),
    ]
