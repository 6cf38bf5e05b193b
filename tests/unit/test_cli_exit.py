"""How the command ends, and what holds for all texts of its options."""

from __future__ import annotations

import argparse
import asyncio
import runpy
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dcs_migration_operator import __version__, app
from dcs_migration_operator.cli import _address, _count, _pattern, _seconds, main
from dcs_migration_operator.core.endpoints import is_allowed, normal
from support.starting import Started, alone, usage_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dcs_migration_operator.settings import Settings

REFUSED: Final = (argparse.ArgumentTypeError, ValueError)
"""What argparse turns into wrong usage."""

OPTIONS: Final = (
    *("--all-namespaces", "--namespace", "--kubeconfig", "--listen", "--leader-elect"),
    *("--no-leader-elect", "--lease-namespace", "--lease-name", "--allow-endpoint"),
    *("--batch-size", "--batch-idle-s", "--batch-max-wait-s", "--poll-min-s", "--poll-max-s"),
    *("--poll-observe-s", "--request-timeout-s", "--status-writers", "--log-format"),
    *("--log-level", "--ca-file", "--proxy-url"),
)


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    """Return what the operator was started with."""
    yield from alone(monkeypatch)


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """It is printed on standard output, with status 0."""
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"dcs-migration-operator {__version__}\n"


def test_the_version_is_told_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bad variable concerns `run`."""
    monkeypatch.setenv("DCS_OPERATOR_BATCH_SIZE", "51")
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0


def test_the_package_can_be_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It can be started by `python -m`."""
    monkeypatch.setattr(sys, "argv", ["dcs-migration-operator", "--version"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("dcs_migration_operator", run_name="__main__")
    assert caught.value.code == 0
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize("argv", [[], ["walk"], ["run", "--unknown"], ["run", "extra"]])
def test_wrong_usage_is_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The usage is printed on standard error."""
    assert "usage: dcs-migration-operator" in usage_error(capsys, *argv)


def test_every_option_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """And how to write it as a variable."""
    with pytest.raises(SystemExit) as caught:
        main(["run", "--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert [option for option in OPTIONS if option not in out] == []
    assert "DCS_OPERATOR_" in out


def test_what_cannot_work_is_1_and_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what to do, without a traceback."""
    monkeypatch.setattr(app, "run", raising(app.CannotWork("no cluster: name a kubeconfig")))
    assert main(["run"]) == 1
    out, err = capsys.readouterr()
    assert (out, err) == ("", "dcs-migration-operator: no cluster: name a kubeconfig\n")


def test_an_interrupt_is_a_clean_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the operator listens for signals itself."""
    monkeypatch.setattr(app, "run", raising(KeyboardInterrupt()))
    assert main(["run"]) == 0


def raising(error: BaseException) -> Callable[[Settings], Any]:
    """Return an operator that ends like this."""

    async def run(_: Settings) -> NoReturn:
        await asyncio.sleep(0)
        raise error

    return run


@given(st.text(max_size=20) | st.from_regex(r"[a-z0-9.:\[\]-]*:[0-9²]*"))
@example("host:²")
def test_any_address_is_taken_or_refused(text: str) -> None:
    """For all texts: a host and a port that can be listened on, or an error of the option."""
    try:
        host, port = _address(text)
    except REFUSED:
        return
    assert host or text.startswith((":", "[", "]"))
    assert 0 <= port <= 65_535


@given(st.text(max_size=8) | st.floats().map(str) | st.integers().map(str))
def test_any_figure_is_taken_or_refused(text: str) -> None:
    """Every text is a figure within the limits, or an error that names the option."""
    for convert, least, most in ((_count(1, 50), 1, 50), (_seconds(0, 60), 0, 60)):
        try:
            figure = convert(text)
        except REFUSED:
            continue
        assert least <= figure <= most


@given(st.text(max_size=20) | st.from_regex(r"HTTPS?://[a-zA-Z0-9.*\[\]:-]{1,20}", fullmatch=True))
@example("HTTPS://*.Example.com:*/")
def test_any_pattern_is_usable_or_refused(text: str) -> None:
    """For all texts: what is taken allows the endpoint that it means."""
    try:
        pattern = _pattern(text)
    except REFUSED:
        return
    assert is_allowed(normal(pattern).replace("*", "1"), [pattern])
