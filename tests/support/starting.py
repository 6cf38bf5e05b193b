"""Starts the command without a real operator, and records the settings that it was given."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING

import pytest

from dcs_migration_operator import app
from dcs_migration_operator.cli import main
from dcs_migration_operator.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

Started = list[Settings]


def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    """Give a test the environment and the logging of a new process, and no real operator.

    Yields what the operator was started with.
    """
    started: Started = []

    async def run(settings: Settings) -> None:
        await asyncio.sleep(0)
        started.append(settings)

    monkeypatch.setattr(app, "run", run)
    for name in [name for name in os.environ if name.startswith("DCS_OPERATOR_")]:
        monkeypatch.delenv(name)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    yield started
    root.handlers = handlers
    root.setLevel(level)


def usage_error(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """Return what is said about a wrong usage."""
    with pytest.raises(SystemExit) as caught:
        main(argv)
    out, err = capsys.readouterr()
    assert (caught.value.code, out) == (2, "")
    assert "Traceback" not in err
    return str(err)
