"""docs/security.md lists exactly the rights that the chart grants, and each has a proof."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from support.chart.proofs import PROOFS
from support.chart.rights import rights_of
from support.checkout import ROOT

if TYPE_CHECKING:
    from support.chart.helm import Helm
    from support.chart.rights import Right

PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


def rows() -> list[Right]:
    """Return the rights in the table, in its order."""
    table = PAGE.partition("\n## Rights of the operator\n")[2].partition("\nHow to give less")[0]
    found = re.findall(r"^\| `([a-z]+) ([a-z/]+)` \|", table, re.MULTILINE)
    return [(verb, resource) for verb, resource in found]


def test_the_table_lists_what_is_rendered(helm: Helm) -> None:
    """No right is missing and none is left over."""
    assert sorted(rows()) == sorted(rights_of(helm.template()))


def test_each_row_has_its_proof() -> None:
    """The test that the page names exists for each of them."""
    assert sorted(rows()) == sorted(PROOFS)
    assert len(rows()) == len({*rows()})
