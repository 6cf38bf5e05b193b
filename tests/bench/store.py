"""What was measured, as a file: `.cache/bench/NAME.json`.

Owns the shape of that file: the machine, the moment, the command, and what the measurement found.
"""

from __future__ import annotations

import json
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.usage import machine

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / ".cache" / "bench"


PATH_OPTIONS: Final = ("--json", "--keep-log", "--profile", "--measured")
"""Options that name places on this machine: no part of the command that others repeat."""


def command(arguments: Sequence[str]) -> str:
    """Return the command line as others may repeat it."""
    kept = ["python", "-m", "bench"]
    rest = iter(arguments)
    for one in rest:
        if one in PATH_OPTIONS:
            next(rest, None)
        elif not one.startswith(tuple(f"{name}=" for name in PATH_OPTIONS)):
            kept.append(one)
    return shlex.join(kept)


def save(name: str, found: dict[str, Any], file: Path | None = None) -> Path:
    """Write what a measurement found and return the file."""
    path = file or FOLDER / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "command": command(sys.argv[1:]),
        "at": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": machine(),
        **found,
    }
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return path
