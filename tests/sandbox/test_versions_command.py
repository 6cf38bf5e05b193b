"""What `make pythons` and `make versions` run, on what, and the page that comes of it."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.control_plane import ToolchainError, toolchain
from versions import __main__ as command
from versions import interpreters, kubernetes, page, runs
from versions.runs import Outcome, Run, RunError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OWN = interpreters.OWN
OTHERS = [version for version in interpreters.SUPPORTED if version != OWN]


class Bench:
    """Stands in for interpreters, builds and tests; nothing is run."""

    def __init__(self) -> None:
        self.at_hand = {version: Path(f"/python{version}") for version in interpreters.SUPPORTED}
        self.outcome = Outcome(passed=5)
        self.commands: list[list[str]] = []
        self.tests: list[tuple[str, tuple[str, ...], dict[str, str], str]] = []
        self.broken = ""

    def find(self, version: str) -> Path | None:
        """Find an interpreter."""
        return self.at_hand.get(version)

    def command(self, arguments: Sequence[str | Path], _log: Path, *_: Any) -> float:
        """Run a command."""
        self.commands.append([str(part) for part in arguments])
        if self.broken and self.broken in self.commands[-1]:
            raise RunError("it broke")
        return 1.0

    def pytest(
        self,
        python: Path,
        paths: Sequence[str],
        suites: Mapping[str, str],
        _log: Path,
        environment: Mapping[str, str],
        **_: int,
    ) -> dict[str, Outcome]:
        """Run tests."""
        release = os.environ.get(toolchain.RELEASE_VARIABLE, "")
        self.tests.append((str(python), tuple(paths), dict(environment), release))
        return dict.fromkeys(suites, self.outcome)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    """Give a machine on which every version is at hand."""
    made = Bench()
    server = tmp_path / "kube-apiserver"
    server.touch()
    monkeypatch.setattr(interpreters, "find", made.find)
    monkeypatch.setattr(interpreters, "full_version", lambda path: f"{path.name[6:]}.9")
    monkeypatch.setattr(runs, "command", made.command)
    monkeypatch.setattr(runs, "pytest", made.pytest)
    monkeypatch.setattr(runs, "tail", lambda _: "the end of the log")
    monkeypatch.setattr(runs, "FOLDER", tmp_path / "found")
    monkeypatch.setattr(kubernetes, "ensure", lambda *_: {"kube-apiserver": server})
    # So that what is set under way is taken back.
    monkeypatch.setenv(toolchain.RELEASE_VARIABLE, "")
    return made


def test_every_other_python_gets_an_environment_and_its_tests(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """All unit tests, and a tenth of the simulation's cases."""
    assert command.main(["pythons"]) == 0
    assert sorted(bench.commands) == [
        ["make", "--no-print-directory", f".venv-{version}/.installed", f"PYTHON=/python{version}"]
        for version in OTHERS
    ]
    assert sorted(bench.tests) == [
        (
            str(runs.ROOT / f".venv-{version}/bin/python"),
            ("tests/unit", "tests/sandbox", "tests/simulation"),
            {"SIMULATION_CASES": "200", "PYTHONHASHSEED": "0"},
            "",
        )
        for version in OTHERS
    ]
    assert capsys.readouterr().out.count("unit 5 passed, simulator 5 passed, simulation 5") == 2


