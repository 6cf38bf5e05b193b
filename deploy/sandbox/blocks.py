"""The command blocks of a page, in order, as a reader copies them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

BLOCK = re.compile(
    r"(?:^<!-- not run by tests: (?P<reason>[^\n]+) -->\n)?^```sh\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One block of commands; `reason` says why the tests do not run it, if so."""

    page: str
    text: str
    reason: str

    @property
    def title(self) -> str:
        """Its name in lists: its page and its first command."""
        return f"{self.page}: {self.text.splitlines()[0]}"


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page."""
    found = BLOCK.finditer(read(page))
    return [Block(page, block["text"], block["reason"] or "") for block in found]


def read(page: str) -> str:
    """Return the text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")
