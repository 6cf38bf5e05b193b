"""The whole simulator as one object: built from options, started, stopped.

`Simulator` is an asynchronous context manager. While it runs it answers on a real port of this
machine, so that any client in any thread or process can use it.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from sandbox.dcs.admin import AdminServer
from sandbox.dcs.api import Project
from sandbox.dcs.calls import LOG_MAX, Calls
from sandbox.dcs.faults import Faults
from sandbox.dcs.fleet import STOP_S, Fleet, Timing
from sandbox.dcs.keys import LOCK_S, AccessKey, KeyRing
from sandbox.dcs.migration import MigrationSpec
from sandbox.dcs.population import populate
from sandbox.dcs.server import DcsServer
from sandbox.dcs.switches import Switches

LOOPBACK: Final = "127.0.0.1"
PROJECT_ID: Final = "00000000000000000000000000000001"
ACCESS_KEY: Final = "SIMULATEDACCESSKEY"
SECRET_KEY: Final = "SIMULATED-SECRET-KEY"  # noqa: S105 - opens nothing but this simulator
REDIS_PASSWORD: Final = "SIMULATED-REDIS-PASSWORD"  # noqa: S105 - planted to be searched for
SHUTDOWN_S: Final = 1.0
"""Calls under way get so long when the simulator ends."""

_log: Final = logging.getLogger("sandbox.dcs")


def _without_request(record: logging.LogRecord) -> bool:
    """Keeps the bytes of a malformed request, which may be a signature, out of the log."""
    if record.exc_info and isinstance(record.exc_info[1], HttpProcessingError):
        record.exc_info = None
    return True


_log.addFilter(_without_request)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectOptions:
    """One cloud project: who may call, and the migrations it begins with."""

    project_id: str = PROJECT_ID
    access_key: str = ACCESS_KEY
    secret_key: str = field(default=SECRET_KEY, repr=False)
    security_token: str | None = field(default=None, repr=False)
    """Makes the key a temporary one."""
    running: int = 0
    words: Mapping[str, int] = field(default_factory=dict)
    mixed: int = 0
    """These three: see `population.populate`."""
    migrations: tuple[MigrationSpec, ...] = ()
    """And exactly these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorOptions:
    """Everything that is fixed at the start. Times in seconds."""

    host: str = LOOPBACK
    port: int = 0
    """0: a free one."""
    admin_host: str = LOOPBACK
    admin_port: int | None = None
    """None: no admin API. 0: a free port."""
    projects: tuple[ProjectOptions, ...] = (ProjectOptions(),)
    timing: Timing = field(default_factory=Timing)
    answer_s: float = 0.0
    """Every answer takes so long."""
    lock_s: float = LOCK_S
    """A key is locked so long after too many 401s; 0: never."""
    log_max: int = LOG_MAX
    seed: int = 0
    redis_password: str = field(default=REDIS_PASSWORD, repr=False)
    switches: Switches = field(default_factory=Switches)


