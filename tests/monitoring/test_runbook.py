"""The runbook: a complete section for each alert, and nothing in it that is not there."""

from __future__ import annotations

import re

import pytest

from monitoring.dashboard import panels
from monitoring.rules import RUNBOOK, alerts
from support.checkout import ROOT

LOG_LINES = (
    "the trouble of a project changed",
    "a status could not be written",
    "the Lease could not be renewed",
    "the first listing is not complete",
    "this replica is not the leader",
)
"""What people are told to look for."""


def test_the_runbook_has_a_section_for_each_alert_and_no_other() -> None:
    """The sections follow the order of the rules; a heading is what an anchor is made of."""
    headings = re.findall(
        r"^## (DCSOperator\w+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert headings == list(alerts())


@pytest.mark.parametrize("name", alerts())
def test_a_section_of_the_runbook_is_complete(name: str) -> None:
    """Severity, meaning, what users see, where to look, what to do, and when it is over."""
    text = RUNBOOK.read_text(encoding="utf-8")
    section = text.split(f"\n## {name}\n", 1)[1].split("\n## ", 1)[0]
    assert f"**Severity: {alerts()[name]['labels']['severity']}.**" in section
    parts = re.findall(r"^\*\*([A-Z][a-z ]+)\.\*\*", section, re.MULTILINE)
    assert parts == ["Users see", "Look at", "Do", "Over"]


def test_alerts_and_panels_that_it_points_to_are_there() -> None:
    """Names in italics are those of alerts or of panels."""
    text = re.sub(r"`[^`]*`|\*\*[^*]*\*\*", "", RUNBOOK.read_text(encoding="utf-8"))
    named = {" ".join(name.split()) for name in re.findall(r"\*([A-Z][^*]+)\*", text)}
    assert named <= set(alerts()) | {panel["title"] for panel in panels()}
    assert {name in alerts() for name in named} == {True, False}


@pytest.mark.parametrize("line", LOG_LINES)
def test_what_to_look_for_is_what_the_operator_says(line: str) -> None:
    """The words stand in the runbook and in the operator's code."""
    sources = (ROOT / "operator").rglob("*.py")
    code = "".join(source.read_text(encoding="utf-8") for source in sources)
    assert line in code
    assert line in " ".join(RUNBOOK.read_text(encoding="utf-8").split())
