"""Manifests from files and standard input, as kubectl reads them: YAML or JSON, lists included.

Times stay text, as the API server stores them; objects of other kinds are only counted.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from kubectl_dcs import kinds
from kubectl_dcs.problems import WrongUsage

if TYPE_CHECKING:
    from collections.abc import Iterator

STDIN: Final = "-"

SUFFIXES: Final = (".yaml", ".yml", ".json")


class _Loader(yaml.SafeLoader):
    """Leaves times unparsed."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(slots=True)
class Manifests:
    """What was read.

    Attributes:
        bodies: The objects of this project, in their order.
        foreign: The number of objects of other kinds, by kind.
    """

    bodies: list[dict[str, Any]] = field(default_factory=list)
    foreign: Counter[str] = field(default_factory=Counter)


def read(places: tuple[str, ...]) -> Manifests:
    """Return the objects in files, folders and standard input (`-`).

    Raises:
        WrongUsage: One of them cannot be read, or contains something that is not a manifest.
    """
    found = Manifests()
    for place in places:
        for name, text in _texts(place):
            try:
                for document in yaml.load_all(text, _Loader):
                    _take(document, name, found)
            except yaml.MarkedYAMLError as error:
                line = f" at line {error.problem_mark.line + 1}" if error.problem_mark else ""
                raise WrongUsage(f"{name} is not YAML{line}: {error.problem}") from None
            except (yaml.YAMLError, RecursionError, ValueError):
                raise WrongUsage(f"{name} is not YAML") from None
    return found


def _texts(place: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each selected file."""
    if place == STDIN:
        yield "standard input", sys.stdin.read()
        return
    path = Path(place)
    try:
        files = (
            sorted(one for one in path.iterdir() if one.suffix in SUFFIXES)
            if path.is_dir()
            else [path]
        )
        for file in files:
            yield str(file), file.read_text(encoding="utf-8")
    except OSError as error:
        raise WrongUsage(f"{place} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise WrongUsage(f"{place} cannot be read: it is not text") from None


def _take(document: object, name: str, found: Manifests) -> None:
    """Keep an object of this project; of a list, keep its items."""
    if document is None:
        return
    if not isinstance(document, dict) or not isinstance(document.get("kind"), str):
        raise WrongUsage(f"{name} contains something that is not a manifest: it has no kind")
    kind, items = document["kind"], document.get("items")
    if kind.endswith("List") and isinstance(items, list):
        for item in items:
            _take(item, name, found)
        return
    group = str(document.get("apiVersion", "")).partition("/")[0]
    metadata = document.get("metadata")
    if group != kinds.GROUP or kind not in kinds.BY_KIND:
        found.foreign[kind] += 1
    elif not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        raise WrongUsage(f"{name} contains a {kind} without metadata.name")
    elif document["apiVersion"] != kinds.GROUP_VERSION:
        raise WrongUsage(
            f"{name} contains a {kind} of {document['apiVersion']}; this plugin supports"
            f" {kinds.GROUP_VERSION.partition('/')[2]}"
        )
    elif not kinds.is_name(metadata["name"]):
        raise WrongUsage(
            f"{name} contains a {kind} called {metadata['name']!r}, which is not a valid"
            " object name"
        )
    else:
        found.bodies.append(document)
