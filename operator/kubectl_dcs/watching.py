"""Follows tasks, and a wave, until a goal is reached, a person is needed, or time is up.

Owns the loop between the news from the cluster, the clock, and the display.
"""

from __future__ import annotations

import contextlib
import queue
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, Self

from kubectl_dcs.following import Follower, News, What, news_queue
from kubectl_dcs.kinds import TASK, WAVE
from kubectl_dcs.problems import Problem, about_selector
from kubectl_dcs.progress import Verdict
from kubectl_dcs.tasks import task_view
from kubectl_dcs.waves import wave_view

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubectl_dcs.cluster import Cluster
    from kubectl_dcs.kinds import Kind
    from kubectl_dcs.progress import Change, Goal, Progress

TICK_S: Final = 0.25
"""How often the screen is redrawn: its clock has to move, and the eye sees no more."""

FIRST_S_MAX: Final = 120.0
"""Time limit of the first list, however short the wait: with a timeout of 0 it is the whole
wait."""

DRAIN_MAX: Final = 1000
"""The most news processed before the screen is redrawn."""


class Show(Protocol):
    """Shows progress; each method returns immediately."""

    def changes(self, changes: Sequence[Change], *, first: bool) -> None:
        """Show what changed; `first` marks the initial state."""

    def tick(self, progress: Progress, *, force: bool = False) -> None:
        """Draw the screen, if there is one."""

    def lost(self, problem: Problem | None) -> None:
        """Show that the connection is lost or, with None, that it is restored."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is followed.

    Attributes:
        namespace: None for all.
        labels: A label selector.
        wave: A wave in that namespace to follow as well; empty for none.
    """

    namespace: str | None
    labels: str = ""
    wave: str = ""


class Watching:
    """Follows a subject; use it as a context manager, so that the connections end."""

    def __init__(self, cluster: Cluster, subject: Subject, progress: Progress, show: Show) -> None:
        self._cluster, self._subject = cluster, subject
        self._progress, self._show = progress, show
        self._news = news_queue()
        self._unlisted = {TASK, WAVE} if subject.wave else {TASK}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        subject = self._subject
        self._follow(TASK, labels=subject.labels)
        if subject.wave:
            self._follow(WAVE, name=subject.wave)
        return self

    def _follow(self, kind: Kind, *, labels: str = "", name: str = "") -> None:
        namespace = self._subject.namespace
        follower = Follower(
            self._cluster, kind, namespace, labels=labels, name=name, into=self._news
        )
        self._stack.enter_context(follower)

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def until_listed(self) -> None:
        """Wait until everything that exists has been listed once.

        Raises:
            Problem: The cluster cannot be reached.
        """
        deadline_s = time.monotonic() + FIRST_S_MAX
        while self._unlisted:
            if time.monotonic() >= deadline_s:
                raise Problem("the API server did not answer; check the connection")
            self._take(TICK_S)
        self._show.tick(self._progress, force=True)

    def until(self, goal: Goal | None, timeout_s: float) -> Verdict:
        """Wait for the goal or, without one, until the time is up.

        Returns:
            The verdict; it is `WAITING` if time is up.

        Raises:
            Problem: The cluster can no longer be followed.
        """
        self.until_listed()
        deadline_s = time.monotonic() + timeout_s
        while self._verdict(goal) is Verdict.WAITING:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                break
            self._take(min(left_s, TICK_S))
            self._show.tick(self._progress)
        self._show.tick(self._progress, force=True)
        return self._verdict(goal)

    def _verdict(self, goal: Goal | None) -> Verdict:
        return self._progress.verdict(goal) if goal else Verdict.WAITING

    def _take(self, wait_s: float) -> None:
        """Process the news, waiting for the first piece."""
        with contextlib.suppress(queue.Empty):
            self._hear(self._news.get(timeout=wait_s))
            for _ in range(DRAIN_MAX):
                self._hear(self._news.get_nowait())

    def _hear(self, news: News) -> None:
        match news.what:
            case What.ENDED:
                problem = news.problem or Problem("the connection ended")
                raise about_selector(problem, self._subject.labels)
            case What.LOST:
                self._show.lost(news.problem)
            case What.BACK:
                self._show.lost(None)
            case _ if news.kind is WAVE:
                self._hear_wave(news)
            case _:
                self._hear_tasks(news)
        if news.what is What.LISTED:
            self._unlisted.discard(news.kind)

    def _hear_tasks(self, news: News) -> None:
        tasks = [task_view(body) for body in news.bodies]
        if news.what is What.LISTED:
            changes = self._progress.listed(tasks)
        else:
            take = self._progress.gone if news.what is What.DELETED else self._progress.changed
            changes = [change for task in tasks for change in take(task)]
        self._show.changes(changes, first=TASK in self._unlisted)

    def _hear_wave(self, news: News) -> None:
        for body in news.bodies:
            wave = wave_view(body)
            if wave.name == self._subject.wave:
                self._progress.wave = None if news.what is What.DELETED else wave
