"""The recording of a night: the news from the cluster, as JSON lines in rotating files.

The lines hold what the API server sent, not what the page derived from it, so that a later version
of the board can show an old night. A file starts with a line about the recording and a full
snapshot, so each file is complete in itself. A thread writes it; a slow or full disk harms the
recording, never the board.
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Any, Final

from kubectl_dcs.board.state import KINDS, LISTING, LOST, REFUSED, bodies
from kubectl_dcs.following import News, What
from kubectl_dcs.problems import ApiProblem, WrongUsage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from kubectl_dcs.board.state import State

FORMAT: Final = "kubectl-dcs-board/1"

FILE_BYTES_MAX: Final = 64 * 2**20
FILES_MAX: Final = 8
"""Half a GiB in all, then the oldest file is deleted. A wave of 60 takes 20 MiB per hour."""

KEYFRAME_BYTES: Final = 8 * 2**20
"""A full snapshot is written after this many, so that a slider finds its place in a second."""

KEYFRAME_RATIO: Final = 2
"""But not before the changes are this many times as long as the snapshot."""

PENDING_BYTES_MAX: Final = 64 * 2**20
"""The most data that waits for the disk. Beyond it, a gap is recorded instead."""

PAUSE_S: Final = 0.5
"""Interval between writes; a board that is killed loses no more than that."""

METADATA: Final = (
    *("namespace", "name", "uid", "generation", "resourceVersion", "creationTimestamp", "labels"),
)
"""What is kept of an object's metadata. Annotations may contain anything, so none are kept."""

LEFT_OUT: Final = frozenset({"caBundle"})
"""Left out of a spec: certificates, which are long and not shown."""


