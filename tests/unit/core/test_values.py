"""Phases, statuses, conditions and endpoints: the values behind the decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dcs_migration_operator.core.conditions import READY, clip, condition, dated
from dcs_migration_operator.core.endpoints import endpoint_of, is_allowed, is_origin
from dcs_migration_operator.core.model import (
    Credentials,
    TroubleKind,
    task_key,
)
from dcs_migration_operator.core.phases import PhaseClass, class_of
from dcs_migration_operator.core.projects import describe_project
from dcs_migration_operator.core.status import (
    NEVER,
    Condition,
    ErrorRecord,
    Status,
    StopRecord,
    TaskRecord,
    from_json,
    parse_time,
    to_json,
)
from dcs_migration_operator.settings import DEFAULT_ENDPOINTS
from support import make
from support.checkout import CRDS

if TYPE_CHECKING:
    from pathlib import Path

TEXT = st.text(max_size=20)
FILLED = st.text(min_size=1, max_size=20)
STATUSES = st.builds(
    Status,
    phase=TEXT,
    generation=st.integers(0, 10),
    conditions=st.lists(
        st.builds(Condition, FILLED, TEXT, TEXT, TEXT, TEXT, st.integers(0, 9))
    ).map(tuple),
    stop=st.none() | st.builds(StopRecord, TEXT, TEXT, TEXT, st.integers(0, 9), TEXT),
    task=st.none() | st.builds(TaskRecord, FILLED, TEXT, TEXT, TEXT),
    error=st.none() | st.builds(ErrorRecord, FILLED, TEXT, TEXT, TEXT),
)


def test_both_spellings_of_an_id_meet() -> None:
    """Dashes and case make no difference."""
    assert task_key("B21989EC-2889-4B8E-99DB-19C073425EC2") == task_key(make.TASK_ID)


def test_both_spellings_of_the_incremental_phase_are_active() -> None:
    """The API's own misspelling counts like the right one."""
    assert class_of("INCRMIGEATING") is class_of("INCRMIGRATING") is PhaseClass.ACTIVE


@given(st.text())
def test_any_word_has_a_class(word: str) -> None:
    """An unknown word is never an error."""
    assert isinstance(class_of(word), PhaseClass)


@given(STATUSES)
def test_a_status_survives_the_server(status: Status) -> None:
    """For all statuses: reading back what was written gives the same value."""
    assert from_json(to_json(status)) == status


@given(
    st.dictionaries(
        st.sampled_from(["phase", "conditions", "stop", "task", "lastError", "observedGeneration"]),
        st.none() | st.integers() | TEXT | st.lists(st.none() | TEXT) | st.just({"x": 1}),
    )
)
def test_a_foreign_status_is_read_as_far_as_it_makes_sense(body: dict[str, object]) -> None:
    """Whatever somebody wrote there, reading it does not fail."""
    assert isinstance(from_json(body), Status)


@pytest.mark.parametrize("crd", sorted(CRDS.glob("*.yaml")), ids=lambda path: path.stem)
def test_what_a_crd_gives_is_as_if_nobody_had_written(crd: Path) -> None:
    """The conditions of a resource that nobody has seen are not taken for an operator's."""
    version = yaml.safe_load(crd.read_text(encoding="utf-8"))["spec"]["versions"][0]
    default = version["schema"]["openAPIV3Schema"]["properties"]["status"]["default"]
    assert from_json(default) == Status()
    assert default["conditions"]


def test_a_status_that_another_build_wrote_over_the_default_is_read() -> None:
    """It may have kept the time of 1970; it says a generation, so somebody has written it."""
    body = {
        "observedGeneration": 1,
        "phase": "TERMINATING",
        "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": NEVER}],
        "stop": {"acceptedAt": "2026-03-01T12:00:00Z", "attempts": 1},
    }
    read = from_json(body)
    assert (read.phase, read.stop and read.stop.attempts) == ("TERMINATING", 1)
    (ready,) = dated([condition(READY, "False", "Stopping", "a")], read.conditions, 1, "now")
    assert ready.since == "now"


