"""`kubectl dcs board` from its command line to its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest

from kubectl_dcs.board import browser
from kubectl_dcs.board.playback import play
from unit.plugin import bodies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unit.plugin.conftest import Run
    from unit.plugin.fake_api import FakeApi

END_S_MAX = 60.0
INTERRUPTED = 130


@pytest.mark.parametrize(
    "arguments, line",
    [
        (["x", "--actions"], "with a recording, give no options but"),
        (["x", "-A"], "with a recording, give no options but"),
        (["x", "--record", "y"], "with a recording, give no options but"),
        (["/nowhere/x"], "/nowhere/x cannot be read: No such file or directory"),
        (["--port", "70000"], "70000 is not in the range"),
    ],
)
def test_wrong_usage_is_one_line(bare_run: Run, arguments: list[str], line: str) -> None:
    """Before a cluster is asked or a port is opened."""
    ran = bare_run("board", *arguments)
    assert (ran.status, ran.out) == (2, "")
    assert line in ran.err
    assert ran.err.count("\n") == 1


class Board:
    """A board in a process of its own. Use it as a context manager."""

    def __init__(self, kubeconfig: Path, *arguments: str) -> None:
        script = "import sys; from kubectl_dcs.cli import main; sys.exit(main(sys.argv[1:]))"
        command = [sys.executable, "-c", script, "board", "--no-browser", *arguments]
        self.process = subprocess.Popen(  # noqa: S603 - our own interpreter
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"KUBECONFIG": str(kubeconfig)},
        )
        assert self.process.stdout
        self.url = self.process.stdout.readline().strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """End it by a signal; returns the exit status and what it said."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=END_S_MAX)
        return self.process.returncode, said


@pytest.fixture
def kubeconfig(alone: None, api: FakeApi, tmp_path: Path) -> Path:
    """Give a kubeconfig of the fake cluster."""
    del alone
    api.put("migrationtasks", bodies.task("orders"))
    return api.kubeconfig(tmp_path)


@pytest.fixture
def opened(kubeconfig: Path) -> Iterator[Board]:
    """Run a board that looks at the fake cluster."""
    with Board(kubeconfig) as board:
        yield board


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_a_word_about_what_goes_on(
    opened: Board, number: signal.Signals
) -> None:
    """With the status of other commands that somebody interrupts, and no traceback."""
    status, said = opened.end(number)
    assert status == INTERRUPTED
    assert said.endswith(
        "Ctrl-C ends the board.\n"
        "kubectl dcs: the board has ended; the operator continues by itself\n"
    )
    assert "Traceback" not in said


def test_it_prints_an_address_with_a_token_that_opens_the_page(opened: Board) -> None:
    """On standard output, alone on a line, for scripts."""
    assert opened.url.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(opened.url, timeout=END_S_MAX) as answer:  # noqa: S310 - as checked above
        assert b"main.js" in answer.read()


def test_a_recording_is_made_and_shown_again(kubeconfig: Path, tmp_path: Path) -> None:
    """By the same command."""
    path = tmp_path / "night"
    with Board(kubeconfig, "--record", str(path)) as board:
        while "MigrationTask" not in path.read_text():
            pass
        status, said = board.end(signal.SIGINT)
    assert (status, f"Recording to {path}." in said) == (INTERRUPTED, True)
    with play(path) as playback:
        tasks = playback.snapshot(playback.end_s)["migrationtasks"]
    assert [one["name"] for one in tasks] == ["orders"]
    head = json.loads(path.read_text().partition("\n")[0])
    assert head["namespace"] == "shop"
    with Board(kubeconfig, str(path)) as board:
        assert board.url
        status, said = board.end(signal.SIGINT)
    assert (status, said.splitlines()[-1]) == (INTERRUPTED, "kubectl dcs: the board has ended")


def test_the_token_is_on_no_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody on the machine may read those; the browser gets a file of its owner's."""
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    with browser.open_browser("http://127.0.0.1:1/?token=secret") as name:
        while not opened:
            pass
        folder = Path(name)
        (page,) = folder.iterdir()
        assert opened == [page.as_uri()]
        assert folder.stat().st_mode & 0o077 == 0
        assert "http://127.0.0.1:1/?token=secret" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "platform, variables, there",
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("darwin", {}, True),
    ],
)
def test_where_there_is_no_screen_no_browser_is_opened(
    monkeypatch: pytest.MonkeyPatch, platform: str, variables: dict[str, str], *, there: bool
) -> None:
    """A browser in the terminal would only stand in the way."""
    monkeypatch.setattr(sys, "platform", platform)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert browser.has_screen() is there
