"""How a spoiled order is taken apart: who is found, who is stopped meanwhile, what it costs."""

from __future__ import annotations

from collections import Counter
from math import ceil, log2
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcs_migration_operator.core.errors import Refused
from dcs_migration_operator.core.model import ErrorDetail, Outcome, StopAnswer, task_key
from dcs_migration_operator.engine.batches import Batches
from simulation.probe import NoProbe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

IDS = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(50)]


class Cloud(NoProbe):
    """Refuses every order that names a bad id, as a whole; counts calls and splits."""

    def __init__(self, bad: set[str], code: str = "DCS.4855") -> None:
        self.bad, self.code = bad, code
        self.calls: list[Sequence[str]] = []
        self.splits: Counter[str] = Counter()
        self.batches = Batches(self.stop, self)

    async def stop(self, task_ids: Sequence[str]) -> Mapping[str, StopAnswer]:
        """Take an order whole, or refuse it whole."""
        self.calls.append(task_ids)
        if self.bad & set(task_ids):
            raise Refused(ErrorDetail(self.code, "no"))
        return {task_key(task_id): StopAnswer(Outcome.ACCEPTED, "request") for task_id in task_ids}

    def split(self, code: str) -> None:
        """Take note of a split."""
        self.splits[code] += 1

    async def order(self) -> set[str]:
        """Order all; returns who was rejected, after checking that all others were accepted."""
        results = await self.batches.order(IDS)
        outcomes = {one: r.outcome for one, r in results.items() if isinstance(r, StopAnswer)}
        assert outcomes.keys() == set(IDS)
        return {one for one, outcome in outcomes.items() if outcome is Outcome.REJECTED}


@given(st.sets(st.sampled_from(IDS), max_size=12))
async def test_the_bad_are_found_and_the_others_stopped_at_once(bad: set[str]) -> None:
    """For any bad ids: exactly they are rejected, for at most 2·log2 n further calls each."""
    cloud = Cloud(bad)
    assert await cloud.order() == bad
    assert len(cloud.calls) <= 1 + 2 * ceil(log2(len(IDS))) * len(bad)


@given(st.sets(st.sampled_from(IDS), min_size=1, max_size=12))
async def test_the_bad_are_ordered_alone_from_then_on(bad: set[str]) -> None:
    """The second time costs one call for the good and one for each bad id, and no split."""
    cloud = Cloud(bad)
    await cloud.order()
    first, splits = len(cloud.calls), cloud.splits.total()
    assert await cloud.order() == bad
    assert len(cloud.calls) - first == 1 + len(bad)
    assert cloud.splits.total() == splits


@pytest.mark.parametrize(
    "bad,calls,splits",
    [(IDS[:1], 11, 5), ([IDS[0], IDS[25]], 19, 9), (IDS[::5], 63, 31), (IDS[:10], 25, 12)],
    ids=["one", "two-far-apart", "ten-spread", "ten-in-a-row"],
)
async def test_what_bad_ids_cost(bad: list[str], calls: int, splits: int) -> None:
    """The figures of docs/reliability.md."""
    cloud = Cloud(set(bad))
    assert await cloud.order() == set(bad)
    assert (len(cloud.calls), cloud.splits.total()) == (calls, splits)
