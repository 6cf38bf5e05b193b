"""A board that replays a recording: moments of a past night."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from kubectl_dcs.board.actions import Refused
from kubectl_dcs.board.state import STATES

if TYPE_CHECKING:
    from kubectl_dcs.board.actions import Wanted
    from kubectl_dcs.board.playback import Playback
    from kubectl_dcs.board.stream import Stream


class Replay:
    """The answers of a board that replays a recording.

    Args:
        playback: The recording.
        name: The name of its file.
    """

    def __init__(self, playback: Playback, name: str) -> None:
        self._playback, self._name = playback, name

    @property
    def stream(self) -> Stream | None:
        """None: the page requests moments instead."""
        return None

    def about(self) -> dict[str, Any]:
        """Return what the page needs first."""
        playback, about = self._playback, self._playback.about
        return {
            "scope": {key: about.get(key) for key in ("namespace", "labels", "host", "context")},
            "states": STATES,
            "actions": False,
            "recording": "",
            "playback": {
                "name": self._name,
                "begin": playback.begin_s,
                "end": playback.end_s,
                "skipped": playback.skipped,
            },
        }

    async def details(self, namespace: str, name: str, at_s: float | None) -> dict[str, Any] | None:
        """Return the details of a row at a moment."""
        at_s = self._playback.end_s if at_s is None else at_s
        words = str(self._playback.about.get("context") or "")
        return await asyncio.to_thread(self._playback.details, at_s, namespace, name, words)

    async def may(self, namespace: str, name: str) -> None:
        """Refuse: the past cannot be changed."""
        del namespace, name
        raise Refused("this is a recording")

    async def change(self, wanted: Wanted) -> None:
        """Refuse: the past cannot be changed."""
        del wanted
        raise Refused("this is a recording")

    async def moment(self, at_s: float, from_s: float | None) -> dict[str, Any]:
        """Return a moment, or the changes since an earlier one."""
        if from_s is None or from_s > at_s:
            return await asyncio.to_thread(self._playback.snapshot, at_s)
        return await asyncio.to_thread(self._playback.changes, from_s, at_s)
