"""What the tests of the simulated DCS share: a caller of the simulator `dcs` of each module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox.dcs import PROJECT_ID, ProjectOptions
from sandbox.dcs.caller import Caller, Signer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sandbox.dcs import Simulator


@pytest.fixture
async def caller(dcs: Simulator) -> AsyncIterator[Caller]:
    """Give a caller with the right key."""
    options = ProjectOptions()
    signer = Signer(access_key=options.access_key, secret_key=options.secret_key)
    async with Caller(dcs.endpoint, PROJECT_ID, signer) as client:
        yield client