def test_a_transition_time_moves_with_the_status_alone() -> None:
    """A new reason or message keeps the time; a new status takes the moment."""
    first = dated([condition(READY, "False", "Pending", "a")], (), 1, "t1")
    reason = dated([condition(READY, "False", "Stopping", "b")], first, 2, "t2")
    status = dated([condition(READY, "True", "Terminated", "c")], reason, 2, "t3")
    assert [c.since for c in (*first, *reason, *status)] == ["t1", "t1", "t3"]
    assert reason[0].generation == 2


def test_long_texts_are_cut_with_a_mark() -> None:
    """The limit holds and the cut is visible."""
    assert clip("x" * 2000) == "x" * 1023 + "…"
    assert clip("short") == "short"


def test_credentials_show_nothing_of_themselves() -> None:
    """Neither repr nor str has a key in it."""
    credentials = Credentials("AK-VISIBLE", "SK-VISIBLE", "TOKEN-VISIBLE")
    assert "VISIBLE" not in f"{credentials!r} {credentials}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-03-01T12:00:00",
        "2026-13-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_a_time_that_is_none_is_none(text: str) -> None:
    """Bad times, times without a zone and times that no UTC has are not guessed."""
    assert parse_time(text) is None


class TestEndpoints:
    """Which endpoints a project may name."""

    @pytest.mark.parametrize(
        "endpoint",
        [
            "https://dcs.cn-north-4.myhuaweicloud.com",
            "https://dcs.eu-west-101.myhuaweicloud.eu",
        ],
    )
    def test_the_clouds_own_are_allowed(self, endpoint: str) -> None:
        """The default patterns admit each of them."""
        assert is_allowed(endpoint, DEFAULT_ENDPOINTS)

    @pytest.mark.parametrize(
        "endpoint",
        [
            "http://dcs.cn-north-4.myhuaweicloud.com",
            "https://dcs.a.b.myhuaweicloud.com",
            "https://evil.com/dcs.x.myhuaweicloud.com",
            "https://dcs.x@evil.com",
            "https://user:pw@dcs.x.myhuaweicloud.com",
            "https://dcs.x.myhuaweicloud.com:8443",
            "https://dcs.x.myhuaweicloud.com.evil.com",
            "https://dcs.x.myhuaweicloud.com/path",
            "https://dcs.x.myhuaweicloud.com?q",
            "https://dcs.x.myhuaweicloud.com#f",
            "https://dcs.x.myhuaweicloud.com:99999",
            "https://[::1",
            "ftp://dcs.x.myhuaweicloud.com",
            "https://169.254.169.254",
            "",
        ],
    )
    def test_everything_else_is_not(self, endpoint: str) -> None:
        """Http, user information, ports, paths and lookalikes are refused."""
        assert not is_allowed(endpoint, DEFAULT_ENDPOINTS)

    def test_what_is_named_is_allowed(self) -> None:
        """An administrator's own pattern admits a host with a port."""
        assert is_allowed("http://127.0.0.1:8080", ["http://127.0.0.1:*"])
        assert is_origin("http://[::1]:80")

    def test_a_region_gives_the_endpoint(self) -> None:
        """An endpoint outweighs it; case and a last slash do not matter."""
        assert endpoint_of("cn-north-4", "") == "https://dcs.cn-north-4.myhuaweicloud.com"
        assert endpoint_of("x", "HTTPS://Dcs.Y.myhuaweicloud.com/") == (
            "https://dcs.y.myhuaweicloud.com"
        )


def test_a_project_says_what_it_lacks() -> None:
    """Ready carries the reason of the trouble, and Stalled that a person is needed."""
    project = make.project()
    good = describe_project(project, Status(), None, make.now())
    bad = describe_project(project, good, make.trouble(TroubleKind.PROJECT), make.now())
    assert [(c.type, c.status, c.reason) for c in good.conditions] == [
        ("Ready", "True", "Configured")
    ]
    assert [(c.type, c.status, c.reason) for c in bad.conditions] == [
        ("Ready", "False", "ProjectNotReady"),
        ("Stalled", "True", "ProjectNotReady"),
    ]
