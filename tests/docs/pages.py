"""The pages as a reader takes them: their blocks of commands, in order, and their links."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sandbox.blocks import ROOT, Block, blocks, read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["ROOT", "Block", "anchors", "blocks", "languages", "links", "read"]

FENCE = re.compile(r"^ *```(\w*)$", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def languages(page: str) -> set[str]:
    """Return what the page's fenced blocks are said to hold."""
    return set(FENCE.findall(read(page))[::2])


def links(page: str) -> Iterator[tuple[Path, str]]:
    """Yield the file and the anchor of each link that stays in the repository."""
    for target in LINK.findall(FENCED.sub("", read(page))):
        if "://" not in target:
            path, _, anchor = target.partition("#")
            yield (ROOT / page).parent / path if path else ROOT / page, anchor


def anchors(path: Path) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    text = FENCED.sub("", path.read_text(encoding="utf-8"))
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in HEADING.findall(text)
    }
