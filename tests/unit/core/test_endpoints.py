"""Regions: which host each means, and what is said of one that nobody knows."""

from __future__ import annotations

import pytest
from huaweicloudsdkdcs.v2.region.dcs_region import DcsRegion

from dcs_migration_operator.core.endpoints import (
    EU_REGIONS,
    REGIONS,
    endpoint_of,
    is_allowed,
    region_hint,
)
from dcs_migration_operator.settings import DEFAULT_ENDPOINTS


def test_the_table_is_that_of_the_sdk() -> None:
    """A region that the SDK has learned since is missing here."""
    assert set(DcsRegion.static_fields) == REGIONS


@pytest.mark.parametrize("region", sorted(REGIONS))
def test_a_region_leads_to_the_host_of_the_sdk(region: str) -> None:
    """Except for the European site; either is allowed by default."""
    endpoint = endpoint_of(region, "")
    known = DcsRegion.static_fields[region].endpoints
    assert (endpoint in known) == (region not in EU_REGIONS)
    assert is_allowed(endpoint, DEFAULT_ENDPOINTS)


def test_the_european_site_is_under_eu() -> None:
    """As its users know it, and as the SDK's README has it."""
    assert endpoint_of("eu-west-101", "") == "https://dcs.eu-west-101.myhuaweicloud.eu"
    assert endpoint_of("eu-west-0", "") == "https://dcs.eu-west-0.myhuaweicloud.com"
    assert endpoint_of("eu-west-101", "https://h/") == "https://h"


@pytest.mark.parametrize(
    "host, hint",
    [
        (
            "dcs.cn-nroth-4.myhuaweicloud.com",
            "Huawei Cloud's SDK knows no region cn-nroth-4 with DCS; did you mean cn-north-4?",
        ),
        (
            "dcs.xx.myhuaweicloud.com",
            "Huawei Cloud's SDK knows no region xx with DCS.",
        ),
        (
            "dcs.eu-west-101.myhuaweicloud.com",
            "The hosts of region eu-west-101 are known as dcs.eu-west-101.myhuaweicloud.eu.",
        ),
        ("dcs.eu-west-101.myhuaweicloud.eu", ""),
        ("dcs.cn-north-4.myhuaweicloud.com", ""),
        ("dcs.private.example.com", ""),
        ("dcs.a.b.myhuaweicloud.com", ""),
        ("", ""),
    ],
)
def test_a_host_that_leads_nowhere_gets_a_hint(host: str, hint: str) -> None:
    """Where something is known; a region that is not in the table may still be a new one."""
    assert region_hint(host) == hint
