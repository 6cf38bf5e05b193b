"""What is drawn depends on nothing but the seed, so that a change is what makes a difference."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from typing import TYPE_CHECKING

from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st

from simulation.steady import Enough, steady

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

NUMBERS = st.integers(0, 10**6)
CONSTANTS = range(1_000, 3_000)


COUNT = 200


def drawn(enough: int = COUNT) -> list[int]:
    """Return what Hypothesis draws until it is enough."""
    found: list[int] = []

    @seed(1)
    @settings(max_examples=COUNT, database=None, phases=[Phase.generate])
    @given(NUMBERS)
    def draw(number: int) -> None:
        if len(found) == enough:
            raise Enough
        found.append(number)

    with contextlib.suppress(Enough):
        draw()
    return found


def import_constants(folder: Path) -> None:
    """Import a module that is full of numbers."""
    path = folder / "full_of_numbers.py"
    path.write_text(f"NUMBERS = {list(CONSTANTS)}\n", "utf-8")
    spec = importlib.util.spec_from_file_location("full_of_numbers", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["full_of_numbers"] = module
    spec.loader.exec_module(module)


def test_another_module_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its constants would be drawn otherwise."""
    monkeypatch.setitem(sys.modules, "full_of_numbers", sys)  # removed at the end
    with steady():
        before = drawn()
    import_constants(tmp_path)
    with steady():
        after = drawn()
    assert before == after
    assert set(drawn()) & set(CONSTANTS)


def test_fewer_are_the_first_ones() -> None:
    """So nothing is found in a short run that is not found in the long one."""
    with steady():
        assert drawn(enough=20) == drawn()[:20]
