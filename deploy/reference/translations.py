"""Keeps the blocks of commands and output in the Chinese pages equal to those in the English ones.

Owns which page belongs to which, and what is the same in both: the levels of headings, the blocks,
and the code in the first column of tables. Sentences are written by people.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

BLOCK = re.compile(r"(?:^<!-- [^\n]+ -->\n)?^```\w*\n.*?^```$", re.MULTILINE | re.DOTALL)
"""A fenced block, with the comment above it that says why the tests do not run it."""

COMMENT = re.compile(r"(?:^|\s+)# .*$", re.MULTILINE)
"""A comment in a block of commands: it may be translated."""

HEADING = re.compile(r"^(#+) (.+)$")
ROW = re.compile(r"^\| ([^|]*`[^|]*) \|")
CODE = re.compile(r"`[^`]+`")


@dataclass(frozen=True)
class Section:
    """What a heading and the text below it have in common with the other language.

    Attributes:
        title: The heading; each language has its own.
        level: 1 for the title of the page.
        blocks: The fenced blocks, with the comments above them.
        rows: The code in the first cell of each row of a table.
    """

    title: str
    level: int
    blocks: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def pairs() -> Iterator[tuple[Path, Path]]:
    """Yield each English page that has a Chinese one, and that."""
    yield ROOT / "README.md", ROOT / "README.zh-CN.md"
    for chinese in sorted((DOCS / "zh").glob("*.md")):
        yield DOCS / chinese.name, chinese


def pages() -> dict[Path, str]:
    """Return what each Chinese page should say: its own sentences around the English blocks."""
    return {chinese: followed(read(english), read(chinese)) for english, chinese in pairs()}


def followed(english: str, chinese: str) -> str:
    """Return the Chinese page with the English one's blocks.

    A page whose blocks are others in number or kind is returned as it is: no program can say which
    belongs where.
    """
    wanted, present = BLOCK.findall(english), BLOCK.findall(chinese)
    if [_kind(block) for block in wanted] != [_kind(block) for block in present]:
        return chinese
    blocks = iter(
        there if _bare(block) == _bare(there) else block
        for block, there in zip(wanted, present, strict=True)
    )
    return BLOCK.sub(lambda _: next(blocks), chinese)


def sections(page: str) -> list[Section]:
    """Return a page's sections; what stands above the first heading belongs to none."""
    found: list[Section] = []
    for part in _parts(page):
        first, _, text = part.partition("\n")
        heading = HEADING.match(first)
        if heading is None:
            continue
        blocks = tuple(_kind(block) for block in BLOCK.findall(text))
        lines = BLOCK.sub("", text).splitlines()
        rows = tuple(tuple(CODE.findall(row[1])) for line in lines if (row := ROW.match(line)))
        found.append(Section(heading[2], len(heading[1]), blocks, rows))
    return found


def _parts(page: str) -> Iterator[str]:
    """Yield the parts of a page that begin with a heading; a `#` in a block is none."""
    starts, inside, offset = [0], False, 0
    for line in page.splitlines(keepends=True):
        if line.startswith("```"):
            inside = not inside
        elif not inside and HEADING.match(line):
            starts.append(offset)
        offset += len(line)
    ends = [*starts[1:], len(page)]
    for start, end in zip(starts, ends, strict=True):
        yield page[start:end]


def _kind(block: str) -> str:
    """Return a block's fence, with the comment above it."""
    return block[: block.index("\n", block.index("```"))]


def _bare(block: str) -> str:
    """Return a block without comments in its commands."""
    return COMMENT.sub("", block) if "```sh\n" in block else block


def read(path: Path) -> str:
    """Return the text of a page."""
    return path.read_text(encoding="utf-8")
