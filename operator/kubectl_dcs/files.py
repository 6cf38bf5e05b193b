"""Files that people keep in git: written completely or not at all, never over their edits."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from kubectl_dcs.problems import Problem, WrongUsage

if TYPE_CHECKING:
    from collections.abc import Mapping

KUSTOMIZATION = "kustomization.yaml"


def write_folder(folder: Path, texts: Mapping[str, str], *, force: bool) -> tuple[int, list[str]]:
    """Write files into a folder, which is created if necessary.

    Returns:
        How many were written, and the names of existing files with other contents, which are kept
        unless forced.

    Raises:
        Problem: The folder cannot be written.
    """
    written, kept = 0, []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            path = folder / name
            if path.exists():
                if path.read_text(encoding="utf-8") == text:
                    continue
                if not force:
                    kept.append(name)
                    continue
            _write(path, text)
            written += 1
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(f"{folder} cannot be written: {_why(error)}") from None
    return written, kept


def write_file(path: Path, text: str, *, force: bool) -> None:
    """Write one file.

    Raises:
        Problem: It cannot be written.
        WrongUsage: It exists and has other contents.
    """
    try:
        if path.exists() and not force and path.read_text(encoding="utf-8") != text:
            raise WrongUsage(f"{path} exists already; --force overwrites it")
        _write(path, text)
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(f"{path} cannot be written: {_why(error)}") from None


def manifests_in(folder: Path) -> list[str]:
    """Return the names of the manifests in a folder."""
    return sorted(path.name for path in folder.glob("*.yaml") if path.name != KUSTOMIZATION)


def _write(path: Path, text: str) -> None:
    """Write a temporary file and rename it, so that a reader never sees half of it."""
    handle, made = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(made).chmod(0o644)
        Path(made).replace(path)
    except BaseException:
        Path(made).unlink(missing_ok=True)
        raise


def _why(error: OSError | UnicodeDecodeError) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return "the existing file is not text"
