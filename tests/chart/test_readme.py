"""The chart's README: generated from the comments of values.yaml, which describe every value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from reference import chart
from support.chart.helm import CHART

if TYPE_CHECKING:
    from collections.abc import Iterator

VALUES = (CHART / "values.yaml").read_text(encoding="utf-8")


def leaves(values: Any, path: str = "") -> Iterator[str]:
    """Yield the path of every value that holds no others."""
    if not isinstance(values, dict) or not values:
        yield path
        return
    for key, value in values.items():
        yield from leaves(value, f"{path}.{key}" if path else key)


def test_it_is_current() -> None:
    """`python -m reference` would write the same."""
    assert chart.PATH.read_text(encoding="utf-8") == chart.render()


def test_every_value_is_described() -> None:
    """By a comment of its own, or by one of a value that it belongs to."""
    described = [path for path, _ in chart.described(VALUES)]
    for leaf in leaves(yaml.safe_load(VALUES)):
        assert any(leaf == path or leaf.startswith(f"{path}.") for path in described), leaf


def test_a_description_may_have_several_lines() -> None:
    """They are joined; comments of another kind belong to nothing."""
    text = "# aside\na:\n  # -- One\n  # two.\n  b: 1\n  # aside\n  c: 2\nd: 3\n# -- Last\ne: 4\n"
    assert list(chart.described(text)) == [("a.b", "One two."), ("e", "Last")]
