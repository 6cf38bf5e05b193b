"""Records the statuses of resources over time with a watch of the API server.

Owns the history of every MigrationTask of the control plane, from the start of the session: each
status that was ever stored, in order. So the count of writes does not depend on what the operator
says about itself.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox import manifests
from sandbox.control_plane.processes import Server
from sandbox.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from sandbox.control_plane import ControlPlane

Key = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One status of one resource, with the generation it was stored beside."""

    body: Mapping[str, Any]
    generation: int

    @property
    def phase(self) -> str:
        """`status.phase`."""
        return str(self.body.get("phase", ""))

    @property
    def stop(self) -> Mapping[str, Any]:
        """`status.stop`; empty if there is none."""
        found: Mapping[str, Any] = self.body.get("stop", {})
        return found

    @property
    def lag(self) -> Mapping[str, Any]:
        """`status.lag`; empty if there is none."""
        found: Mapping[str, Any] = self.body.get("lag", {})
        return found

    @property
    def error(self) -> Mapping[str, Any]:
        """`status.lastError`; empty if there is none."""
        found: Mapping[str, Any] = self.body.get("lastError", {})
        return found

    @property
    def conditions(self) -> Mapping[str, str]:
        """Each condition as `True/Reason`, by type."""
        return {c["type"]: f"{c['status']}/{c['reason']}" for c in self.body["conditions"]}

    @property
    def ready(self) -> str:
        """The condition Ready as `True/Reason`."""
        return self.conditions["Ready"]

    @property
    def message(self) -> str:
        """What Ready says to people."""
        return next(str(c["message"]) for c in self.body["conditions"] if c["type"] == "Ready")

    def check(self) -> None:
        """Assert what holds for every status: the rules that kstatus readers rely on."""
        conditions, said = self.conditions, json.dumps(self.body)
        assert self.phase, said
        assert {"Ready", "Stopped"} <= conditions.keys(), said
        kinds = {"Ready", "Stopped", "CaughtUp", "Reconciling", "Stalled"}
        assert conditions.keys() <= kinds, said
        # These two are there only while they are true, and never both; a brake is neither.
        standing = [conditions[t] for t in ("Reconciling", "Stalled") if t in conditions]
        at_rest = self.ready.startswith("True/") or self.ready == "False/Suspended"
        assert len(standing) == (0 if at_rest else 1), said
        assert all(one.startswith("True/") for one in standing), said
        generations = {c["observedGeneration"] for c in self.body["conditions"]}
        assert generations == {self.body["observedGeneration"]}, said
        assert self.body["observedGeneration"] <= self.generation, said


@dataclass(slots=True)
class Record:
    """The life of one resource."""

    statuses: list[Shown] = field(default_factory=list)
    """Every status it had, each different from the one before: one for each write."""
    deleted: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """The latest."""

    @property
    def last(self) -> Shown:
        """The latest status; raises `LookupError` while there is none."""
        return self.statuses[-1]

    @property
    def phases(self) -> list[str]:
        """Every phase, in its order, each different from the one before."""
        phases: list[str] = []
        for status in self.statuses:
            if status.phase not in phases[-1:]:
                phases.append(status.phase)
        return phases

    @property
    def readies(self) -> list[str]:
        """Ready as `True/Reason` of every status."""
        return [status.ready for status in self.statuses]


EXPIRED = '"reason":"Expired"'
"""In the answer to a watch from a version that the API server has forgotten."""

BEGUN_MAX = 30
"""How often a watch may end in one session before something else is wrong."""


class Recorder:
    """Records every MigrationTask of a control plane from now on; close it before the plane.

    Args:
        plane: It has to run already.
        file: Where the events are kept.
    """

    def __init__(self, plane: ControlPlane, file: Path) -> None:
        path = f"/apis/{manifests.GROUP_VERSION}/{manifests.TASKS}"
        # Right after a CRD was made its storage may not answer yet.
        version = eventually(lambda: plane.api.get(path)["metadata"]["resourceVersion"])
        self._plane, self._path, self._lock = plane, path, threading.Lock()
        self._version, self._begun, self._folder = version, 0, file
        self._records: dict[Key, Record] = {}
        self._begin()

    def _begin(self) -> None:
        """Watch from the last version on, into a file of its own."""
        self._begun += 1
        self._file, self._offset = self._folder.with_suffix(f".{self._begun}"), 0
        watch = f"{self._path}?watch=true&resourceVersion={self._version}"
        kubectl: list[str | Path] = [self._plane.binaries["kubectl"], "--kubeconfig"]
        kubectl += [self._plane.kubeconfig, "get", "--raw", watch]
        self._watch = Server(kubectl, self._file)
        self._watch.start()

    def close(self) -> None:
        """End the watch."""
        self._watch.close()

    def __getitem__(self, key: Key) -> Record:
        """Everything that is known up to this moment; raises `LookupError` for nothing."""
        self._catch_up()
        return self._records[key]

    def in_namespace(self, namespace: str, prefix: str = "") -> dict[str, Record]:
        """Return the records of a namespace by name."""
        self._catch_up()
        return {
            name: record
            for (where, name), record in self._records.items()
            if where == namespace and name.startswith(prefix)
        }

    def _catch_up(self) -> None:
        """Take in the events that came since the last time; may be called from several threads."""
        with self._lock:
            self._take_in()

    def _take_in(self) -> None:
        ended = not self._watch.running
        for event in self._events():
            body = event["object"]
            assert event["type"] in {"ADDED", "MODIFIED", "DELETED"}, body
            self._take(body, deleted=event["type"] == "DELETED")
            self._version = body["metadata"]["resourceVersion"]
        if ended:
            # The API server drops a watch that does not keep up with a burst; nothing is lost.
            self._plane.check_alive()
            tail = self._watch.tail()[-1000:]
            if self._begun > BEGUN_MAX:
                raise RuntimeError(f"The watch ended again: {tail}")
            self._watch.close()
            if EXPIRED in tail:
                self._list()
            self._begin()

    def _take(self, body: Mapping[str, Any], *, deleted: bool = False) -> None:
        metadata = body["metadata"]
        record = self._records.setdefault((metadata["namespace"], metadata["name"]), Record())
        record.metadata, record.deleted = metadata, deleted
        status = manifests.written_status(body)
        if status and (not record.statuses or record.last.body != status):
            record.statuses.append(Shown(status, metadata["generation"]))

    def _list(self) -> None:
        """Begin anew with what is there.

        The storage of a kind begins anew when its CRD is exchanged. The tests that do so run before
        or after those that record, since a worker runs one test at a time: nothing is missed.
        """
        listed = eventually(lambda: self._plane.api.get(self._path))
        for body in listed["items"]:
            self._take(body)
        self._version = listed["metadata"]["resourceVersion"]

    def _events(self) -> Iterator[Any]:
        if not self._file.exists():
            return
        with self._file.open("rb") as file:
            file.seek(self._offset)
            complete, newline, _ = file.read().rpartition(b"\n")
        self._offset += len(complete) + len(newline)
        # Else it is kubectl's own word about why the watch has ended.
        yield from (json.loads(line) for line in complete.splitlines() if line.startswith(b"{"))


def writes(records: Iterable[Record]) -> int:
    """Return how many status writes these lives hold."""
    return sum(len(record.statuses) for record in records)
