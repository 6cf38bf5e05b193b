"""Who may use a cluster-scoped project: Kubernetes' selectors, and junk admits nobody."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcs_migration_operator.core.admission import (
    LABELS_S_MAX,
    NOBODY,
    Access,
    AllowedNamespaces,
    NamespaceLabels,
    Requirement,
    Selector,
    allowed_from_json,
    judge,
)

KEYS = st.sampled_from(["team", "stage", "x.example/y"])
VALUES = st.sampled_from(["", "a", "b", "c"])
LABELS = st.dictionaries(KEYS, VALUES)
SOME = st.lists(VALUES, min_size=1, max_size=3).map(tuple)
REQUIREMENTS = st.one_of(
    st.builds(Requirement, KEYS, st.sampled_from(["In", "NotIn"]), SOME),
    st.builds(Requirement, KEYS, st.sampled_from(["Exists", "DoesNotExist"])),
)
SELECTORS = st.builds(Selector, st.lists(REQUIREMENTS, max_size=4).map(tuple))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["a", "In", "team"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("names", "selector", "matchLabels", "matchExpressions"),
                    *("key", "operator", "values"),
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(LABELS)
def test_an_empty_selector_matches_everything(labels: dict[str, str]) -> None:
    """It matches all labels, as every empty selector of Kubernetes does."""
    assert Selector().matches(labels)


@given(SELECTORS, REQUIREMENTS, LABELS)
def test_one_more_requirement_never_admits_more(
    selector: Selector, more: Requirement, labels: dict[str, str]
) -> None:
    """For all selectors: the parts are joined by and."""
    narrower = Selector((*selector.requirements, more))
    assert narrower.matches(labels) == (selector.matches(labels) and more.holds(labels))


@given(KEYS, SOME, LABELS)
def test_in_and_not_in_are_opposites(
    key: str, values: tuple[str, ...], labels: dict[str, str]
) -> None:
    """For all labels, the missing label included: it is not in."""
    inside = Requirement(key, "In", values).holds(labels)
    assert inside == (labels.get(key) in values)
    assert Requirement(key, "NotIn", values).holds(labels) is not inside


@given(KEYS, LABELS)
def test_exists_and_does_not_exist_are_opposites(key: str, labels: dict[str, str]) -> None:
    """For all labels; an empty value is a value."""
    assert Requirement(key, "Exists").holds(labels) == (key in labels)
    assert Requirement(key, "DoesNotExist").holds(labels) == (key not in labels)


@given(LABELS, LABELS)
def test_match_labels_means_in_with_one_value(
    wanted: dict[str, str], labels: dict[str, str]
) -> None:
    """For all labels: every wanted pair has to be there."""
    allowed = allowed_from_json({"selector": {"matchLabels": wanted}})
    assert allowed.selector is not None
    assert allowed.selector.matches(labels) == (wanted.items() <= labels.items())


@given(SELECTORS)
def test_a_selector_survives_the_server(selector: Selector) -> None:
    """For all selectors: what is read back is what was written."""
    expressions = [
        {"key": r.key, "operator": r.operator} | ({"values": list(r.values)} if r.values else {})
        for r in selector.requirements
    ]
    body = {"selector": {"matchExpressions": expressions}}
    assert allowed_from_json(body) == AllowedNamespaces(selector=selector)


@given(JSON)
def test_reading_never_fails(body: object) -> None:
    """Whatever a foreign schema let through."""
    assert isinstance(allowed_from_json(body), AllowedNamespaces)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(None, id="absent"),
        pytest.param({}, id="empty"),
        pytest.param({"names": []}, id="no names"),
        pytest.param({"names": "team-a"}, id="names as a text"),
        pytest.param({"names": ["team-a", 1]}, id="a number among names"),
        pytest.param({"names": ["team-a"], "selector": {}}, id="names and selector"),
        pytest.param({"selector": None}, id="no selector"),
        pytest.param({"selector": {"matchFields": []}}, id="a part nobody knows"),
        pytest.param({"selector": {"matchLabels": {"a": 1}}}, id="a label with a number"),
        pytest.param({"selector": {"matchExpressions": [{}]}}, id="an empty expression"),
        pytest.param({"selector": {}, "all": True}, id="a field nobody knows"),
        pytest.param(
            {"selector": {"matchExpressions": [{"key": "a", "operator": "In", "values": [1]}]}},
            id="a number among values",
        ),
    ],
)
def test_what_is_not_understood_is_nobody(body: Any) -> None:
    """A mistake never opens a door."""
    assert allowed_from_json(body) == NOBODY


@pytest.mark.parametrize(
    "requirement",
    [
        pytest.param(Requirement("a", "Like", ("b",)), id="an operator nobody knows"),
        pytest.param(Requirement("a", "In"), id="In nothing"),
        pytest.param(Requirement("z", "NotIn"), id="NotIn nothing"),
        pytest.param(Requirement("a", "Exists", ("b",)), id="Exists with values"),
        pytest.param(Requirement("z", "DoesNotExist", ("b",)), id="DoesNotExist with values"),
    ],
)
def test_a_requirement_without_sense_never_holds(requirement: Requirement) -> None:
    """The schema refuses it; should it come all the same, it admits nobody."""
    assert not requirement.holds({"a": "b"})


NOW = 1000.0
TEAM_A = AllowedNamespaces(names=("team-a", "team-c"))
BY_LABEL = AllowedNamespaces(selector=Selector((Requirement("dcs", "In", ("yes",)),)))
YES = NamespaceLabels({"dcs": "yes"}, read_at=NOW)
NO = NamespaceLabels({"dcs": "no"}, read_at=NOW)
FORBIDDEN = NamespaceLabels(None, asked_at=NOW, problem="It may not be read.")
AWAY = NamespaceLabels({"dcs": "yes"}, read_at=NOW - 1.0, problem="Nobody answers.")


def old(labels: NamespaceLabels, *, by_s: float = 0.0) -> NamespaceLabels:
    """Return labels that were read so much longer ago than they hold."""
    return replace(labels, read_at=NOW - LABELS_S_MAX - by_s)


class TestJudge:
    """Whether a namespace is admitted at this moment."""

    @pytest.mark.parametrize(
        "allowed, labels, access, problem",
        [
            pytest.param(TEAM_A, None, Access.ADMITTED, "", id="named"),
            pytest.param(TEAM_A, NO, Access.ADMITTED, "", id="named, whatever its labels are"),
            pytest.param(AllowedNamespaces(("b",)), YES, Access.DENIED, "", id="not named"),
            pytest.param(NOBODY, YES, Access.DENIED, "", id="nobody"),
            pytest.param(BY_LABEL, YES, Access.ADMITTED, "", id="labels that match"),
            pytest.param(BY_LABEL, NO, Access.DENIED, "", id="labels that do not"),
            pytest.param(BY_LABEL, None, Access.UNKNOWN, "", id="labels that nobody has read"),
            pytest.param(BY_LABEL, NamespaceLabels(), Access.UNKNOWN, "", id="nothing known"),
            pytest.param(BY_LABEL, old(YES, by_s=-0.1), Access.ADMITTED, "", id="old, but holding"),
            pytest.param(BY_LABEL, old(YES), Access.UNKNOWN, "", id="too old"),
            pytest.param(BY_LABEL, old(NO), Access.UNKNOWN, "", id="too old to deny"),
            pytest.param(BY_LABEL, AWAY, Access.ADMITTED, "", id="read a moment ago"),
            pytest.param(BY_LABEL, old(AWAY), Access.DENIED, "Nobody answers.", id="too old, why"),
            pytest.param(
                BY_LABEL, FORBIDDEN, Access.DENIED, "It may not be read.", id="forbidden to read"
            ),
            pytest.param(
                AllowedNamespaces(selector=Selector()), NO, Access.ADMITTED, "", id="all of them"
            ),
        ],
    )
    def test_each_answer(
        self,
        allowed: AllowedNamespaces,
        labels: NamespaceLabels | None,
        access: Access,
        problem: str,
    ) -> None:
        """What is not known admits nobody, and says why if anything keeps it from being known."""
        assert judge(allowed, "team-a", labels, NOW) == (access, problem)

    @given(
        st.builds(AllowedNamespaces, st.lists(VALUES).map(tuple), st.none() | SELECTORS),
        st.none()
        | st.builds(
            NamespaceLabels,
            st.none() | LABELS,
            read_at=st.sampled_from([float("-inf"), 0.0, NOW - 10.0]),
            problem=st.sampled_from(["", "Nobody answers."]),
        ),
    )
    def test_a_selector_admits_nobody_without_fresh_labels(
        self, allowed: AllowedNamespaces, labels: NamespaceLabels | None
    ) -> None:
        """This holds for all projects and labels."""
        access, _ = judge(allowed, "a", labels, NOW)
        if allowed.selector is not None and access is Access.ADMITTED:
            assert labels is not None
            assert labels.labels is not None
            assert labels.read_at + LABELS_S_MAX > NOW