def test_a_python_that_is_not_at_hand_is_named(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, and no failure: the workflow has them all."""
    del bench.at_hand[OTHERS[0]]
    assert command.main(["pythons"]) == 0
    assert f"Python {OTHERS[0]} is not at hand: nothing was tested" in capsys.readouterr().out
    assert len(bench.tests) == len(OTHERS) - 1


def test_a_failure_on_one_python_fails_the_command(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says how many tests and shows the end of the log."""
    bench.outcome = Outcome(passed=4, failed=1)
    assert command.main(["pythons", "--python", OTHERS[0]]) == 1
    out = capsys.readouterr().out
    assert "unit 4 passed and 1 FAILED" in out
    assert "the end of the log" in out


def test_an_environment_that_cannot_be_made_fails_the_command(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """An interpreter that is at hand is never passed over."""
    bench.broken = "make"
    assert command.main(["pythons"]) == 1
    assert "it broke" in capsys.readouterr().out
    assert bench.tests == []


def test_the_own_python_needs_no_environment(bench: Bench) -> None:
    """With `--own` its row of the table is made as well."""
    assert command.main(["pythons", "--own"]) == 0
    assert str(Path(sys.executable)) in {test[0] for test in bench.tests}
    assert len(bench.tests) == len(interpreters.SUPPORTED)


def test_every_kubernetes_is_tested_on_the_python_of_the_image(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """The cluster tests and the pages' commands; each with its own servers."""
    assert command.main(["kubernetes"]) == 0
    releases = list(toolchain.releases())
    image = kubernetes.of_image()
    python = sys.executable if image == OWN else str(runs.ROOT / f".venv-{image}/bin/python")
    paths = kubernetes.PATHS
    assert bench.tests == [(python, paths, {}, release) for release in releases]
    out = capsys.readouterr().out
    for module in toolchain.releases().values():
        assert f"Kubernetes {toolchain.version_of(toolchain.KUBERNETES, module)}, Python" in out


def test_without_the_python_of_the_image_the_own_one_is_taken(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """And that is said; the table has the version that really ran."""
    bench.at_hand.clear()
    (asked,) = OTHERS[-1:]
    assert command.main(["kubernetes", "--kubernetes", "1.31", "--python", asked]) == 0
    assert f"Python {asked} is not at hand: Python {OWN} it is." in capsys.readouterr().out
    assert [test[0] for test in bench.tests] == [sys.executable]


def test_a_failure_on_one_kubernetes_fails_the_command(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """All versions are run all the same, and written down."""
    bench.outcome = Outcome(passed=4, failed=1)
    releases = ["1.31", "1.34"]
    options = [word for release in releases for word in ("--kubernetes", release)]
    assert command.main(["kubernetes", *options]) == 1
    out = capsys.readouterr().out
    assert out.count("main job 4 passed and 1 FAILED") == len(releases)
    assert "the end of the log" in out
    assert len(list(runs.FOLDER.iterdir())) == len(releases)


def test_a_kubernetes_that_cannot_be_built_fails_the_command(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says so in the words of the toolchain."""

    def refused(*_: str) -> None:
        raise ToolchainError("Install Go.")

    monkeypatch.setattr(kubernetes, "ensure", refused)
    assert command.main(["kubernetes"]) == 1
    assert capsys.readouterr().out == "Install Go.\n"
    assert bench.tests == []


def test_a_version_that_nobody_knows_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """With those that there are."""
    with pytest.raises(SystemExit):
        command.main(["kubernetes", "--kubernetes", "1.2"])
    assert "1.31" in capsys.readouterr().err


def one(kubernetes_version: str, python: str, at: str = "2026-11-27", **suites: Outcome) -> Run:
    """Return a run."""
    return Run(python, kubernetes_version, at, suites)


PAGE = """# T
<!-- versions:kubernetes -->
old
<!-- /versions -->
hand
<!-- versions:python -->
<!-- /versions -->
"""


def test_the_tables_say_what_ran() -> None:
    """Everything that did not pass stands out, and what did not run is not passed over."""
    found = [
        one("", "3.12.1", unit=Outcome(7, seconds=30)),
        one("v1.31.13", "3.13.0", CRDs=Outcome(5, 1, 2, 60), chart=Outcome(3)),
        one("v1.37.2", "3.13.0", CRDs=Outcome(8)),
    ]
    text = page.written(PAGE, found)
    assert "old" not in text
    assert "hand" in text
    assert "| Kubernetes | Python | CRDs | chart | minutes | day |" in text
    row = "| 1.31.13 | 3.13.0 | 5 passed, **1 failed**, 2 skipped | 3 passed | 1.0 | 2026-11-27 |"
    assert row in text
    assert "| 1.37.2 | 3.13.0 | 8 passed | not run | 0.0 | 2026-11-27 |" in text
    assert "| 3.12.1 | 7 passed | 0.5 | 2026-11-27 |" in text


def test_a_page_without_its_places_is_told() -> None:
    """Nothing is lost without a word when somebody rewrites the page."""
    with pytest.raises(LookupError, match="no section kubernetes"):
        page.written("# T\n", [])


def test_a_later_run_replaces_an_earlier_one() -> None:
    """Of the same minor versions; versions that are no longer tested go away."""
    kept = [
        one("v1.31.1", "3.13.0", "2026-01-01"),
        one("", "3.13.0", "2026-01-01"),
        one("v1.2.3", "3.13.0", "2026-01-01"),
    ]
    new = [one("v1.31.13", "3.13.1", "2026-02-01"), one("", "3.10.0", "2026-02-01")]
    for found in ([*kept, *new], [*new, *kept]):
        assert page.merged(found) == [kept[1], new[0]]


def test_the_command_writes_page_and_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was kept stays, what is new comes on top."""
    monkeypatch.setattr(runs, "FOLDER", tmp_path / "found")
    monkeypatch.setattr(page, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(page, "KEPT", tmp_path / "page.json")
    page.PAGE.write_text(PAGE, encoding="utf-8")
    for run in (one("", "3.12.1", unit=Outcome(7)), one("v1.31.13", "3.13.0", CRDs=Outcome(5))):
        for file in runs.FOLDER.glob("*.json"):
            file.unlink()
        runs.save(run)
        assert command.main(["page"]) == 0
    assert capsys.readouterr().out == "written: page.md\n" * 2
    assert len(page.kept()) == 2
    assert "| 3.12.1 | 7 passed |" in page.PAGE.read_text(encoding="utf-8")


def test_what_pyproject_claims_is_tested() -> None:
    """By `make pythons` and by the workflow; the image's Python is one of them."""
    project = (runs.ROOT / "pyproject.toml").read_text(encoding="utf-8")
    claimed = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', project)
    assert tuple(claimed) == interpreters.SUPPORTED
    assert f'requires-python = ">={claimed[0]}"' in project
    workflow = (runs.ROOT / ".github/workflows/ci.yaml").read_text(encoding="utf-8")
    (matrix,) = re.findall(r"python: \[(.*)\]", workflow)
    assert re.findall(r"3\.\d+", matrix) == claimed
    assert kubernetes.of_image() in claimed
