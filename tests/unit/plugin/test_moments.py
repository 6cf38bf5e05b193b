"""Durations and times, as people write and read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_dcs import moments
from kubectl_dcs.problems import WrongUsage

CRD = Path(__file__).resolve().parents[3] / "crds" / "migrationwaves.yaml"


def pattern() -> str:
    """Return the form of a duration in the CRDs."""
    version = yaml.safe_load(CRD.read_text())["spec"]["versions"][0]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    rule = spec["cutover"]["properties"]["timeout"]["x-kubernetes-validations"][0]["rule"]
    (found,) = re.findall(r"matches\('(.*?)'\)", rule)
    return str(found)


@settings(deadline=None)  # how long it takes is up to the machine
@given(st.from_regex(pattern(), fullmatch=True))
def test_each_duration_of_the_crds_is_read(text: str) -> None:
    """What the API server takes, the command line takes."""
    assert moments.seconds(text) >= 0


@pytest.mark.parametrize(
    "text, seconds",
    [("90", 90), ("0", 0), ("1.5s", 1.5), ("250ms", 0.25), ("1h30m", 5400), ("24h", 86400)],
)
def test_durations_are_seconds(text: str, seconds: float) -> None:
    """A bare number is seconds."""
    assert moments.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-1s", "1d", "1 h", "5x", "inf"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    """The line says what one looks like."""
    with pytest.raises(WrongUsage, match="is not a duration such as 90s, 30m or 1h30m"):
        moments.seconds(text)


@pytest.mark.parametrize(
    "seconds, words",
    [
        *[(None, ""), (-5, "0s"), (0, "0s"), (59.9, "59s"), (60, "1m"), (61, "1m1s")],
        *[(3600, "1h"), (5400, "1h30m"), (90061, "1d1h"), (86400 * 3, "3d")],
    ],
)
def test_spans_are_told_in_two_units(seconds: float | None, words: str) -> None:
    """As kubectl writes ages."""
    assert moments.in_words(seconds) == words


def test_an_age_needs_a_time_with_its_zone() -> None:
    """Anything else has none."""
    now = datetime(2026, 11, 27, 18, 1, tzinfo=UTC)
    assert moments.age("2026-11-28T02:00:00+08:00", now) == "1m"
    assert moments.age("2026-11-28T02:00:00", now) == moments.age("", now) == ""
    assert moments.between("2026-11-27T18:00:00Z", "") is None
