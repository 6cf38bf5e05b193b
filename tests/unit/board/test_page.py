"""The files of the page: nothing from elsewhere, nothing inline, no text that becomes markup."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from kubectl_dcs.board.assets import PAGE, assets

FILES = sorted(assets())
SCRIPTS = [name for name in FILES if name.endswith(".js")]


def text(name: str) -> str:
    """Return a file of the page."""
    return assets()[name].data.decode()


def test_all_kinds_of_files_are_served() -> None:
    """The wheel must not lack one."""
    assert {name.rpartition(".")[2] for name in FILES} == {"html", "css", "js", "svg"}
    assert PAGE in FILES


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_fetched_from_elsewhere(name: str) -> None:
    """Nor is there an address of anything else; the namespace of SVG is a name."""
    found = re.findall(r"(?:https?:)?//[a-z][^\s\"'`]*\.[^\s\"'`]*", text(name))
    assert [one for one in found if "www.w3.org/2000/svg" not in one] == []
    assert "@import" not in text(name)


def test_the_page_has_nothing_inline() -> None:
    """The policy would not let it run."""
    page = text(PAGE)
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert "<style" not in page
    assert re.findall(r"\s(?:style|on[a-z]+)=", page) == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_text_can_become_markup(name: str) -> None:
    """Names and messages are what somebody typed in the cloud."""
    words = r"(?:inner|outer)HTML|AdjacentHTML|document\.write|srcdoc|eval\(|Function\(|DOMParser"
    assert re.findall(words, text(name)) == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_a_module_imports_is_there(name: str) -> None:
    """A name that is mistyped would only be noticed by a browser."""
    found = re.findall(r"""from "\./([^"]+)";""", text(name))
    assert set(found) <= set(FILES)


def test_the_wheel_has_every_file_of_the_page(tmp_path: Path) -> None:
    """Built as a release is; a page without its files would only be noticed by users."""
    root = Path(__file__).resolve().parents[3]
    subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=root,
        check=True,
        capture_output=True,
        timeout=100,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        there = {Path(name).name for name in file.namelist() if "/board/page/" in name}
    assert there == set(FILES)
