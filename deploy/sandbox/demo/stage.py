"""Starts and ends everything the demo needs: control plane, DCS, watch and operator.

Owns the processes and the folder. Every process is ended by its id, in reverse order of starting,
and none outlives this one. `script.py` owns what happens in between.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import yaml

from sandbox import dcs, manifests
from sandbox.control_plane import ControlPlane, ensure
from sandbox.control_plane.processes import LOOPBACK, Server, free_port
from sandbox.control_plane.toolchain import CORE
from sandbox.demo import fleet
from sandbox.demo.calls import Dcs
from sandbox.demo.resources import Recording
from sandbox.pages import read_page
from sandbox.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sandbox.demo.fleet import Member
    from sandbox.demo.resources import Resources

NAMESPACE = "default"
"""The namespace in the kubeconfig, so that it does not have to be typed."""

READY_S_MAX = 60.0
"""From start to ready of one Python program: 1 s on an idle machine."""


class StageError(Exception):
    """Something did not start or ended by itself; the text has the last lines of its log."""


class Stage:
    """Everything up and running between `__enter__` and `__exit__`.

    Args:
        members: The fleet that DCS has.
        stop_s: How long DCS takes for a stop that a member of the fleet does not set.
        announce: Called with what is being started.
        options: Additional options of the operator.

    Attributes:
        folder: Manifests and logs; removed at the end unless `keep` is set.
        keep: Whether the folder is kept; it is if something broke.
        recording: What the watch has seen since `watch` was called.
        simulator: The simulator's admin API.
    """

    def __init__(
        self,
        members: Sequence[Member],
        stop_s: float,
        announce: Callable[[str], None],
        options: Sequence[str] = (),
    ) -> None:
        self._members, self._stop_s, self._announce = members, stop_s, announce
        self._options = options
        self._servers: dict[str, Server] = {}
        self._cleanup = contextlib.ExitStack()
        self.plane = ControlPlane()
        self.folder = Path()
        self.keep = False
        self.endpoint = ""
        self.admin = ""
        self._watch: Server
        self._watches = 0
        self.recording: Recording
        self.simulator: Dcs

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException as error:
            self.__exit__(type(error))
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and not issubclass(kind, KeyboardInterrupt):
            self.keep = True
        self._cleanup.close()

    @property
    def kept(self) -> Path | None:
        """The folder that is kept, if any."""
        return self.folder if self.keep and self.folder.is_absolute() else None

    @property
    def operator_log(self) -> Path:
        """The operator's log."""
        return self.folder / "operator.log"

    def check_alive(self) -> bool:
        """Return True, or raise with the end of the log of whatever has ended.

        Raises:
            StageError: The operator or DCS has ended.
            ControlPlaneError: A server of the control plane has ended.
        """
        for title, server in self._servers.items():
            if not server.running:
                raise StageError(
                    f"The {title} ended by itself. The last lines of its log:\n{server.tail()}"
                )
        return self.plane.check_alive()

    def write(self, name: str, documents: Iterable[dict[str, Any]]) -> Path:
        """Write manifests into one file of the folder and return its path."""
        path = self.folder / name
        path.write_text(yaml.safe_dump_all(documents, sort_keys=False), encoding="utf-8")
        return path

    def watch(self) -> None:
        """Start recording every change of every MigrationTask."""
        path = manifests.path(NAMESPACE, manifests.TASKS)
        version = self.plane.api.get(path)["metadata"]["resourceVersion"]
        self.recording = Recording(version)
        self._start_watch()

    def catch_up(self) -> Resources:
        """Process what the watch has recorded, make sure that it continues, and return all of it.

        Raises:
            WatchError: The watch cannot continue without a gap.
        """
        ended = not self._watch.running
        self.recording.catch_up()
        if ended:
            # The API server closes a watch whose reader does not keep up, as on a busy machine.
            self._start_watch()
        return self.recording.resources

    def _start_watch(self) -> None:
        """Watch from the end of the recording, into a new file."""
        path = manifests.path(NAMESPACE, manifests.TASKS)
        kubectl = [str(self.plane.binaries["kubectl"]), "--kubeconfig", str(self.plane.kubeconfig)]
        since = self.recording.version
        self._watches += 1
        command = [*kubectl, "get", "--raw", f"{path}?watch=true&resourceVersion={since}"]
        self._watch = Server(command, self.folder / f"watch-{self._watches}.jsonl")
        self._cleanup.callback(self._watch.close)
        self._watch.start()
        self.recording.read_from(self._watch.log)

    def _start(self) -> None:
        # Build first: without the binaries there is nothing to keep a folder for.
        ensure(*CORE)
        self.folder = Path(tempfile.mkdtemp(prefix="dcs-demo-"))
        self._cleanup.callback(self._remove_folder)
        self._announce("Starting etcd and kube-apiserver.")
        # Not as a context manager: its logs are saved between its start and its end.
        self._cleanup.callback(self.plane.stop)
        self.plane.start()
        self._cleanup.callback(self._save_logs)
        self.plane.install_crds()
        self._announce("Starting the simulated DCS.")
        self._start_dcs()
        self.plane.kubectl("apply", "--filename", self.write("project.yaml", self._project()))
        self._announce("Starting the operator.")
        self._start_operator()

    def _start_dcs(self) -> None:
        file = self.folder / "fleet.json"
        file.write_text(json.dumps(fleet.migrations(self._members)), encoding="utf-8")
        address = f"{LOOPBACK}:0"
        command = [sys.executable, "-m", "sandbox.dcs", "--listen", address, "--admin", address]
        command += ["--fleet", str(file), "--stop-seconds", str(self._stop_s)]
        log = self._serve("simulated DCS", command, "dcs.log").log
        self._wait("simulated DCS", lambda: b"\n" in log.read_bytes())
        line = json.loads(log.read_bytes().splitlines()[0])
        self.endpoint, self.admin = line["endpoint"], line["admin"]
        self.simulator = Dcs(self.admin)

    def _start_operator(self) -> None:
        listen = f"{LOOPBACK}:{free_port()}"
        command = [sys.executable, "-m", "dcs_migration_operator", "run", "--log-format", "text"]
        command += ["--kubeconfig", str(self.plane.kubeconfig), "--listen", listen]
        command += ["--allow-endpoint", self.endpoint, *self._options]
        self._serve("operator", command, self.operator_log.name)
        self._wait("operator", lambda: _is_ready(listen))

    def _project(self) -> list[dict[str, Any]]:
        key = {"accessKey": dcs.ACCESS_KEY, "secretKey": dcs.SECRET_KEY}
        project = {"endpoint": self.endpoint, "projectId": dcs.PROJECT_ID}
        return [manifests.secret(**key), manifests.dcs_project(**project)]

    def _serve(self, title: str, command: Sequence[str | Path], log: str) -> Server:
        """Start one process, to be ended at the end."""
        server = Server(command, self.folder / log)
        self._cleanup.callback(self._end, title, server)
        self._servers[title] = server
        server.start()
        return server

    def _end(self, title: str, server: Server) -> None:
        del self._servers[title]
        server.close()

    def _wait(self, title: str, fact: Callable[[], bool]) -> None:
        try:
            eventually(lambda: self.check_alive() and fact(), READY_S_MAX)
        except TimeoutError:
            text = f"The {title} is not ready after {READY_S_MAX:g} s. The last lines of its log:"
            raise StageError(f"{text}\n{self._servers[title].tail()}") from None

    def _save_logs(self) -> None:
        """Keep the logs of the control plane, whose own folder is removed with it."""
        if self.keep:
            for log in self.plane.folder.glob("*.log"):
                shutil.copy(log, self.folder)

    def _remove_folder(self) -> None:
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)


def _is_ready(address: str) -> bool:
    """Return whether the operator reports that it is ready."""
    return read_page(address, "/readyz")[0] == http.HTTPStatus.OK
