"""Frozen dataclasses from JSON objects of unknown quality.

The command line and the admin API take objects from people; a wrong name or type must be one
clear line and never a traceback. Knows the types our dataclasses use, and no more.
"""

import functools
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from typing import (
    Any,
    ClassVar,
    Literal,
    Protocol,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


T = TypeVar("T", bound=_Dataclass)


class BadValueError(ValueError):
    """Raised for an invalid value from outside; the text is for its sender."""


def build(cls: type[T], data: object) -> T:
    """Build an instance of a dataclass; raises `BadValueError` for anything invalid."""
    if not isinstance(data, Mapping):
        raise BadValueError(f"expected an object with fields of {cls.__name__}")
    try:
        return cls(**checked(cls, data))
    except TypeError as error:
        raise BadValueError(str(error).replace(f"{cls.__name__}.__init__()", "")) from None


def checked(cls: type[T], data: Mapping[str, Any]) -> dict[str, Any]:
    """Convert some fields of a dataclass; raises `BadValueError` for a bad name or value."""
    known = {field.name: field for field in fields(cls)}
    hints = _hints(cls)
    values = {}
    for name, value in data.items():
        if name not in known:
            raise BadValueError(f"unknown field {name!r}; known: {', '.join(sorted(known))}")
        try:
            values[name] = _convert(hints[name], value)
        except ValueError as error:
            # Neither a secret nor an object that contains secrets may be repeated.
            shown = known[name].repr and not isinstance(value, list | Mapping)
            what = f"cannot be {value!r}" if shown else "does not fit"
            raise BadValueError(f"field {name!r} {what}: {error}") from None
    return values


def choices(annotation: Any) -> tuple[object, ...]:
    """Return the values that a field of this type can have, if they can be listed; else empty."""
    if annotation is bool:
        return (True, False)
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return tuple(annotation) if _is_enum(annotation) else ()


@functools.cache
def _hints(cls: type) -> Mapping[str, Any]:
    """Return the types of the fields, even if the module postpones its annotations."""
    return get_type_hints(cls)


def _convert(annotation: Any, value: Any) -> Any:
    """Convert the value to the annotated type; raises `BadValueError` with a hint."""
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return _first(get_args(annotation), value)
    if origin is tuple:
        return _tuple(get_args(annotation), value)
    if origin is Mapping and isinstance(value, Mapping):
        return {str(key): _convert(get_args(annotation)[1], one) for key, one in value.items()}
    if isinstance(annotation, type) and is_dataclass(annotation):
        return value if isinstance(value, annotation) else build(annotation, value)
    if possible := choices(annotation):
        for choice in possible:
            if choice == value and isinstance(value, bool) == isinstance(choice, bool):
                return choice
        raise BadValueError(f"possible: {', '.join(str(choice) for choice in possible)}")
    if annotation is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    expected = Mapping if origin is Mapping else annotation
    if not isinstance(value, expected) or (annotation is int and isinstance(value, bool)):
        raise BadValueError(f"expected: {expected.__name__}")
    return value


def _first(annotations: tuple[Any, ...], value: Any) -> Any:
    hints = []
    for annotation in annotations:
        try:
            return _convert(annotation, value)
        except ValueError as error:
            hints.append(str(error))
    raise BadValueError(hints[0])


def _tuple(annotations: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise BadValueError("expected: a list")
    if annotations[-1:] == (...,):
        return tuple(_convert(annotations[0], item) for item in value)
    if len(value) != len(annotations):
        raise BadValueError(f"expected: {len(annotations)} items")
    return tuple(_convert(kind, item) for kind, item in zip(annotations, value, strict=True))


def _is_enum(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, StrEnum)
