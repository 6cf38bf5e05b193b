"""The CRDs among themselves: what stands in two places is the same, and code can read it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from support.checkout import CRDS

LITERAL = re.compile(r"matches\('(.*?)'\)")

SHARED = ("maxLag", "stableFor", "timeout", "onTimeout")
"""What a wave says for those of its tasks that do not."""


def spec_of(plural: str) -> Any:
    """Return the schema of the spec of one kind."""
    version = yaml.safe_load((CRDS / f"{plural}.yaml").read_text())["spec"]["versions"][0]
    return version["schema"]["openAPIV3Schema"]["properties"]["spec"]


TASK_CUTOVER = spec_of("migrationtasks")["properties"]["cutover"]
WAVE = spec_of("migrationwaves")


def patterns(schema: Any) -> set[str]:
    """Return the regular expressions in the rules of one field."""
    return {
        pattern
        for rule in schema.get("x-kubernetes-validations", ())
        for pattern in LITERAL.findall(rule["rule"])
    }


(PATTERN,) = patterns(TASK_CUTOVER["properties"]["notBefore"])
TIME = re.compile(PATTERN)


@pytest.mark.parametrize("name", SHARED)
def test_a_task_and_a_wave_take_the_same_in_a_field_that_both_have(name: str) -> None:
    """But for what is left out: a task then asks its wave."""
    fields = [dict(s["properties"][name]) for s in (TASK_CUTOVER, WAVE["properties"]["cutover"])]
    texts = [field.pop("description") for field in fields]
    assert fields[0] == fields[1]
    assert texts[0].replace("it is the wave's, or else ", "it is ") == texts[1]


def test_a_window_is_the_same_wherever_it_stands() -> None:
    """Each of the places compares by the same expression."""
    found = [
        patterns(schema)
        for holder in (TASK_CUTOVER, WAVE)
        for schema in (holder, holder["properties"]["notBefore"], holder["properties"]["notAfter"])
    ]
    assert found == [{PATTERN}] * 6


@settings(deadline=None)  # how long it takes is up to the machine
@given(st.from_regex(TIME, fullmatch=True))
def test_each_time_that_the_rule_lets_pass_is_a_moment(text: str) -> None:
    """No date that a calendar lacks and no zone that overflows gets through."""
    assert datetime.fromisoformat(text).astimezone(UTC).year in range(1999, 2101)


@settings(deadline=None)  # how long it takes is up to the machine
@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)),  # noqa: DTZ001 - the zone is added below
    st.integers(-14 * 60, 14 * 60),
)
def test_each_moment_of_the_century_can_be_written(moment: datetime, offset_min: int) -> None:
    """This holds in every zone, leap days included."""
    sign = "-" if offset_min < 0 else "+"
    zone = f"{sign}{abs(offset_min) // 60:02}:{abs(offset_min) % 60:02}"
    assert TIME.fullmatch(f"{moment:%Y-%m-%dT%H:%M:%S}{zone}")
