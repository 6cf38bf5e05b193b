"""Right answers of the wrong shape: the effects of the faults from `oversize` to `extra_ids`.

Pure: a fault and a parsed body in, a body out. An answer of DCS has at most one list; where it
has none (show, stats), the faults about lists leave it alone unless their docstring says otherwise.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from sandbox.dcs.faults import ANY, Fault, FaultKind
from sandbox.dcs.migration import key_of

LISTS: Final = ("migration_tasks", "migration_logs", "task_id_list")
EXTRA_ID: Final = "eeeeeeee-eeee-4eee-8eee-{0:012x}"
WRONG: Final = 17
"""Stands where a text, an object or a list is expected."""

Body = dict[str, Any]
Items = list[Any]


def reshape(fault: Fault, body: Body) -> object:
    """Return the body as changed by the fault; the same body if it does not apply."""
    name = next((one for one in LISTS if isinstance(body.get(one), list)), None)
    whole = _WHOLE.get(fault.kind)
    if whole is not None:
        return whole(fault, body, name)
    change = _ITEMS.get(fault.kind)
    if change is None or name is None:
        return body
    return body | {name: change(fault, body[name])}


def _oversize(fault: Fault, body: Body, _: str | None) -> object:
    return body | {"padding": "x" * fault.size_bytes}


def _nulls(_: Fault, body: Body, name: str | None) -> object:
    """Make the list null, or every field of an answer without a list."""
    return {key: None if name in (key, None) else value for key, value in body.items()}


def _fields(fault: Fault, body: Body, name: str | None) -> object:
    if name is None:
        return _edited(fault, body)
    items = [_edited(fault, one) if _is_meant(fault, one) else one for one in body[name]]
    return body | {name: items}


def _mistyped(fault: Fault, body: Body, name: str | None) -> object:
    if name is None:
        return [body] if fault.variant == "list" else dict.fromkeys(body, WRONG)
    if fault.variant == "list":
        return body | {name: "none", "count": "many"}
    if fault.variant == "items":
        return body | {name: [WRONG for _ in body[name]]}
    items = [dict.fromkeys(one, WRONG) if isinstance(one, dict) else WRONG for one in body[name]]
    return body | {name: items}


def _extra(fault: Fault, items: Items) -> Items:
    model = items[0] if items and isinstance(items[0], dict) else {}
    return items + [model | {"task_id": EXTRA_ID.format(n)} for n in range(fault.ids)]


def _is_meant(fault: Fault, item: Any) -> bool:
    if fault.task_id == ANY:
        return True
    task_id = item.get("task_id") if isinstance(item, dict) else item
    return isinstance(task_id, str) and key_of(task_id) == key_of(fault.task_id)


def _edited(fault: Fault, item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    named = {fault.rename.get(name, name): value for name, value in item.items()}
    named |= fault.says
    return {name: value for name, value in named.items() if name not in fault.silent}


_WHOLE: Final[Mapping[FaultKind, Callable[[Fault, Body, str | None], object]]] = {
    FaultKind.OVERSIZE: _oversize,
    FaultKind.NULL_LIST: _nulls,
    FaultKind.MISSING_LIST: lambda *_: {},
    FaultKind.WRONG_TYPES: _mistyped,
    FaultKind.FIELDS: _fields,
}
_ITEMS: Final[Mapping[FaultKind, Callable[[Fault, Items], Items]]] = {
    FaultKind.EMPTY_LIST: lambda *_: [],
    FaultKind.OMIT_IDS: lambda fault, items: items[fault.ids :],
    FaultKind.DUPLICATE_IDS: lambda fault, items: items + items[: fault.ids],
    FaultKind.EXTRA_IDS: _extra,
}
