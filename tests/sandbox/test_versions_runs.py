"""What a run in another environment leaves behind, and when it counts as failed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from versions import runs
from versions.runs import Outcome, Run, RunError

SUITES = {"first": "tests.one", "rest": "tests."}

REPORT = """<?xml version="1.0"?><testsuites><testsuite>
<testcase classname="tests.one.test_a" name="a" time="1.5"/>
<testcase classname="tests.one.test_a" name="b" time="0.5"><failure>no</failure></testcase>
<testcase classname="tests.two.test_b" name="c" time="0.25"><error>no</error></testcase>
<testcase classname="tests.two.test_b" name="d" time="0"><skipped/></testcase>
</testsuite></testsuites>"""

RUN = Run("3.13.0", "v1.31.13", "2026-11-27", {"CRDs": Outcome(40, 1, 2, 60.125)})


def report(folder: Path, text: str) -> Path:
    """Write a report of pytest."""
    path = folder / "report.xml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_report_is_counted_by_suite(tmp_path: Path) -> None:
    """A failure and an error both count as failed; the first suite that fits has the module."""
    assert runs.counted(report(tmp_path, REPORT), SUITES) == {
        "first": Outcome(passed=1, failed=1, seconds=2.0),
        "rest": Outcome(failed=1, skipped=1, seconds=0.25),
    }


def test_a_test_of_no_suite_is_told(tmp_path: Path) -> None:
    """A new folder of tests is never left out of the table without a word."""
    with pytest.raises(RunError, match=r"tests\.two\.test_b belongs to no suite"):
        runs.counted(report(tmp_path, REPORT), {"first": "tests.one"})


def test_a_command_is_run_in_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its output is in the log, and nothing that a parent `make` says reaches it."""
    monkeypatch.setenv("MAKEFLAGS", "--jobserver-auth=3,4")
    log = tmp_path / "logs" / "one.log"
    code = "import os; print(os.getcwd(), os.environ['GIVEN'], 'MAKEFLAGS' in os.environ)"
    assert runs.command([sys.executable, "-c", code], log, {"GIVEN": "here"}) > 0
    assert log.read_text(encoding="utf-8") == f"{runs.ROOT} here False\n"


def test_a_command_that_fails_shows_the_end_of_its_log(tmp_path: Path) -> None:
    """With its status and where the rest is."""
    log = tmp_path / "one.log"
    code = "import sys; print('first\\n' * 99, 'last'); sys.exit(3)"
    with pytest.raises(RunError, match=r"(?s)^status 3; the whole log is .*one\.log:\n.*last$"):
        runs.command([sys.executable, "-c", code], log, {}, may_fail=1)


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    """There is no traceback."""
    with pytest.raises(RunError, match=r"no-such-program is not on PATH\."):
        runs.command(["no-such-program"], tmp_path / "log", {})


PASSES = "def test_one():\n    pass\n"
FAILS = "def test_one():\n    assert False\n"
BROKEN = "import no_such_module\n"


@pytest.mark.parametrize("text, expected", [(PASSES, (1, 0)), (FAILS, (0, 1))])
def test_failed_tests_are_counted(tmp_path: Path, text: str, expected: tuple[int, int]) -> None:
    """They are an outcome, which is written down like any other."""
    (tmp_path / "test_it.py").write_text(text, encoding="utf-8")
    arguments = [str(tmp_path), f"--rootdir={tmp_path}"]
    found = runs.pytest(Path(sys.executable), arguments, {"all": ""}, tmp_path / "log", {})
    assert (found["all"].passed, found["all"].failed) == expected


def test_tests_that_cannot_be_run_are_no_outcome(tmp_path: Path) -> None:
    """A module that cannot be imported ends the whole run with another status."""
    (tmp_path / "test_it.py").write_text(BROKEN, encoding="utf-8")
    arguments = [str(tmp_path), f"--rootdir={tmp_path}"]
    with pytest.raises(RunError, match="no_such_module"):
        runs.pytest(Path(sys.executable), arguments, {"all": ""}, tmp_path / "log", {})


def test_what_was_written_down_is_read_back(tmp_path: Path) -> None:
    """With tenths of seconds; the file is named by the minor versions."""
    assert runs.save(RUN, tmp_path).name == "kubernetes-1.31-3.13.json"
    expected = Run("3.13.0", "v1.31.13", "2026-11-27", {"CRDs": Outcome(40, 1, 2, 60.1)})
    assert runs.load(runs.document(RUN)) == expected
    assert runs.save(Run("3.12.1", "", "2026-11-27", {}), tmp_path).name == "python-3.12.json"


def test_a_run_is_told_in_one_line() -> None:
    """Versions, counts, what failed in capitals, and the time."""
    assert runs.line(RUN) == (
        "Kubernetes v1.31.13, Python 3.13.0: CRDs 40 passed and 1 FAILED; 60 s"
    )
    assert runs.line(Run("3.12.1", "", "", {"unit": Outcome(7)})) == (
        "Python 3.12.1: unit 7 passed; 0 s"
    )


def test_versions_are_ordered_by_number() -> None:
    """1.9 is older than 1.31."""
    assert sorted(["v1.31.13", "v1.9.0", "3.12.1", ""], key=runs.order) == [
        "",
        "v1.9.0",
        "v1.31.13",
        "3.12.1",
    ]
