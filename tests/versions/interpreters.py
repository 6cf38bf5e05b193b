"""Finds interpreters of other versions of Python, by name: on PATH, else among pyenv's.

Owns what "at hand" means: it runs, is of that version, and can make virtual environments.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

SUPPORTED: Final = ("3.11", "3.12", "3.13")
"""What pyproject.toml claims; the last one is what the image ships."""

OWN: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
"""The version that runs this: the tests' usual one, in `.venv`."""

ASK_S_MAX: Final = 30.0
"""For an interpreter or pyenv to answer: 0.1 s, on a busy machine some seconds."""

PROBE: Final = "import ensurepip, sys, venv; print(*sys.version_info[:2], sep='.')"
"""Debian has interpreters without `ensurepip`, in which no environment can be made."""


def find(version: str) -> Path | None:
    """Return an interpreter of a version such as 3.13, or None if there is none at hand."""
    return next(
        (path for path in _candidates(version) if _answer(path, "-c", PROBE) == version), None
    )


def _candidates(version: str) -> Iterator[Path]:
    name = f"python{version}"
    on_path = shutil.which(name)
    if on_path:
        # It may be pyenv's shim, which refuses to run a version that is not selected.
        yield Path(on_path)
    pyenv = shutil.which("pyenv")
    root = _answer(Path(pyenv), "root") if pyenv else ""
    if root:
        yield from sorted(Path(root).glob(f"versions/{version}.*/bin/{name}"))


def _answer(program: Path, *arguments: str) -> str:
    """Return what a program prints, or an empty text if it fails."""
    try:
        answer = subprocess.run(  # noqa: S603 - found by its name on the developer's own PATH
            [program, *arguments], capture_output=True, text=True, timeout=ASK_S_MAX, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


def full_version(python: Path) -> str:
    """Return the full version of an interpreter, such as 3.13.0."""
    return _answer(python, "-c", "import platform; print(platform.python_version())")
