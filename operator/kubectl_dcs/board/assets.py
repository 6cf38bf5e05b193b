"""The files of the page, read once; nothing else is served."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE: Final = "index.html"

TYPES: Final[Mapping[str, str]] = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file."""

    content_type: str
    data: bytes


def assets() -> dict[str, Asset]:
    """Return the files of the page by their names."""
    folder = files("kubectl_dcs.board") / "page"
    return {
        file.name: Asset(kind, file.read_bytes())
        for file in folder.iterdir()
        if (kind := TYPES.get(file.name.rpartition(".")[2]))
    }
