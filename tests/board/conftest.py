"""What the tests in a browser share: the browser, and boards to look at."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import pytest

from board import chrome
from board.night import BEGIN_S, Night
from board.served import SCOPE, Clock, Served
from kubectl_dcs.board.live import Live
from unit.plugin.conftest import alone, api, no_pauses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from selenium.webdriver import Chrome

__all__ = ["alone", "api", "no_pauses"]

STEP_S = 5.0
"""In which the night goes on until the moment that a test wants."""


@pytest.fixture(scope="session")
def driver() -> Iterator[Chrome]:
    """Run a browser for all tests."""
    with tempfile.TemporaryDirectory() as profile:
        started = chrome.start(profile)
        yield started
        started.quit()


@pytest.fixture
def tab(driver: Chrome) -> Iterator[chrome.Tab]:
    """Give an empty tab; in the end nothing may have been against the policy."""
    one = chrome.Tab(driver)
    one.reset()
    yield one
    complaints = one.complaints()
    one.leave()
    assert complaints == []


@pytest.fixture
def served() -> Iterator[Served]:
    """Serve a board that has heard nothing yet."""
    with Served(lambda: Live(SCOPE)) as one:
        yield one


class Evening:
    """A served night and its clock."""

    def __init__(self, served: Served, clock: Clock) -> None:
        self.served, self.clock = served, clock
        self.night = Night()
        self.now_s = 0.0
        clock.set(BEGIN_S)
        served.hear(*self.night.listed(0))

    def go_on(self, until_s: float) -> None:
        """Let the night go on, each step a message of its own."""
        while self.now_s < until_s:
            self.now_s = min(self.now_s + STEP_S, until_s)
            self.clock.set(BEGIN_S + self.now_s)
            self.served.hear(*self.night.changed(self.now_s))
            self.served.publish()


@pytest.fixture
def evening() -> Iterator[Callable[[float], Evening]]:
    """Give a way to serve a night up to a moment."""
    stack: list[Served] = []

    def begin(until_s: float) -> Evening:
        clock = Clock()
        served = Served(lambda: Live(SCOPE, clock=clock))
        stack.append(served.__enter__())
        one = Evening(served, clock)
        one.go_on(until_s)
        return one

    yield begin
    for served in stack:
        served.__exit__()
