"""Playback of a recording: what the board knew at any moment of it.

Reading it once yields the position of each line, and the lags and the counts of the whole night. A
moment is built from the last full snapshot before it and the lines that follow; continuing from the
moment requested last is fast.
"""

from __future__ import annotations

import json
import math
import threading
from array import array
from bisect import bisect_right
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Self

from kubectl_dcs.board.entries import task_entry
from kubectl_dcs.board.history import Lags, Night
from kubectl_dcs.board.recording import FILES_MAX, FORMAT, rotated
from kubectl_dcs.board.state import KINDS, State
from kubectl_dcs.following import News, What
from kubectl_dcs.kinds import TASK
from kubectl_dcs.problems import ApiProblem, WrongUsage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NIGHT_STEP_S: Final = 1.0
"""Interval between counts while reading: counting thousands takes a millisecond."""

LINE_BYTES_MAX: Final = 256 * 2**20
"""A line with 100,000 objects is shorter; a file with a longer one is not a recording."""

WORDS: Final = {what.name.lower(): what for what in What}
BY_NAME: Final = {kind.kind: kind for kind in KINDS}


class Playback:
    """A recording that has been read. Its methods may be called from several threads.

    Attributes:
        about: The contents of its first line.
        begin_s: The time of the first line.
        end_s: The time of the last line.
        skipped: Number of lines that could not be read, such as the last one of a board that was
            killed.
    """

    def __init__(self, files: list[BinaryIO]) -> None:
        self._files = files
        self._lock = threading.Lock()
        self._times, self._offsets, self._file_of = array("d"), array("q"), array("b")
        self._starts: list[int] = []
        self._lags, self._night = Lags(None), Night()
        self._state, self._done = State(), 0
        self.about: Mapping[str, Any] = {}
        self.skipped = 0
        self._read_all()
        self.begin_s = self._times[0] if self._times else 0.0
        self.end_s = self._times[-1] if self._times else 0.0

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read_all(self) -> None:
        state, counted_s, latest_s = State(), float("-inf"), float("-inf")
        for number, file in enumerate(self._files):
            while True:
                offset = file.tell()
                line = file.readline(LINE_BYTES_MAX)
                if not line:
                    break
                read = _read(line)
                if read is not None and read.get("format") == FORMAT:
                    self.about = self.about or read
                elif read is not None and self._heard(state, read):
                    # A clock that was set back during the night must not reverse the order.
                    latest_s = max(latest_s, float(read["at"]))
                    if _is_start(read):
                        self._starts.append(len(self._times))
                    self._times.append(latest_s)
                    self._offsets.append(offset)
                    self._file_of.append(number)
                    self._note_lags(state, read)
                    if latest_s - counted_s >= NIGHT_STEP_S:
                        counted_s = latest_s
                        self._night.note(latest_s, state.counts())
                elif line.strip():
                    self.skipped += 1
        if self._times:
            self._night.note(latest_s, state.counts())

    def _heard(self, state: State, read: Mapping[str, Any]) -> bool:
        """Feed a line to a state; returns whether it could be parsed."""
        try:
            news = News(
                WORDS[read["what"]],
                BY_NAME[read["kind"]],
                read.get("objects") or (),
                ApiProblem(str(read["why"]), int(read.get("code") or 0)) if "why" in read else None,
            )
            at_s = float(read["at"])
            if not math.isfinite(at_s):
                return False
            state.hear(news, at_s, read.get("contact"))
        except (AttributeError, KeyError, TypeError, ValueError):
            return False
        return True

    def _note_lags(self, state: State, read: Mapping[str, Any]) -> None:
        state.take_changes()
        if read["kind"] != TASK.kind or read.get("again"):
            return
        for body in read.get("objects") or ():
            metadata = body["metadata"]
            key = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
            if key in state.tasks:
                entry = task_entry(state.tasks[key])
                self._lags.note(key, entry["lagAt"], entry["lag"])

    def snapshot(self, at_s: float) -> dict[str, Any]:
        """Return what was known at a moment, with the counts of the whole night."""
        with self._lock:
            self._go(at_s)
            self._state.take_changes()
            made = self._state.snapshot(self._lags, at_s)
        return made | {"nights": self._night.entry(), "now": at_s}

    def changes(self, from_s: float, to_s: float) -> dict[str, Any]:
        """Return what changed from one moment to a later one."""
        with self._lock:
            self._go(from_s)
            self._state.take_changes()
            self._go(to_s)
            made = self._state.take_changes()
        made.pop("night", None)
        return made | {"now": to_s}

    def details(
        self, at_s: float, namespace: str, name: str, context_words: str
    ) -> dict[str, Any] | None:
        """Return the details of a row at a moment; None if the task did not exist."""
        with self._lock:
            self._go(at_s)
            return self._state.details(namespace, name, context_words)

    def _go(self, at_s: float) -> None:
        """Advance the state to a moment."""
        wanted = bisect_right(self._times, at_s)
        start = self._start_before(wanted)
        if wanted < self._done or start > self._done:
            self._state, self._done = State(), start
        moving = self._done > start
        for index in range(self._done, wanted):
            read = self._line(index)
            if not (moving and read.get("again")):
                self._heard(self._state, read)
        self._done = wanted

    def _start_before(self, wanted: int) -> int:
        """Return the last line that can be read without any earlier one."""
        place = bisect_right(self._starts, wanted - 1)
        return self._starts[place - 1] if place else 0

    def _line(self, index: int) -> dict[str, Any]:
        file = self._files[self._file_of[index]]
        file.seek(self._offsets[index])
        return _read(file.readline(LINE_BYTES_MAX)) or {}


def _is_start(read: Mapping[str, Any]) -> bool:
    """Return whether a full snapshot starts here: tasks first, then the rest."""
    return read.get("again") is True and read["what"] == "listed" and read["kind"] == TASK.kind


def _read(line: bytes) -> dict[str, Any] | None:
    try:
        read = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None


def play(path: Path) -> Playback:
    """Read a recording, with its older files.

    Raises:
        WrongUsage: The file does not exist, or is not a recording.
    """
    paths = [rotated(path, number) for number in reversed(range(FILES_MAX))]
    files: list[BinaryIO] = []
    try:
        files = [one.open("rb") for one in paths if one.exists() or one == path]
        playback = Playback(files)
    except OSError as error:
        for file in files:
            file.close()
        raise WrongUsage(f"{path} cannot be read: {error.strerror}") from None
    if not playback.about or playback.begin_s == playback.end_s == 0:
        playback.close()
        raise WrongUsage(f"{path} is not a recording of `kubectl dcs board --record`")
    return playback
