"""The plots of the measurements."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from bench import svg

NAMESPACE = "{http://www.w3.org/2000/svg}"

LINES = [
    svg.Series("product", [(100.0, 2.0), (1000.0, 2.0), (10_000.0, 2.0)]),
    svg.Series("peer <kopf>", [(100.0, 20.0), (1000.0, 40.0)], dashed=True),
]


def drawn(*series: svg.Series) -> ET.Element:
    """Return the plot as XML."""
    return ET.fromstring(svg.plot("Cost", "N", "ms", series))  # noqa: S314 - our own text


def points(plot: ET.Element) -> list[list[tuple[float, float]]]:
    """Return the pixels of each line."""
    return [
        [
            (float(x), float(y))
            for x, y in (pair.split(",") for pair in line.get("points", "").split())
        ]
        for line in plot.iter(f"{NAMESPACE}polyline")
    ]


def test_equal_ratios_are_equal_distances() -> None:
    """Both axes are logarithmic: from 2 to 4 is as far as from 20 to 40, and x goes by tens."""
    low = svg.Series("low", [(100.0, 2.0), (1000.0, 4.0), (10_000.0, 4.0)])
    high = svg.Series("high", [(100.0, 20.0), (1000.0, 40.0)])
    below, above = points(drawn(low, high))
    assert below[0][1] - below[1][1] == pytest.approx(above[0][1] - above[1][1], abs=0.2)
    assert below[1][1] == below[2][1] < below[0][1]
    assert below[1][0] - below[0][0] == pytest.approx(below[2][0] - below[1][0], abs=0.2)


def test_everything_lies_inside() -> None:
    """No point and no text is cut off by the margins."""
    plot = drawn(*LINES)
    for line in points(plot):
        for x, y in line:
            assert svg.LEFT <= x <= svg.WIDTH - svg.RIGHT
            assert svg.TOP <= y <= svg.HEIGHT - svg.BOTTOM
    for text in plot.iter(f"{NAMESPACE}text"):
        assert 0 < float(text.get("y", "0")) < svg.HEIGHT


def test_names_do_not_lie_over_each_other() -> None:
    """Two lines that end at the same point are told apart."""
    plot = drawn(LINES[0], svg.Series("twin", LINES[0].points))
    names = [
        float(text.get("y", "0"))
        for text in plot.iter(f"{NAMESPACE}text")
        if text.text in {"product", "twin"}
    ]
    assert abs(names[0] - names[1]) == svg.NAME_GAP


@pytest.mark.parametrize(
    "least,most,expected",
    [
        (2.0, 2.0, [2.0, 5.0]),
        (0.3, 12.0, [0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0]),
        (100.0, 1000.0, [100.0, 200.0, 500.0, 1000.0]),
    ],
)
def test_ticks_hold_all_values(least: float, most: float, expected: list[float]) -> None:
    """They are 1, 2 and 5 times a power of ten, and no more than needed."""
    assert svg.ticks(least, most) == pytest.approx(expected)


def test_colors_fit_light_and_dark_pages() -> None:
    """The dark colors are in the picture itself: a page cannot reach into an image."""
    assert "prefers-color-scheme: dark" in svg.plot("Cost", "N", "ms", LINES)


def test_nothing_cannot_be_plotted() -> None:
    """An empty picture would hide that nothing was measured."""
    with pytest.raises(ValueError, match="nothing to plot"):
        svg.plot("Cost", "N", "ms", [svg.Series("none", [])])
