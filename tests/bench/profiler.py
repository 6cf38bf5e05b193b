"""Where a millisecond goes: py-spy samples a contestant, this says whose code was running.

Owns the reading of py-spy's collapsed stacks. A sample belongs to the innermost frame that lies in
a package or in a module of the standard library; so json called by kopf counts as json, and a dict
method as its caller.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from bench.figures import plain

if TYPE_CHECKING:
    from collections.abc import Iterable

RATE_HZ: Final = 200
"""Samples a second; py-spy itself stays below a tenth of a core."""
END_S_MAX: Final = 60.0
"""For writing the samples."""
SHARE_MIN: Final = 0.005
"""What is smaller is not shown."""

_PACKAGE = re.compile(r"(?:site-packages|dist-packages)/(?P<package>[^/:.]+)")
_OURS = re.compile(r"dcs_migration_operator/(?P<module>[\w/]+)")
_STDLIB = re.compile(r"python3[.]\d+/(?P<module>\w+)")
_FRAME = re.compile(r"^(?P<function>.*) \((?P<file>.*?)(?::\d+)?\)$")

STEP: Final = "Handle._run "
"""The frame under which the event loop runs one step of somebody."""

WAITING: Final = frozenset(
    {
        *("EpollSelector.select", "SelectSelector.select", "Condition.wait", "_worker"),
        *("SocketIO.readinto", "_Raw.readinto", "poll_wait_for_socket.<locals>.do_poll"),
    }
)
"""Functions in which a thread waits for somebody. py-spy cannot tell that everywhere, so samples
that end in one of them are left out; so is the little CPU that they do use."""


class Profiler:
    """Samples one process; use it as a context manager around a trial."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(END_S_MAX)

    def watch(self, pid: int) -> None:
        """Begin to sample a process; ends with it or with this context."""
        program = shutil.which("py-spy")
        if program is None:
            raise SystemExit("py-spy is not installed; --profile needs it")
        command = [program, "record", "--format", "raw", "--full-filenames", "--nolineno"]
        # Without stopping the process for each sample: that would double what it costs.
        command += [
            "--nonblocking",
            "--rate",
            str(RATE_HZ),
            "--output",
            str(self._file),
            "--pid",
            str(pid),
        ]
        self._process = subprocess.Popen(  # noqa: S603 - our own command line
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def summary(self, cpu_ms: float) -> str:
        """Say on whose behalf code was running, whose code, and which functions.

        Args:
            cpu_ms: What a task cost in that trial; the shares of the samples divide it.
        """
        lines = self._file.read_text(encoding="utf-8").splitlines()
        parts = []
        for title, count in (("on behalf of", roots), ("whose", owners), ("function", leaves)):
            found = count(lines)
            rows = [[title, "ms per task", "share"]]
            for name, samples in found.most_common():
                share = samples / found.total()
                if share < SHARE_MIN:
                    break
                rows.append([name, f"{share * cpu_ms:.3f}", f"{share:.1%}"])
            parts.append(plain(rows))
        return "\n".join(["", *parts, ""])


def roots(lines: Iterable[str]) -> Counter[str]:
    """Count samples by whose step the event loop, or a thread, was running: the outermost owner.

    The standard library owns nothing here: what asyncio does for itself counts as the event loop.
    """
    found: Counter[str] = Counter()
    for frames, samples in _stacks(lines):
        steps = [place for place, one in enumerate(frames) if one.startswith(STEP)]
        inner = map(owner, frames[steps[-1] + 1 :] if steps else frames)
        named = (one for one in inner if one and not one.startswith("stdlib"))
        found[next(named, "event loop")] += samples
    return found


def owners(lines: Iterable[str]) -> Counter[str]:
    """Count samples by whose code was running: a package, or a module of the standard library."""
    found: Counter[str] = Counter()
    for frames, samples in _stacks(lines):
        found[next(filter(None, map(owner, reversed(frames))), "interpreter")] += samples
    return found


def leaves(lines: Iterable[str]) -> Counter[str]:
    """Count samples by the innermost function, with its owner."""
    found: Counter[str] = Counter()
    for frames, samples in _stacks(lines):
        match = _FRAME.match(frames[-1])
        name = match["function"] if match else frames[-1]
        found[f"{owner(frames[-1]) or '?'}: {name}"] += samples
    return found


def owner(frame: str) -> str:
    """Return whose code a frame is; empty if its file has no known place."""
    match = _FRAME.match(frame)
    path = match["file"] if match else ""
    if ours := _OURS.search(path):
        return f"ours, {ours['module'].partition('/')[0]}"
    if package := _PACKAGE.search(path):
        return package["package"]
    stdlib = _STDLIB.search(path)
    return f"stdlib {stdlib['module']}" if stdlib else ""


def _stacks(lines: Iterable[str]) -> Iterable[tuple[list[str], int]]:
    for line in lines:
        stack, _, samples = line.rpartition(" ")
        frames = stack.split(";")
        match = _FRAME.match(frames[-1])
        if samples.isdecimal() and (match is None or match["function"] not in WAITING):
            yield frames, int(samples)


def main() -> None:
    """Print the summary of a file of collapsed stacks: `python -m bench.profiler FILE CPU_MS`."""
    sys.stdout.write(Profiler(Path(sys.argv[1])).summary(float(sys.argv[2])))


if __name__ == "__main__":
    main()
