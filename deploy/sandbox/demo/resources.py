"""The facts from the API server: every state of every resource, and its number of status writes.

Owns the count of status writes. It comes from a watch that began before the first resource existed,
so it does not depend on what the operator reports about itself.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.manifests import written_status

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PATCHES = re.compile(
    r"^apiserver_request_total\{(?P<labels>[^}]*)\} (?P<count>\S+)$", re.MULTILINE
)


class WatchError(Exception):
    """The watch reported an error, so that the counts can no longer be trusted."""


@dataclass(slots=True)
class Resource:
    """The latest state of one MigrationTask, and the writes that led there."""

    name: str
    stopped: bool = False
    current: bool = False
    """Whether the status describes the latest change of the spec."""
    status: Mapping[str, Any] = field(default_factory=dict)
    writes_observed: int = 0
    """Changes of the status before the stop was requested."""
    writes_stopping: int = 0
    """Changes of the status since the stop was requested."""

    @property
    def phase(self) -> str:
        """Its phase; empty until it shows one."""
        return str(self.status.get("phase", ""))

    @property
    def ready(self) -> Mapping[str, str]:
        """The condition Ready; empty if there is none."""
        return self.condition("Ready")

    @property
    def reason(self) -> str:
        """The reason of Ready."""
        return self.ready.get("reason", "")

    def condition(self, kind: str) -> Mapping[str, str]:
        """Return one condition; empty if there is none."""
        for condition in self.status.get("conditions", ()):
            if condition["type"] == kind:
                return dict(condition)
        return {}


class Resources:
    """All MigrationTasks, as reported by the events of one watch."""

    def __init__(self) -> None:
        self.by_name: dict[str, Resource] = {}

    def absorb(self, event: Mapping[str, Any]) -> None:
        """Process one watch event.

        Raises:
            WatchError: The event is an error.
        """
        kind, body = event["type"], event["object"]
        if kind == "ERROR":
            raise WatchError(f"The watch of the API server failed: {body.get('message', body)}")
        if kind == "BOOKMARK":
            return
        name = body["metadata"]["name"]
        if kind == "DELETED":
            self.by_name.pop(name, None)
            return
        resource = self.by_name.setdefault(name, Resource(name))
        resource.stopped = bool(body["spec"].get("stopped"))
        status = written_status(body)
        resource.current = status.get("observedGeneration") == body["metadata"]["generation"]
        if status != resource.status:
            resource.status = status
            if resource.stopped:
                resource.writes_stopping += 1
            else:
                resource.writes_observed += 1

    def phases(self) -> Counter[str]:
        """Return how many resources show each phase."""
        return Counter(one.phase for one in self.by_name.values())

    def writes(self) -> int:
        """Return how many changes of a status there were."""
        return sum(one.writes_observed + one.writes_stopping for one in self.by_name.values())


class Recording:
    """The file that a watch writes, one event per line; read as it grows.

    Attributes:
        version: The resource version from which a watch continues without a gap.
        resources: The state according to the events.
    """

    def __init__(self, version: str) -> None:
        self._path: Path
        self._offset = 0
        self.version = version
        self.resources = Resources()

    def read_from(self, path: Path) -> None:
        """Continue with the file of a watch that began at `version`.

        A line that was incomplete in the previous file is in this one again.
        """
        self._path, self._offset = path, 0

    def catch_up(self) -> None:
        """Process the events since the last call.

        Raises:
            WatchError: The watch wrote something other than events.
        """
        with self._path.open("rb") as file:
            file.seek(self._offset)
            complete, newline, _ = file.read().rpartition(b"\n")
        self._offset += len(complete) + len(newline)
        for line in complete.splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                text = line.decode(errors="replace")
                raise WatchError(f"The watch of the API server failed: {text}") from None
            self.resources.absorb(event)
            self.version = event["object"]["metadata"]["resourceVersion"]


def status_patches(metrics: str) -> int:
    """Return how many writes to the status of MigrationTasks the API server itself has counted.

    Args:
        metrics: The API server's page of metrics.
    """
    wanted = ('resource="migrationtasks"', 'subresource="status"')
    return sum(
        int(float(match["count"]))
        for match in _PATCHES.finditer(metrics)
        if all(label in match["labels"] for label in wanted)
        and re.search(r'verb="(PATCH|PUT|APPLY)"', match["labels"])
    )
