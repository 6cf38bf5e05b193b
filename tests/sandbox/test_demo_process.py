"""The demo's command line: options that are checked, and one line for what can go wrong."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import sandbox
from sandbox.control_plane import ToolchainError
from sandbox.demo import run, stage
from sandbox.demo.__main__ import main, parse
from sandbox.demo.cutover import __main__ as cutover
from sandbox.demo.fleet import MIGRATIONS, MIGRATIONS_MIN

TIMEOUT_S = 60
"""Slow machines need long for a new interpreter."""


def test_without_options_it_is_the_demo_with_about_120_migrations() -> None:
    """Nothing has to be known to see it."""
    options = parse([])
    assert not options.stay
    assert options.migrations == MIGRATIONS == 120


@pytest.mark.parametrize(
    "options, hint",
    [
        (["--fly"], "unrecognized arguments: --fly"),
        (["--migrations", str(MIGRATIONS_MIN - 1)], "--migrations must be 14 to 1000"),
        (["--migrations", "1001"], "--migrations must be 14 to 1000"),
        (["--migrations", "many"], "invalid int value"),
        (["--stop-seconds", "-1"], "--stop-seconds must be 0 to 3600"),
        (["--stop-seconds", "nan"], "--stop-seconds must be 0 to 3600"),
    ],
)
def test_wrong_options_are_status_2(
    capsys: pytest.CaptureFixture[str], options: list[str], hint: str
) -> None:
    """The line says what is possible."""
    with pytest.raises(SystemExit) as end:
        main(options)
    assert end.value.code == 2
    assert hint in capsys.readouterr().err


@pytest.mark.parametrize("command", [main, cutover.main], ids=["demo", "demo-cutover"])
def test_a_missing_tool_is_one_line_and_status_1(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: Callable[[list[str]], int],
) -> None:
    """Nothing was started, so nothing is kept."""

    def ensure(*_: str) -> None:
        raise ToolchainError("Install Go.")

    monkeypatch.setattr(stage, "ensure", ensure)
    assert command([]) == 1
    assert capsys.readouterr().err == "Install Go.\n"


def test_an_interruption_is_status_130(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As shells have it, so that `make` stops as well."""

    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "run", interrupted)
    assert main([]) == 130
    assert capsys.readouterr().err == "Interrupted; everything has been ended.\n"


def test_a_missing_package_is_one_line_and_status_1() -> None:
    """A Python without the project's packages names the first one it misses."""
    deploy = Path(sandbox.__file__).parents[1]
    # -S leaves out the folder into which packages are installed.
    command = [sys.executable, "-S", "-m", "sandbox.demo"]
    answer = subprocess.run(  # noqa: S603 - this Python and this project
        command,
        env={**os.environ, "PYTHONPATH": str(deploy)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith("The Python package ")
    assert answer.stderr.count("\n") == 1
