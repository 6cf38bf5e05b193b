"""Who may use a cluster-scoped project: Kubernetes' selectors, and junk admits nobody."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcs_migration_operator.core.admission import (
    NOBODY,
    AllowedNamespaces,
    Requirement,
    Selector,
    allowed_from_json,
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
    """For all labels, as for every selector of Kubernetes."""
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
