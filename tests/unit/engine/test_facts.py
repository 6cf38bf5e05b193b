"""The facts of one channel: which of them are news, to whom, and what is remembered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcs_migration_operator.core.cases import Pace
from dcs_migration_operator.core.cloud import Operation
from dcs_migration_operator.core.model import NO_TROUBLES, Outcome, StopRequest, TroubleKind
from dcs_migration_operator.engine import facts as facts_module
from dcs_migration_operator.engine.facts import ChannelFacts, CloudTask
from support import make
from unit.engine.parts import due, queue

KEY = make.task().key
RUNS, ENDED = make.observed("MIGRATING"), make.observed("TERMINATED")
UNREADABLE = make.trouble(TroubleKind.UNAVAILABLE)
FORBIDDEN = make.trouble(TroubleKind.PERMISSION)


class Ground:
    """Facts with their queues, and a task that two resources name."""

    def __init__(self, **known: Any) -> None:
        self.resources, self.projects = queue(), queue()
        self.facts = ChannelFacts(self.resources, self.projects)
        self.facts.leading.add(make.PROJECT)
        self.cloud = self.join("uid-1")
        self.join("uid-2")
        for name, value in known.items():
            setattr(self.cloud, name, value)

    def join(self, uid: str, recalled: StopRequest | None = None) -> CloudTask:
        """Let a resource name the task."""
        return self.facts.join(uid, KEY, make.TASK_ID, recalled or StopRequest())

    def woken(self) -> bool:
        """Tell whether both resources are due, and that it is both or none."""
        found = due(self.resources)
        assert found in ([], ["uid-1", "uid-2"])
        return bool(found)


KNOWN: dict[str, Any] = {"observed": RUNS, "asked_at": 100.0}


class TestObserve:
    """What DCS said about a task."""

    @pytest.mark.parametrize(
        "known, news",
        [
            pytest.param({}, True, id="the first answer"),
            pytest.param(KNOWN, False, id="the same word"),
            pytest.param(KNOWN | {"observed": ENDED}, True, id="another word"),
            pytest.param(KNOWN | {"unreadable": UNREADABLE}, True, id="readable again"),
            pytest.param(KNOWN | {"unlisted_at": 101.0}, True, id="listed again"),
            pytest.param(KNOWN | {"unlisted_at": 99.0}, False, id="listed since long"),
            pytest.param(KNOWN | {"paces": {"uid-1": Pace.NOW, "uid-2": 0}}, True, id="awaited"),
            pytest.param(
                KNOWN | {"paces": {"uid-1": Pace.CONFIRM, "uid-2": 0}}, True, id="to be confirmed"
            ),
            pytest.param(
                KNOWN | {"paces": {"uid-1": Pace.STOPPING, "uid-2": 0}}, False, id="followed"
            ),
        ],
    )
    def test_what_is_news_wakes_both_resources(self, known: dict[str, Any], *, news: bool) -> None:
        """A list of a thousand rows that says what is known wakes nobody."""
        ground = Ground(**known)
        ground.facts.observe(KEY, RUNS, 200.0, confirmed=True)
        assert ground.woken() is news
        cloud = ground.cloud
        assert (cloud.observed, cloud.asked_at, cloud.confirmed) == (RUNS, 200.0, True)
        assert cloud.unreadable is None

    @pytest.mark.parametrize("asked_at", [99.0, 100.0])
    def test_an_answer_to_an_older_question_is_dropped(self, asked_at: float) -> None:
        """A slow list never takes back what a later call found."""
        ground = Ground(**KNOWN)
        ground.facts.observe(KEY, ENDED, asked_at, confirmed=True)
        assert (ground.cloud.observed, ground.woken()) == (RUNS, False)

    def test_a_task_that_nobody_names_is_dropped(self) -> None:
        """Other rows of the list take no room."""
        ground = Ground()
        ground.facts.observe("another", RUNS, 200.0, confirmed=False)
        assert (ground.facts.task("another"), ground.woken()) == (None, False)

    def test_the_spelling_of_dcs_is_the_better_one(self) -> None:
        """Requests name a task as DCS does."""
        ground = Ground()
        theirs = KEY.upper()
        ground.facts.observe(KEY, replace(RUNS, task_id=theirs), 200.0, confirmed=False)
        assert ground.cloud.task_id == theirs


@pytest.mark.parametrize(
    "known, news, unlisted_at",
    [
        pytest.param({}, True, 200.0, id="never asked for"),
        pytest.param({"asked_at": 100.0}, True, 200.0, id="known so far"),
        pytest.param({"asked_at": 100.0, "unlisted_at": 150.0}, False, 200.0, id="missed before"),
        pytest.param({"asked_at": 200.0}, False, None, id="found at the same moment"),
        pytest.param({"asked_at": 300.0}, False, None, id="found since"),
        pytest.param({"unlisted_at": 300.0}, False, 300.0, id="missed since"),
    ],
)
def test_a_list_that_does_not_mention_a_task(
    known: dict[str, Any], *, news: bool, unlisted_at: float | None
) -> None:
    """It is told once, unless a later question has found the task."""
    ground = Ground(**known)
    ground.facts.miss(KEY, 200.0)
    assert ground.woken() is news
    assert ground.cloud.unlisted_at == (float("-inf") if unlisted_at is None else unlisted_at)


@pytest.mark.parametrize(
    "before, trouble, news",
    [
        pytest.param(None, UNREADABLE, True, id="the first time"),
        pytest.param(UNREADABLE, UNREADABLE, False, id="again"),
        pytest.param(UNREADABLE, FORBIDDEN, True, id="for another reason"),
    ],
)
def test_a_task_that_cannot_be_shown(before: Any, trouble: Any, *, news: bool) -> None:
    """The trouble is of this task alone, and told once for each reason."""
    ground = Ground(unreadable=before)
    ground.facts.refuse(KEY, trouble)
    ground.facts.refuse("another", trouble)
    assert (ground.cloud.unreadable, ground.woken()) == (trouble, news)


class TestTrouble:
    """What keeps single calls of the channel from working."""

    @pytest.mark.parametrize(
        "before, after, news",
        [
            pytest.param(NO_TROUBLES, NO_TROUBLES, False, id="none as before"),
            pytest.param(NO_TROUBLES, {Operation.LIST: UNREADABLE}, True, id="one begins"),
            pytest.param({Operation.LIST: UNREADABLE}, NO_TROUBLES, True, id="one ends"),
            pytest.param(
                {Operation.LIST: UNREADABLE}, {Operation.LIST: FORBIDDEN}, True, id="another kind"
            ),
            pytest.param(
                {Operation.LIST: UNREADABLE}, {Operation.SHOW: UNREADABLE}, True, id="another call"
            ),
            pytest.param(
                {Operation.LIST: UNREADABLE},
                {Operation.LIST: replace(UNREADABLE, detail=make.FAULT)},
                False,
                id="another text",
            ),
        ],
    )
    def test_it_is_news_when_a_call_or_a_kind_changes(
        self, before: Any, after: Any, *, news: bool
    ) -> None:
        """A thousand resources are not looked at again for another text."""
        ground = Ground()
        ground.facts.troubles = before
        assert ground.facts.trouble(after) is news
        assert ground.woken() is news
        assert due(ground.projects) == ([make.PROJECT] if news else [])
        assert ground.facts.troubles == after

    def test_the_first_answer_is_told_to_the_projects(self) -> None:
        """From then on they may say that they work; the next answers are no news."""
        ground = Ground()
        ground.facts.progress(5.0)
        assert due(ground.projects) == [make.PROJECT]
        ground.facts.progress(6.0)
        assert (due(ground.projects), ground.facts.progress_at) == ([], 6.0)


class TestRequests:
    """What was requested for a task outlives the resources that name it."""

    def test_the_outcome_wakes_both_resources(self) -> None:
        """The request is no longer under way."""
        ground = Ground(requested=True)
        ground.facts.settle(ground.cloud, make.accepted(100.0))
        assert (ground.cloud.requested, ground.woken()) == (False, True)
        assert ground.cloud.request == make.accepted(100.0)

    @pytest.mark.parametrize("settled", ["before", "after"])
    def test_a_resource_that_is_applied_again_knows_of_it(self, settled: str) -> None:
        """It was deleted before or after DCS answered; the stop is not requested twice."""
        ground = Ground(requested=True)
        if settled == "before":
            ground.facts.settle(ground.cloud, make.accepted(100.0))
        for uid in ("uid-1", "uid-2"):
            ground.facts.leave(uid, ground.cloud)
        if settled == "after":
            ground.facts.settle(ground.cloud, make.accepted(100.0))
        assert ground.facts.task(KEY) is None
        assert ground.join("uid-3").request == make.accepted(100.0)

    def test_a_request_under_way_is_known_to_whoever_comes_next(self) -> None:
        """The resource was deleted and applied again before DCS answered."""
        ground = Ground(requested=True)
        for uid in ("uid-1", "uid-2"):
            ground.facts.leave(uid, ground.cloud)
        cloud = ground.join("uid-3")
        assert (cloud, cloud.requested) == (ground.cloud, True)
        ground.facts.settle(cloud, make.accepted(100.0))
        assert due(ground.resources) == ["uid-3"]

    def test_what_a_status_tells_is_used_if_it_is_the_later(self) -> None:
        """Another resource of the same task may know more."""
        early, late = make.accepted(100.0), make.accepted(200.0, attempts=2)
        ground = Ground(request=early)
        assert ground.join("uid-3", late).request == late
        assert ground.join("uid-4", early).request == late
        assert ground.join("uid-5", StopRequest()).request == late

    def test_a_task_that_nobody_names_any_more_takes_no_room(self) -> None:
        """Nothing was requested for it."""
        ground = Ground(**KNOWN)
        ground.facts.leave("uid-1", ground.cloud)
        assert ground.facts.task(KEY) is ground.cloud
        ground.facts.leave("uid-2", ground.cloud)
        assert ground.facts.task(KEY) is None
        assert ground.join("uid-3").observed is None

    def test_the_oldest_requests_are_forgotten(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """There is a limit on what is remembered."""
        monkeypatch.setattr(facts_module, "REMEMBERED_MAX", 2)
        facts = ChannelFacts(queue(), queue())
        for key in ("a", "b", "c"):
            cloud = facts.join("uid", key, key, make.accepted(100.0))
            facts.leave("uid", cloud)
        attempts = {
            key: facts.join("uid", key, key, StopRequest()).request.attempts for key in "abc"
        }
        assert attempts == {"a": 0, "b": 1, "c": 1}


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(Pace)))
def test_a_task_is_polled_as_soon_as_its_most_urgent_resource_wants(paces: dict[str, Pace]) -> None:
    """For all paces; without any resource it is not polled."""
    cloud = CloudTask("key", "id", paces=paces)
    assert cloud.pace == max(paces.values(), default=Pace.NEVER)


def test_an_unknown_outcome_is_remembered_like_any_other() -> None:
    """It may have had an effect, so it spaces the next request as well."""
    ground = Ground()
    unknown = StopRequest(outcome=Outcome.UNKNOWN, attempts=1, answered_at=5.0, failures=1)
    ground.facts.settle(ground.cloud, unknown)
    for uid in ("uid-1", "uid-2"):
        ground.facts.leave(uid, ground.cloud)
    assert ground.join("uid-3").request == unknown
