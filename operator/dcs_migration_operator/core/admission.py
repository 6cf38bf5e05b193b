"""Decides which namespaces a cluster-scoped project admits, by name or by a label selector.

The rules are Kubernetes' own for label selectors: every requirement has to hold, an empty selector
matches everything, and `NotIn` holds where the label is missing. A selector that cannot be parsed
admits no namespace.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Requirement:
    """One line of `matchExpressions`; `operator` is In, NotIn, Exists or DoesNotExist."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Tell whether these labels meet the requirement; an invalid one is never met."""
        value = labels.get(self.key)
        match self.operator:
            case "In":
                return value in self.values
            case "NotIn":
                return bool(self.values) and value not in self.values
            case "Exists":
                return not self.values and value is not None
            case "DoesNotExist":
                return not self.values and value is None
            case _:
                return False


@dataclass(frozen=True, slots=True)
class Selector:
    """A label selector: all of its requirements have to hold."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether an object with these labels is selected."""
        return all(requirement.holds(labels) for requirement in self.requirements)


@dataclass(frozen=True, slots=True)
class AllowedNamespaces:
    """The namespaces that may use a project: those listed, and those that the selector matches.

    Without either, no namespace may use it.
    """

    names: tuple[str, ...] = ()
    selector: Selector | None = None


NOBODY = AllowedNamespaces()


def allowed_from_json(body: object) -> AllowedNamespaces:
    """Parse `spec.allowedNamespaces`; a value that violates the schema admits no namespace."""
    match body:
        case {"names": list(names), **rest} if not rest and all(map(_is_text, names)):
            return AllowedNamespaces(names=tuple(names))
        case {"selector": dict(selector), **rest} if not rest:
            requirements = _requirements(selector)
            return NOBODY if requirements is None else AllowedNamespaces((), Selector(requirements))
        case _:
            return NOBODY


def _requirements(selector: Mapping[str, Any]) -> tuple[Requirement, ...] | None:
    """Return all requirements of a selector, or None if one of them cannot be parsed."""
    labels, expressions = selector.get("matchLabels", {}), selector.get("matchExpressions", [])
    known = selector.keys() <= {"matchLabels", "matchExpressions"}
    if not known or not isinstance(labels, dict) or not isinstance(expressions, list):
        return None
    requirements = [_expression(expression) for expression in expressions]
    for key, value in labels.items():
        requirements.append(Requirement(key, "In", (value,)) if _is_text(value) else None)
    understood = tuple(requirement for requirement in requirements if requirement)
    return understood if len(understood) == len(requirements) else None


def _expression(body: object) -> Requirement | None:
    match body:
        case {"key": str(key), "operator": str(operator), **rest} if rest.keys() <= {"values"}:
            values = rest.get("values", [])
            if isinstance(values, list) and all(map(_is_text, values)):
                return Requirement(key, operator, tuple(values))
    return None


def _is_text(value: object) -> bool:
    return isinstance(value, str)


LABELS_S_MAX: Final = 60.0
"""Labels that are older than this admit no namespace any more."""


@dataclass(frozen=True, slots=True)
class NamespaceLabels:
    """What is known about the labels of one namespace; times are monotonic seconds.

    Attributes:
        labels: None if they have never been read.
        read_at: Time of the last successful read.
        asked_at: Time of the last attempt.
        since: Time at which `labels` or `problem` last changed.
        problem: Why the last attempt failed, if it did.
    """

    labels: Mapping[str, str] | None = None
    read_at: float = float("-inf")
    asked_at: float = float("-inf")
    since: float = float("-inf")
    problem: str = ""


class Access(Enum):
    """Whether the tasks of a namespace may use a cluster-scoped project."""

    ADMITTED = auto()
    DENIED = auto()
    UNKNOWN = auto()  # the labels have not been read yet


def judge(
    allowed: AllowedNamespaces, namespace: str, labels: NamespaceLabels | None, now: float
) -> tuple[Access, str]:
    """Return whether a namespace is admitted and, if that is unknown, why.

    Args:
        allowed: The namespaces that the project admits.
        namespace: The task's namespace.
        labels: What is known about its labels; needed only for a selector.
        now: Monotonic seconds.
    """
    if allowed.selector is None:
        return (Access.ADMITTED if namespace in allowed.names else Access.DENIED), ""
    if labels is None:
        return Access.UNKNOWN, ""
    fresh = now < labels.read_at + LABELS_S_MAX
    if labels.labels is None or not fresh:
        return (Access.DENIED, labels.problem) if labels.problem else (Access.UNKNOWN, "")
    matches = allowed.selector.matches(labels.labels)
    return (Access.ADMITTED if matches else Access.DENIED), ""
