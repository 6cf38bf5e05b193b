"""Brings the news of a cluster to the board: one follower per kind, however many tabs.

Followers block, so they run in threads; the board has an event loop. Refused requests are retried
at long intervals: rights are granted, logins renewed and CRDs applied while the page is open.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from kubectl_dcs.board.state import KINDS, LIVE
from kubectl_dcs.following import Follower, What, news_queue
from kubectl_dcs.kinds import TASK
from kubectl_dcs.problems import ApiProblem, about_selector

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubectl_dcs.board.access import BoardCluster
    from kubectl_dcs.board.state import State
    from kubectl_dcs.following import News
    from kubectl_dcs.kinds import Kind

AGAIN_S: Final = 10.0
"""Pause after a refusal: the longest wait for a right that was just granted."""

NAMESPACE_S: Final = 10.0
"""Interval between reads of the namespace, while there is no task in it."""

WAIT_S: Final = 0.5
"""Wait for the first news of a batch; the end of the board is delayed by it."""

BATCH_MAX: Final = 1000
"""The most news processed before the event loop gets its turn."""


class Source:
    """Follows all kinds.

    Args:
        cluster: The cluster to follow.
        namespace: None for all.
        labels: A selector for the tasks.
        state: The known state, asked whether there are tasks.
        hear: Receives each piece of news, with the time of the last contact for its kind.
    """

    def __init__(
        self,
        cluster: BoardCluster,
        namespace: str | None,
        labels: str,
        state: State,
        hear: Callable[[News, float | None], None],
    ) -> None:
        self._cluster, self._namespace, self._labels = cluster, namespace, labels
        self._state, self._hear = state, hear
        self._news = news_queue()
        self._followers: dict[str, Follower] = {}

    async def run(self) -> None:
        """Bring news until cancelled.

        Raises:
            Problem: The selector is invalid.
        """
        with contextlib.ExitStack() as stack:
            stack.callback(self._stop)
            for kind in KINDS:
                self._follow(kind)
            while True:
                for news in await asyncio.to_thread(self._batch):
                    self._take(news)

    async def run_namespace(self, tell: Callable[[str], None]) -> None:
        """Check the namespace while it has no task, until cancelled."""
        while self._namespace is not None:
            if not self._state.tasks and self._state.links[TASK.plural].word == LIVE:
                tell(await asyncio.to_thread(self._cluster.namespace_word, self._namespace))
            await asyncio.sleep(NAMESPACE_S)

    def _follow(self, kind: Kind) -> None:
        labels = self._labels if kind == TASK else ""
        follower = Follower(self._cluster, kind, self._namespace, labels=labels, into=self._news)
        self._followers[kind.plural] = follower
        follower.__enter__()

    def _stop(self) -> None:
        for follower in self._followers.values():
            follower.__exit__()

    def _batch(self) -> list[News]:
        found: list[News] = []
        with contextlib.suppress(queue.Empty):
            found.append(self._news.get(timeout=WAIT_S))
            while len(found) < BATCH_MAX:
                found.append(self._news.get_nowait())
        return found

    def _take(self, news: News) -> None:
        problem = news.problem
        if news.what is What.ENDED:
            if isinstance(problem, ApiProblem) and problem.code == HTTPStatus.BAD_REQUEST:
                raise about_selector(problem, self._labels if news.kind == TASK else "")
            asyncio.get_running_loop().call_later(AGAIN_S, self._follow, news.kind)
        self._hear(news, self._cluster.heard_s.get(news.kind.plural))
