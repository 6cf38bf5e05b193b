"""The stand: a control plane, a DCS in a process of its own, and the contestant between them.

Owns the processes of one measurement; everything is fresh and ends with it. What is measured is
the business of `trial.py`.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

from sandbox import dcs, manifests
from sandbox.control_plane import ControlPlane
from sandbox.control_plane.processes import LOOPBACK, Server
from sandbox.pages import ask
from sandbox.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.contestants import Contestant

NAMESPACE: Final = "default"

ANSWER_S: Final = 0.05
"""How long DCS takes for an answer."""
STOP_S: Final = 3.0
"""How long DCS takes from an accepted stop to TERMINATED."""

START_S_MAX: Final = 120.0
"""From start to ready of a program, with 10,000 resources to list."""
ADMIN_S_MAX: Final = 120.0
"""For one question to the simulator; 10,000 histories are some megabytes."""
LOG_MAX: Final = 1_000_000
"""Calls that DCS remembers: more than any contestant makes."""
CREATORS: Final = 16
"""Parallel creates; more do not make a server on two cores faster."""

_REQUESTS = re.compile(
    r'^apiserver_request_total\{(?P<labels>[^}]*resource="migrationtasks"[^}]*)\} (?P<count>\S+)$',
    re.MULTILINE,
)
_WATCHES = re.compile(
    r'^apiserver_longrunning_requests\{[^}]*resource="migrationtasks"[^}]*verb="WATCH"[^}]*\} '
    r"(?P<count>\S+)$",
    re.MULTILINE,
)
_WRITING = re.compile(r'verb="(PATCH|PUT|APPLY)"')
_SUBRESOURCE = re.compile(r'subresource="([^"]*)"')


class Cloud:
    """The simulator's admin API; what it is asked does not count as a call to DCS."""

    def __init__(self, endpoint: str, admin: str) -> None:
        self.endpoint = endpoint
        self._address = urlsplit(admin).netloc

    def counts(self) -> Counter[str]:
        """Return the number of calls by operation."""
        operations: Mapping[str, Mapping[str, int]] = self.ask("GET", "/counts")["operations"]
        return Counter({name: sum(found.values()) for name, found in operations.items()})

    def words(self) -> Counter[str]:
        """Return how many migrations of all projects say which word."""
        words: Counter[str] = Counter()
        for found in self.ask("GET", "/")["projects"].values():
            words.update(found)
        return words

    def accepted_at_s(self) -> dict[str, float]:
        """Return when a stop was first accepted, Unix time, by task id of the first project."""
        shown = self.ask("GET", "/migrations")["migrations"]
        return {one["task_id"]: one["accepted_at_s"][0] for one in shown if one["accepted_at_s"]}

    def said_at_s(self, word: str) -> dict[str, float]:
        """Return when each migration of the first project first said a word, Unix time."""
        shown = self.ask("GET", "/migrations")["migrations"]
        return {
            one["task_id"]: at_s
            for one in shown
            for at_s in [at_s for at_s, said in one["history"] if said == word][:1]
        }

    def looks(self) -> int:
        """Return how often everything of a project was listed: lists that begin at the front."""
        calls = self.ask("GET", "/calls?operation=list")["calls"]
        return sum(1 for one in calls if not one["offset"])

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the admin API."""
        return ask(self._address, method, path, body, ADMIN_S_MAX)


class Stand:
    """Control plane and DCS; use it as a context manager.

    Args:
        tasks: Migrations of the cloud project that the Secret and the DCSProject `default` name.
        projects: Further cloud projects, with migrations of their own.
        stop_s: How long DCS takes from an accepted stop to TERMINATED.
    """

    def __init__(
        self, tasks: int, projects: Sequence[dcs.ProjectOptions] = (), *, stop_s: float = STOP_S
    ) -> None:
        self._tasks, self._projects, self._stop_s = tasks, projects, stop_s
        self._cleanup = contextlib.ExitStack()
        self.plane = ControlPlane()
        self.folder = Path()
        self.cloud: Cloud
        self.task_ids = dcs.task_ids(tasks, 0, dcs.PROJECT_ID)

    def __enter__(self) -> Self:
        with self._cleanup:
            self.folder = Path(tempfile.mkdtemp(prefix="dcs-bench-"))
            self._cleanup.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self._cleanup.enter_context(self.plane)
            self.plane.install_crds()
            self._start_dcs()
            key = {"accessKey": dcs.ACCESS_KEY, "secretKey": dcs.SECRET_KEY}
            self.add_project("default", dcs.PROJECT_ID, **key)
            self._cleanup = self._cleanup.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    def _start_dcs(self) -> None:
        address = f"{LOOPBACK}:0"
        command = [sys.executable, "-m", "sandbox.dcs", "--listen", address, "--admin", address]
        command += ["--running", str(self._tasks), "--max-log", str(LOG_MAX)]
        command += ["--answer-seconds", str(ANSWER_S), "--stop-seconds", str(self._stop_s)]
        if self._projects:
            file = self.folder / "projects.json"
            shown = [
                {
                    "project_id": one.project_id,
                    "access_key": one.access_key,
                    "secret_key": one.secret_key,
                    "running": one.running,
                }
                for one in self._projects
            ]
            file.write_text(json.dumps({"projects": shown}), encoding="utf-8")
            command += ["--projects", str(file)]
        server = self._serve(command, "dcs.log")
        eventually(lambda: b"\n" in server.log.read_bytes(), START_S_MAX)
        line = json.loads(server.log.read_bytes().splitlines()[0])
        self.cloud = Cloud(line["endpoint"], line["admin"])

    def _serve(self, command: Sequence[str | Path], log: str) -> Server:
        server = Server(command, self.folder / log)
        self._cleanup.callback(server.close)
        server.start()
        return server

    def add_project(self, name: str, project_id: str, **key: str) -> None:
        """Create a DCSProject and its Secret."""
        api = self.plane.api
        api.create(manifests.core_path(NAMESPACE, "secrets"), manifests.secret(name, **key))
        credentials = {"secretRef": {"name": name}}
        spec = {"endpoint": self.cloud.endpoint, "projectId": project_id}
        body = manifests.dcs_project(name, credentials=credentials, **spec)
        api.create(manifests.path(NAMESPACE, manifests.PROJECTS), body)

    def launch(self, contestant: Contestant) -> Server:
        """Start a contestant without waiting for anything."""
        return self._serve(contestant.command(self), f"{contestant.name}.log")

    def create(self, tasks: Iterable[dict[str, Any]]) -> dict[str, float]:
        """Create MigrationTasks as fast as it goes; return when each was there, by task id."""
        path = manifests.path(NAMESPACE, manifests.TASKS)

        def one(body: dict[str, Any]) -> tuple[str, float]:
            self.plane.api.create(path, body)
            return body["spec"]["taskId"], time.time()

        with ThreadPoolExecutor(max_workers=CREATORS) as pool:
            return dict(pool.map(one, tasks))

    def tasks(self, *, stopped: bool = True) -> list[dict[str, Any]]:
        """Return a MigrationTask for every migration of the first project."""
        return [
            manifests.migration_task(f"task-{number:05}", task_id, stopped=stopped)
            for number, task_id in enumerate(self.task_ids)
        ]

    def count(self, phase: str) -> int:
        """Count the resources with a phase."""
        path = manifests.path(NAMESPACE, manifests.TASKS)
        return len(self.plane.api.get(path, fieldSelector=f"status.phase={phase}")["items"])

    def any_but(self, phase: str) -> bool:
        """Tell whether any resource has another phase."""
        path = manifests.path(NAMESPACE, manifests.TASKS)
        selector = f"status.phase!={phase}"
        return bool(self.plane.api.get(path, fieldSelector=selector, limit="1")["items"])

    def writes(self) -> Counter[str]:
        """Return the writes to MigrationTasks by subresource, as the API server counts them."""
        found: Counter[str] = Counter()
        for match in _REQUESTS.finditer(self.plane.api.get("/metrics")):
            if _WRITING.search(match["labels"]):
                subresource = _SUBRESOURCE.search(match["labels"])
                found[subresource[1] if subresource else ""] += int(float(match["count"]))
        return found

    def is_watched(self) -> bool:
        """Tell whether somebody watches MigrationTasks, as the API server says."""
        match = _WATCHES.search(self.plane.api.get("/metrics"))
        return match is not None and float(match["count"]) > 0
