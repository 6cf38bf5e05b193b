"""Runs a board until the user ends it: wires its parts and prints its address."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kubectl_dcs import say
from kubectl_dcs.board import browser
from kubectl_dcs.board.live import Live, Scope
from kubectl_dcs.board.playback import play
from kubectl_dcs.board.replay import Replay
from kubectl_dcs.board.security import Keys
from kubectl_dcs.board.server import Server
from kubectl_dcs.board.source import Source

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path
    from typing import Any

    from kubectl_dcs.board.access import BoardCluster
    from kubectl_dcs.board.server import Answers

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Wish:
    """The settings of a board.

    Attributes:
        port: 0 for any free port.
        browser: Whether to open a browser.
        actions: Whether Hold and Go are offered.
        record: Where to record; None for no recording.
    """

    port: int
    browser: bool
    actions: bool = False
    record: Path | None = None


def run_live(cluster: BoardCluster, scope: Scope, wish: Wish) -> None:
    """Show a cluster until Ctrl-C or SIGTERM.

    Raises:
        Problem: It cannot be shown.
    """

    async def run() -> None:
        live = Live(scope, cluster if wish.actions else None, wish.record)
        source = Source(cluster, scope.namespace, scope.labels, live.state, live.hear)
        jobs = [source.run(), source.run_namespace(live.namespace_is), live.stream.run()]
        if live.recorder:
            jobs.append(live.recorder.run(time.time))
        await _serve(live, wish, jobs)

    asyncio.run(run())


def run_recording(path: Path, wish: Wish) -> None:
    """Show a recording until Ctrl-C or SIGTERM.

    Raises:
        Problem: It cannot be read.
    """
    with play(path) as playback:
        if playback.skipped:
            say.note(f"{say.count(playback.skipped, 'line')} of {path} could not be read.")
        asyncio.run(_serve(Replay(playback, path.name), wish, []))


async def _serve(answers: Answers, wish: Wish, jobs: list[Coroutine[Any, Any, None]]) -> None:
    """Serve until a signal arrives or a job fails; then end everything that was started."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    server = Server(answers, Keys())
    tasks: list[asyncio.Task[Any]] = []
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(NotImplementedError):  # Windows raises KeyboardInterrupt instead
            for number in SIGNALS:
                loop.add_signal_handler(number, ended.set)
                stack.callback(loop.remove_signal_handler, number)
        try:
            tasks = [asyncio.create_task(job) for job in jobs]
            url = await server.start(wish.port)
            _say(url, wish)
            if wish.browser and browser.has_screen():
                stack.enter_context(browser.open_browser(url))
            tasks.append(asyncio.create_task(ended.wait()))
            while not ended.is_set():
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    tasks.remove(task)
                    task.result()
        finally:
            await server.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _say(url: str, wish: Wish) -> None:
    say.result(url)
    more = ", and can set waves to Hold and Go" if wish.actions else ""
    say.note(
        "The board is at this address, on this machine only; whoever has it can see what you can"
        f" see{more}."
    )
    if wish.record:
        say.note(f"Recording to {wish.record}.")
    say.note("Ctrl-C ends the board.")
