"""kill -9 at random moments: nothing is lost, and hardly anything is ordered twice."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from support.operator.process import QUICK

if TYPE_CHECKING:
    from support.operator.fixtures import Launch
    from support.operator.workspace import Workspace

TASKS = 300
KILLS = 10
LIFE_S_MAX = 2.5
"""Each life ends within this time after its start: from before its first listing until most of the
work is done."""


@pytest.mark.timeout(300)
def test_ten_kills_during_three_hundred_stops_lose_nothing(own: Workspace, launch: Launch) -> None:
    """All are stopped in the end, and no task is ordered more than once for each life."""
    seed = random.SystemRandom().randrange(10**6)
    draw = random.Random(seed)  # noqa: S311 - moments, not secrets
    own.create_many(own.dcs.add_many(TASKS, stop_s=1.0))
    operator = launch(own.namespace, *QUICK)
    for _ in range(KILLS):
        operator.launch()
        time.sleep(draw.uniform(0.2, LIFE_S_MAX))  # the moment of a crash is what is drawn here
        operator.kill()
    operator.start()
    own.until_all("True/Terminated")
    orders = Counter(own.dcs.ordered())
    assert len(orders) == TASKS
    assert max(orders.values()) <= 1 + KILLS, f"seed {seed}"
    assert sum(orders.values()) <= TASKS + KILLS * 4 * 50, f"seed {seed}: four batches under way"
    print(f"orders per task: {sorted(Counter(orders.values()).items())}")  # noqa: T201 - with -s
