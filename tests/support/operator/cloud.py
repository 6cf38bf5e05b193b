"""Runs the simulated DCS in a thread, for tests that are not coroutines, with a project for each.

Owns the event loop of the simulator. Everything that touches its state runs in that loop, so that
no test reads a log that is being written.
"""

from __future__ import annotations

import contextlib
import secrets
import uuid
from typing import TYPE_CHECKING, Any, Self, TypeVar

from sandbox.dcs import (
    Fault,
    FaultKind,
    MigrationSpec,
    ProjectOptions,
    Simulator,
    SimulatorOptions,
    Timing,
    lag,
)
from sandbox.dcs.migration import key_of
from support.loops import LoopThread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.dcs import Fleet, Migration
    from sandbox.dcs.calls import Call

T = TypeVar("T")

PLANTED = "PLANTED"
"""Prefix of every secret in these tests; it must never appear anywhere but in its Secret."""

STOP_S = 0.5
"""TERMINATING to TERMINATED, unless a test says otherwise: longer than one poll interval."""

CALLS_MAX = 100_000
"""Most calls that are remembered; a session makes a few thousand."""

NEVER_S = 3600.0
"""Duration of stops that end only when a test says so (`CloudProject.end`): then every TERMINATING
is observed, however busy the machine is."""


class Cloud:
    """A running simulator; use as a context manager."""

    def __init__(self) -> None:
        options = SimulatorOptions(
            projects=(), timing=Timing(stop_s=STOP_S), log_max=CALLS_MAX, lock_s=0.0
        )
        self._simulator = Simulator(options)
        self._loop = LoopThread("simulated-dcs")

    def __enter__(self) -> Self:
        self._loop.start()
        self._loop.run(self._simulator.start())
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run(self._simulator.stop())
        self._loop.close()

    @property
    def endpoint(self) -> str:
        """Where it listens, or listened until it was hung up."""
        return self._simulator.endpoint

    def do(self, act: Callable[[Simulator], T]) -> T:
        """Call a function with the simulator in the simulator's thread, and return its result."""

        async def inside() -> T:
            return act(self._simulator)

        return self._loop.run(inside())

    @contextlib.contextmanager
    def hung_up(self) -> Iterator[None]:
        """Refuse connections for the duration of the block."""
        self._loop.run(self._simulator.hang_up())
        try:
            yield
        finally:
            self._loop.run(self._simulator.listen())

    def open_project(self, *, with_token: bool = False) -> CloudProject:
        """Open an empty project with a key of its own."""
        return CloudProject(self, with_token=with_token)


class CloudProject:
    """One cloud project with one key.

    Args:
        cloud: Where it is.
        with_token: Whether its key is a temporary one, with a security token.
    """

    def __init__(self, cloud: Cloud, *, with_token: bool = False) -> None:
        self.cloud = cloud
        self.project_id = secrets.token_hex(16)
        self.access_key = f"KEY{secrets.token_hex(6).upper()}"
        self.secret_key = f"{PLANTED}-SECRET-KEY-{secrets.token_hex(6)}"
        self.token = f"{PLANTED}-TOKEN-{secrets.token_hex(6)}" if with_token else None
        self._faults: list[int] = []
        self._open()

    def _open(self) -> None:
        options = ProjectOptions(
            project_id=self.project_id,
            access_key=self.access_key,
            secret_key=self.secret_key,
            security_token=self.token,
        )
        self.cloud.do(lambda simulator: simulator.add_project(options))

    def rotate(self) -> None:
        """Replace the key: from now on only the new one is accepted."""
        old = self.access_key
        self.access_key = f"KEY{secrets.token_hex(6).upper()}"
        self.secret_key = f"{PLANTED}-SECRET-KEY-{secrets.token_hex(6)}"
        self._open()
        self.cloud.do(lambda simulator: simulator.keys.remove(old))

    @property
    def credentials(self) -> dict[str, str]:
        """What belongs into the Secret."""
        token = {"securityToken": self.token} if self.token else {}
        return {"accessKey": self.access_key, "secretKey": self.secret_key} | token

    def add(self, task_id: str = "", **spec: Any) -> str:
        """Create one migration; returns its id as DCS writes it."""
        made = MigrationSpec(task_id=task_id or str(uuid.uuid4()), **spec)
        self._with_fleet(lambda fleet: fleet.add(made))
        return made.task_id

    def add_many(self, count: int, **spec: Any) -> list[str]:
        """Create this number of equal migrations; return their ids."""
        made = [MigrationSpec(task_id=str(uuid.uuid4()), **spec) for _ in range(count)]
        self._with_fleet(lambda fleet: fleet.add(*made))
        return [one.task_id for one in made]

    def alter(self, task_id: str, **changes: Any) -> None:
        """Change fields of a migration's spec; `word` takes effect at once."""
        self._with_fleet(lambda fleet: fleet.alter(task_id, changes))

    def end(self, *task_ids: str) -> None:
        """Let migrations be TERMINATED now, however long their stops were to take."""
        for task_id in task_ids:
            self.alter(task_id, word="TERMINATED")

    def write(self, *task_ids: str, on: bool) -> None:
        """Switch the writers of some sources on or off; of all without an id."""
        self._with_fleet(lambda fleet: fleet.write(on=on, chosen=fleet.choose("*", task_ids)))

    def losses(self) -> tuple[int, int]:
        """Return how many stops had effect, and how many keys they lost in all."""

        def look(fleet: Fleet) -> tuple[int, int]:
            fleet.advance()
            return fleet.losses.stops, fleet.losses.keys

        return self._with_fleet(look)

    def would_lose(self) -> int:
        """Return how many keys would be lost by stopping everything at this moment."""

        def look(fleet: Fleet) -> int:
            now_s = fleet.advance()
            return sum(lag.figures(one, now_s).missing_keys for one in fleet)

        return self._with_fleet(look)

    def words(self, task_id: str) -> list[str]:
        """Return every word that a migration had, in their order."""

        def look(fleet: Fleet) -> list[str]:
            migration: Migration = fleet[task_id]
            return [word for _, word in migration.history]

        return self._with_fleet(look)

    def fail(self, kind: FaultKind, **fault: Any) -> None:
        """Switch a fault on for this project alone."""
        made = Fault(kind=kind, project_id=self.project_id, **fault)
        self._faults.append(self.cloud.do(lambda simulator: simulator.faults.add(made)).number)

    def heal(self) -> None:
        """Switch all faults of this project off; harmless if there are none."""
        numbers, self._faults = self._faults, []
        if not numbers:
            return

        def act(simulator: Simulator) -> None:
            for number in numbers:
                simulator.faults.remove(number)

        self.cloud.do(act)

    def calls(self, operation: str = "") -> list[Call]:
        """Return the calls for this project, oldest first; of one operation if it is named."""

        def look(simulator: Simulator) -> list[Call]:
            return [call for call in simulator.calls.log if call.project_id == self.project_id]

        return [c for c in self.cloud.do(look) if operation in ("", c.operation)]

    def orders(self) -> list[list[str]]:
        """Return the keys of the ids of each order, oldest order first."""
        return [[key_of(one) for one in call.ids] for call in self.calls("batch_stop")]

    def ordered(self) -> list[str]:
        """Return the key of every id that was ordered to stop, as often as it was."""
        return [key for order in self.orders() for key in order]

    def _with_fleet(self, act: Callable[[Fleet], T]) -> T:
        return self.cloud.do(lambda simulator: act(simulator.projects[self.project_id].fleet))
