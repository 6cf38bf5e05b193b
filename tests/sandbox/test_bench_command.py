"""The command line of the measurements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench import __main__ as command
from bench import compare, soak

if TYPE_CHECKING:
    import argparse


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[argparse.Namespace]:
    """Give what the measurements are asked for, instead of measuring."""
    found: list[argparse.Namespace] = []

    def main(options: argparse.Namespace) -> int:
        found.append(options)
        return len(found)

    for module in (compare, soak):
        monkeypatch.setattr(module, "main", main)
    return found


def test_without_a_name_product_and_peer_are_compared(asked: list[argparse.Namespace]) -> None:
    """With all sizes and both ways to begin, and the status is the measurement's."""
    assert command.main([]) == 1
    (options,) = asked
    assert (options.n, options.mode, options.only) == ("100,1000,10000", "both", None)


def test_options_alone_belong_to_the_comparison(asked: list[argparse.Namespace]) -> None:
    """An option of the operator may begin with dashes itself."""
    command.main(["--n", "7", "--option=--status-writers=32", "--only", "product"])
    assert (asked[0].n, asked[0].option) == ("7", ["--status-writers=32"])


def test_a_soak_has_another_seed_each_time_unless_told(asked: list[argparse.Namespace]) -> None:
    """Two soaks see different weather; a seed brings the same one back."""
    for arguments in (["soak"], ["soak"], ["soak", "--seed", "7", "--minutes", "0.5"]):
        command.main(arguments)
    first, second, third = asked
    assert first.seed != second.seed
    assert (first.minutes, third.seed, third.minutes) == (20.0, 7, 0.5)


@pytest.mark.parametrize("name", list(command.MEASUREMENTS))
def test_each_measurement_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` ends with status 0."""
    with pytest.raises(SystemExit) as ended:
        command.main([name, "--help"])
    assert ended.value.code == 0
    assert f"python -m bench {name}" in capsys.readouterr().out


def test_an_unknown_measurement_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """It is no option of the comparison either."""
    with pytest.raises(SystemExit) as ended:
        command.main(["sprint"])
    assert ended.value.code == 2
    assert "sprint" in capsys.readouterr().err
