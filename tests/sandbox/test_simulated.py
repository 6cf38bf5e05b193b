"""The exact sum of orders: whatever differs from one accepted stop for each wish is told."""

from __future__ import annotations

from pathlib import Path

import pytest

import sandbox
from sandbox.simulated import SimulatedDcs, Sum, account, mismatches

WISHED = ("a", "b")


@pytest.mark.parametrize(
    "found,words",
    [
        pytest.param(Sum(1, 2, {"a": 1, "b": 1}, {}), [], id="as expected"),
        pytest.param(
            Sum(2, 3, {"a": 2, "b": 1}, {}),
            ["stopped more than once: a", "3 ids were sent in orders, for 2 tasks"],
            id="twice",
        ),
        pytest.param(
            Sum(1, 1, {"a": 1}, {}),
            ["never stopped: b", "1 ids were sent in orders, for 2 tasks"],
            id="never",
        ),
        pytest.param(
            Sum(1, 3, {"a": 1, "b": 1, "c": 1}, {}),
            [
                "stopped although no stop was wanted: c",
                "3 ids were sent in orders, for 2 tasks",
            ],
            id="unasked",
        ),
        pytest.param(
            Sum(2, 3, {"a": 1, "b": 1}, {}),
            ["3 ids were sent in orders, for 2 tasks"],
            id="sent again without effect",
        ),
        pytest.param(
            Sum(1, 2, {"a": 1, "b": 1}, {"DCS.4017": 1}),
            ["calls were refused: {'DCS.4017': 1}"],
            id="refused",
        ),
    ],
)
def test_a_sum_that_is_not_exact_is_told(found: Sum, words: list[str]) -> None:
    """Stops that are missing, doubled, unasked, sent in vain or refused, each by its name."""
    assert mismatches(found, WISHED) == words


def test_the_process_says_what_it_was_ordered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing at first; its admin API tells and changes what runs there."""
    monkeypatch.setenv("PYTHONPATH", str(Path(sandbox.__file__).parents[1]))
    cloud = SimulatedDcs(tmp_path / "dcs.log", running=2, stop_s=1.0)
    try:
        cloud.start()
        cloud.wait()
        assert cloud.sum() == Sum(0, 0, {}, {})
        first, _ = (one["task_id"] for one in cloud.migrations())
        assert cloud.word(first) == "INCRMIGEATING"
        cloud.ask("PATCH", f"/migrations/{first}", {"word": "FAILED"})
        assert cloud.word(first) == "FAILED"
        with pytest.raises(OSError, match="GET /migrations/none: not found"):
            cloud.word("none")
    finally:
        cloud.close()
    assert not cloud.server.running


def test_an_account_is_a_secret_and_a_project_that_names_it() -> None:
    """As a user of the pages would make them."""
    secret, project = account("http://127.0.0.1:1")
    assert project["spec"]["credentials"]["secretRef"]["name"] == secret["metadata"]["name"]
    assert project["spec"]["endpoint"] == "http://127.0.0.1:1"
