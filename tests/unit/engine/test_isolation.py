"""What one project's trouble costs the others: nothing. Many projects on virtual time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from dcs_migration_operator.core.errors import Refused, Throttled
from dcs_migration_operator.core.model import Credentials, ErrorDetail
from simulation.cloud import Migration, task_id
from simulation.rig import Rig

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dcs_migration_operator.core.model import Account

pytestmark = pytest.mark.looptime

PROJECTS = 200
TASKS = 2
BAD = "project-0"
"""The project in trouble; it has 1,000 tasks, the others two each."""


def throttled(account: Account, _: str, moment: str, __: Sequence[str]) -> None:
    """Answer every call for the bad project with 429."""
    if account.project_id == BAD and moment == "before":
        raise Throttled(ErrorDetail("APIGW.0308", "throttled"), after_s=60.0)


def spoiled(account: Account, operation: str, moment: str, __: Sequence[str]) -> None:
    """Refuse every order of the bad project: each of its 1,000 ids is a bad one."""
    if (account.project_id, operation, moment) == (BAD, "batch_stop", "before"):
        raise Refused(ErrorDetail("DCS.4855", "invalid migration task id"))


def well(*_: object) -> None:
    """No trouble at all."""


async def accepted_at(interfere: Callable[..., None], *, slow_s: float = 0.05) -> list[float]:
    """Return when each stop of the good projects was accepted, in seconds from the start."""
    fleet = {task_id(n): Migration(stop_s=1000.0) for n in range(PROJECTS * TASKS + 1000)}
    async with Rig(fleet) as rig:
        rig.interfere = interfere
        rig.answer_s_of = lambda account: slow_s if account.project_id == BAD else 0.05
        rig.keys_of = {f"key-{n}": Credentials(f"AK-{n}", "SK") for n in range(PROJECTS)}
        for number in range(PROJECTS):
            rig.add_project(f"p-{number}", project_id=f"project-{number}", secret=f"key-{number}")
            rig.fleets[f"project-{number}"] = {}
        for number in range(PROJECTS * TASKS + 1000):
            owner = number % PROJECTS if number < PROJECTS * TASKS else 0
            rig.fleets[f"project-{owner}"][task_id(number)] = fleet[task_id(number)]
            rig.add_task(number, project=f"p-{owner}")
        rig.engine.activate()
        await asyncio.sleep(5.0)
        good = [n for n in range(PROJECTS * TASKS) if n % PROJECTS]
        return [fleet[task_id(n)].orders[0] for n in good]


@pytest.mark.parametrize("trouble", ["none", "throttled", "1,000 bad ids", "a black hole"])
async def test_a_neighbor_in_trouble_delays_nobody(trouble: str) -> None:
    """199 projects get their orders as soon as they would without the 200th: within a second."""
    match trouble:
        case "throttled":
            times = await accepted_at(throttled)
        case "1,000 bad ids":
            times = await accepted_at(spoiled)
        case "a black hole":
            times = await accepted_at(well, slow_s=30.0)
        case _:
            times = await accepted_at(well)
    assert len(times) == (PROJECTS - 1) * TASKS
    # A look that waits 0.1 s for company, an order that waits 0.2 s, 0.05 s for each answer.
    assert max(times) == pytest.approx(0.4, abs=0.1)
