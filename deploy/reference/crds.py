"""The reference of the resources, from `crds/*.yaml`.

Owns the layout only; the meaning of a field and its rules are written in the CRDs alone.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from reference.tables import code, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Schema = Mapping[str, Any]

ROOT = Path(__file__).resolve().parents[2]
PATH = ROOT / "docs" / "reference.md"

ORDER = ("migrationtasks", "migrationwaves", "dcsprojects", "clusterdcsprojects")
"""The resources that most people write come first."""

HEAD = """# Reference

<!-- Generated from crds/ by `python -m reference`; change the CRDs. -->

The resources of the group `{group}`, version `{version}`. `kubectl explain` shows the
same texts. The API server checks every rule, so a resource that breaks one is refused when it is
applied. The reasons in `status` are explained in the [README](../README.md#what-you-see) and in
[reliability.md](reliability.md); the operator's own options are in [options.md](options.md).
"""

# Text in angle brackets would be taken for HTML; patterns and options are set as code.
PLACEHOLDER: Final = re.compile(r"https?://\S*<\w+>\S*[^\s.,]|--[a-z]+(?:-[a-z]+)+")

LIMITS: Final = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "maxItems": "at most {} items",
    "maxProperties": "at most {} entries",
}


def render() -> str:
    """Return the text of the page."""
    crds = [
        yaml.safe_load((ROOT / "crds" / f"{plural}.yaml").read_text(encoding="utf-8"))["spec"]
        for plural in ORDER
    ]
    (version,) = crds[0]["versions"]
    head = HEAD.format(group=crds[0]["group"], version=version["name"])
    return head + "".join(_resource(crd) for crd in crds)


def _resource(crd: Schema) -> str:
    (version,) = crd["versions"]
    schema, names = version["schema"]["openAPIV3Schema"], crd["names"]
    scope = "In a namespace" if crd["scope"] == "Namespaced" else "For the whole cluster"
    short = ", ".join(code(name) for name in (names["plural"], *names["shortNames"]))
    selectable = [field["jsonPath"] for field in version.get("selectableFields", ())]
    about = f"{_prose(schema['description'])}\n\n{scope}; kubectl knows it as {short}.\n"
    parts = [
        f"\n## {names['kind']}\n\n{about}",
        _fields(schema, "spec", ("field", "type", "default", "what it means", "rules")),
        _fields(schema, "status", ("field", "type", "what it means")),
        _columns(version["additionalPrinterColumns"]),
    ]
    if selectable:
        fields = ", ".join(code(path.removeprefix(".")) for path in selectable)
        parts.append(f"\nSelectable by `--field-selector`: {fields}.\n")
    return "".join(parts)


def _fields(schema: Schema, part: str, heads: tuple[str, ...]) -> str:
    fields = schema["properties"][part]
    required = part in schema.get("required", ())
    cells = [
        _row(path, field, must=must) for path, field, must in _walk(part, fields, must=required)
    ]
    rows = [[row[head] for head in heads] for row in cells]
    return f"\n### {part} of a {_kind(schema)}\n\n" + table(heads, rows)


def _kind(schema: Schema) -> str:
    """Return the kind that the description of the schema names."""
    return str(schema["properties"]["kind"]["description"]).rstrip(".").rsplit(" ", 1)[-1]


def _walk(path: str, field: Schema, *, must: bool) -> Iterator[tuple[str, Schema, bool]]:
    """Yield a field and all below it, each with its path and whether it is required."""
    yield path, field, must
    inner = field.get("items") or field.get("additionalProperties")
    if inner:
        below = f"{path}[]" if "items" in field else f"{path}.*"
        if inner.get("properties"):
            path, field = below, inner
        yield below, inner, False
    for name, one in field.get("properties", {}).items():
        yield from _walk(f"{path}.{name}", one, must=name in field.get("required", ()))


def _row(path: str, field: Schema, *, must: bool) -> dict[str, str]:
    return {
        "field": code(path),
        "type": _type(field),
        "default": code(json.dumps(field["default"])) if "default" in field else "",
        "what it means": _prose(field["description"]),
        "rules": "; ".join(_rules(field, must=must)),
    }


def _type(field: Schema) -> str:
    if field.get("format") == "date-time":
        return "time"
    if "additionalProperties" in field:
        return "map"
    return "list" if field["type"] == "array" else str(field["type"])


def _rules(field: Schema, *, must: bool) -> Iterator[str]:
    if must:
        yield "required"
    if "enum" in field:
        yield "one of " + ", ".join(code(str(word)) for word in field["enum"])
    for key, words in LIMITS.items():
        if key in field:
            yield words.format(field[key])
    for rule in field.get("x-kubernetes-validations", ()):
        yield f"“{_prose(rule['message'])}”"


def _columns(columns: list[Schema]) -> str:
    rows = [
        (
            code(column["name"]),
            "" if column.get("priority", 0) == 0 else "yes",
            column["description"],
        )
        for column in columns
    ]
    return "\n### Columns of kubectl get\n\n" + table(
        ("column", "only wide", "what it shows"), rows
    )


def _prose(text: str) -> str:
    """Return a description as Markdown, with placeholders and options set as code."""
    parts = " ".join(text.split()).split("`")
    parts[::2] = [PLACEHOLDER.sub(lambda found: code(found[0]), part) for part in parts[::2]]
    return "`".join(parts)
