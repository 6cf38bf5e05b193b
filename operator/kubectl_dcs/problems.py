"""Errors that end a command early: one line that says what to do, and an exit status.

0: done. 1: a person is needed. 2: wrong usage. 3: time is up. 130: interrupted, as in shells.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

DONE: Final = 0
PERSON_NEEDED: Final = 1
WRONG_USAGE: Final = 2
TIME_IS_UP: Final = 3
INTERRUPTED: Final = 130

OLD_CRDS: Final = "apply crds/ of this version, or upgrade the chart"

LINE_CHARS_MAX: Final = 2000
"""Longer texts from servers are cut; a refusal with all its sentences has several hundred."""


class Problem(Exception):
    """Ends the command; the text is one line for a person."""

    status = PERSON_NEEDED

    def __init__(self, text: str) -> None:
        super().__init__(one_line(text))


class WrongUsage(Problem):
    """The command line is invalid; that includes names and selectors that select nothing."""

    status = WRONG_USAGE


class TimeIsUp(Problem):
    """The goal of a wait was not reached in time."""

    status = TIME_IS_UP


class ApiProblem(Problem):
    """The API server refused, or cannot be reached.

    Attributes:
        code: The HTTP status; 0 if there was no answer.
    """

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.code = code


class NotFound(ApiProblem):
    """The object does not exist."""

    status = WRONG_USAGE


def about_selector(problem: Problem, labels: str) -> Problem:
    """Return what is wrong with a selector, if that is the API server's complaint."""
    if labels and isinstance(problem, ApiProblem) and problem.code == HTTPStatus.BAD_REQUEST:
        return WrongUsage(f"the selector {labels!r} is none: {problem}")
    return problem


class Interrupted(Problem):
    """The user pressed Ctrl-C; the text says what continues without the command."""

    status = INTERRUPTED


def one_line(text: str) -> str:
    """Return a text on one line, without control characters, cut if it is very long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= LINE_CHARS_MAX else line[: LINE_CHARS_MAX - 1] + "…"
