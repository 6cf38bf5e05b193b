"""Builds Go commands of pinned modules, one after the other, with a sign of life.

Owns each `go build`: environment, progress, the text of a failure, and that no half-written binary
is ever found. `toolchain.py` knows which binaries are needed, and where they belong.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.control_plane.processes import guarded

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROGRESS_S_TERMINAL = 1.0
"""How often a terminal's line of progress is redrawn while a build runs."""

PROGRESS_S_LOG = 30.0
"""The same if the output is a log: a sign of life that does not flood it."""

OUTPUT_LINES_MAX = 15
"""How much of a failed build's output is shown; Go puts the cause near the end."""


class ToolchainError(Exception):
    """A binary is missing and cannot be built; the text says what a person can do."""


@dataclass(frozen=True)
class Build:
    """One binary to build.

    Attributes:
        name: Its usual name.
        module_dir: The folder with the `go.mod`.
        package: Its Go package, as seen from there.
        target: Where the binary belongs.
        link_flags: For Go's linker.
        tags: Go build tags.
    """

    name: str
    module_dir: Path
    package: str
    target: Path
    link_flags: str
    tags: str = ""


def say(line: str) -> None:
    """Report progress on standard error, so that standard output stays usable in scripts."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def build_all(go: str, builds: list[Build], announce: Callable[[str], None] = say) -> None:
    """Build each binary in turn; one `go build` already uses every processor.

    Raises:
        ToolchainError: A build failed; the text ends with Go's last lines.
    """
    if not builds:
        return
    names = ", ".join(build.name for build in builds)
    announce(f"Building {names} from source. This happens once and takes some minutes.")
    for number, build in enumerate(builds, start=1):
        label = f"  {number}/{len(builds)} {build.name}"
        _build(go, build, Progress(label, announce))


class Progress:
    """Shows how long one build has been running: in place on a terminal, otherwise now and then."""

    def __init__(self, label: str, announce: Callable[[str], None]) -> None:
        self._label = label
        self._announce = announce
        self._started = time.monotonic()
        self._in_place = announce is say and sys.stderr.isatty()
        self.interval_s = PROGRESS_S_TERMINAL if self._in_place else PROGRESS_S_LOG

    def tick(self) -> None:
        """Show that the build is still running."""
        line = f"{self._label}: building, {self._clock()}"
        if self._in_place:
            sys.stderr.write(f"\r{line}")
            sys.stderr.flush()
        else:
            self._announce(line)

    def done(self) -> None:
        """Show how long it took; on a terminal, over the running line."""
        line = f"{self._label}: built in {self._clock()}"
        # On a terminal it replaces the running line, which may have been longer.
        self._announce(f"\r{line:<60}" if self._in_place else line)

    def _clock(self) -> str:
        elapsed_s = int(time.monotonic() - self._started)
        return f"{elapsed_s // 60}:{elapsed_s % 60:02d} min"


def _build(go: str, build: Build, progress: Progress) -> None:
    """Build one binary beside its place, then move it there."""
    build.target.parent.mkdir(parents=True, exist_ok=True)
    partial = build.target.with_name(f".{build.name}.part")
    output = build.target.with_name(f"{build.name}.log")
    command = [go, "build", "-mod=readonly", "-trimpath", "-ldflags", build.link_flags]
    command += ["-tags", build.tags, "-o", str(partial), build.package]
    # No C compiler is needed, and a developer's workspace file must not change the versions.
    environment = os.environ | {"CGO_ENABLED": "0", "GOWORK": "off"}
    with output.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - the command line is built above
            guarded(command), cwd=build.module_dir, env=environment, stdout=log, stderr=log
        )
        try:
            _wait(process, progress)
        finally:
            # Still running only if this was interrupted. Go cleans up on no signal, and its
            # compilers end after their current package.
            process.kill()
            process.wait()
    if process.returncode != 0:
        lines = output.read_text(encoding="utf-8", errors="replace").splitlines()
        tail = "\n".join(lines[-OUTPUT_LINES_MAX:])
        raise ToolchainError(f"go build of {build.name} failed; the whole log is {output}:\n{tail}")
    partial.replace(build.target)
    output.unlink()
    progress.done()


def _wait(process: subprocess.Popen[bytes], progress: Progress) -> None:
    """Wait for a build, showing from time to time that it is alive."""
    while True:
        try:
            process.wait(progress.interval_s)
        except subprocess.TimeoutExpired:
            progress.tick()
        else:
            return
