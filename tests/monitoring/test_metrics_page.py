"""The page about metrics says what the operator exposes, and its queries can be asked."""

from __future__ import annotations

import re

import pytest

from monitoring.exposed import FOREIGN, asked_for, families, samples
from monitoring.rules import RUNBOOK, promtool, records
from support.checkout import ROOT

METRICS = ROOT / "docs" / "metrics.md"

ROW = re.compile(r"^\| `(\w+)` \| (\w+) \|([^|]*)\| [^|]+ \|$", re.MULTILINE)

PROMQL = re.compile(r"`((?!kubectl|helm)[^`\n]*\b(?:dcs_operator|kube_|up\b|process_)[^`\n]*)`")
"""Code in the text that names a metric; it is a query if it also has a bracket or an operator."""


def queries() -> list[str]:
    """Return all queries in the two pages."""
    text = "".join(page.read_text(encoding="utf-8") for page in (METRICS, RUNBOOK))
    return [code for code in PROMQL.findall(text) if re.search(r"[{(=]", code)]


def test_the_page_lists_what_is_exposed_and_nothing_else() -> None:
    """Names, types and labels are those of the operator's own page."""
    listed = {
        name: (kind, frozenset(re.findall(r"\w+", labels)))
        for name, kind, labels in ROW.findall(METRICS.read_text(encoding="utf-8"))
    }
    assert listed == families()


def test_every_outcome_is_explained() -> None:
    """The outcomes of calls are those of the contract of the metric."""
    text = METRICS.read_text(encoding="utf-8").split("| `outcome` of a call |")[1].split("\n\n")[0]
    outcomes = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    assert outcomes == {"ok", "throttled", "auth", "client_error", "server_error", "timeout"}


@pytest.mark.parametrize("query", queries())
def test_a_query_of_the_pages_can_be_asked(query: str) -> None:
    """It parses, and asks for what there is."""
    promtool("--experimental", "promql", "format", query)
    assert asked_for(query) - set(records()) - FOREIGN <= samples()
