"""Follows the objects of one kind: a list, then a watch, until it is stopped.

It runs in a thread and puts news into a queue, so that the reader can attend to the clock and the
keyboard too. A lost connection is reported, and re-established with growing pauses.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Self

from kubectl_dcs.problems import ApiProblem, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kubectl_dcs.cluster import Cluster
    from kubectl_dcs.kinds import Kind

PAUSE_S_FIRST: Final = 1.0
PAUSE_S_MAX: Final = 15.0
"""Longest pause between two attempts to reconnect; a person is waiting at the screen."""

NEWS_MAX: Final = 10_000
"""The most unread news; a screen reads thousands per second."""

STOP_S_MAX: Final = 0.2
"""How long a full queue can keep the thread from noticing that its reader is gone."""

HOPELESS: Final = frozenset(
    {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST}
)
"""Answers that do not change when the request is repeated."""


class What(Enum):
    """The kind of a piece of news."""

    LISTED = auto()  # everything that exists now
    CHANGED = auto()
    DELETED = auto()
    LOST = auto()  # the connection; it will be retried
    BACK = auto()
    ENDED = auto()  # following cannot continue


@dataclass(frozen=True, slots=True)
class News:
    """One piece of news.

    Attributes:
        bodies: The objects that were listed, changed or deleted.
        problem: Why the connection was lost, or why it ended.
    """

    what: What
    kind: Kind
    bodies: Sequence[Mapping[str, Any]] = ()
    problem: Problem | None = None


class Follower:
    """Follows one kind; several may share a queue. Use it as a context manager."""

    def __init__(
        self,
        cluster: Cluster,
        kind: Kind,
        namespace: str | None,
        *,
        labels: str = "",
        name: str = "",
        into: queue.Queue[News],
    ) -> None:
        self._cluster, self._kind, self._namespace = cluster, kind, namespace
        self._labels, self._name, self._into = labels, name, into
        self._ended = threading.Event()
        # A daemon: a read that hangs ends with the process.
        self._thread = threading.Thread(target=self._run, name=f"follow {kind.plural}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def _run(self) -> None:
        pause_s, lost = PAUSE_S_FIRST, False
        while not self._ended.is_set():
            try:
                version = self._list(lost=lost)
                pause_s, lost = PAUSE_S_FIRST, False
                while not self._ended.is_set():
                    version = self._watch(version)
            except ApiProblem as problem:
                if problem.code == HTTPStatus.GONE:
                    continue  # too long ago for a watch to continue: list again
                if problem.code in HOPELESS:
                    self._tell(News(What.ENDED, self._kind, problem=problem))
                    return
                if not lost:
                    self._tell(News(What.LOST, self._kind, problem=problem))
                lost = True
                self._ended.wait(pause_s)
                pause_s = min(pause_s * 2, PAUSE_S_MAX)
            except Problem as problem:
                self._tell(News(What.ENDED, self._kind, problem=problem))
                return
            except Exception as error:  # noqa: BLE001 - the reader must learn of it
                why = Problem(f"following {self._kind.plural} failed: {error!r}")
                self._tell(News(What.ENDED, self._kind, problem=why))
                return

    def _list(self, *, lost: bool) -> str:
        listing = self._cluster.everything(
            self._kind, self._namespace, labels=self._labels, name=self._name
        )
        if lost:
            self._tell(News(What.BACK, self._kind))
        self._tell(News(What.LISTED, self._kind, listing.items))
        return listing.version

    def _watch(self, version: str) -> str:
        """Watch until the server ends it; returns the version from which to continue."""
        events = self._cluster.watch(
            self._kind, self._namespace, labels=self._labels, name=self._name, version=version
        )
        with contextlib.closing(events):
            for word, body in events:
                version = str(body["metadata"]["resourceVersion"])
                if word in {"ADDED", "MODIFIED"}:
                    self._tell(News(What.CHANGED, self._kind, (body,)))
                elif word == "DELETED":
                    self._tell(News(What.DELETED, self._kind, (body,)))
                if self._ended.is_set():
                    break
        return version

    def _tell(self, news: News) -> None:
        while not self._ended.is_set():
            try:
                self._into.put(news, timeout=STOP_S_MAX)
            except queue.Full:
                continue
            return


def news_queue() -> queue.Queue[News]:
    """Return a queue for followers."""
    return queue.Queue(NEWS_MAX)
