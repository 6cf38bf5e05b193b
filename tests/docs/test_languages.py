"""The Chinese pages follow the English ones: the same sections, blocks and rows, in the same order.

A failure here says which section differs, and what to do about it.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

import pytest

from docs.pages import links
from reference import translations
from reference.translations import Section, followed, sections
from support.checkout import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PAIRS = list(translations.pairs())

TO_DO = """
Whoever changes one of the two pages changes the other in the same commit:
  - a changed block: `make reference` copies it into the Chinese page;
  - a new heading, block or row: put it in the same place there, with a Chinese sentence or two; a
    plain translation will do, the next person who reads Chinese will polish it;
  - one that is gone: take it away there as well."""


def named(pair: tuple[Path, Path]) -> str:
    """Return what a pair is called in lists of tests."""
    return pair[0].stem


def difference(english: list[Section], chinese: list[Section]) -> str:
    """Return where two pages differ first, or an empty text."""
    for one, other in zip_longest(english, chinese):
        if one is None:
            return f"{other.title!r} is a section of the Chinese page alone."
        if other is None:
            return f"The Chinese page has no section for {one.title!r}."
        if one.level != other.level:
            return f"{one.title!r} has level {one.level}, {other.title!r} has level {other.level}."
        for what in ("blocks", "rows"):
            wanted, present = getattr(one, what), getattr(other, what)
            if wanted != present:
                gone = [each for each in wanted if each not in present]
                more = [each for each in present if each not in wanted]
                return (
                    f"{one.title!r} and {other.title!r} have other {what}."
                    f"\n  only in English: {gone}\n  only in Chinese: {more}"
                )
    return ""


@pytest.mark.parametrize("pair", PAIRS, ids=map(named, PAIRS))
def test_both_languages_have_the_same_sections(pair: tuple[Path, Path]) -> None:
    """Headings, kinds of blocks and the code in first columns of tables are the same."""
    english, chinese = (sections(translations.read(path)) for path in pair)
    found = difference(english, chinese)
    names = " and ".join(str(path.relative_to(ROOT)) for path in pair)
    assert not found, f"{names} are out of step. {found}\n{TO_DO}"


@pytest.mark.parametrize("pair", PAIRS, ids=map(named, PAIRS))
def test_both_languages_have_the_same_blocks(pair: tuple[Path, Path]) -> None:
    """But for comments in commands, which may be translated."""
    english, chinese = (translations.read(path) for path in pair)
    names = " and ".join(str(path.relative_to(ROOT)) for path in pair)
    assert followed(english, chinese) == chinese, f"Blocks of {names} differ.\n{TO_DO}"


@pytest.mark.parametrize("pair", PAIRS, ids=map(named, PAIRS))
def test_the_languages_are_linked_both_ways(pair: tuple[Path, Path]) -> None:
    """The link stands right below the title of each page."""
    for page, other in (pair, pair[::-1]):
        (first, *_) = links(str(page.relative_to(ROOT)))
        assert first[0].resolve() == other
        assert translations.read(page).splitlines()[2].startswith("[")


ENGLISH = """# Title
text
```sh
make a   # why
```
## More
| reason | what to do |
| --- | --- |
| `Pending` | wait |
```text
out
```
"""
CHINESE = """# 标题
文字
```sh
make a   # 原因
```
## 其他
| 原因 | 处理方法 |
| --- | --- |
| `Pending` | 等待 |
```text
out
```
"""


def test_pages_that_are_in_step_pass() -> None:
    """Another language, the same structure; a comment in a command is a sentence, too."""
    assert difference(sections(ENGLISH), sections(CHINESE)) == ""
    assert followed(ENGLISH, CHINESE) == CHINESE


@pytest.mark.parametrize(
    "written, changed, told",
    [
        ("## More", "### More", "level 3"),
        ("## More", "## Before\n\n## More", "have other blocks"),
        ("```sh", "```text", "```text"),
        ("```sh", "<!-- not run by tests: waits -->\n```sh", "waits"),
        ("| `Pending` | wait |", "| `Stopping` | wait |", "`Stopping`"),
        ("out\n```\n", "out\n```\n## End\n", "no section for 'End'"),
    ],
)
def test_a_page_that_was_left_behind_is_told(written: str, changed: str, told: str) -> None:
    """What differs is named, and no block is copied to where it may not belong."""
    english = ENGLISH.replace(written, changed)
    assert english != ENGLISH
    assert told in difference(sections(english), sections(CHINESE))


def test_a_section_of_the_chinese_page_alone_is_told() -> None:
    """It may be a new one, or one that the English page has lost."""
    chinese = f"{CHINESE}## 附录\n"
    assert "'附录' is a section of the Chinese" in difference(sections(ENGLISH), sections(chinese))


def test_a_changed_block_is_copied() -> None:
    """And nothing else of the page is touched."""
    english = ENGLISH.replace("make a ", "make b ").replace("out\n", "other\n")
    expected = CHINESE.replace("make a   # 原因", "make b   # why").replace("out\n", "other\n")
    assert followed(english, CHINESE) == expected


def test_blocks_of_other_kinds_are_left_alone() -> None:
    """No program can say which of them belongs where."""
    assert followed(ENGLISH.replace("```sh", "```yaml"), CHINESE) == CHINESE


def test_a_hash_in_a_block_is_no_heading() -> None:
    """Comments in commands and in output look like headings."""
    page = "# One\n```sh\n# a comment\n```\n## Two\n"
    assert [section.title for section in sections(page)] == ["One", "Two"]