def kept(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is recorded of an object."""
    metadata, spec = body.get("metadata") or {}, body.get("spec") or {}
    return {
        "metadata": {key: metadata[key] for key in METADATA if key in metadata},
        "spec": {key: value for key, value in spec.items() if key not in LEFT_OUT},
        "status": body.get("status") or {},
    }


def line_of(news: News, at_s: float, contact_s: float | None, *, again: bool = False) -> bytes:
    """Return a piece of news as a line; `again` marks a repetition of known facts."""
    made: dict[str, Any] = {
        "at": round(at_s, 3),
        "what": news.what.name.lower(),
        "kind": news.kind.kind,
    }
    if news.bodies or news.what is What.LISTED:
        made["objects"] = [kept(body) for body in news.bodies]
    if news.problem:
        made |= {"why": str(news.problem), "code": getattr(news.problem, "code", 0)}
    if contact_s is not None and news.what in {What.LOST, What.ENDED}:
        made["contact"] = round(contact_s, 3)
    if again:
        made["again"] = True
    return json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def rotated(path: Path, number: int) -> Path:
    """Return the path of a file after this many rotations."""
    return path.with_name(f"{path.name}.{number}") if number else path


class Recorder:
    """Writes a recording.

    Args:
        path: The path of the newest file; older ones have a number appended.
        about: The contents of the first line, besides the format.
        state: The known state, for the snapshot at the start of each file.

    Raises:
        WrongUsage: A recording exists already, or the file cannot be written.

    Attributes:
        trouble: Why it no longer records; empty while it does.
    """

    def __init__(
        self,
        path: Path,
        about: Mapping[str, Any],
        state: State,
        *,
        file_bytes_max: int = FILE_BYTES_MAX,
        keyframe_bytes: int = KEYFRAME_BYTES,
    ) -> None:
        self._path, self._about, self._state = path, about, state
        self._file_bytes_max, self._keyframe_bytes = file_bytes_max, keyframe_bytes
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._file_bytes = self._since_keyframe = self._keyframe = 0
        self._rotate = self._gap = self._started = False
        self.trouble = ""
        for number in range(FILES_MAX):
            if rotated(path, number).exists():
                raise WrongUsage(f"{rotated(path, number)} exists already: choose another file")
        try:
            self._file = self._opened()
        except OSError as error:
            raise WrongUsage(f"nothing can be recorded in {path}: {error.strerror}") from None

    def _opened(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)

    def note(self, news: News, at_s: float, contact_s: float | None) -> None:
        """Record a piece of news that the state has already processed."""
        if not self._started:
            self._started = True
            self._add(self._head(at_s))
        if self._gap and self._pending_bytes < PENDING_BYTES_MAX:
            self._gap = False
            self._add_everything(at_s)
            return
        self._add(line_of(news, at_s, contact_s))
        if self._file_bytes >= self._file_bytes_max:
            self._rotate = True
        long_ago = max(self._keyframe_bytes, KEYFRAME_RATIO * self._keyframe)
        if self._since_keyframe >= long_ago and not self._rotate:
            self._add_everything(at_s)

    def _head(self, at_s: float) -> bytes:
        head = {"format": FORMAT, "at": round(at_s, 3), **self._about}
        return json.dumps(head, ensure_ascii=False).encode() + b"\n"

    def _add(self, line: bytes) -> None:
        if self._pending_bytes + len(line) > PENDING_BYTES_MAX and self._pending:
            self._gap = True
            return
        self._pending.append(line)
        self._pending_bytes += len(line)
        self._file_bytes += len(line)
        self._since_keyframe += len(line)

    def _add_everything(self, at_s: float) -> None:
        lines = list(everything(self._state, at_s))
        for line in lines:
            self._add(line)
        self._keyframe, self._since_keyframe = sum(map(len, lines)), 0

    async def run(self, clock: Callable[[], float]) -> None:
        """Write pending lines until cancelled, then the rest."""
        try:
            while True:
                await asyncio.sleep(PAUSE_S)
                await self._flush(clock())
        finally:
            self._write(self._taken())
            if os.fstat(self._file).st_size == 0:
                # A board that failed to start must not block its next start.
                self._path.unlink(missing_ok=True)
            os.close(self._file)

    async def _flush(self, now_s: float) -> None:
        lines = self._taken()
        if lines and not await asyncio.to_thread(self._write, lines):
            return
        if self._rotate:
            self._rotate = False
            self._file_bytes = 0
            if await asyncio.to_thread(self._next_file):
                # News that arrived in the meantime is already in the snapshot that follows.
                self._taken()
                self._add(self._head(now_s))
                self._add_everything(now_s)

    def _taken(self) -> Sequence[bytes]:
        lines, self._pending, self._pending_bytes = self._pending, [], 0
        return lines

    def _write(self, lines: Sequence[bytes]) -> bool:
        """Write lines; returns whether that worked. Lines that fail are lost, which is reported."""
        # After a write that broke off within a line, the next one starts on a new line.
        data = memoryview((b"\n" if self.trouble else b"") + b"".join(lines))
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            self.trouble, self._gap = error.strerror or type(error).__name__, True
            return False
        if lines:
            self.trouble = ""
        return True

    def _next_file(self) -> bool:
        try:
            rotated(self._path, FILES_MAX - 1).unlink(missing_ok=True)
            for number in range(FILES_MAX - 2, -1, -1):
                if rotated(self._path, number).exists():
                    rotated(self._path, number).replace(rotated(self._path, number + 1))
            opened = self._opened()
        except OSError as error:
            self.trouble = error.strerror or type(error).__name__
            return False
        os.close(self._file)
        self._file = opened
        return True


def everything(state: State, at_s: float) -> Iterable[bytes]:
    """Yield lines with everything known, as if it had just been listed."""
    for kind in KINDS:
        link = state.links[kind.plural]
        if link.word != LISTING:
            yield line_of(News(What.LISTED, kind, bodies(state, kind)), at_s, None, again=True)
        if link.word in {LOST, REFUSED}:
            what = What.LOST if link.word == LOST else What.ENDED
            news = News(what, kind, problem=ApiProblem(link.why, link.code))
            yield line_of(news, at_s, link.since_s)
