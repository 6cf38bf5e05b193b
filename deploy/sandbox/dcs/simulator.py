"""The whole simulator as one object: built from options, started, stopped.

`Simulator` is an asynchronous context manager. While it runs it answers on a real port of this
machine, so that any client in any thread or process can use it.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from sandbox.dcs import admin, records
from sandbox.dcs.api import Project
from sandbox.dcs.calls import LOG_MAX, Calls
from sandbox.dcs.faults import Fault, Faults
from sandbox.dcs.fleet import STOP_S, Fleet, Timing
from sandbox.dcs.keys import LOCK_S, AccessKey, KeyRing
from sandbox.dcs.listener import Listener
from sandbox.dcs.migration import MigrationSpec
from sandbox.dcs.others import Act, Others
from sandbox.dcs.permissions import Permissions
from sandbox.dcs.population import populate, project_ids
from sandbox.dcs.server import DcsServer
from sandbox.dcs.switches import Switches

LOOPBACK: Final = "127.0.0.1"
PROJECT_ID: Final = "00000000000000000000000000000001"
ACCESS_KEY: Final = "SIMULATEDACCESSKEY"
SECRET_KEY: Final = "SIMULATED-SECRET-KEY"  # noqa: S105 - opens nothing but this simulator
REDIS_PASSWORD: Final = "SIMULATED-REDIS-PASSWORD"  # noqa: S105 - planted to be searched for
SHUTDOWN_S: Final = 1.0
"""Time limit for calls in progress when the simulator ends."""

_log: Final = logging.getLogger("sandbox.dcs")


def _without_request(record: logging.LogRecord) -> bool:
    """Keep the bytes of a malformed request, which may contain a signature, out of the log."""
    if record.exc_info and isinstance(record.exc_info[1], HttpProcessingError):
        record.exc_info = None
    return True


_log.addFilter(_without_request)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectOptions:
    """One cloud project: who may call, and its initial migrations."""

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
    """In addition, exactly these."""


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
    """Seconds that every answer takes."""
    lock_s: float = LOCK_S
    """Seconds that a key is locked after too many 401s; 0: never."""
    forget_s: float | None = None
    """401s further apart than this do not add up to a lock; None: all do."""
    reject_s: float = 0.0
    """Seconds that every 401 of the gateway takes."""
    skew_s: float = 0.0
    """How far the clock that checks the dates of signatures is ahead."""
    read_after_s: float = 0.0
    """Seconds before a new connection is read from."""
    denied: tuple[str, ...] = ()
    """What the key of the first project may not do, see `permissions.py`."""
    faults: tuple[Fault, ...] = ()
    """On from the start."""
    writers: tuple[str, ...] = ()
    """Patterns of names: those migrations of the start have writers at work."""
    acts: tuple[Act, ...] = ()
    """What others do in the first project; counted from the start."""
    shared_projects: int = 0
    """Number of further projects that the key of the first one may call, ..."""
    shared_running: int = 0
    """... and number of migrations in each of them."""
    log_max: int = LOG_MAX
    seed: int = 0
    redis_password: str = field(default=REDIS_PASSWORD, repr=False)
    switches: Switches = field(default_factory=Switches)


class Simulator:
    """A DCS on this machine.

    Args:
        options: The settings; see `SimulatorOptions`.
        clock: Unix time in seconds for everything except the dates of signatures: callers take
            those from the clock of the machine, so they are checked against it.
    """

    def __init__(
        self, options: SimulatorOptions | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self.options = options or SimulatorOptions()
        self.clock = clock
        options = self.options
        self.calls = Calls(clock, options.log_max)
        self.faults = Faults(clock, options.seed)
        self.permissions = Permissions()
        self.keys = KeyRing(
            clock, lock_s=options.lock_s, forget_s=options.forget_s, reject_s=options.reject_s
        )
        self.keys.skew_s = options.skew_s
        self.projects: dict[str, Project] = {}
        self._switches = options.switches
        self._timing = options.timing
        for project in (*options.projects, *self._shared()):
            self.add_project(project)
        self._begin()
        self._closing = asyncio.Event()
        self.server = DcsServer(
            projects=self.projects,
            keys=self.keys,
            permissions=self.permissions,
            faults=self.faults,
            calls=self.calls,
            switches=self._switches,
            clock=clock,
            closing=self._closing,
            # Reproducible, not secret.
            chance=random.Random(f"{options.seed}/ids"),  # noqa: S311
            answer_s=options.answer_s,
        )
        self.listener = Listener(options.read_after_s)
        """Accepts the connections, or does not."""
        self._port = self.options.port
        self._runner: web.AppRunner | None = None
        self._admin_runner: web.AppRunner | None = None
        self.endpoint = ""
        """`http://HOST:PORT` once it listens."""
        self.admin_endpoint: str | None = None
        """The address of the admin API, if there is one."""

    @property
    def project(self) -> ProjectOptions:
        """The first project with its key: the one a test with one project means."""
        return self.options.projects[0]

    @property
    def fleet(self) -> Fleet:
        """The fleet of the first project."""
        return self.projects[self.project.project_id].fleet

    @property
    def others(self) -> Others:
        """The other people in the first project."""
        return self.projects[self.project.project_id].others

    def add_project(self, options: ProjectOptions) -> Project:
        """Open a project, or let one more key use it and add migrations.

        Raises `ValueError`, and changes nothing, if one of the migrations exists.
        """
        project = self.projects.get(options.project_id) or self._new_project(options.project_id)
        generated = populate(
            options.project_id,
            running=options.running,
            words=options.words,
            mixed=options.mixed,
            seed=self.options.seed,
        )
        project.fleet.add(*generated, *options.migrations)
        self.projects[options.project_id] = project
        key = AccessKey(
            access_key=options.access_key,
            secret_key=options.secret_key,
            security_token=options.security_token,
        )
        self.keys.add(key, options.project_id)
        return project

    def built(self, projects: Sequence[object]) -> list[ProjectOptions]:
        """Return projects from JSON; one without a key gets that of the first one.

        Raises `ValueError` for what does not fit.
        """
        found = []
        for one in projects:
            made = records.build(ProjectOptions, one)
            if not isinstance(one, Mapping) or "access_key" not in one:
                made = replace(
                    made,
                    access_key=self.project.access_key,
                    secret_key=self.project.secret_key,
                    security_token=self.project.security_token,
                )
            found.append(made)
        return found

    @property
    def listening(self) -> bool:
        """Whether the address of DCS is open."""
        return self._runner is not None

    def switch(self, **changes: Any) -> None:
        """Change the switches of all projects; raises `ValueError` for a bad one."""
        self._switches = self._switches.changed(changes)
        self.server.switches = self._switches
        for project in self.projects.values():
            project.fleet.switches = self._switches

    def retime(self, timing: Timing) -> None:
        """Change the times of all projects, including future ones."""
        self._timing = timing
        for project in self.projects.values():
            project.fleet.timing = timing

    @property
    def timing(self) -> Timing:
        """The times of all projects."""
        return self._timing

    def reset(self) -> None:
        """Forget calls, faults, locks, losses and deeds; migrations stay as they are."""
        self.calls.reset()
        self.faults.clear()
        self.keys.forgive()
        for project in self.projects.values():
            project.fleet.losses.clear()
            project.others.forget()

    async def start(self) -> None:
        """Open the address of DCS and that of the admin API; raises `OSError` if it cannot."""
        await self.listen()
        if self.options.admin_port is not None:
            app = admin.application(self)
            host, port = self.options.admin_host, self.options.admin_port
            try:
                self._admin_runner, bound = await _run(app, host, port)
            except OSError:
                await self.hang_up()
                raise
            self.admin_endpoint = _url(host, bound)

    async def stop(self) -> None:
        """Close everything; answers that are held back are cut off."""
        await self.hang_up()
        if self._admin_runner is not None:
            await self._admin_runner.cleanup()
            self._admin_runner = None

    async def listen(self) -> None:
        """Open the address of DCS: at first, or the same one again after `hang_up`."""
        if self._runner is None:
            self._closing.clear()
            runner = await _set_up(self.server.app())
            host = self.options.host
            try:
                self._port = await self.listener.open(_server_of(runner), host, self._port)
            except OSError:
                await runner.cleanup()
                raise
            self._runner = runner
            self.endpoint = _url(host, self._port)

    async def hang_up(self) -> None:
        """Close the address of DCS and all its connections: callers are refused."""
        if self._runner is not None:
            self._closing.set()
            await self.listener.close()
            await self._runner.cleanup()
            self._runner = None

    def _new_project(self, project_id: str) -> Project:
        seed = self.options.seed
        fleet = Fleet(self.clock, self._switches, self._timing, seed)
        return Project(
            project_id=project_id,
            fleet=fleet,
            others=Others(fleet, seed),
            redis_password=self.options.redis_password,
        )

    def _shared(self) -> list[ProjectOptions]:
        """Return the further projects of the first key."""
        count, running = self.options.shared_projects, self.options.shared_running
        return [
            replace(self.project, project_id=one, running=running, words={}, mixed=0, migrations=())
            for one in project_ids(count, self.options.seed)
        ]

    def _begin(self) -> None:
        """Do what the options ask for at the start."""
        options = self.options
        for fault in options.faults:
            self.faults.add(fault)
        if options.denied:
            self.permissions.deny(self.project.access_key, options.denied)
        for pattern in options.writers:
            for project in self.projects.values():
                project.fleet.write(on=True, chosen=project.fleet.choose(pattern))
        for act in options.acts:
            self.others.do(act)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


async def _set_up(app: web.Application) -> web.AppRunner:
    runner = web.AppRunner(app, access_log=None, logger=_log, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    return runner


def _server_of(runner: web.AppRunner) -> web.Server:
    if runner.server is None:
        raise RuntimeError("the runner is not set up")
    return runner.server


async def _run(app: web.Application, host: str, port: int) -> tuple[web.AppRunner, int]:
    """Serve an application; returns its runner and the port it got."""
    runner = await _set_up(app)
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
    """Return a simulator with one project, ready for `async with`.

    Args:
        migrations: The initial migrations of the project.
        running: Number of generated migrations in addition.
        stop_s: TERMINATING to TERMINATED, seconds.
        lag_s: accepted stop to TERMINATING, seconds.
        options: further fields of `SimulatorOptions`.
    """
    project = ProjectOptions(running=running, migrations=migrations)
    timing = Timing(stop_s=stop_s, lag_s=lag_s)
    return Simulator(SimulatorOptions(projects=(project,), timing=timing, **options))
