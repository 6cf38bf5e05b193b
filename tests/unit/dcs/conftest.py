"""A simulated DCS with three migrations, and a client of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox.dcs import simulate
from unit.dcs import wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from dcs_migration_operator.dcs.client import DcsClient
    from sandbox.dcs import Simulator


@pytest.fixture
async def dcs() -> AsyncIterator[Simulator]:
    """Run a simulator with three running migrations."""
    async with simulate(running=3) as simulator:
        yield simulator


@pytest.fixture
def client(dcs: Simulator) -> Iterator[DcsClient]:
    """Give a function that calls it with the right key."""
    one = wire.client_of(dcs.endpoint)
    yield one
    one.close()


@pytest.fixture
def ids(dcs: Simulator) -> list[str]:
    """Return the ids of its migrations."""
    return [migration.spec.task_id for migration in dcs.fleet]
