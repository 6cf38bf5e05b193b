"""The trials of the operator: begun at once, and waited for one by one."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

import pytest

from cluster.operator.trials import TRIALS, Outcome, undergo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.operator.workspace import Workspace


class Trials(Protocol):
    """Waits for the end of a trial."""

    def __call__(self, name: str) -> Outcome:
        """Return what became of it; raises `TimeoutError` if it did not end well."""


@pytest.fixture(scope="session")
def trials(
    open_workspace: Callable[[], contextlib.AbstractContextManager[Workspace]],
) -> Iterator[Trials]:
    """Begin all trials; give a way to wait for one of them."""
    with contextlib.ExitStack() as cleanup:
        workspaces = {name: cleanup.enter_context(open_workspace()) for name in TRIALS}
        pool = cleanup.enter_context(ThreadPoolExecutor(len(TRIALS), "trial"))
        futures = {
            name: pool.submit(undergo, TRIALS[name], workspace)
            for name, workspace in workspaces.items()
        }
        yield lambda name: futures[name].result()
