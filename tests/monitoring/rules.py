"""The alert rules as tests read them, and promtool.

Owns reading of `deploy/alerts`; what the rules should say is up to the tests.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import yaml

from sandbox.control_plane import ensure
from support.checkout import ROOT

if TYPE_CHECKING:
    from pathlib import Path

RULES = ROOT / "deploy" / "alerts" / "dcs-migration-operator.yaml"
RUNBOOK = ROOT / "docs" / "runbook.md"

RUNBOOK_URL = (
    "https://github.com/dcs-migration-operator/dcs-migration-operator/blob/main/docs/runbook.md"
)

PROMTOOL_S_MAX = 60.0
"""For one act of promtool; it takes a fraction of a second."""


def rules() -> list[dict[str, Any]]:
    """Return all rules in their order."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    """Return the alerts by their names."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def records() -> dict[str, str]:
    """Return the expressions of the recorded series by their names."""
    return {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}


def promtool(*arguments: str | Path) -> str:
    """Run promtool; raises `AssertionError` with what it says if it does not succeed."""
    command = [ensure("promtool")["promtool"], *arguments]
    answer = subprocess.run(  # noqa: S603 - our own command line
        command, capture_output=True, text=True, timeout=PROMTOOL_S_MAX, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout
