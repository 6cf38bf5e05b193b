"""The alerts: when they fire, what they then say, and where they lead."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import yaml

from dcs_migration_operator.core.phases import PENDING, WORDS, PhaseClass
from monitoring.alert_cases import DAYS
from monitoring.rules import RULES, RUNBOOK_URL, alerts, promtool, records

if TYPE_CHECKING:
    from pathlib import Path

    from monitoring.alert_days import Day

ANNOTATIONS = {"summary", "description", "runbook_url"}

STEP = "1m"
"""One value of a case is one minute."""


FOR_M_MIN = 5
"""A rollout, a takeover or one scrape that got lost is no reason to tell anybody."""


def minutes(text: str) -> int:
    """Return the minutes of a pause such as `5m`."""
    match = re.fullmatch(r"(\d+)m", text)
    assert match, f"{text} is not in minutes"
    return int(match[1])


def described(alert: str, day: Day) -> dict[str, str]:
    """Return the annotations as a person reads them when the alert fires on this day."""
    texts = dict(alerts()[alert]["annotations"])
    for label, value in (day.fires or {}).items():
        texts["description"] = texts["description"].replace(f"{{{{ $labels.{label} }}}}", value)
    texts["description"] = re.sub(
        r"\{\{ \$value[^}]*\}\}", lambda _: day.value, texts["description"]
    )
    assert "{{" not in texts["description"], "the day lacks a label of the description"
    return texts


@pytest.mark.parametrize(
    "alert, day",
    [
        pytest.param(alert, day, id=f"{alert}-{day.why.replace(' ', '-')}")
        for alert, days in DAYS.items()
        for day in days
    ],
)
def test_an_alert_fires_when_it_should_and_only_then(alert: str, day: Day, tmp_path: Path) -> None:
    """Promtool plays the day, and finds exactly the alerts and the texts that are expected."""
    expected = []
    early = f"{minutes(alerts()[alert]['for']) - 1}m"
    if day.fires is not None:
        labels = {**day.fires, **alerts()[alert]["labels"]}
        expected = [{"exp_labels": labels, "exp_annotations": described(alert, day)}]
    test = {
        "interval": STEP,
        "input_series": [{"series": name, "values": v} for name, v in day.series.items()],
        "alert_rule_test": [
            # Never before it was so for as long as the rule says.
            {"eval_time": early, "alertname": alert, "exp_alerts": []},
            {"eval_time": day.at, "alertname": alert, "exp_alerts": expected},
        ],
    }
    file = tmp_path / "day.yaml"
    content = {"rule_files": [str(RULES)], "evaluation_interval": STEP, "tests": [test]}
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    promtool("test", "rules", file)


def test_the_rules_are_in_order() -> None:
    """Promtool finds nothing to complain about, not even as a lint."""
    promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)


@pytest.mark.parametrize("name", alerts())
def test_an_alert_has_a_firing_and_a_silent_day(name: str) -> None:
    """No alert is there that was never seen to fire, or never seen to be silent."""
    assert {day.fires is None for day in DAYS[name]} == {True, False}


@pytest.mark.parametrize("name", alerts())
def test_an_alert_says_how_urgent_it_is_and_what_to_do(name: str) -> None:
    """Severity, a pause before it fires, three annotations, and a section of its own."""
    alert = alerts()[name]
    assert set(alert["labels"]) == {"severity"}
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert minutes(alert["for"]) >= FOR_M_MIN
    assert set(alert["annotations"]) == ANNOTATIONS
    assert "{{" not in alert["annotations"]["summary"]
    assert alert["annotations"]["runbook_url"] == f"{RUNBOOK_URL}#{name.lower()}"


def test_waiting_is_what_is_neither_ordered_nor_over() -> None:
    """The phases of the recorded series are those of the operator that call for an order."""
    expression = records()["namespace_job:dcs_operator_tasks_waiting:max"]
    pattern = re.search(r'phase!~"([^"]*)"', expression)
    assert pattern
    waiting = {word for word in [*WORDS, PENDING, "NONE"] if not re.fullmatch(pattern[1], word)}
    active = {word for word, its_class in WORDS.items() if its_class is PhaseClass.ACTIVE}
    assert waiting == active | {PENDING}
