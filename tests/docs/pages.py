"""The pages as a reader takes them: their blocks of commands, in order, and their links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]

BLOCK = re.compile(
    r"(?:^<!-- not run by tests: (?P<reason>[^\n]+) -->\n)?^```sh\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
FENCE = re.compile(r"^ *```(\w*)$", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One block of commands; `reason` says why the tests do not run it, if they do not."""

    page: str
    text: str
    reason: str

    @property
    def title(self) -> str:
        """What it is called in lists: its page and its first command."""
        return f"{self.page}: {self.text.splitlines()[0]}"


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page."""
    found = BLOCK.finditer(read(page))
    return [Block(page, block["text"], block["reason"] or "") for block in found]


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


def read(page: str) -> str:
    """Return the text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")