class Simulator:
    """A DCS on this machine.

    Args:
        options: what it is; see `SimulatorOptions`.
        clock: Unix time in seconds for fleets, faults and calls. Signatures are judged by the
            clock of the machine whatever this says.
    """

    def __init__(
        self, options: SimulatorOptions | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self.options = options or SimulatorOptions()
        self.clock = clock
        self.calls = Calls(clock, self.options.log_max)
        self.faults = Faults(clock, self.options.seed)
        self.keys = KeyRing(time.time, self.options.lock_s)
        self.projects: dict[str, Project] = {}
        for project in self.options.projects:
            self.add_project(project)
        self._closing = asyncio.Event()
        self.server = DcsServer(
            projects=self.projects,
            keys=self.keys,
            faults=self.faults,
            calls=self.calls,
            switches=self.options.switches,
            closing=self._closing,
            answer_s=self.options.answer_s,
        )
        self._port = self.options.port
        self._runner: web.AppRunner | None = None
        self._admin_runner: web.AppRunner | None = None
        self.endpoint = ""
        """`http://HOST:PORT` once it listens."""
        self.admin_endpoint: str | None = None
        """The same of the admin API, if there is one."""

    @property
    def project(self) -> ProjectOptions:
        """The first project with its key: the one a test with one project means."""
        return self.options.projects[0]

    @property
    def fleet(self) -> Fleet:
        """The fleet of the first project."""
        return self.projects[self.project.project_id].fleet

    def add_project(self, options: ProjectOptions) -> Project:
        """Opens a project, or lets one more key use it and adds migrations."""
        key = AccessKey(
            access_key=options.access_key,
            secret_key=options.secret_key,
            security_token=options.security_token,
        )
        self.keys.add(key, options.project_id)
        project = self.projects.get(options.project_id)
        if project is None:
            fleet = Fleet(self.clock, self.options.switches, self.options.timing)
            project = Project(
                project_id=options.project_id,
                fleet=fleet,
                redis_password=self.options.redis_password,
            )
            self.projects[options.project_id] = project
        project.fleet.add(
            *populate(
                options.project_id,
                running=options.running,
                words=options.words,
                mixed=options.mixed,
                seed=self.options.seed,
            ),
            *options.migrations,
        )
        return project

    def switch(self, **changes: Any) -> None:
        """Changes switches of all projects; raises `ValueError` for a bad one."""
        switches = self.server.switches.changed(changes)
        self.server.switches = switches
        for project in self.projects.values():
            project.fleet.switches = switches

    def reset(self) -> None:
        """Forgets calls, faults and locks; migrations stay as they are."""
        self.calls.reset()
        self.faults.clear()
        self.keys.forgive()

    async def start(self) -> None:
        """Opens the address of DCS and that of the admin API; raises `OSError` if it cannot."""
        await self.listen()
        if self.options.admin_port is not None:
            app = AdminServer(self).app()
            host, port = self.options.admin_host, self.options.admin_port
            try:
                self._admin_runner, bound = await _run(app, host, port)
            except OSError:
                await self.hang_up()
                raise
            self.admin_endpoint = _url(host, bound)

    async def stop(self) -> None:
        """Closes everything; answers that are held back are cut off."""
        await self.hang_up()
        if self._admin_runner is not None:
            await self._admin_runner.cleanup()
            self._admin_runner = None

    async def listen(self) -> None:
        """Opens the address of DCS: at first, or the same one again after `hang_up`."""
        if self._runner is None:
            self._closing.clear()
            host = self.options.host
            self._runner, self._port = await _run(self.server.app(), host, self._port)
            self.endpoint = _url(host, self._port)

    async def hang_up(self) -> None:
        """Closes the address of DCS and all its connections: callers are refused."""
        if self._runner is not None:
            self._closing.set()
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


async def _run(app: web.Application, host: str, port: int) -> tuple[web.AppRunner, int]:
    """Serves an application; returns its runner and the port it got."""
    runner = web.AppRunner(app, access_log=None, logger=_log, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError:
        await runner.cleanup()
        raise
    return runner, int(runner.addresses[0][1])


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def simulate(
    *migrations: MigrationSpec,
    running: int = 0,
    stop_s: float = STOP_S,
    lag_s: float = 0.0,
    **options: Any,
) -> Simulator:
    """A simulator with one project, ready for `async with`.

    Args:
        migrations: what the project begins with.
        running: so many generated ones besides.
        stop_s: TERMINATING to TERMINATED, seconds.
        lag_s: accepted stop to TERMINATING, seconds.
        options: further fields of `SimulatorOptions`.
    """
    project = ProjectOptions(running=running, migrations=migrations)
    timing = Timing(stop_s=stop_s, lag_s=lag_s)
    return Simulator(SimulatorOptions(projects=(project,), timing=timing, **options))
