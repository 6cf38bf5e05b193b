"""A live board: passes news to the state, to the stream and to a recording."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kubectl_dcs.board import actions
from kubectl_dcs.board.actions import Refused
from kubectl_dcs.board.recording import Recorder
from kubectl_dcs.board.state import STATES, State
from kubectl_dcs.board.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kubectl_dcs.board.access import BoardCluster
    from kubectl_dcs.board.actions import Wanted
    from kubectl_dcs.following import News


@dataclass(frozen=True, slots=True)
class Scope:
    """What a board shows, from the command line.

    Attributes:
        namespace: None for all.
        labels: A selector for tasks.
        host: The API server.
        context_words: Options that select the same cluster, each after a space.
    """

    namespace: str | None
    labels: str
    host: str
    context_words: str

    def entry(self) -> dict[str, Any]:
        """Return it as sent to the page and to a recording."""
        return {
            "namespace": self.namespace,
            "labels": self.labels,
            "host": self.host,
            "context": self.context_words,
        }


class Live:
    """The answers of a live board.

    Args:
        scope: What it shows.
        cluster: The cluster for Hold and Go; None if nothing may be changed.
        record: Where to record; None for no recording.
        clock: Returns seconds since 1970.
    """

    def __init__(
        self,
        scope: Scope,
        cluster: BoardCluster | None = None,
        record: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._scope, self._cluster, self._clock = scope, cluster, clock
        self.state = State()
        self._stream = Stream(self.state, clock)
        self._record = record
        self.recorder = Recorder(record, scope.entry(), self.state) if record else None

    def hear(self, news: News, contact_s: float | None = None) -> None:
        """Process a piece of news."""
        now_s = self._clock()
        self.state.hear(news, now_s, contact_s)
        if self.recorder:
            self.recorder.note(news, now_s, contact_s)
            self.state.recording_is(self.recorder.trouble)
        self._stream.touch()

    def namespace_is(self, word: str) -> None:
        """Process the state of the namespace."""
        self.state.namespace_is(word)
        self._stream.touch()

    @property
    def stream(self) -> Stream:
        """The stream of changes for the tabs."""
        return self._stream

    def about(self) -> dict[str, Any]:
        """Return what the page needs first."""
        return {
            "scope": self._scope.entry(),
            "states": STATES,
            "actions": self._cluster is not None,
            "recording": self._record.name if self._record else "",
            "playback": None,
        }

    async def details(self, namespace: str, name: str, at_s: float | None) -> dict[str, Any] | None:
        """Return the details of an opened row."""
        del at_s
        return self.state.details(namespace, name, self._scope.context_words)

    async def may(self, namespace: str, name: str) -> None:
        """Ask whether a wave may be changed."""
        await asyncio.to_thread(actions.may_change, self._changeable(namespace), namespace, name)

    async def change(self, wanted: Wanted) -> None:
        """Set the state of a wave."""
        await asyncio.to_thread(actions.change, self._changeable(wanted.namespace), wanted)

    def _changeable(self, namespace: str) -> BoardCluster:
        if self._cluster is None:
            raise Refused("this board is read-only; start it with --actions to set Hold and Go")
        if self._scope.namespace not in {None, namespace}:
            raise Refused(f"this board shows only namespace {self._scope.namespace}")
        return self._cluster

    async def moment(self, at_s: float, from_s: float | None) -> dict[str, Any]:
        """Refuse: a live board has no other moments."""
        del at_s, from_s
        raise Refused("this board is live")
