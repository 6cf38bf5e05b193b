"""Which interpreters of other versions are found, on a machine made up for each test."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from versions import interpreters

if TYPE_CHECKING:
    from collections.abc import Callable

SHIM = "#!/bin/sh\necho 'pyenv: python3.13: command not found' >&2\nexit 127\n"
"""How pyenv answers for a version that is there and not selected."""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Make programs in a folder that is all of PATH, or below it."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def made(name: str, text: str) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        return path

    return made


def says(version: str) -> str:
    """Return a stand-in for an interpreter of a version."""
    return f"#!/bin/sh\necho {version}\n"


def test_one_on_path_is_found(script: Callable[[str, str], Path]) -> None:
    """By the name that every system gives it."""
    path = script("python3.13", says("3.13"))
    assert interpreters.find("3.13") == path
    assert interpreters.find("3.12") is None


def test_where_pyenv_refuses_its_versions_are_looked_through(
    script: Callable[[str, str], Path],
) -> None:
    """The name on PATH is only a shim; the interpreter itself runs."""
    script("python3.13", SHIM)
    pyenv = script("pyenv", '#!/bin/sh\n[ "$1" = root ] && echo "${0%/*}/root"\n')
    real = script("root/versions/3.13.7/bin/python3.13", says("3.13"))
    script("root/versions/3.1.3/bin/python3.13", says("3.1"))
    assert interpreters.find("3.13") == real
    pyenv.unlink()
    assert interpreters.find("3.13") is None


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("#!/bin/sh\nexit 1\n", id="no-venv"),
        pytest.param(says("3.12"), id="another-version"),
        pytest.param("#!/no/such/program\n", id="broken"),
    ],
)
def test_what_cannot_be_used_is_not_at_hand(script: Callable[[str, str], Path], text: str) -> None:
    """An interpreter without `ensurepip`, as Debian's may be, makes no environment."""
    script("python3.13", text)
    assert interpreters.find("3.13") is None


def test_this_interpreter_answers() -> None:
    """The questions are ones that a real interpreter understands."""
    own = Path(sys.executable)
    assert interpreters.full_version(own).startswith(f"{interpreters.OWN}.")
    answer = interpreters._answer(own, "-c", interpreters.PROBE)  # noqa: SLF001 - what find asks
    assert answer == interpreters.OWN
